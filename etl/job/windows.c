/* Rows of a live source, cut into windows; see windows.h. A scan reads, parses and applies; what it hands out in blocks
 * is copied into tables whose size does not depend on them. */
#include "etl/job/windows.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "etl/job/scan.h"
#include "etl/table/pile.h"

/* A table has so many rows, or fewer if they are long. */
enum { TABLE_ROWS = 65536, TABLE_BYTES = 32 << 20 };

struct peal_windows {
    peal_windows_options options;
    peal_live *live;
    const peal_pipeline *pipeline;
    peal_scan *scan;
    peal_applier *applier;      /* for its schema */
    peal_pile *piles[2], *pile; /* in turn; the present one */
    size_t table_rows;
    size_t label; /* among the columns of the tables; SIZE_MAX: any label will do */
    /* The rows that the scan has handed out, and how far they are used. */
    peal_scan_rows rows;
    size_t row, bad; /* of the good ones, of the bad ones */
    peal_track track;
    /* The window. */
    uint64_t number, window_rows, window_bad;
    int64_t begin_ns;
    uint64_t used_bytes; /* of the source, up to the end of the last record that was used */
    bool closed;         /* the part that was handed out closed it */
    /* The end of it all. */
    bool ended;
    peal_status status;
    peal_error error;
};

/* ---- opening ---- */

static peal_status open_scan(peal_windows *self, peal_error *err) {
    const peal_windows_options *options = &self->options;
    const peal_scan_options scan = {.reading = options->reading,
                                    .nulls = options->nulls,
                                    .null_count = options->null_count,
                                    .stop = options->stop,
                                    .reporter = options->reporter,
                                    .purpose = options->purpose,
                                    .label_required = options->label_required,
                                    .on_bad_row = PEAL_BAD_ROWS_DROP, /* lines are counted otherwise: it is told here */
                                    .threads = options->threads};
    return peal_live_scan(self->live, self->pipeline, &scan, &self->scan, err);
}

/* The column of the label's classes, of which a row must have one. */
static size_t find_label(const peal_windows *self, const peal_table *schema) {
    const peal_pipeline *pipeline = self->pipeline;
    if (!self->options.label_required || !peal_pipeline_classes(pipeline)) return SIZE_MAX;
    for (size_t i = 0; i < schema->column_count; i++) {
        if (strcmp(schema->columns[i].name, pipeline->schema.fields[pipeline->label].name) == 0) return i;
    }
    return SIZE_MAX;
}

static peal_status init(peal_windows *self, peal_error *err) {
    PEAL_TRY(peal_applier_new(self->pipeline, self->options.purpose, &self->applier, err));
    const peal_table *schema = peal_applier_schema(self->applier);
    self->label = find_label(self, schema);
    const size_t rows = TABLE_BYTES / peal_row_bytes(schema);
    self->table_rows = rows < 1 ? 1 : rows < TABLE_ROWS ? rows : TABLE_ROWS;
    for (size_t i = 0; i < 2; i++) PEAL_TRY(peal_pile_new(schema, &self->piles[i], err));
    peal_track_begin(&self->track, self->live, self->options.from);
    return open_scan(self, err);
}

