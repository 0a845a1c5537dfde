#include "etl/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/file.h"
#include "core/json.h"
#include "core/machine.h"

enum { REPORT_MS = 100 };

typedef enum slot_state { SLOT_FREE, SLOT_READ, SLOT_PARSED, SLOT_BUSY } slot_state;

/* A block on its way through the stages. */
typedef struct slot {
    slot_state state;
    size_t input;
    size_t vocabulary; /* whose codes the parsed block holds */
    peal_block block;
    peal_summary *summaries; /* [fields] moments of this block's training rows */
    uint8_t *splits, *keep;  /* [rows] */
    size_t row_capacity;
    peal_buffer encoded;
} slot;

typedef struct feed {
    peal_format_reader *reader;
    peal_source_meter meter;
    uint64_t blocks;    /* read so far */
    uint64_t collected; /* blocks collected so far */
    bool reading, collecting, opened, ended, done;
} feed;

typedef struct ingest {
    peal_input_list *inputs;
    const peal_pipeline *pipeline;
    const peal_ingest_options *options;
    peal_format_job job;
    peal_ingested *out;
    peal_stage_times *times;
    size_t next_vocabulary; /* of the pool's threads */
    feed *feeds;
    slot *slots;
    size_t slot_count, threads;
    pthread_mutex_t lock; /* guards all states below and above */
    pthread_cond_t changed;
    size_t done, open;
    bool failed;
    size_t failed_input;
    uint64_t failed_block;
    peal_status status;
    peal_error error;
} ingest;

/* ---- the three stages ---- */

static void count_texts(peal_dictionary *dictionary, const int32_t *codes, const uint8_t *keep, size_t rows) {
    uint64_t *counts = dictionary->counts;
    if (keep) {
        for (size_t row = 0; row < rows; row++) counts[codes[row]] += keep[row];
    } else {
        for (size_t row = 0; row < rows; row++) counts[codes[row]]++;
    }
}

static char *spill_path(const ingest *self, size_t input) {
    return peal_sprintf("%s/input-%06zu", self->options->folder, input);
}

static uint64_t spill_key(const ingest *self, size_t input) {
    const peal_input *one = &self->inputs->inputs[input];
    uint64_t key = peal_hash(one->path, strlen(one->path), self->options->job_hash);
    const uint64_t facts[2] = {one->size, (uint64_t)one->mtime_ns};
    return peal_hash(facts, sizeof facts, key);
}

/* Counts the texts of a spill that was taken over, in the vocabularies of the job that made it. */
static peal_status count_adopted(ingest *self, size_t input, peal_error *err) {
    const peal_raw_schema *schema = &self->pipeline->schema;
    const peal_spill *spill = &self->out->spills[input];
    peal_spill_rows rows = {0};
    int fd = open(spill->path, O_RDONLY | O_CLOEXEC);
    peal_status status = fd < 0 ? peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", spill->path) : PEAL_OK;
    for (size_t c = 0; c < spill->chunk_count && status == PEAL_OK; c++) {
        status = peal_spill_read(fd, spill, c, schema, &rows, err);
        if (status != PEAL_OK) break;
        for (size_t row = 0; row < rows.rows; row++) rows.splits[row] = rows.splits[row] == PEAL_SPLIT_TRAIN;
        pthread_mutex_lock(&self->lock);
        for (size_t i = 0; i < schema->count; i++) {
            if (schema->fields[i].skip || schema->fields[i].kind != PEAL_RAW_TEXT) continue;
            count_texts(&self->out->vocabularies[spill->chunks[c].vocabulary].dictionaries[i], rows.codes[i],
                        rows.splits, rows.rows);
        }
        pthread_mutex_unlock(&self->lock);
    }
    if (fd >= 0) close(fd);
    peal_spill_rows_clear(&rows);
    return status;
}

