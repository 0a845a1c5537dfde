/* The file: for each vocabulary, its columns' runs in the order of the fields, then its directory: a run_place for each
 * field. A run is entries, each an entry_head and the text's bytes. */
#include "etl/job/text_counts.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "etl/job/text_best.h"
#include "etl/transform/date_text.h"
#include "etl/transform/list_text.h"

enum {
    WRITE_SIZE = 1 << 18,   /* bytes that are written together */
    MERGE_MEMORY = 8 << 20, /* of all buffers of one merge */
    READ_LEAST = 1 << 12,   /* of one of its buffers */
    READ_MOST = 1 << 18,
    BUCKET_ENTRIES = 2, /* entries that one bucket of the sort holds on average */
};
#define MISSING_LENGTH UINT32_MAX /* the length of the entry of a text that spells a missing value */

typedef struct entry_head {
    uint64_t hash; /* XXH3 of the text */
    uint64_t count, held;
    uint32_t code; /* in the vocabulary */
    uint32_t length;
} entry_head;

typedef struct run_place {
    uint64_t offset, size; /* bytes in the file */
    uint64_t entries;
} run_place;

struct peal_text_counts {
    const peal_schema *read;
    const peal_pipeline *pipeline;
    int fd;
    char *path;
    pthread_mutex_t lock;  /* guards what follows */
    uint64_t size;         /* of the file, with what is being written */
    uint64_t *directories; /* [vocabulary_count] offset in the file + 1; 0: not there */
    size_t vocabulary_count;
};

static bool holds_texts(const peal_schema *read, size_t field) {
    return peal_types[read->fields[field].type].has_vocabulary && !read->fields[field].skip;
}

void peal_text_counts_use(peal_text_counts *counts, const peal_pipeline *pipeline) {
    counts->pipeline = pipeline;
}

peal_status peal_text_counts_new(const char *path, const peal_schema *read, const peal_pipeline *pipeline,
                                 peal_text_counts **out, peal_error *err) {
    *out = NULL;
    peal_text_counts *counts = calloc(1, sizeof *counts);
    char *copy = peal_strdup(path);
    if (!counts || !copy) {
        free(counts);
        free(copy);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for counts of texts");
    }
    *counts = (peal_text_counts){.read = read, .pipeline = pipeline, .fd = -1, .path = copy};
    pthread_mutex_init(&counts->lock, NULL);
    peal_status status = peal_remove_tree(path, err); /* one that another job left */
    if (status == PEAL_OK) {
        counts->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (counts->fd < 0) status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot create %s", path);
    }
    if (status != PEAL_OK) {
        peal_text_counts_free(counts);
        return status;
    }
    *out = counts;
    return PEAL_OK;
}

void peal_text_counts_free(peal_text_counts *counts) {
    if (!counts) return;
    if (counts->fd >= 0) close(counts->fd);
    pthread_mutex_destroy(&counts->lock);
    free(counts->directories);
    free(counts->path);
    free(counts);
}

/* ---- bytes of the file ---- */

static peal_status write_at(const peal_text_counts *counts, const void *bytes, size_t size, uint64_t offset,
                            peal_error *err) {
    return peal_file_write_at(counts->fd, counts->path, bytes, size, offset, err);
}

static peal_status read_at(const peal_text_counts *counts, void *bytes, size_t size, uint64_t offset, peal_error *err) {
    size_t got;
    PEAL_TRY(peal_file_read_at(counts->fd, counts->path, bytes, size, offset, &got, err));
    return got == size ? PEAL_OK : peal_fail(err, PEAL_E_FAILED, "%s is cut short", counts->path);
}

/* Room in the file for `size` bytes, which nobody else writes to. */
static uint64_t take_room(peal_text_counts *counts, uint64_t size) {
    pthread_mutex_lock(&counts->lock);
    uint64_t offset = counts->size;
    counts->size += size;
    pthread_mutex_unlock(&counts->lock);
    return offset;
}

