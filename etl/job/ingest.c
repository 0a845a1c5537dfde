/* The first pass: threads read, parse and collect blocks, or take over what a killed job left; see ingest.h. */
#include "etl/job/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/stop.h"

enum {
    REPORT_MS = 100,
    TEXT_MEMORY = 96 << 20,     /* of all threads' vocabularies, unless said */
    VOCABULARY_LEAST = 4 << 20, /* a thread's share of the default, however many threads there are */
};

typedef enum slot_state { SLOT_FREE, SLOT_READ, SLOT_PARSED, SLOT_BUSY } slot_state;

/* A block on its way through the stages. */
typedef struct slot {
    slot_state state;
    size_t input;
    peal_block block;
    peal_summary *summaries; /* [fields] moments of this block's training rows */
    uint8_t *splits, *keep;  /* [rows] */
    peal_buffer query;       /* scratch: a row's, as its steps leave it */
    size_t row_capacity;
    peal_buffer encoded, numbers;
    peal_spill_chunk chunk; /* what is to be said of `encoded` */
} slot;

typedef struct feed {
    peal_reader *reader;
    peal_source_meter meter;
    uint64_t blocks;    /* read so far */
    uint64_t collected; /* blocks collected so far */
    bool reading, collecting, opened, ended, done, bad;
} feed;

typedef struct ingest {
    peal_object_list *objects;
    const peal_pipeline *pipeline;
    const peal_schema *read;
    const peal_ingest_options *options;
    peal_wanted wanted;
    peal_reporter reporter; /* of the readers, on any thread */
    peal_ingested *out;
    peal_stage_times *times;
    size_t vocabulary_most; /* bytes at which a vocabulary is closed */
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
    uint64_t *counts = dictionary->counts, *held = dictionary->held;
    if (keep) {
        for (size_t row = 0; row < rows; row++) {
            counts[codes[row]] += keep[row];
            held[codes[row]] += !keep[row];
        }
    } else {
        for (size_t row = 0; row < rows; row++) counts[codes[row]]++;
    }
}

static char *spill_path(const ingest *self, size_t input) {
    return peal_sprintf("%s/input-%06zu", self->options->folder, input);
}

static uint64_t spill_key(const ingest *self, size_t input) {
    const peal_object *one = &self->objects->objects[input];
    uint64_t key = peal_hash(one->path, strlen(one->path), self->options->job_hash);
    return peal_hash(&one->identity, sizeof one->identity, key);
}

static peal_status open_feed(ingest *self, size_t input, peal_error *err) {
    feed *one = &self->feeds[input];
    char *path = spill_path(self, input);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_spill_open(path, self->read->count, &self->out->spills[input], err);
    free(path);
    one->meter.hasher = peal_hasher_new();
    if (status == PEAL_OK && !one->meter.hasher) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a hash");
    if (status != PEAL_OK) return status;
    return peal_object_open(self->objects, &self->objects->objects[input], &self->wanted, &one->meter, &one->reader,
                            err);
}

static peal_status read_block(ingest *self, slot *place, bool *ended, peal_error *err) {
    feed *one = &self->feeds[place->input];
    if (!one->opened) PEAL_TRY(open_feed(self, place->input, err));
    *ended = !one->reader; /* an empty object */
    if (one->reader) {
        PEAL_TRY(one->reader->next(one->reader, &place->block, err));
        *ended = place->block.size == 0 && place->block.records == 0;
    }
    if (*ended) {
        self->out->spills[place->input].hash = peal_hasher_end(one->meter.hasher);
        peal_hasher_free(one->meter.hasher);
        one->meter.hasher = NULL;
    }
    return PEAL_OK;
}

static peal_status reserve_rows(slot *place, peal_error *err) {
    if (place->block.table.rows <= place->row_capacity) return PEAL_OK;
    free(place->splits);
    free(place->keep);
    place->splits = place->keep = NULL;
    place->row_capacity = 0;
    PEAL_TRY(peal_alloc_checked(&place->splits, place->block.table.rows, 1, "rows", err));
    PEAL_TRY(peal_alloc_checked(&place->keep, place->block.table.rows, 1, "rows", err));
    place->row_capacity = place->block.table.rows;
    return PEAL_OK;
}

