/* Chunks of spills go through the pipeline on all threads and are written in order; see emit.h. */
#include "etl/job/emit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/stop.h"
#include "etl/job/map_cache.h"

typedef struct chunk_ref {
    size_t spill, chunk;
} chunk_ref;

/* What one chunk in flight needs. A chunk's slot is its index modulo the window, so nobody else uses it meanwhile. */
typedef struct slot {
    peal_spill_rows rows;
    const peal_column *columns; /* of the rows */
    peal_applier *appliers[PEAL_SPLITS];
    uint32_t *selection;
    size_t selection_capacity;
    peal_table tables[PEAL_SPLITS];
    peal_arrow_batch *batches[PEAL_SPLITS]; /* of the tables; NULL: it has no rows */
    peal_stage_span span;                   /* of its work */
} slot;

typedef struct emit {
    const peal_ingested *ingested;
    const peal_spill *spills;
    peal_map_cache *maps;
    const peal_schema *read;
    const peal_pipeline *pipeline;
    peal_dataset_writer *writer;
    const atomic_int *stop;
    const peal_reporter *reporter;
    peal_stage_times *times;
    size_t spill_count;
    chunk_ref *chunks;
    size_t chunk_count, window;
    slot *slots;
    uint64_t rows_done, rows_total;
} emit;

static peal_status apply_split(emit *self, slot *place, int split, const uint32_t *selection, size_t count,
                               const peal_code_map *maps, peal_error *err) {
    if (!place->appliers[split])
        PEAL_TRY(peal_applier_new(self->pipeline, PEAL_APPLY_ALL, &place->appliers[split], err));
    const peal_raw_batch raw = {.columns = place->columns, .maps = maps};
    return peal_pipeline_apply(place->appliers[split], &raw, selection, count, &place->tables[split], err);
}

static peal_status apply_all(emit *self, slot *place, const peal_code_map *maps, peal_error *err) {
    const size_t rows = place->rows.table.rows;
    for (int split = 0; split < PEAL_SPLITS; split++) place->tables[split] = (peal_table){0};
    if (!self->pipeline->has_split) return apply_split(self, place, 0, NULL, rows, maps, err);
    if (rows > place->selection_capacity) {
        free(place->selection);
        place->selection_capacity = 0;
        PEAL_TRY(peal_alloc_checked(&place->selection, rows, sizeof *place->selection, "a selection of rows", err));
        place->selection_capacity = rows;
    }
    for (int split = 0; split < PEAL_SPLITS; split++) {
        size_t count = 0;
        for (size_t row = 0; row < rows; row++) {
            place->selection[count] = (uint32_t)row;
            count += place->rows.splits[row] == split;
        }
        if (count) PEAL_TRY(apply_split(self, place, split, place->selection, count, maps, err));
    }
    return PEAL_OK;
}