/* ---- a vocabulary's runs ---- */

/* A text as it leaves the steps, on its way into order. */
typedef struct prepared_text {
    uint64_t hash;
    uint32_t offset; /* into run_maker.texts */
    uint32_t length;
    uint32_t code;
} prepared_text;

/* Scratch that one vocabulary's columns share. */
typedef struct run_maker {
    peal_buffer prepared, sorted, begins; /* prepared_text, prepared_text, uint32_t */
    peal_buffer texts, scratch, out;
} run_maker;

static void run_maker_clear(run_maker *maker) {
    peal_buffer_clear(&maker->prepared);
    peal_buffer_clear(&maker->sorted);
    peal_buffer_clear(&maker->begins);
    peal_buffer_clear(&maker->texts);
    peal_buffer_clear(&maker->scratch);
    peal_buffer_clear(&maker->out);
}

static peal_status prepare_text(const peal_text_counts *counts, size_t field, const peal_dictionary *from,
                                uint32_t code, run_maker *maker, prepared_text *out, peal_error *err) {
    peal_text text;
    PEAL_TRY(
        peal_pipeline_text(counts->pipeline, field, peal_dictionary_text(from, code), &maker->scratch, &text, err));
    *out = (prepared_text){.offset = (uint32_t)maker->texts.size, .length = MISSING_LENGTH, .code = code};
    if (!text.data) return PEAL_OK;
    if (maker->texts.size + text.length > UINT32_MAX) {
        return peal_fail(err, PEAL_E_DATA, "column '%s': its texts are too long",
                         counts->pipeline->schema.fields[field].name);
    }
    out->hash = peal_hash(text.data, text.length, 0);
    out->length = text.length;
    return peal_buffer_append(&maker->texts, text.data, text.length, err);
}

static int compare_entries(uint64_t hash, peal_text text, uint64_t other_hash, peal_text other) {
    if (hash != other_hash) return hash < other_hash ? -1 : 1;
    if (!text.data || !other.data) return (text.data != NULL) - (other.data != NULL);
    return peal_text_compare(text, other);
}

static peal_text prepared_as_text(const run_maker *maker, const prepared_text *one) {
    if (one->length == MISSING_LENGTH) return (peal_text){NULL, 0};
    return (peal_text){(const char *)maker->texts.data + one->offset, one->length};
}

/* Hashes are spread evenly: each text goes to the bucket of its hash's first bits, and the few of a bucket are put in
 * order by insertion. */
static void sort_prepared(run_maker *maker, size_t count, unsigned bucket_bits) {
    const prepared_text *prepared = (const void *)maker->prepared.data;
    prepared_text *sorted = (void *)maker->sorted.data;
    uint32_t *begins = (void *)maker->begins.data;
    unsigned shift = 64 - bucket_bits;
    memset(begins, 0, (((size_t)1 << bucket_bits) + 1) * sizeof *begins);
    for (size_t i = 0; i < count; i++) begins[(prepared[i].hash >> shift) + 1]++;
    for (size_t b = 0; b < (size_t)1 << bucket_bits; b++) begins[b + 1] += begins[b];
    for (size_t i = 0; i < count; i++) sorted[begins[prepared[i].hash >> shift]++] = prepared[i];
    for (size_t i = 1; i < count; i++) {
        prepared_text one = sorted[i];
        peal_text text = prepared_as_text(maker, &one);
        size_t at = i;
        for (; at > 0; at--) {
            const prepared_text *before = &sorted[at - 1];
            if (compare_entries(before->hash, prepared_as_text(maker, before), one.hash, text) <= 0) break;
            sorted[at] = *before;
        }
        sorted[at] = one;
    }
}