/* True if the vocabularies of all its chunks were taken over, too. */
static bool is_understood(const ingest *self, const peal_spill *spill) {
    for (size_t c = 0; c < spill->chunk_count; c++) {
        if (spill->chunks[c].vocabulary >= self->out->vocabulary_count - self->threads) return false;
    }
    return true;
}

static bool adopt_spill(ingest *self, size_t input, const char *path) {
    peal_spill *spill = &self->out->spills[input];
    if (!self->options->adopt) return false;
    if (!peal_spill_adopt(path, self->pipeline->schema.count, spill_key(self, input), spill)) return false;
    if (is_understood(self, spill)) return true;
    peal_spill_clear(spill);
    return false;
}

static peal_status open_feed(ingest *self, size_t input, peal_error *err) {
    feed *one = &self->feeds[input];
    const peal_input *what = &self->inputs->inputs[input];
    char *path = spill_path(self, input);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    size_t fields = self->pipeline->schema.count;
    if (adopt_spill(self, input, path)) {
        free(path);
        one->ended = true;
        return count_adopted(self, input, err);
    }
    peal_status status = peal_spill_open(path, fields, &self->out->spills[input], err);
    free(path);
    one->meter.hasher = peal_hasher_new();
    if (status == PEAL_OK && !one->meter.hasher) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a hash");
    peal_stream *stream;
    if (status == PEAL_OK) status = peal_source_stream_open(what->path, &one->meter, &stream, err);
    if (status != PEAL_OK) return status;
    return self->pipeline->format->open(&self->job, what->path, what->companion, stream, &one->reader, err);
}

static peal_status read_block(ingest *self, slot *place, bool *ended, peal_error *err) {
    feed *one = &self->feeds[place->input];
    if (!one->opened) PEAL_TRY(open_feed(self, place->input, err));
    if (one->ended) { /* taken over */
        *ended = true;
        return PEAL_OK;
    }
    PEAL_TRY(self->pipeline->format->read(one->reader, &place->block, err));
    *ended = place->block.size == 0;
    if (*ended) {
        self->out->spills[place->input].hash = peal_hasher_end(one->meter.hasher);
        peal_hasher_free(one->meter.hasher);
        one->meter.hasher = NULL;
    }
    return PEAL_OK;
}

static peal_status reserve_rows(slot *place, peal_error *err) {
    if (place->block.rows <= place->row_capacity) return PEAL_OK;
    free(place->splits);
    free(place->keep);
    place->splits = place->keep = NULL;
    place->row_capacity = 0;
    PEAL_TRY(peal_alloc_checked(&place->splits, place->block.rows, 1, "rows", err));
    PEAL_TRY(peal_alloc_checked(&place->keep, place->block.rows, 1, "rows", err));
    place->row_capacity = place->block.rows;
    return PEAL_OK;
}

/* Which rows train, from their hashes. */
static peal_status split_rows(const ingest *self, slot *place, peal_error *err) {
    const peal_block *block = &place->block;
    PEAL_TRY(reserve_rows(place, err));
    for (size_t row = 0; row < block->rows; row++) {
        place->splits[row] = peal_split_of(&self->pipeline->split, block->hashes[row]);
        place->keep[row] = place->splits[row] == PEAL_SPLIT_TRAIN;
    }
    return PEAL_OK;
}

/* Parses the block, whose dictionaries are the thread's vocabulary for now, learns of its columns, and encodes it. */
static peal_status parse_into(ingest *self, slot *place, peal_vocabulary *vocabulary, peal_error *err) {
    peal_block *block = &place->block;
    const peal_raw_schema *schema = &self->pipeline->schema;
    bool split = self->pipeline->has_split;
    PEAL_TRY(self->pipeline->format->parse(self->feeds[place->input].reader, block, err));
    if (split) PEAL_TRY(split_rows(self, place, err));
    const uint8_t *keep = split ? place->keep : NULL;
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->fields[i].skip) continue;
        peal_summary_clear(&place->summaries[i]);
        if (schema->fields[i].kind == PEAL_RAW_NUMBER) {
            peal_summary_add_numbers(&place->summaries[i], block->numbers[i], keep, block->rows);
        } else if (schema->fields[i].kind == PEAL_RAW_TEXT) {
            count_texts(&block->dictionaries[i], block->codes[i], keep, block->rows);
        }
    }
    PEAL_TRY(peal_vocabulary_log(vocabulary, err));
    return peal_spill_encode(block, schema, split ? place->splits : NULL, &place->encoded, err);
}