static peal_status read_and_apply(emit *self, slot *place, const chunk_ref *what, peal_error *err) {
    const peal_spill *spill = &self->spills[what->spill];
    /* Opened for each chunk, so that a job of many inputs needs few file descriptors. */
    int fd = open(spill->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", spill->path);
    peal_status status = peal_spill_read(fd, spill, what->chunk, &place->rows, err);
    close(fd);
    if (status != PEAL_OK) return status;
    place->columns = peal_table_room_view(&place->rows.table);
    size_t vocabulary = spill->chunks[what->chunk].vocabulary;
    const peal_code_map *maps;
    PEAL_TRY(peal_map_cache_take(self->maps, vocabulary, &maps, err));
    status = apply_all(self, place, maps, err);
    peal_map_cache_give_back(self->maps, vocabulary);
    return status;
}

static void forget_batches(slot *place) {
    for (int split = 0; split < PEAL_SPLITS; split++) {
        peal_arrow_batch_free(place->batches[split]);
        place->batches[split] = NULL;
    }
}

/* The writer has nothing left to do but to write. */
static peal_status make_batches(slot *place, peal_error *err) {
    forget_batches(place);
    for (int split = 0; split < PEAL_SPLITS; split++) {
        if (place->tables[split].rows == 0) continue;
        PEAL_TRY(peal_arrow_batch_make(&place->tables[split], &place->batches[split], err));
    }
    return PEAL_OK;
}

static peal_status work(void *user, size_t index, peal_error *err) {
    emit *self = user;
    slot *place = &self->slots[index % self->window];
    const peal_stage_span begin = peal_stage_begin();
    peal_status status = read_and_apply(self, place, &self->chunks[index], err);
    if (status == PEAL_OK) status = make_batches(place, err);
    place->span = peal_stage_since(begin);
    return status;
}

static peal_status consume(void *user, size_t index, peal_error *err) {
    emit *self = user;
    slot *place = &self->slots[index % self->window];
    const peal_stage_span begin = peal_stage_begin();
    for (int split = 0; split < PEAL_SPLITS; split++) {
        PEAL_TRY(peal_dataset_writer_put(self->writer, split, place->batches[split], err));
    }
    peal_stage_add(self->times, PEAL_STAGE_APPLY, place->span);
    peal_stage_add(self->times, PEAL_STAGE_WRITE, peal_stage_since(begin));
    self->rows_done += place->rows.table.rows;
    peal_report_progress(self->reporter, "writing", "rows", self->rows_done, self->rows_total);
    if (peal_is_stopped(self->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while writing");
    return PEAL_OK;
}

static peal_status prepare(emit *self, peal_error *err) {
    PEAL_TRY(peal_map_cache_new(self->ingested->texts, self->ingested->vocabulary_count, &self->maps, err));
    for (size_t i = 0; i < self->spill_count; i++) self->chunk_count += self->spills[i].chunk_count;
    PEAL_TRY(peal_alloc_checked(&self->chunks, self->chunk_count, sizeof *self->chunks, "chunks", err));
    PEAL_TRY(peal_alloc_checked(&self->slots, self->window, sizeof *self->slots, "chunks", err));
    for (size_t i = 0; i < self->window; i++) PEAL_TRY(peal_spill_rows_init(&self->slots[i].rows, self->read, err));
    size_t at = 0;
    for (size_t i = 0; i < self->spill_count; i++) {
        for (size_t chunk = 0; chunk < self->spills[i].chunk_count; chunk++) {
            self->chunks[at++] = (chunk_ref){.spill = i, .chunk = chunk};
        }
        self->rows_total += self->spills[i].rows_used;
    }
    return PEAL_OK;
}

static void clear(emit *self) {
    for (size_t i = 0; self->slots && i < self->window; i++) {
        forget_batches(&self->slots[i]);
        peal_spill_rows_clear(&self->slots[i].rows);
        for (int split = 0; split < PEAL_SPLITS; split++) peal_applier_free(self->slots[i].appliers[split]);
        free(self->slots[i].selection);
    }
    peal_map_cache_free(self->maps);
    free(self->slots);
    free(self->chunks);
}

peal_status peal_emit(peal_executor *executor, const peal_ingested *ingested, const peal_schema *read,
                      const peal_pipeline *pipeline, peal_dataset_writer *writer, const atomic_int *stop,
                      const peal_reporter *reporter, peal_stage_times *times, peal_error *err) {
    emit self = {
        .ingested = ingested,
        .spills = ingested->spills,
        .spill_count = ingested->spill_count,
        .read = read,
        .pipeline = pipeline,
        .writer = writer,
        .stop = stop,
        .reporter = reporter,
        .times = times,
        .window = peal_executor_threads(executor) + 1,
    };
    int64_t begin = peal_now_ns(), busy = times->busy[PEAL_STAGE_APPLY];
    peal_status status = prepare(&self, err);
    const peal_map_work map = {.work = work, .consume = consume, .user = &self};
    if (status == PEAL_OK) status = peal_executor_map(executor, self.chunk_count, self.window, &map, err);
    clear(&self);
    /* What the pool's threads did not spend on applying, they waited for the writer. */
    int64_t idle =
        (peal_now_ns() - begin) * (int64_t)peal_executor_threads(executor) - (times->busy[PEAL_STAGE_APPLY] - busy);
    if (idle > 0) times->blocked[PEAL_STAGE_APPLY] += idle;
    return status;
}