static peal_status sort_run(run_maker *maker, size_t count, peal_error *err) {
    unsigned bucket_bits = 1;
    while (((size_t)BUCKET_ENTRIES << bucket_bits) < count) bucket_bits++;
    maker->sorted.size = maker->begins.size = 0;
    PEAL_TRY(peal_buffer_reserve(&maker->sorted, count * sizeof(prepared_text), err));
    PEAL_TRY(peal_buffer_reserve(&maker->begins, (((size_t)1 << bucket_bits) + 1) * sizeof(uint32_t), err));
    sort_prepared(maker, count, bucket_bits);
    return PEAL_OK;
}

static peal_status flush_out(const peal_text_counts *counts, run_maker *maker, uint64_t *offset, peal_error *err) {
    PEAL_TRY(write_at(counts, maker->out.data, maker->out.size, *offset, err));
    *offset += maker->out.size;
    maker->out.size = 0;
    return PEAL_OK;
}

static peal_status write_run(const peal_text_counts *counts, const peal_dictionary *from, run_maker *maker,
                             uint64_t offset, peal_error *err) {
    const prepared_text *sorted = (const void *)maker->sorted.data;
    maker->out.size = 0;
    for (uint32_t i = 0; i < from->size; i++) {
        peal_text text = prepared_as_text(maker, &sorted[i]);
        const entry_head head = {.hash = sorted[i].hash,
                                 .count = from->counts[sorted[i].code],
                                 .held = from->held[sorted[i].code],
                                 .code = sorted[i].code,
                                 .length = sorted[i].length};
        PEAL_TRY(peal_buffer_append(&maker->out, &head, sizeof head, err));
        PEAL_TRY(peal_buffer_append(&maker->out, text.data, text.length, err));
        if (maker->out.size >= WRITE_SIZE) PEAL_TRY(flush_out(counts, maker, &offset, err));
    }
    return flush_out(counts, maker, &offset, err);
}

static peal_status add_run(peal_text_counts *counts, size_t field, const peal_dictionary *from, run_maker *maker,
                           run_place *place, peal_error *err) {
    maker->prepared.size = maker->texts.size = 0;
    PEAL_TRY(peal_buffer_reserve(&maker->prepared, from->size * sizeof(prepared_text), err));
    prepared_text *prepared = (void *)maker->prepared.data;
    for (uint32_t code = 0; code < from->size; code++) {
        PEAL_TRY(prepare_text(counts, field, from, code, maker, &prepared[code], err));
    }
    PEAL_TRY(sort_run(maker, from->size, err));
    place->size = from->size * sizeof(entry_head) + maker->texts.size;
    place->entries = from->size;
    place->offset = take_room(counts, place->size);
    return write_run(counts, from, maker, place->offset, err);
}

/* Notes where the vocabulary's directory stands. */
static peal_status note_directory(peal_text_counts *counts, size_t vocabulary, uint64_t offset, peal_error *err) {
    peal_status status = PEAL_OK;
    pthread_mutex_lock(&counts->lock);
    if (vocabulary >= counts->vocabulary_count) {
        size_t count = vocabulary * 2 + 16;
        uint64_t *longer = realloc(counts->directories, count * sizeof *longer);
        if (longer) {
            memset(longer + counts->vocabulary_count, 0, (count - counts->vocabulary_count) * sizeof *longer);
            counts->directories = longer;
            counts->vocabulary_count = count;
        } else {
            status = peal_fail(err, PEAL_E_MEMORY, "no memory for counts of texts");
        }
    }
    if (status == PEAL_OK) counts->directories[vocabulary] = offset + 1;
    pthread_mutex_unlock(&counts->lock);
    return status;
}