static peal_status parse_block(ingest *self, slot *place, size_t vocabulary_index, peal_error *err) {
    peal_vocabulary *vocabulary = &self->out->vocabularies[vocabulary_index];
    peal_dictionary *own = place->block.dictionaries;
    place->vocabulary = vocabulary_index;
    place->block.dictionaries = vocabulary->dictionaries;
    peal_status status = parse_into(self, place, vocabulary, err);
    place->block.dictionaries = own;
    return status;
}

static peal_status note_bad_rows(ingest *self, size_t input, const peal_block *block, peal_error *err) {
    const char *path = self->inputs->inputs[input].path;
    peal_spill *spill = &self->out->spills[input];
    for (size_t i = 0; i < block->bad_count; i++) {
        const peal_bad_row *bad = &block->bad_rows[i];
        if (self->options->on_bad_row == PEAL_BAD_ROWS_FAIL) {
            return peal_fail(err, PEAL_E_DATA, "%s: line %llu: %s", path, (unsigned long long)bad->line, bad->reason);
        }
        spill->rows_bad++;
        if (self->options->on_bad_row != PEAL_BAD_ROWS_QUARANTINE) continue;
        json_t *one = json_pack("{s:o, s:I, s:o, s:o}", "file", peal_json_path(path), "line", (json_int_t)bad->line,
                                "reason", peal_json_bytes(bad->reason, strlen(bad->reason)), "text",
                                peal_json_bytes(bad->text, strlen(bad->text)));
        char *line;
        peal_status status = peal_json_dump(one, JSON_COMPACT, "bad rows", &line, err);
        json_decref(one);
        if (status == PEAL_OK) status = peal_buffer_append(&spill->bad, line, strlen(line), err);
        free(line);
        if (status == PEAL_OK) status = peal_buffer_append(&spill->bad, "\n", 1, err);
        if (status != PEAL_OK) return status;
    }
    return PEAL_OK;
}

static peal_status collect_block(ingest *self, slot *place, peal_error *err) {
    const peal_raw_schema *schema = &self->pipeline->schema;
    peal_spill *spill = &self->out->spills[place->input];
    PEAL_TRY(note_bad_rows(self, place->input, &place->block, err));
    peal_block_forget_bad_rows(&place->block);
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->fields[i].kind == PEAL_RAW_NUMBER) peal_summary_merge(&spill->summaries[i], &place->summaries[i]);
    }
    if (place->block.rows == 0) return PEAL_OK;
    return peal_spill_append(spill, &place->encoded, place->block.rows, place->vocabulary, err);
}

/* ---- who does what next; all with the lock held ---- */

typedef enum step_kind { STEP_NONE, STEP_READ, STEP_PARSE, STEP_COLLECT, STEP_FINISH } step_kind;

typedef struct step {
    step_kind kind;
    slot *place;
    size_t input;
} step;

/* The rest of an input's work first: it frees blocks. */
static bool find_collect(ingest *self, step *out) {
    for (size_t i = 0; i < self->slot_count; i++) {
        slot *place = &self->slots[i];
        feed *one = &self->feeds[place->input];
        if (place->state != SLOT_PARSED || one->collecting || place->block.number != one->collected) continue;
        one->collecting = true;
        place->state = SLOT_BUSY;
        *out = (step){.kind = STEP_COLLECT, .place = place, .input = place->input};
        return true;
    }
    for (size_t i = 0; i < self->inputs->count; i++) {
        feed *one = &self->feeds[i];
        if (!one->ended || one->done || one->collecting || one->reading || one->collected != one->blocks) continue;
        one->collecting = true;
        *out = (step){.kind = STEP_FINISH, .input = i};
        return true;
    }
    return false;
}

