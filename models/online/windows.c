/* Cuts the rows of a scan into windows; see windows.h. */
#include "models/online/windows.h"

#include <stdlib.h>

#include "core/base/stop.h"
#include "etl/job/scan.h"

struct models__windows {
    models__windows_options options;
    peal_scan *scan;
    peal_scan_rows rows; /* the run under way, of which `taken` are in windows */
    size_t taken;
    uint64_t number, fingerprint; /* of the last window */
    uint64_t used, dropped;
};

peal_status models__windows_open(const models__windows_options *options, models__windows **out, peal_error *err) {
    const peal_etl_options *reading = options->reading;
    const peal_scan_options scan = {.sources = reading->sources,
                                    .source_count = reading->source_count,
                                    .format = reading->format,
                                    .reading = reading->reading,
                                    .access = reading->access,
                                    .stop = reading->stop,
                                    .reporter = reading->reporter,
                                    .taken = options->taken,
                                    .following = options->following,
                                    .purpose = PEAL_APPLY_EVAL,
                                    .on_bad_row = reading->on_bad_row,
                                    .threads = reading->threads};
    models__windows *self = calloc(1, sizeof *self);
    *out = self;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a stream");
    self->options = *options;
    const peal_status status = peal_scan_open(options->pipeline, &scan, &self->scan, err);
    if (status == PEAL_OK) return PEAL_OK;
    free(self);
    *out = NULL;
    return status;
}

void models__windows_close(models__windows *windows) {
    if (!windows) return;
    peal_scan_close(windows->scan);
    free(windows);
}

bool models__windows_is_live(const models__windows *windows) {
    return peal_scan_is_live(windows->scan);
}

/* As many rows of the run under way as the window has room for. */
static peal_status take(models__windows *self, models__slab *slab, peal_error *err) {
    const peal_table *table = &self->rows.table;
    const size_t at = slab->rows, wanted = self->options.rows - at, left = table->rows - self->taken;
    const size_t count = models__slab_append(slab, table, self->taken, left < wanted ? left : wanted);
    if (count == 0 && at == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: a row has more sparse features than a window has room for",
                         self->rows.source);
    }
    if (self->options.psi && count > 0) {
        PEAL_TRY(models__psi_observe(self->options.psi, self->rows.raw, self->taken, count, at, err));
    }
    self->taken += count;
    self->used += count;
    return PEAL_OK;
}

static peal_status read_more(models__windows *self, peal_error *err) {
    if (peal_is_stopped(self->options.reading->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
    self->taken = 0;
    PEAL_TRY(peal_scan_next(self->scan, &self->rows, err));
    self->dropped += self->rows.bad_count;
    return PEAL_OK;
}

peal_status models__windows_next(models__windows *windows, models__slab *slab, models__window *out, peal_error *err) {
    size_t before = SIZE_MAX; /* a window whose sparse features are full takes no more rows */
    models__slab_empty(slab);
    while (slab->rows < windows->options.rows && slab->rows != before) {
        if (windows->taken == windows->rows.table.rows) {
            if (!windows->rows.ended) PEAL_TRY(read_more(windows, err));
            if (windows->rows.ended) break;
            continue;
        }
        before = slab->rows;
        PEAL_TRY(take(windows, slab, err));
    }
    if (slab->rows > 0) {
        if (windows->options.psi) models__psi_end_window(windows->options.psi);
        windows->number++;
        windows->fingerprint = models__slab_hash(slab, windows->fingerprint);
    }
    *out =
        (models__window){.number = windows->number, .fingerprint = windows->fingerprint, .ended = windows->rows.ended};
    return PEAL_OK;
}

void models__windows_count(const models__windows *windows, uint64_t *in, uint64_t *dropped, uint64_t *unknown) {
    const char *column;
    *in = windows->used + windows->dropped;
    *dropped = windows->dropped;
    *unknown = peal_scan_unknown(windows->scan, &column);
}