peal_status peal_text_counts_add(peal_text_counts *counts, const peal_vocabulary *vocabulary, peal_error *err) {
    size_t fields = vocabulary->field_count;
    run_place *places;
    run_maker maker = {0};
    PEAL_TRY(peal_alloc_checked(&places, fields, sizeof *places, "counts of texts", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < fields && status == PEAL_OK; i++) {
        const peal_dictionary *from = &vocabulary->dictionaries[i];
        if (from->size > 0) status = add_run(counts, i, from, &maker, &places[i], err);
    }
    uint64_t offset = take_room(counts, fields * sizeof *places);
    if (status == PEAL_OK) status = write_at(counts, places, fields * sizeof *places, offset, err);
    if (status == PEAL_OK) status = note_directory(counts, vocabulary->number, offset, err);
    run_maker_clear(&maker);
    free(places);
    return status;
}

/* ---- reading a run ---- */

typedef struct run_reader {
    const peal_text_counts *counts;
    uint64_t at, end; /* in the file: what is not in the buffer yet */
    peal_buffer buffer;
    size_t used; /* of the buffer */
    entry_head head;
    peal_text text; /* of the present entry, in the buffer */
} run_reader;

static peal_status reader_fill(run_reader *reader, size_t needed, size_t wanted, peal_error *err) {
    if (reader->buffer.size - reader->used >= needed) return PEAL_OK;
    size_t rest = reader->buffer.size - reader->used;
    if (rest) memmove(reader->buffer.data, reader->buffer.data + reader->used, rest);
    reader->buffer.size = rest;
    reader->used = 0;
    size_t size = wanted > needed ? wanted - rest : needed - rest;
    if (size > reader->end - reader->at) size = (size_t)(reader->end - reader->at);
    if (rest + size < needed) return peal_fail(err, PEAL_E_FAILED, "%s is cut short", reader->counts->path);
    PEAL_TRY(peal_buffer_reserve(&reader->buffer, size, err));
    PEAL_TRY(read_at(reader->counts, reader->buffer.data + rest, size, reader->at, err));
    reader->buffer.size += size;
    reader->at += size;
    return PEAL_OK;
}

/* The next entry; *more is false at the end. `wanted` bytes are read at once. */
static peal_status reader_next(run_reader *reader, size_t wanted, bool *more, peal_error *err) {
    *more = reader->at < reader->end || reader->used < reader->buffer.size;
    if (!*more) return PEAL_OK;
    PEAL_TRY(reader_fill(reader, sizeof reader->head, wanted, err));
    memcpy(&reader->head, reader->buffer.data + reader->used, sizeof reader->head);
    reader->used += sizeof reader->head;
    reader->text = (peal_text){NULL, 0};
    if (reader->head.length == MISSING_LENGTH) return PEAL_OK;
    PEAL_TRY(reader_fill(reader, reader->head.length, wanted, err));
    reader->text = (peal_text){(const char *)reader->buffer.data + reader->used, reader->head.length};
    reader->used += reader->head.length;
    return PEAL_OK;
}

static void reader_open(const peal_text_counts *counts, const run_place *place, run_reader *reader) {
    *reader = (run_reader){.counts = counts, .at = place->offset, .end = place->offset + place->size};
}

/* ---- adding up ---- */

/* A merge: a heap of runs, the one with the least present entry first. */
typedef struct merge {
    run_reader *readers;
    size_t count;
    uint32_t *heap; /* [in_heap] indices of readers */
    size_t in_heap;
    size_t buffer_size;
} merge;

static bool comes_before(const merge *self, uint32_t a, uint32_t b) {
    const run_reader *p = &self->readers[a], *q = &self->readers[b];
    return compare_entries(p->head.hash, p->text, q->head.hash, q->text) < 0;
}

static void sift_down(merge *self, size_t at) {
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < self->in_heap; child++) {
            if (comes_before(self, self->heap[child], self->heap[least])) least = child;
        }
        if (least == at) return;
        uint32_t swapped = self->heap[at];
        self->heap[at] = self->heap[least];
        self->heap[least] = swapped;
        at = least;
    }
}

/* The first run goes on to its next entry. */
static peal_status advance_first(merge *self, peal_error *err) {
    bool more;
    PEAL_TRY(reader_next(&self->readers[self->heap[0]], self->buffer_size, &more, err));
    if (!more) self->heap[0] = self->heap[--self->in_heap];
    sift_down(self, 0);
    return PEAL_OK;
}