/* The hash of a row's query, so that all rows of one fall into one split. */
static peal_status hash_query(const ingest *self, slot *place, const peal_column *queries, size_t row, uint64_t *out,
                              peal_error *err) {
    const int32_t begin = queries->offsets[row], end = queries->offsets[row + 1];
    peal_text text = {(const char *)queries->values + begin, (uint32_t)(end - begin)};
    PEAL_TRY(peal_pipeline_text(self->pipeline, self->pipeline->query, text, &place->query, &text, err));
    *out = peal_hash(text.data, text.length, 0);
    return PEAL_OK;
}

/* Which rows train, from their hashes, or those of their queries. */
static peal_status split_rows(const ingest *self, slot *place, peal_error *err) {
    peal_block *block = &place->block;
    const size_t query = self->pipeline->query;
    const peal_column *queries = query == SIZE_MAX ? NULL : &peal_table_room_view(&block->table)[query];
    PEAL_TRY(reserve_rows(place, err));
    for (size_t row = 0; row < block->table.rows; row++) {
        uint64_t hash = queries ? 0 : block->hashes[row];
        if (queries) PEAL_TRY(hash_query(self, place, queries, row, &hash, err));
        place->splits[row] = peal_split_of(&self->pipeline->split, hash);
        place->keep[row] = place->splits[row] == PEAL_SPLIT_TRAIN;
    }
    return PEAL_OK;
}

/* Of lists of indices the largest one. */
static void summarise_indices(const peal_column_room *column, size_t rows, peal_summary *summary) {
    const uint32_t *items = column->values;
    const size_t count = rows ? (size_t)column->offsets[rows] : 0;
    uint32_t most = 0;
    for (size_t i = 0; i < count; i++) most = items[i] > most ? items[i] : most;
    if (count) peal_summary_merge(summary, &(peal_summary){.count = count, .max = most, .mean = most, .min = 0});
}

/* Learns of the block's columns: moments of numbers, counts of texts. */
static void summarise(const ingest *self, slot *place, const uint8_t *keep) {
    const peal_table_room *table = &place->block.table;
    for (size_t i = 0; i < self->read->count; i++) {
        const peal_column_room *column = &table->columns[i];
        if (self->read->fields[i].skip) continue;
        peal_summary_clear(&place->summaries[i]);
        if (peal_types[column->type].has_vocabulary) {
            count_texts(&table->dictionaries[i], column->values, keep, table->rows);
        } else if (column->type == PEAL_TYPE_FLOAT64) {
            peal_summary_add_numbers(&place->summaries[i], column->values, keep, table->rows);
        } else if (column->type == PEAL_TYPE_LIST && column->item == PEAL_TYPE_UINT32) {
            summarise_indices(column, table->rows, &place->summaries[i]);
        }
    }
}

/* The moments of numbers that are not doubles. */
static peal_status summarise_others(const ingest *self, slot *place, const uint8_t *keep, peal_error *err) {
    peal_table_room *table = &place->block.table;
    const peal_column *columns = NULL;
    for (size_t i = 0; i < self->read->count; i++) {
        const peal_type_info *info = &peal_types[table->columns[i].type];
        const bool others = info->is_number && table->columns[i].type != PEAL_TYPE_FLOAT64;
        if (self->read->fields[i].skip || self->read->fields[i].encode || !others) continue;
        if (!columns) columns = peal_table_room_view(table);
        place->numbers.size = 0;
        PEAL_TRY(peal_buffer_reserve(&place->numbers, table->rows * sizeof(double), err));
        double *numbers = (double *)(void *)place->numbers.data;
        info->numbers(&columns[i], 0, table->rows, numbers);
        peal_summary_add_numbers(&place->summaries[i], numbers, keep, table->rows);
    }
    return PEAL_OK;
}

