/* Chunks of spills go through the fitted steps on all threads and are summarised in order; see levels.h. */
#include "etl/job/levels.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/stop.h"
#include "etl/job/map_cache.h"
#include "etl/transform/histogram.h"

typedef struct chunk_ref {
    size_t spill, chunk;
} chunk_ref;

/* What is learnt of one column that waits. Moments depend on the order in which they are merged, which is that of the
 * chunks; histograms do not, so that whoever has made one merges it. */
typedef struct sketch {
    peal_summary summary;
    peal_histogram histogram;
    pthread_mutex_t lock; /* on the histogram, while chunks are under way */
} sketch;

/* What one chunk in flight needs. A chunk's slot is its index modulo the window. */
typedef struct slot {
    peal_spill_rows rows;
    peal_summary *summaries; /* [waiting_count] of this chunk */
    peal_histogram part;     /* of one of its columns */
    double *values;
    uint8_t *keep; /* of the rows: those that train */
    size_t capacity;
} slot;

/* One pass. */
typedef struct level {
    const peal_levels_job *job;
    peal_pipeline *pipeline;
    size_t *next;
    size_t *waiting; /* [waiting_count] columns */
    size_t waiting_count;
    sketch *sketches;     /* [waiting_count] of all chunks */
    peal_map_cache *maps; /* NULL: no column that waits was read as text */
    chunk_ref *chunks;
    size_t chunk_count, window;
    slot *slots;
    uint64_t rows_done, rows_total;
} level;

/* ---- one chunk ---- */

static peal_status reserve(slot *place, peal_error *err) {
    const size_t rows = place->rows.table.rows;
    if (rows <= place->capacity) return PEAL_OK;
    free(place->values);
    free(place->keep);
    place->values = NULL;
    place->keep = NULL;
    place->capacity = 0;
    PEAL_TRY(peal_alloc_checked(&place->values, rows, sizeof *place->values, "rows", err));
    PEAL_TRY(peal_alloc_checked(&place->keep, rows, sizeof *place->keep, "rows", err));
    place->capacity = rows;
    return PEAL_OK;
}

/* Adds the slot's values to the histogram of a column. */
static peal_status add_values(slot *place, sketch *whole, peal_error *err) {
    pthread_mutex_lock(&whole->lock);
    place->part.dropped = whole->histogram.dropped; /* no more bits will be needed */
    pthread_mutex_unlock(&whole->lock);
    PEAL_TRY(peal_histogram_take(&place->part, place->values, place->keep, place->rows.table.rows, err));
    if (place->part.count == 0) return PEAL_OK;
    pthread_mutex_lock(&whole->lock);
    const peal_status status = peal_histogram_merge(&whole->histogram, &place->part, err);
    pthread_mutex_unlock(&whole->lock);
    return status;
}

static peal_status summarise(const level *self, slot *place, const peal_code_map *maps, peal_error *err) {
    const size_t rows = place->rows.table.rows;
    const peal_column *columns = peal_table_room_view(&place->rows.table);
    PEAL_TRY(reserve(place, err));
    for (size_t row = 0; row < rows; row++) place->keep[row] = place->rows.splits[row] == PEAL_SPLIT_TRAIN;
    for (size_t i = 0; i < self->waiting_count; i++) {
        const size_t column = self->waiting[i], step = self->next[column];
        peal_pipeline_numbers(self->pipeline, column, step, &columns[column], maps ? &maps[column] : NULL, 0, rows,
                              place->values);
        place->summaries[i] = (peal_summary){0};
        peal_summary_add_numbers(&place->summaries[i], place->values, place->keep, rows);
        if (!peal_pipeline_wants_histogram(self->pipeline, column, step)) continue;
        PEAL_TRY(add_values(place, &self->sketches[i], err));
    }
    return PEAL_OK;
}