static peal_status merge_open(const peal_text_counts *counts, size_t field, merge *self, peal_error *err) {
    size_t vocabularies = counts->vocabulary_count;
    PEAL_TRY(peal_alloc_checked(&self->readers, vocabularies, sizeof *self->readers, "a merge of texts", err));
    PEAL_TRY(peal_alloc_checked(&self->heap, vocabularies, sizeof *self->heap, "a merge of texts", err));
    for (size_t i = 0; i < vocabularies; i++) {
        if (!counts->directories[i]) continue;
        run_place place;
        uint64_t offset = counts->directories[i] - 1 + field * sizeof place;
        PEAL_TRY(read_at(counts, &place, sizeof place, offset, err));
        if (place.entries) reader_open(counts, &place, &self->readers[self->count++]);
    }
    self->buffer_size = MERGE_MEMORY / (self->count + 1);
    if (self->buffer_size < READ_LEAST) self->buffer_size = READ_LEAST;
    if (self->buffer_size > READ_MOST) self->buffer_size = READ_MOST;
    for (size_t i = 0; i < self->count; i++) {
        bool more;
        PEAL_TRY(reader_next(&self->readers[i], self->buffer_size, &more, err));
        self->heap[self->in_heap++] = (uint32_t)i;
    }
    for (size_t i = self->in_heap; i-- > 0;) sift_down(self, i);
    return PEAL_OK;
}

static void merge_clear(merge *self) {
    for (size_t i = 0; i < self->count; i++) peal_buffer_clear(&self->readers[i].buffer);
    free(self->readers);
    free(self->heap);
}

/* The next text of the merge, copied to `copy`, with the sums of its counts: of training rows and of those held out. */
static peal_status merge_next(merge *self, peal_buffer *copy, peal_text *text, uint64_t *sum, uint64_t *held,
                              peal_error *err) {
    const run_reader *first = &self->readers[self->heap[0]];
    uint64_t hash = first->head.hash;
    *text = first->text;
    copy->size = 0;
    if (text->data) {
        /* One byte more than the text has, so that an empty text is not taken for a missing one. */
        PEAL_TRY(peal_buffer_reserve(copy, text->length + (size_t)1, err));
        memcpy(copy->data, text->data, text->length);
        text->data = (const char *)copy->data;
    }
    *held = 0;
    for (*sum = 0; self->in_heap > 0;) {
        first = &self->readers[self->heap[0]];
        if (compare_entries(first->head.hash, first->text, hash, *text) != 0) break;
        *sum += first->head.count;
        *held += first->head.held;
        PEAL_TRY(advance_first(self, err));
    }
    return PEAL_OK;
}

static peal_status sum_up(merge *self, peal_text_best *best, uint64_t least_count, peal_summary *summary,
                          peal_error *err) {
    peal_buffer copy = {0};
    peal_status status = PEAL_OK;
    while (self->in_heap > 0 && status == PEAL_OK) {
        peal_text text;
        uint64_t sum, held;
        status = merge_next(self, &copy, &text, &sum, &held, err);
        if (status != PEAL_OK) break;
        if (!text.data) {
            summary->nulls += sum;
            continue;
        }
        summary->count += sum;
        if (sum == 0 || sum < least_count) continue;
        summary->distinct++;
        status = peal_text_best_offer(best, text, sum, err);
    }
    peal_buffer_clear(&copy);
    return status;
}

peal_status peal_text_counts_sum(const peal_text_counts *counts, size_t field, peal_summary *summary, peal_error *err) {
    merge self = {0};
    uint64_t least_count = 1;
    peal_text_best best = {.most = peal_pipeline_wanted_texts(counts->pipeline, field, &least_count)};
    peal_status status = merge_open(counts, field, &self, err);
    if (status == PEAL_OK) status = sum_up(&self, &best, least_count, summary, err);
    if (status == PEAL_OK) status = peal_text_best_take(&best, &summary->texts, err);
    peal_text_best_clear(&best);
    merge_clear(&self);
    return status;
}

/* ---- numbers among texts ---- */