/* Parses the block, whose dictionaries are the thread's vocabulary for now, learns of its columns, and encodes it. */
static peal_status parse_into(ingest *self, slot *place, peal_vocabulary *vocabulary, peal_error *err) {
    peal_block *block = &place->block;
    const bool split = self->pipeline->has_split;
    const peal_reader *reader = self->feeds[place->input].reader;
    PEAL_TRY(reader->parse(reader, block, err));
    if (split) PEAL_TRY(split_rows(self, place, err));
    const uint8_t *keep = split ? place->keep : NULL;
    summarise(self, place, keep);
    PEAL_TRY(summarise_others(self, place, keep, err));
    PEAL_TRY(peal_vocabulary_log(vocabulary, err));
    PEAL_TRY(peal_spill_encode(&block->table, split ? place->splits : NULL, &place->encoded, err));
    place->chunk = (peal_spill_chunk){
        .hash = peal_hash(place->encoded.data, place->encoded.size, 0),
        .rows = block->table.rows,
        .vocabulary = vocabulary->number,
        .log_size = vocabulary->log.size,
    };
    return PEAL_OK;
}

static peal_status open_vocabulary(ingest *self, peal_vocabulary *out, peal_error *err) {
    /* With the lock held, so that no number is left out among those whose logs exist. */
    pthread_mutex_lock(&self->lock);
    size_t number = self->out->vocabulary_count++;
    peal_status status = peal_vocabulary_open(self->options->folder, number, self->read->count, out, err);
    pthread_mutex_unlock(&self->lock);
    return status;
}

/* Its texts and counts go to disk, its memory is freed. */
static peal_status close_vocabulary(ingest *self, peal_vocabulary *vocabulary, peal_error *err) {
    peal_status status = peal_text_counts_add(self->out->texts, vocabulary, err);
    peal_vocabulary_clear(vocabulary);
    return status;
}

static peal_status parse_block(ingest *self, slot *place, peal_vocabulary *vocabulary, peal_error *err) {
    peal_table_room_borrow(&place->block.table, vocabulary->dictionaries);
    peal_status status = parse_into(self, place, vocabulary, err);
    if (status != PEAL_OK || peal_vocabulary_memory(vocabulary) <= self->vocabulary_most) return status;
    PEAL_TRY(close_vocabulary(self, vocabulary, err));
    return open_vocabulary(self, vocabulary, err);
}

peal_status peal_bad_row_text(const char *path, const peal_bad_row *bad, char **out, peal_error *err) {
    json_t *one = json_pack("{s:o, s:I, s:o, s:o}", "file", peal_json_path(bad->file ? bad->file : path), "line",
                            (json_int_t)bad->line, "reason", peal_json_bytes(bad->reason, strlen(bad->reason)), "text",
                            peal_json_bytes(bad->text, strlen(bad->text)));
    char *line;
    const peal_status status = peal_json_dump(one, JSON_COMPACT, "bad rows", &line, err);
    json_decref(one);
    PEAL_TRY(status);
    *out = peal_sprintf("%s\n", line);
    free(line);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
}

/* The first row that is bad for the sake of a column's type, which all values will decide. */
static peal_status note_fault(peal_type_fault *fault, const peal_bad_row *bad, peal_error *err) {
    if (fault->line) return PEAL_OK;
    fault->reason = peal_strdup(bad->reason);
    if (!fault->reason) return peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    fault->line = bad->line;
    return PEAL_OK;
}

/* A row fails the job. If no one gave the type that its value does not fit, it is said how to keep such values. */
static peal_status fail_at(const ingest *self, size_t input, const peal_bad_row *bad, peal_error *err) {
    const peal_field *field = bad->column == PEAL_NO_COLUMN ? NULL : &self->read->fields[bad->column];
    const char *name = self->objects->objects[input].name;
    if (!field || !field->found) return peal_bad_row_fail(bad, name, err);
    return peal_fail(err, PEAL_E_DATA,
                     "%s: line %llu: %s (type %s=text keeps such values, on-bad-row drop leaves such rows out)", name,
                     (unsigned long long)bad->line, bad->reason, field->name);
}