static bool find_parse(ingest *self, step *out) {
    slot *first = NULL;
    for (size_t i = 0; i < self->slot_count; i++) {
        slot *place = &self->slots[i];
        if (place->state != SLOT_READ) continue;
        if (!first || place->input < first->input ||
            (place->input == first->input && place->block.number < first->block.number)) {
            first = place;
        }
    }
    if (!first) return false;
    first->state = SLOT_BUSY;
    *out = (step){.kind = STEP_PARSE, .place = first, .input = first->input};
    return true;
}

static bool find_read(ingest *self, step *out, bool *no_room) {
    slot *room = NULL;
    for (size_t i = 0; i < self->slot_count && !room; i++) {
        if (self->slots[i].state == SLOT_FREE) room = &self->slots[i];
    }
    for (size_t i = 0; i < self->inputs->count; i++) {
        feed *one = &self->feeds[i];
        if (one->ended || one->reading || (!one->opened && self->open >= self->threads)) continue;
        *no_room = !room;
        if (!room) return false;
        if (!one->opened) self->open++;
        one->reading = true;
        room->state = SLOT_BUSY;
        room->input = i;
        *out = (step){.kind = STEP_READ, .place = room, .input = i};
        return true;
    }
    return false;
}

static void note_failure(ingest *self, const step *what, peal_status status, const peal_error *error) {
    uint64_t block = what->place ? what->place->block.number : UINT64_MAX;
    bool earlier =
        what->input < self->failed_input || (what->input == self->failed_input && block < self->failed_block);
    if (self->failed && !earlier) return;
    self->failed = true;
    self->failed_input = what->input;
    self->failed_block = block;
    self->status = status;
    self->error = *error;
}

static peal_status finish_input(ingest *self, size_t input, peal_error *err) {
    peal_spill *spill = &self->out->spills[input];
    peal_input *what = &self->inputs->inputs[input];
    self->pipeline->format->close(self->feeds[input].reader); /* all its blocks are parsed */
    self->feeds[input].reader = NULL;
    what->rows = spill->rows_used + spill->rows_bad;
    what->hash = spill->hash;
    /* Nothing to write for a spill that was taken over. */
    return spill->out.path ? peal_spill_finish(spill, spill_key(self, input), err) : PEAL_OK;
}

static peal_status run_step(ingest *self, const step *what, size_t vocabulary, bool *ended, peal_error *err) {
    switch (what->kind) {
    case STEP_READ:
        return read_block(self, what->place, ended, err);
    case STEP_PARSE:
        return parse_block(self, what->place, vocabulary, err);
    case STEP_COLLECT:
        return collect_block(self, what->place, err);
    default:
        return finish_input(self, what->input, err);
    }
}

static void step_done(ingest *self, const step *what, bool ended) {
    feed *one = &self->feeds[what->input];
    switch (what->kind) {
    case STEP_READ:
        one->reading = false;
        one->opened = true;
        one->ended = ended;
        one->blocks += !ended;
        what->place->state = ended ? SLOT_FREE : SLOT_READ;
        break;
    case STEP_PARSE:
        what->place->state = SLOT_PARSED;
        break;
    case STEP_COLLECT:
        one->collecting = false;
        one->collected++;
        what->place->state = SLOT_FREE;
        break;
    default:
        one->collecting = false;
        one->done = true;
        self->open--;
        self->done++;
    }
}

static const peal_stage stage_of[] = {
    [STEP_READ] = PEAL_STAGE_READ,
    [STEP_PARSE] = PEAL_STAGE_PARSE,
    [STEP_COLLECT] = PEAL_STAGE_COLLECT,
    [STEP_FINISH] = PEAL_STAGE_COLLECT,
};