typedef struct vote_count {
    peal_text_votes *out;
    peal_few few;
    uint64_t few_rows[PEAL_FEW_VALUES]; /* that hold each of these */
    uint64_t other_rows;                /* of the text in out->other */
} vote_count;

static void count_date(peal_text_votes *out, peal_text text, uint64_t rows) {
    peal_date when;
    bool has_order;
    if (!text.data || text.length == 0 || peal_cell_is_usual(text.data, text.length, false)) return;
    const bool is_date = peal_date_read(text.data, text.length, PEAL_DATE_MONTH, &when, &has_order) ||
                         (has_order && peal_date_read(text.data, text.length, PEAL_DATE_DAY, &when, &has_order));
    *(is_date ? &out->dates : &out->no_dates) += rows;
    out->distinct_dates += is_date;
    if (is_date) return;
    if (out->date_words == PEAL_SPELLING_WORDS) return;
    out->date_words++;
    out->date_word_rows += rows;
}

static void count_few(vote_count *self, double number, uint64_t rows) {
    peal_few_note(&self->few, number);
    for (size_t i = 0; i < self->few.count && !self->few.many; i++) {
        if (self->few.values[i] == number) self->few_rows[i] += rows;
    }
}

/* Whether so few whole numbers count something: there are more than a handful of them and ten rows for each, and yet
 * one is in a single row. A class would be of no use there; the tail of a count ends so. */
static bool are_counts(const vote_count *self) {
    enum { HANDFUL = 5, ROWS_EACH = 10 };
    bool is_single = false;
    for (size_t i = 0; i < self->few.count; i++) is_single |= self->few_rows[i] == 1;
    return is_single && self->few.count > HANDFUL && self->out->numbers >= ROWS_EACH * self->few.count;
}

static void count_vote(vote_count *self, peal_cell cell, double number, peal_text text, uint64_t rows) {
    peal_text_votes *out = self->out;
    switch (cell) {
    case PEAL_CELL_NUMBER:
        out->numbers += rows;
        out->distinct_numbers++;
        peal_digits_vote(&out->digits, text.data, text.length);
        out->not_times |= peal_not_times(number);
        count_few(self, number, rows);
        break;
    case PEAL_CELL_MISSING:
        break;
    case PEAL_CELL_USUAL:
        out->missing += rows;
        snprintf(out->spelling, sizeof out->spelling, "%.*s", (int)text.length, text.data);
        break;
    case PEAL_CELL_OTHER:
        out->others += rows;
        if (peal_cell_is_true_or_false(text.data, text.length)) out->bools += rows;
        if (rows <= self->other_rows) break;
        self->other_rows = rows;
        snprintf(out->other, sizeof out->other, "%.*s", (int)(text.length < 36 ? text.length : 36), text.data);
    }
}

/* Dates need not be all: what is none is missing. So a few words may stand among them, and a few dates that are none.
 */
static bool may_be_dates(const peal_text_votes *votes, uint64_t others_most) {
    return votes->no_dates - votes->date_word_rows <= PEAL_NO_DATES_SHARE * others_most;
}

bool peal_text_votes_are_dates(const peal_text_votes *votes, uint64_t others_most) {
    if (!votes->is_text || votes->dates == 0 || !may_be_dates(votes, others_most)) return false;
    const bool few = votes->no_dates <= PEAL_NO_DATES_SHARE * others_most && votes->dates >= 2 * votes->no_dates;
    return few || (votes->no_dates <= votes->dates && votes->distinct_dates > PEAL_FEW_VALUES);
}