peal_status peal_windows_open(peal_live *live, const peal_pipeline *pipeline, const peal_windows_options *options,
                              peal_windows **out, peal_error *err) {
    *out = NULL;
    peal_windows *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a window");
    *self =
        (peal_windows){.options = *options, .live = live, .pipeline = pipeline, .begin_ns = peal_live_opened_ns(live)};
    const peal_status status = init(self, err);
    if (status != PEAL_OK) {
        peal_windows_close(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

const peal_table *peal_windows_schema(const peal_windows *windows) {
    return peal_applier_schema(windows->applier);
}

uint64_t peal_windows_unknown(const peal_windows *windows, const char **column) {
    const char *text;
    return peal_scan_unknown(windows->scan, column, &text);
}

void peal_windows_close(peal_windows *windows) {
    if (!windows) return;
    peal_scan_close(windows->scan);
    peal_applier_free(windows->applier);
    for (size_t i = 0; i < 2; i++) peal_pile_free(windows->piles[i]);
    free(windows);
}

/* ---- rows ---- */

static bool is_used_up(const peal_windows *self) {
    return self->row == self->rows.table.rows && self->bad == self->rows.bad_count;
}

/* Whether the window's time is over, and it has a row. What was sampled had come before. */
static bool is_over(const peal_windows *self) {
    enum { LINE_END = 2 }; /* bytes of one, at most */
    return self->used_bytes + LINE_END >= peal_live_sample_size(self->live) && self->options.ms &&
           self->window_rows > 0 && peal_now_ns() - self->begin_ns >= (int64_t)self->options.ms * 1000000;
}

static peal_status fetch_until(peal_windows *self, int64_t until, peal_error *err) {
    enum { A_WHILE_NS = 20000000 };
    const int64_t soon = self->options.idle ? peal_now_ns() + A_WHILE_NS : until;
    PEAL_TRY(peal_scan_next_until(self->scan, soon < until ? soon : until, &self->rows, err));
    if (!self->rows.late || soon >= until) return PEAL_OK;
    PEAL_TRY(self->options.idle(self->options.user, err));
    return peal_scan_next_until(self->scan, until, &self->rows, err);
}

/* Fetches rows that are not used yet; none if the time is over or all has ended. */
static peal_status fetch(peal_windows *self, peal_error *err) {
    const bool waits = !self->options.ms || self->window_rows == 0;
    const int64_t until = waits ? INT64_MAX : self->begin_ns + (int64_t)self->options.ms * 1000000;
    peal_track_move(&self->track, self->rows.block);
    self->row = self->bad = 0;
    PEAL_TRY(fetch_until(self, until, err));
    self->ended = self->rows.ended;
    return PEAL_OK;
}

static bool is_bad_next(const peal_windows *self) {
    return self->bad < self->rows.bad_count && self->rows.bad_rows[self->bad].before == self->row;
}

static void use_record(peal_windows *self, size_t end) {
    self->track.end = end;
    self->used_bytes = self->rows.block->offset + end;
}

static peal_status take_bad(peal_windows *self, const peal_bad_row *bad, peal_error *err) {
    use_record(self, bad->end);
    self->window_bad++;
    if (self->options.on_bad_row == PEAL_BAD_ROWS_FAIL) return peal_bad_row_fail(bad, self->rows.source, err);
    return self->options.bad_row ? self->options.bad_row(self->options.user, bad, err) : PEAL_OK;
}

static bool has_label(const peal_windows *self, size_t row) {
    if (self->label == SIZE_MAX) return true;
    return peal_column_code(&self->rows.table.columns[self->label], row) >= 0;
}

/* The next row has a class that the pipeline does not know. */
static peal_status take_unlabelled(peal_windows *self, peal_error *err) {
    const size_t label = self->pipeline->label, row = self->row++;
    const peal_column *raw = &self->rows.raw[label];
    peal_buffer text = {0};
    peal_status status = peal_types[raw->type].text ? peal_types[raw->type].text(raw, row, &text, err) : PEAL_OK;
    if (status == PEAL_OK) status = peal_buffer_append(&text, "", 1, err);
    char *reason = status == PEAL_OK ? peal_sprintf("column '%s': '%.60s' is none of the classes that are known",
                                                    self->pipeline->schema.fields[label].name, (char *)text.data)
                                     : NULL;
    char nothing[] = "";
    const size_t end = self->rows.block->ends[row];
    const peal_bad_row bad = {.line = peal_track_line(&self->track, self->rows.block, end),
                              .end = end,
                              .column = (int64_t)label,
                              .reason = reason,
                              .text = nothing};
    if (status == PEAL_OK && !reason) status = peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    if (status == PEAL_OK) status = take_bad(self, &bad, err);
    free(reason);
    peal_buffer_clear(&text);
    return status;
}

/* Good rows up to the next bad one, as many as there is room for in table and window. */
static peal_status take_good(peal_windows *self, peal_error *err) {
    const peal_scan_rows *rows = &self->rows;
    const uint64_t left = self->options.rows ? self->options.rows - self->window_rows : UINT64_MAX;
    const size_t room = self->table_rows - peal_pile_rows(self->pile);
    const size_t end = self->bad < rows->bad_count ? rows->bad_rows[self->bad].before : rows->table.rows;
    size_t most = end - self->row, count = 0;
    if (most > left) most = (size_t)left;
    if (most > room) most = room;
    if (self->label == SIZE_MAX) count = most;
    while (count < most && has_label(self, self->row + count)) count++;
    PEAL_TRY(peal_pile_add(self->pile, &rows->table, self->row, count, err));
    self->row += count;
    if (count > 0) use_record(self, rows->block->ends[self->row - 1]);
    self->window_rows += count;
    return PEAL_OK;
}

/* The next bad row, or a run of good ones. */
static peal_status take_some(peal_windows *self, peal_error *err) {
    if (is_bad_next(self)) {
        peal_bad_row bad = self->rows.bad_rows[self->bad++];
        bad.line = (uint64_t)((int64_t)bad.line + self->track.line_offset);
        return take_bad(self, &bad, err);
    }
    return has_label(self, self->row) ? take_good(self, err) : take_unlabelled(self, err);
}

/* ---- windows ---- */

static void begin_window(peal_windows *self) {
    self->number++;
    self->window_rows = self->window_bad = 0;
    self->begin_ns = peal_now_ns();
    self->closed = false;
}

/* Reading failed. What came before and cannot be read again is not lost by that. */
static peal_status fail(peal_windows *self, peal_status status, peal_error *err) {
    const bool keeps = !peal_live_can_return(self->live) && self->window_rows > 0;
    if (!keeps) return status;
    self->status = status;
    if (err) self->error = *err;
    self->ended = true;
    return PEAL_OK;
}

/* Goes on until a table is full or the window closes. */
static peal_status collect(peal_windows *self, bool *closes, peal_error *err) {
    for (;;) {
        const bool full = self->options.rows && self->window_rows == self->options.rows;
        *closes = full || is_over(self);
        if (*closes || peal_pile_rows(self->pile) == self->table_rows) return PEAL_OK;
        if (is_used_up(self)) {
            const peal_status status = fetch(self, err);
            if (status != PEAL_OK) PEAL_TRY(fail(self, status, err));
            if (self->ended || self->rows.late) {
                *closes = self->rows.late || self->window_rows + self->window_bad > 0;
                return PEAL_OK;
            }
            continue;
        }
        PEAL_TRY(take_some(self, err));
    }
}

peal_status peal_windows_next(peal_windows *self, peal_window_part *out, peal_error *err) {
    *out = (peal_window_part){.ended = true};
    self->pile = self->piles[self->pile == self->piles[0]];
    peal_pile_forget(self->pile);
    if (self->closed) begin_window(self);
    if (self->ended) {
        if (self->status != PEAL_OK && err) *err = self->error;
        return self->status;
    }
    PEAL_TRY(collect(self, &self->closed, err));
    if (self->ended && !self->closed) return PEAL_OK;
    if (self->closed) peal_track_move(&self->track, self->rows.block);
    *out = (peal_window_part){.table = peal_pile_table(self->pile),
                              .number = self->number,
                              .rows = self->window_rows,
                              .bad = self->window_bad,
                              .closes = self->closed,
                              .after = self->track.at};
    return PEAL_OK;
}