static peal_status note_bad_rows(ingest *self, size_t input, const peal_block *block, peal_error *err) {
    const char *path = self->objects->objects[input].path;
    peal_spill *spill = &self->out->spills[input];
    for (size_t i = 0; i < block->bad_count; i++) {
        const peal_bad_row *bad = &block->bad_rows[i];
        if (bad->column != PEAL_NO_COLUMN && !self->read->fields[bad->column].settled) {
            PEAL_TRY(note_fault(&spill->faults[bad->column], bad, err));
        } else if (self->options->on_bad_row == PEAL_BAD_ROWS_FAIL) {
            return fail_at(self, input, bad, err);
        }
        spill->rows_bad++;
        if (self->options->on_bad_row != PEAL_BAD_ROWS_QUARANTINE) continue;
        char *line;
        PEAL_TRY(peal_bad_row_text(path, bad, &line, err));
        const peal_status status = peal_buffer_append(&spill->bad, line, strlen(line), err);
        free(line);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

static peal_status collect_block(ingest *self, slot *place, peal_error *err) {
    peal_spill *spill = &self->out->spills[place->input];
    PEAL_TRY(note_bad_rows(self, place->input, &place->block, err));
    peal_block_forget_bad_rows(&place->block);
    for (size_t i = 0; i < self->read->count; i++) {
        peal_votes_add(&spill->votes[i], &place->block.votes[i]);
        if (!self->read->fields[i].skip && !peal_types[self->read->fields[i].type].has_vocabulary) {
            peal_summary_merge(&spill->summaries[i], &place->summaries[i]);
        }
    }
    if (place->block.table.rows == 0) return PEAL_OK;
    return peal_spill_append(spill, &place->encoded, &place->chunk, err);
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
    for (size_t i = 0; i < self->objects->count; i++) {
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
    for (size_t i = 0; i < self->objects->count; i++) {
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

/* True if what failed is a source that can be left out. */
static bool is_bad_source(const ingest *self, const step *what, peal_status status) {
    return self->objects->go_on && what->kind == STEP_READ && status == PEAL_E_DATA;
}

/* The rest of the input's blocks come to their end, and nothing more is read of it. */
static void leave_out(ingest *self, const step *what, const peal_error *why) {
    peal_error error;
    self->feeds[what->input].bad = true;
    self->out->left_out++;
    const peal_status status =
        peal_object_leave_out(self->objects, what->input, why->message, self->options->reporter, &error);
    if (status != PEAL_OK) note_failure(self, what, status, &error);
}

static peal_status finish_input(ingest *self, size_t input, peal_error *err) {
    peal_spill *spill = &self->out->spills[input];
    peal_object *what = &self->objects->objects[input];
    peal_reader_close(self->feeds[input].reader); /* all its blocks are parsed */
    self->feeds[input].reader = NULL;
    what->rows = spill->rows_used + spill->rows_bad;
    if (self->feeds[input].bad) return PEAL_OK; /* its spill is not whole and nobody may take it over */
    /* A member is told by its archive, many files by their identities. */
    what->hash = what->items.count ? what->identity : what->member ? what->source->hash : spill->hash;
    /* Nothing to write for a spill that was taken over. */
    return spill->out.path ? peal_spill_finish(spill, spill_key(self, input), err) : PEAL_OK;
}

static peal_status run_step(ingest *self, const step *what, peal_vocabulary *vocabulary, bool *ended, peal_error *err) {
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

/* Takes steps until all inputs are done or one failed. With the lock held. */
static void take_steps(ingest *self, peal_vocabulary *vocabulary) {
    while (!self->failed && self->done < self->objects->count) {
        step what = {0};
        bool no_room = false;
        const int64_t begin = peal_now_ns();
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
        const peal_stage_span work = peal_stage_begin();
        peal_status status = run_step(self, &what, vocabulary, &ended, &error);
        const peal_stage_span span = peal_stage_since(work);
        pthread_mutex_lock(&self->lock);
        peal_stage_add(self->times, stage_of[what.kind], span);
        const bool is_bad = is_bad_source(self, &what, status);
        if (is_bad) {
            leave_out(self, &what, &error);
        } else if (status != PEAL_OK) {
            note_failure(self, &what, status, &error);
        }
        step_done(self, &what, ended || is_bad);
        pthread_cond_broadcast(&self->changed);
    }
}

/* What each thread of the pool runs. */
static peal_status ingest_thread(void *argument, peal_error *err) {
    (void)err;
    ingest *self = argument;
    peal_vocabulary vocabulary;
    peal_error error;
    peal_status status = open_vocabulary(self, &vocabulary, &error);
    pthread_mutex_lock(&self->lock);
    if (status == PEAL_OK) take_steps(self, &vocabulary);
    bool done = status == PEAL_OK && !self->failed;
    pthread_mutex_unlock(&self->lock);
    const peal_stage_span begin = peal_stage_begin();
    if (done) status = close_vocabulary(self, &vocabulary, &error);
    peal_vocabulary_clear(&vocabulary);
    const peal_stage_span span = peal_stage_since(begin);
    pthread_mutex_lock(&self->lock);
    if (done) peal_stage_add(self->times, PEAL_STAGE_COLLECT, span);
    if (status != PEAL_OK) note_failure(self, &(step){.input = self->objects->count}, status, &error);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return PEAL_OK;
}

/* ---- taking over what another job left ---- */

/* How far the logs of its vocabularies can be read: [count] bytes. */
typedef struct left_logs {
    uint64_t *whole;
    size_t count;
} left_logs;

static peal_status find_logs(const ingest *self, left_logs *logs, peal_error *err) {
    for (uint64_t whole; peal_vocabulary_log_whole(self->options->folder, logs->count, &whole);) {
        uint64_t *longer = realloc(logs->whole, (logs->count + 1) * sizeof *longer);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for vocabularies");
        logs->whole = longer;
        longer[logs->count++] = whole;
    }
    return PEAL_OK;
}

/* True if the logs know all codes of all its chunks. */
static bool is_understood(const left_logs *logs, const peal_spill *spill) {
    for (size_t c = 0; c < spill->chunk_count; c++) {
        const peal_spill_chunk *chunk = &spill->chunks[c];
        if (chunk->vocabulary >= logs->count || chunk->log_size > logs->whole[chunk->vocabulary]) return false;
    }
    return true;
}

typedef struct adoption {
    ingest *self;
    left_logs logs;
    const char **why; /* [inputs] why a spill that is there was not taken over */
} adoption;

static peal_status adopt_input(void *user, size_t input, peal_error *err) {
    adoption *work = user;
    ingest *self = work->self;
    peal_spill *spill = &self->out->spills[input];
    if (peal_is_stopped(self->options->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while reading");
    if (self->objects->objects[input].bad) return PEAL_OK;
    char *path = spill_path(self, input);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status =
        peal_spill_adopt(path, self->read->count, spill_key(self, input), spill, &work->why[input], err);
    free(path);
    if (status == PEAL_OK && spill->path && !is_understood(&work->logs, spill)) {
        work->why[input] = "a vocabulary of its spill is damaged";
        peal_spill_clear(spill);
    }
    if (spill->path) self->feeds[input] = (feed){.opened = true, .ended = true};
    return status;
}

static peal_status told_adopted(void *user, size_t input, peal_error *err) {
    (void)err;
    adoption *work = user;
    ingest *self = work->self;
    if (self->out->spills[input].path) self->open++;
    if (work->why[input]) {
        peal_report(self->options->reporter, PEAL_EVENT_NOTE, "%s is read again: %s",
                    self->objects->objects[input].path, work->why[input]);
    }
    return PEAL_OK;
}

/* Counts the chunk's texts of training rows, and of those held out. */
static void count_chunk(const peal_spill_rows *rows, peal_vocabulary *vocabulary) {
    const peal_table_room *table = &rows->table;
    for (size_t row = 0; row < table->rows; row++) rows->splits[row] = rows->splits[row] == PEAL_SPLIT_TRAIN;
    for (size_t i = 0; i < table->schema->count; i++) {
        const peal_column_room *column = &table->columns[i];
        if (table->schema->fields[i].skip || !peal_types[column->type].has_vocabulary) continue;
        count_texts(&vocabulary->dictionaries[i], column->values, rows->splits, table->rows);
    }
}

/* Counts the chunks of one spill that are of the vocabulary; *found if there are any. */
static peal_status count_spill(const peal_spill *spill, peal_vocabulary *vocabulary, peal_spill_rows *rows, bool *found,
                               peal_error *err) {
    int fd = -1;
    peal_status status = PEAL_OK;
    for (size_t c = 0; c < spill->chunk_count && status == PEAL_OK; c++) {
        if (spill->chunks[c].vocabulary != vocabulary->number) continue;
        *found = true;
        if (fd < 0) fd = open(spill->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", spill->path);
        status = peal_spill_read(fd, spill, c, rows, err);
        if (status == PEAL_OK) count_chunk(rows, vocabulary);
    }
    if (fd >= 0) close(fd);
    return status;
}

/* One vocabulary of the other job: its counts are those of the chunks that were taken over. */
static peal_status adopt_vocabulary(void *user, size_t number, peal_error *err) {
    const ingest *self = ((adoption *)user)->self;
    peal_vocabulary vocabulary;
    peal_spill_rows rows = {0};
    bool found = false;
    if (peal_is_stopped(self->options->stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while reading");
    peal_status status = peal_vocabulary_read_log(self->options->folder, number, self->read->count, &vocabulary, err);
    if (status == PEAL_OK) status = peal_spill_rows_init(&rows, self->read, err);
    for (size_t i = 0; i < self->out->spill_count && status == PEAL_OK; i++) {
        status = count_spill(&self->out->spills[i], &vocabulary, &rows, &found, err);
    }
    if (status == PEAL_OK && found) status = peal_text_counts_add(self->out->texts, &vocabulary, err);
    peal_spill_rows_clear(&rows);
    peal_vocabulary_clear(&vocabulary);
    return status;
}

static peal_status adopt_all(adoption *work, peal_executor *executor, peal_error *err) {
    ingest *self = work->self;
    PEAL_TRY(find_logs(self, &work->logs, err));
    PEAL_TRY(peal_alloc_checked(&work->why, self->objects->count, sizeof *work->why, "inputs", err));
    const peal_map_work inputs = {.work = adopt_input, .consume = told_adopted, .user = work};
    PEAL_TRY(peal_executor_map(executor, self->objects->count, 0, &inputs, err));
    self->out->vocabulary_count = work->logs.count;
    const peal_map_work vocabularies = {.work = adopt_vocabulary, .user = work};
    return peal_executor_map(executor, work->logs.count, self->threads, &vocabularies, err);
}

static peal_status adopt(ingest *self, peal_executor *executor, peal_error *err) {
    if (!self->options->adopt) return PEAL_OK;
    adoption work = {.self = self};
    peal_status status = adopt_all(&work, executor, err);
    free(work.logs.whole);
    free(work.why);
    return status;
}

/* ---- all together ---- */

/* What readers tell, while no other thread does. */
static void tell(void *user, const peal_event *event) {
    ingest *self = user;
    const peal_reporter *reporter = self->options->reporter;
    pthread_mutex_lock(&self->lock);
    if (reporter && reporter->handle) reporter->handle(reporter->user, event);
    pthread_mutex_unlock(&self->lock);
}

static peal_status slots_init(ingest *self, peal_error *err) {
    const peal_schema *schema = self->read;
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
        peal_buffer_clear(&place->numbers);
        free(place->summaries);
        peal_buffer_clear(&place->query);
        free(place->splits);
        free(place->keep);
        peal_buffer_clear(&place->encoded);
    }
    free(self->slots);
}

/* With the lock held. An input that was taken over was read by another job and counts whole. */
static void report(const ingest *self, uint64_t total) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->objects->count; i++) {
        bytes += self->feeds[i].done ? self->objects->objects[i].size
                                     : atomic_load_explicit(&self->feeds[i].meter.bytes, memory_order_relaxed);
    }
    peal_report_progress(self->options->reporter, "reading", "bytes", bytes < total ? bytes : total, total);
}

/* Waits for the pool's threads, telling of progress and looking for a wish to stop. */
static void supervise(ingest *self, peal_future **futures, size_t count) {
    uint64_t total = 0;
    for (size_t i = 0; i < self->objects->count; i++) total += self->objects->objects[i].size;
    for (size_t i = 0; i < count; i++) {
        while (peal_future_wait(futures[i], REPORT_MS, NULL), !peal_future_done(futures[i])) {
            pthread_mutex_lock(&self->lock);
            if (peal_is_stopped(self->options->stop) && !self->failed) {
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

static peal_status open_texts(ingest *self, peal_error *err) {
    char *path = peal_path_join(self->options->folder, "text-counts");
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_text_counts_new(path, self->read, self->pipeline, &self->out->texts, err);
    free(path);
    return status;
}

/* Bytes at which a thread's vocabulary is closed. */
static size_t vocabulary_most(const peal_ingest_options *options, size_t threads) {
    if (options->text_memory) return options->text_memory / threads;
    return TEXT_MEMORY / threads > VOCABULARY_LEAST ? TEXT_MEMORY / threads : VOCABULARY_LEAST;
}

void peal_ingested_clear(peal_ingested *ingested) {
    for (size_t i = 0; ingested->spills && i < ingested->spill_count; i++) peal_spill_clear(&ingested->spills[i]);
    peal_text_counts_free(ingested->texts);
    free(ingested->spills);
    *ingested = (peal_ingested){0};
}

peal_status peal_ingest(peal_executor *executor, peal_object_list *objects, const peal_pipeline *pipeline,
                        const peal_ingest_options *options, peal_ingested *out, peal_stage_times *times,
                        peal_error *err) {
    size_t threads = peal_executor_threads(executor);
    ingest self = {
        .objects = objects,
        .pipeline = pipeline,
        .read = options->read,
        .options = options,
        .wanted = {.schema = options->read,
                   .nulls = &pipeline->nulls,
                   .label = pipeline->label,
                   .label_required = true,
                   .tell_extra = options->tell_extra,
                   .label_as_text = options->label_as_text,
                   .hash_rows = pipeline->has_split && pipeline->query == SIZE_MAX,
                   .block_size = options->block_size,
                   .crew = options->crew},
        .times = times,
        .threads = threads,
        .slot_count = 2 * threads + 2,
        .vocabulary_most = vocabulary_most(options, threads),
    };
    self.reporter = (peal_reporter){.handle = tell, .user = &self};
    self.wanted.reporter = self.wanted.damage = &self.reporter;
    *out = (peal_ingested){0};
    self.out = out;
    PEAL_TRY(peal_alloc_checked(&out->spills, objects->count, sizeof *out->spills, "spills", err));
    out->spill_count = objects->count;
    for (size_t i = 0; i < objects->count; i++) out->spills[i].out.fd = -1;
    PEAL_TRY(open_texts(&self, err));
    PEAL_TRY(peal_alloc_checked(&self.feeds, objects->count, sizeof *self.feeds, "inputs", err));
    pthread_mutex_init(&self.lock, NULL);
    pthread_cond_init(&self.changed, NULL);
    peal_status status = adopt(&self, executor, err);
    if (status == PEAL_OK) status = run(&self, executor, err);
    for (size_t i = 0; i < objects->count; i++) {
        peal_reader_close(self.feeds[i].reader);
        peal_hasher_free(self.feeds[i].meter.hasher);
    }
    slots_clear(&self);
    free(self.feeds);
    pthread_cond_destroy(&self.changed);
    pthread_mutex_destroy(&self.lock);
    return status;
}