static peal_status work(void *user, size_t index, peal_error *err) {
    level *self = user;
    const peal_spill *spill = &self->job->ingested->spills[self->chunks[index].spill];
    const size_t chunk = self->chunks[index].chunk, vocabulary = spill->chunks[chunk].vocabulary;
    slot *place = &self->slots[index % self->window];
    const peal_code_map *maps = NULL;
    /* Opened for each chunk, so that a job of many inputs needs few file descriptors. */
    const int fd = open(spill->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", spill->path);
    peal_status status = peal_spill_read(fd, spill, chunk, &place->rows, err);
    close(fd);
    PEAL_TRY(status);
    if (self->maps) PEAL_TRY(peal_map_cache_take(self->maps, vocabulary, &maps, err));
    status = summarise(self, place, maps, err);
    if (self->maps) peal_map_cache_give_back(self->maps, vocabulary);
    return status;
}

static peal_status consume(void *user, size_t index, peal_error *err) {
    level *self = user;
    slot *place = &self->slots[index % self->window];
    for (size_t i = 0; i < self->waiting_count; i++) {
        peal_summary_merge(&self->sketches[i].summary, &place->summaries[i]);
    }
    self->rows_done += place->rows.table.rows;
    peal_report_progress(self->job->reporter, "fitting", "rows", self->rows_done, self->rows_total);
    if (peal_is_stopped(self->job->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while fitting");
    return PEAL_OK;
}

/* ---- one level ---- */

static peal_status find_waiting(level *self, bool *reads_text, peal_error *err) {
    const peal_pipeline *pipeline = self->pipeline;
    PEAL_TRY(peal_alloc_checked(&self->waiting, pipeline->schema.count, sizeof *self->waiting, "columns", err));
    *reads_text = false;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->schema.fields[i].skip || self->next[i] >= pipeline->columns[i].step_count) continue;
        self->waiting[self->waiting_count++] = i;
        *reads_text = *reads_text || peal_types[self->job->read->fields[i].type].has_vocabulary;
    }
    PEAL_TRY(peal_alloc_checked(&self->sketches, self->waiting_count, sizeof *self->sketches, "columns", err));
    for (size_t i = 0; i < self->waiting_count; i++) pthread_mutex_init(&self->sketches[i].lock, NULL);
    return PEAL_OK;
}

static peal_status prepare(level *self, bool reads_text, peal_error *err) {
    const peal_ingested *ingested = self->job->ingested;
    if (reads_text) PEAL_TRY(peal_map_cache_new(ingested->texts, ingested->vocabulary_count, &self->maps, err));
    for (size_t i = 0; i < ingested->spill_count; i++) self->chunk_count += ingested->spills[i].chunk_count;
    PEAL_TRY(peal_alloc_checked(&self->chunks, self->chunk_count, sizeof *self->chunks, "chunks", err));
    PEAL_TRY(peal_alloc_checked(&self->slots, self->window, sizeof *self->slots, "chunks", err));
    for (size_t i = 0; i < self->window; i++) {
        slot *place = &self->slots[i];
        PEAL_TRY(peal_spill_rows_init(&place->rows, self->job->read, err));
        PEAL_TRY(peal_alloc_checked(&place->summaries, self->waiting_count, sizeof *place->summaries, "chunks", err));
    }
    size_t at = 0;
    for (size_t i = 0; i < ingested->spill_count; i++) {
        for (size_t chunk = 0; chunk < ingested->spills[i].chunk_count; chunk++) {
            self->chunks[at++] = (chunk_ref){.spill = i, .chunk = chunk};
        }
        self->rows_total += ingested->spills[i].rows_used;
    }
    return PEAL_OK;
}

static void clear(level *self) {
    for (size_t i = 0; self->slots && i < self->window; i++) {
        slot *place = &self->slots[i];
        peal_spill_rows_clear(&place->rows);
        peal_histogram_clear(&place->part);
        free(place->summaries);
        free(place->values);
        free(place->keep);
    }
    for (size_t i = 0; self->sketches && i < self->waiting_count; i++) {
        peal_histogram_clear(&self->sketches[i].histogram);
        pthread_mutex_destroy(&self->sketches[i].lock);
    }
    free(self->sketches);
    peal_map_cache_free(self->maps);
    free(self->slots);
    free(self->chunks);
    free(self->waiting);
}

static peal_status fit_waiting(level *self, peal_error *err) {
    for (size_t i = 0; i < self->waiting_count; i++) {
        const size_t column = self->waiting[i];
        sketch *one = &self->sketches[i];
        if (peal_pipeline_wants_histogram(self->pipeline, column, self->next[column])) {
            one->summary.histogram = &one->histogram;
        }
        PEAL_TRY(peal_pipeline_fit(self->pipeline, column, &one->summary, &self->next[column], err));
    }
    return PEAL_OK;
}

/* One pass; *done if there was nothing left to fit. */
static peal_status run_level(level *self, bool *done, peal_error *err) {
    bool reads_text;
    PEAL_TRY(find_waiting(self, &reads_text, err));
    *done = self->waiting_count == 0;
    if (*done) return PEAL_OK;
    PEAL_TRY(prepare(self, reads_text, err));
    const peal_map_work map = {.work = work, .consume = consume, .user = self};
    PEAL_TRY(peal_executor_map(self->job->executor, self->chunk_count, self->window, &map, err));
    return fit_waiting(self, err);
}

peal_status peal_levels_fit(const peal_levels_job *job, peal_pipeline *pipeline, size_t *next, peal_error *err) {
    bool done = false;
    while (!done) {
        level self = {
            .job = job, .pipeline = pipeline, .next = next, .window = peal_executor_threads(job->executor) + 1};
        const peal_status status = run_level(&self, &done, err);
        clear(&self);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}