peal_status peal_text_counts_vote(const peal_text_counts *counts, size_t field, uint64_t rows, uint64_t others_most,
                                  peal_text_votes *out, peal_error *err) {
    static const peal_spelling usual = {0};
    merge self = {0};
    peal_buffer copy = {0};
    *out = (peal_text_votes){0};
    vote_count votes = {.out = out};
    peal_status status = merge_open(counts, field, &self, err);
    peal_list_votes lists = {0};
    bool is_open = true;
    while (status == PEAL_OK && self.in_heap > 0 &&
           (!out->is_text || may_be_dates(out, others_most) || is_open || peal_list_votes_are_open(&lists))) {
        peal_text text;
        uint64_t sum, held;
        status = merge_next(&self, &copy, &text, &sum, &held, err);
        if (status != PEAL_OK) break;
        double number = (double)NAN;
        const peal_cell cell = text.data
                                   ? peal_cell_number(&counts->pipeline->nulls, &usual, text.data, text.length, &number)
                                   : PEAL_CELL_MISSING;
        count_vote(&votes, cell, number, text, sum + held);
        if (may_be_dates(out, others_most)) count_date(out, text, sum + held);
        if (is_open && (cell == PEAL_CELL_NUMBER || cell == PEAL_CELL_OTHER)) {
            peal_spelling_vote(&out->written, text.data, text.length, sum + held);
            is_open = peal_spelling_is_open(&out->written, rows, others_most);
        }
        if (cell != PEAL_CELL_MISSING && peal_list_votes_are_open(&lists)) {
            status = peal_list_votes_add(&lists, text, sum + held, err);
        }
        out->is_text = out->others - out->bools > others_most;
    }
    out->list_separator = peal_list_votes_decide(&lists);
    peal_list_votes_clear(&lists);
    out->few_whole = !votes.few.many && out->numbers > 0 && !are_counts(&votes);
    peal_buffer_clear(&copy);
    merge_clear(&self);
    return status;
}

peal_status peal_text_counts_moments(const peal_text_counts *counts, size_t field, peal_summary *summary,
                                     peal_text_votes *read, peal_error *err) {
    vote_count votes = {.out = read, .few = {.many = true}};
    *read = (peal_text_votes){0};
    merge self = {0};
    peal_buffer copy = {0};
    peal_status status = merge_open(counts, field, &self, err);
    while (status == PEAL_OK && self.in_heap > 0) {
        peal_text text;
        uint64_t sum, held;
        double number;
        status = merge_next(&self, &copy, &text, &sum, &held, err);
        if (status != PEAL_OK) break;
        const peal_cell cell = peal_pipeline_number(counts->pipeline, field, text, &number);
        count_vote(&votes, cell, number, text, sum + held);
        if (sum == 0) continue;
        if (cell == PEAL_CELL_NUMBER) {
            peal_summary_merge(summary, &(peal_summary){.count = sum, .mean = number, .min = number, .max = number});
        } else {
            summary->nulls += sum;
        }
    }
    peal_buffer_clear(&copy);
    merge_clear(&self);
    return status;
}

peal_status peal_text_counts_observe(const peal_text_counts *counts, size_t field, const peal_pipeline_step *encoder,
                                     peal_error *err) {
    merge self = {0};
    peal_buffer copy = {0};
    peal_status status = merge_open(counts, field, &self, err);
    while (status == PEAL_OK && self.in_heap > 0) {
        peal_text text;
        uint64_t sum, held;
        status = merge_next(&self, &copy, &text, &sum, &held, err);
        if (status == PEAL_OK) encoder->transform->observe(encoder->state, text, sum, held);
    }
    peal_buffer_clear(&copy);
    merge_clear(&self);
    return status;
}

/* ---- maps ---- */

/* Where a run's results go: codes, numbers, or features. */
typedef struct map_target {
    int32_t *codes;
    double *numbers;
    float *spread;
} map_target;

