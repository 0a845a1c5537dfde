/* Cuts the rows of a scan into windows; see windows.h. */
#include "models/online/windows.h"

#include <stdlib.h>

#include "core/base/machine.h"
#include "core/base/stop.h"
#include "etl/job/scan.h"

struct models__windows {
    models__windows_options options;
    peal_scan *scan;
    peal_track track;    /* of a live source */
    peal_scan_rows rows; /* the run under way: */
    size_t taken, bad;   /* of the good ones in windows; of the bad ones passed */
    models__window last; /* and what has come since */
    int64_t begin_ns;    /* of the window under way */
    bool is_full;        /* it has no room for the next row's sparse features */
};

static peal_status open_scan(models__windows *self, peal_error *err) {
    const peal_etl_options *reading = self->options.reading;
    peal_scan_options scan = {.reading = reading->reading,
                              .stop = reading->stop,
                              .reporter = reading->reporter,
                              .purpose = PEAL_APPLY_EVAL,
                              .on_bad_row = PEAL_BAD_ROWS_DROP, /* it is told here, in its turn */
                              .threads = reading->threads};
    if (self->options.live) return peal_live_scan(self->options.live, self->options.pipeline, &scan, &self->scan, err);
    scan.sources = reading->sources;
    scan.source_count = reading->source_count;
    scan.format = reading->format;
    scan.access = reading->access;
    return peal_scan_open(self->options.pipeline, &scan, &self->scan, err);
}

peal_status models__windows_open(const models__windows_options *options, models__windows **out, peal_error *err) {
    models__windows *self = calloc(1, sizeof *self);
    *out = NULL;
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a stream");
    self->options = *options;
    if (options->behind) self->last = *options->behind;
    if (options->live) peal_track_begin(&self->track, options->live, options->behind ? &self->last.after : NULL);
    const peal_status status = open_scan(self, err);
    if (status != PEAL_OK) {
        free(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

void models__windows_close(models__windows *windows) {
    if (!windows) return;
    peal_scan_close(windows->scan);
    free(windows);
}

/* Rows up to the next place where a window must end. */
static uint64_t rows_to_end(const models__windows *self) {
    for (size_t i = 0; i < self->options.end_count; i++) {
        if (self->options.ends[i] > self->last.used) return self->options.ends[i] - self->last.used;
    }
    return UINT64_MAX;
}

/* Good rows of the run under way up to the next bad one, as many as the window has room for. */
static peal_status take_good(models__windows *self, models__slab *slab, peal_error *err) {
    const peal_scan_rows *rows = &self->rows;
    const size_t end = self->bad < rows->bad_count ? rows->bad_rows[self->bad].before : rows->table.rows;
    const size_t at = slab->rows, left = end - self->taken;
    size_t wanted = self->options.rows - at;
    if (wanted > rows_to_end(self)) wanted = (size_t)rows_to_end(self);
    const size_t count = models__slab_append(slab, &rows->table, self->taken, left < wanted ? left : wanted);
    self->is_full = count == 0;
    if (count == 0 && at == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: a row has more sparse features than a window has room for",
                         rows->source);
    }
    if (count == 0) return PEAL_OK;
    if (self->options.psi) {
        PEAL_TRY(models__psi_observe(self->options.psi, rows->raw, self->taken, count, at, err));
    }
    self->taken += count;
    self->last.used += count;
    if (self->options.live) self->track.end = rows->block->ends[self->taken - 1];
    return PEAL_OK;
}

static peal_status take_bad(models__windows *self, peal_error *err) {
    peal_bad_row bad = self->rows.bad_rows[self->bad++];
    self->last.dropped++;
    if (self->options.live) {
        bad.line = (uint64_t)((int64_t)bad.line + self->track.line_offset);
        self->track.end = bad.end;
    }
    return self->options.reading->on_bad_row == PEAL_BAD_ROWS_FAIL ? peal_bad_row_fail(&bad, self->rows.source, err)
                                                                   : PEAL_OK;
}

static bool is_used_up(const models__windows *self) {
    return self->taken == self->rows.table.rows && self->bad == self->rows.bad_count;
}

/* Waits for rows, if the window has any no longer than its time. */
static peal_status read_more(models__windows *self, const models__slab *slab, peal_error *err) {
    const bool waits = !self->options.ms || slab->rows == 0;
    const int64_t until = waits ? INT64_MAX : self->begin_ns + (int64_t)self->options.ms * 1000000;
    if (peal_is_stopped(self->options.reading->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
    if (self->options.live) peal_track_move(&self->track, self->rows.block);
    self->taken = self->bad = 0;
    return peal_scan_next_until(self->scan, until, &self->rows, err);
}

static bool is_over(const models__windows *self, const models__slab *slab) {
    if (slab->rows == self->options.rows || self->is_full) return true;
    for (size_t i = 0; slab->rows > 0 && i < self->options.end_count; i++) {
        if (self->options.ends[i] == self->last.used) return true;
    }
    return self->options.ms && slab->rows > 0 && peal_now_ns() - self->begin_ns >= (int64_t)self->options.ms * 1000000;
}

static peal_status collect(models__windows *self, models__slab *slab, peal_error *err) {
    while (!is_over(self, slab)) {
        const peal_scan_rows *rows = &self->rows;
        if (is_used_up(self)) {
            if (!rows->ended) PEAL_TRY(read_more(self, slab, err));
            if (rows->ended || rows->late) return PEAL_OK;
        } else if (self->bad < rows->bad_count && rows->bad_rows[self->bad].before == self->taken) {
            PEAL_TRY(take_bad(self, err));
        } else {
            PEAL_TRY(take_good(self, slab, err));
        }
    }
    return PEAL_OK;
}

peal_status models__windows_next(models__windows *windows, models__slab *slab, models__window *out, peal_error *err) {
    models__window *last = &windows->last;
    models__slab_empty(slab);
    windows->begin_ns = peal_now_ns();
    windows->is_full = false;
    PEAL_TRY(collect(windows, slab, err));
    if (slab->rows > 0) {
        if (windows->options.psi) models__psi_end_window(windows->options.psi);
        last->number++;
        last->fingerprint = models__slab_hash(slab, last->fingerprint);
    }
    if (windows->options.live) {
        peal_track_move(&windows->track, windows->rows.block);
        last->after = windows->track.at;
    }
    last->ended = windows->rows.ended;
    *out = *last;
    return PEAL_OK;
}