/* What each thread of the pool runs. */
static peal_status ingest_thread(void *argument, peal_error *err) {
    (void)err;
    ingest *self = argument;
    pthread_mutex_lock(&self->lock);
    size_t vocabulary = self->next_vocabulary++;
    while (!self->failed && self->done < self->inputs->count) {
        step what = {0};
        bool no_room = false;
        int64_t begin = peal_now_ns();
        if (!find_collect(self, &what) && !find_parse(self, &what) && !find_read(self, &what, &no_room)) {
            pthread_cond_wait(&self->changed, &self->lock);
            int64_t waited = peal_now_ns() - begin;
            if (no_room) {
                self->times->blocked[PEAL_STAGE_READ] += waited;
            } else {
                self->times->starved[PEAL_STAGE_PARSE] += waited;
            }
            continue;
        }
        pthread_mutex_unlock(&self->lock);
        peal_error error;
        bool ended = false;
        begin = peal_now_ns();
        peal_status status = run_step(self, &what, vocabulary, &ended, &error);
        int64_t busy = peal_now_ns() - begin;
        pthread_mutex_lock(&self->lock);
        self->times->busy[stage_of[what.kind]] += busy;
        if (status != PEAL_OK) note_failure(self, &what, status, &error);
        step_done(self, &what, ended);
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return PEAL_OK;
}

/* ---- all together ---- */

static peal_status slots_init(ingest *self, peal_error *err) {
    const peal_raw_schema *schema = &self->pipeline->schema;
    PEAL_TRY(peal_alloc_checked(&self->slots, self->slot_count, sizeof *self->slots, "blocks", err));
    for (size_t i = 0; i < self->slot_count; i++) {
        slot *place = &self->slots[i];
        PEAL_TRY(peal_block_init(&place->block, schema, err));
        PEAL_TRY(peal_alloc_checked(&place->summaries, schema->count, sizeof *place->summaries, "summaries", err));
    }
    return PEAL_OK;
}

static void slots_clear(ingest *self) {
    for (size_t i = 0; self->slots && i < self->slot_count; i++) {
        slot *place = &self->slots[i];
        peal_block_clear(&place->block);
        free(place->summaries);
        free(place->splits);
        free(place->keep);
        peal_buffer_clear(&place->encoded);
    }
    free(self->slots);
}

/* With the lock held. An input that was taken over was read by another job and counts whole. */
static void report(const ingest *self, uint64_t total) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->inputs->count; i++) {
        bytes += self->feeds[i].done ? self->inputs->inputs[i].size
                                     : atomic_load_explicit(&self->feeds[i].meter.bytes, memory_order_relaxed);
    }
    peal_report_progress(self->options->reporter, "reading", "bytes", bytes < total ? bytes : total, total);
}

static bool is_stopped(const ingest *self) {
    return self->options->stop && atomic_load(self->options->stop) != 0;
}

/* Waits for the pool's threads, telling of progress and looking for a wish to stop. */
static void supervise(ingest *self, peal_future **futures, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < self->inputs->count; i++) total += self->inputs->inputs[i].size;
    for (size_t i = 0; i < count; i++) {
        while (peal_future_wait(futures[i], REPORT_MS, NULL), !peal_future_done(futures[i])) {
            pthread_mutex_lock(&self->lock);
            if (is_stopped(self) && !self->failed) {
                self->failed = true;
                self->failed_input = 0;
                self->failed_block = 0;
                self->status = peal_fail(&self->error, PEAL_E_INTERRUPTED, "interrupted while reading");
                pthread_cond_broadcast(&self->changed);
            }
            report(self, total);
            pthread_mutex_unlock(&self->lock);
        }
        peal_future_free(futures[i]);
    }
    if (!self->failed) peal_report_progress(self->options->reporter, "reading", "bytes", total, total);
}