static peal_status map_run(const peal_text_counts *counts, size_t field, const run_place *place,
                           const map_target *target, peal_error *err) {
    const peal_pipeline_step *encoder = peal_pipeline_spreader(counts->pipeline, field);
    const uint32_t width = encoder ? encoder->transform->width(encoder->state) : 0;
    run_reader reader;
    reader_open(counts, place, &reader);
    peal_status status = PEAL_OK;
    for (bool more = true; more && status == PEAL_OK;) {
        status = reader_next(&reader, READ_MOST, &more, err);
        if (status != PEAL_OK || !more) break;
        if (target->numbers) {
            (void)peal_pipeline_number(counts->pipeline, field, reader.text, &target->numbers[reader.head.code]);
        } else if (target->spread) {
            float *out = target->spread + reader.head.code * (size_t)width;
            (void)encoder->transform->spread(encoder->state, reader.text, out);
        } else {
            target->codes[reader.head.code] = peal_pipeline_code(counts->pipeline, field, reader.text);
        }
    }
    peal_buffer_clear(&reader.buffer);
    return status;
}

/* How many results of each kind the maps of a vocabulary hold. */
typedef struct map_sizes {
    size_t codes, numbers, spread;
} map_sizes;

/* Takes the next results of the column's kind; the first call of all has targets without memory. */
static map_target take_target(const peal_text_counts *counts, size_t field, size_t entries, const peal_code_maps *from,
                              map_sizes *used) {
    const peal_pipeline_step *spreader = peal_pipeline_spreader(counts->pipeline, field);
    map_target target = {0};
    if (peal_pipeline_is_number(counts->pipeline, field)) {
        if (from->numbers) target.numbers = from->numbers + used->numbers;
        used->numbers += entries;
    } else if (spreader) {
        if (from->spread) target.spread = from->spread + used->spread;
        used->spread += entries * spreader->transform->width(spreader->state);
    } else {
        if (from->codes) target.codes = from->codes + used->codes;
        used->codes += entries;
    }
    return target;
}

static peal_status map_fields(const peal_text_counts *counts, const run_place *places, peal_code_maps *out,
                              peal_error *err) {
    const size_t fields = counts->read->count;
    map_sizes sizes = {0}, used = {0};
    for (size_t i = 0; i < fields; i++) (void)take_target(counts, i, places[i].entries, out, &sizes);
    PEAL_TRY(peal_alloc_checked(&out->fields, fields, sizeof *out->fields, "codes of texts", err));
    PEAL_TRY(peal_alloc_checked(&out->codes, sizes.codes, sizeof *out->codes, "codes of texts", err));
    PEAL_TRY(peal_alloc_checked(&out->numbers, sizes.numbers, sizeof *out->numbers, "codes of texts", err));
    PEAL_TRY(peal_alloc_checked(&out->spread, sizes.spread, sizeof *out->spread, "codes of texts", err));
    out->size = fields * sizeof *out->fields + sizes.codes * sizeof *out->codes + sizes.numbers * sizeof *out->numbers +
                sizes.spread * sizeof *out->spread;
    for (size_t i = 0; i < fields; i++) {
        if (!holds_texts(counts->read, i) || counts->pipeline->schema.fields[i].skip) continue;
        const map_target target = take_target(counts, i, places[i].entries, out, &used);
        out->fields[i] = (peal_code_map){.codes = target.codes, .numbers = target.numbers, .spread = target.spread};
        if (places[i].entries) PEAL_TRY(map_run(counts, i, &places[i], &target, err));
    }
    return PEAL_OK;
}

peal_status peal_text_counts_map(const peal_text_counts *counts, size_t vocabulary, peal_code_maps *out,
                                 peal_error *err) {
    *out = (peal_code_maps){0};
    const size_t fields = counts->read->count;
    run_place *places;
    PEAL_TRY(peal_alloc_checked(&places, fields, sizeof *places, "codes of texts", err));
    peal_status status = read_at(counts, places, fields * sizeof *places, counts->directories[vocabulary] - 1, err);
    if (status == PEAL_OK) status = map_fields(counts, places, out, err);
    if (status != PEAL_OK) peal_code_maps_clear(out);
    free(places);
    return status;
}

void peal_code_maps_clear(peal_code_maps *maps) {
    free(maps->fields);
    free(maps->codes);
    free(maps->numbers);
    free(maps->spread);
    *maps = (peal_code_maps){0};
}