static peal_status run(ingest *self, peal_executor *executor, peal_error *err) {
    PEAL_TRY(slots_init(self, err));
    peal_future **futures;
    PEAL_TRY(peal_alloc_checked(&futures, self->threads, sizeof(peal_future *), "threads", err));
    size_t begun = 0;
    peal_status status = PEAL_OK;
    for (; begun < self->threads && status == PEAL_OK; begun++) {
        status = peal_executor_submit(executor, ingest_thread, self, &futures[begun], err);
    }
    if (status != PEAL_OK) {
        begun--;
        self->failed = true;
        self->status = status;
        if (err) self->error = *err;
    }
    supervise(self, futures, begun);
    free(futures);
    if (self->failed && err) *err = self->error;
    return self->failed ? self->status : PEAL_OK;
}

/* Takes over the vocabularies that an earlier job logged, and opens one for each thread. */
static peal_status open_vocabularies(ingest *self, peal_error *err) {
    peal_ingested *out = self->out;
    size_t fields = self->pipeline->schema.count;
    for (bool more = true; more;) {
        size_t count = out->vocabulary_count;
        peal_vocabulary *longer = realloc(out->vocabularies, (count + self->threads + 1) * sizeof *longer);
        char *path = peal_sprintf("%s/vocabulary-%04zu", self->options->folder, count);
        if (longer) out->vocabularies = longer;
        if (!longer || !path) {
            free(path);
            return peal_fail(err, PEAL_E_MEMORY, "no memory for vocabularies");
        }
        more = self->options->adopt && peal_vocabulary_read(path, fields, &out->vocabularies[count]);
        out->vocabulary_count += more;
        free(path);
    }
    self->next_vocabulary = out->vocabulary_count;
    for (size_t i = 0; i < self->threads; i++) {
        char *path = peal_sprintf("%s/vocabulary-%04zu", self->options->folder, out->vocabulary_count);
        if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for vocabularies");
        peal_status status = peal_vocabulary_open(path, fields, &out->vocabularies[out->vocabulary_count++], err);
        free(path);
        if (status != PEAL_OK) return status;
    }
    return PEAL_OK;
}

void peal_ingested_clear(peal_ingested *ingested) {
    for (size_t i = 0; ingested->spills && i < ingested->spill_count; i++) peal_spill_clear(&ingested->spills[i]);
    for (size_t i = 0; i < ingested->vocabulary_count; i++) peal_vocabulary_clear(&ingested->vocabularies[i]);
    free(ingested->spills);
    free(ingested->vocabularies);
    *ingested = (peal_ingested){0};
}

peal_status peal_ingest(peal_executor *executor, peal_input_list *inputs, const peal_pipeline *pipeline,
                        const peal_ingest_options *options, peal_ingested *out, peal_stage_times *times,
                        peal_error *err) {
    size_t threads = peal_executor_threads(executor);
    ingest self = {
        .inputs = inputs,
        .pipeline = pipeline,
        .options = options,
        .job = {.options = &pipeline->options,
                .schema = &pipeline->schema,
                .label = pipeline->label,
                .label_required = true,
                .hash_rows = pipeline->has_split},
        .times = times,
        .threads = threads,
        .slot_count = 2 * threads + 2,
    };
    *out = (peal_ingested){0};
    self.out = out;
    PEAL_TRY(peal_alloc_checked(&out->spills, inputs->count, sizeof *out->spills, "spills", err));
    out->spill_count = inputs->count;
    for (size_t i = 0; i < inputs->count; i++) out->spills[i].out.fd = -1;
    PEAL_TRY(open_vocabularies(&self, err));
    PEAL_TRY(peal_alloc_checked(&self.feeds, inputs->count, sizeof *self.feeds, "inputs", err));
    pthread_mutex_init(&self.lock, NULL);
    pthread_cond_init(&self.changed, NULL);
    peal_status status = run(&self, executor, err);
    for (size_t i = 0; i < inputs->count; i++) {
        pipeline->format->close(self.feeds[i].reader);
        peal_hasher_free(self.feeds[i].meter.hasher);
    }
    slots_clear(&self);
    free(self.feeds);
    pthread_cond_destroy(&self.changed);
    pthread_mutex_destroy(&self.lock);
    return status;
}
