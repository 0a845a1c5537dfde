/* JSON Lines, and an array of objects: text cut into blocks of whole records. In a block each record has the same byte
 * behind it, a newline or a comma: the bracket that closes an array becomes a comma, and the one that opens it a blank,
 * so a parser knows of neither. */
#include "etl/format/jsonl.h"

#include <stdlib.h>
#include <string.h>

#include "etl/format/formats.h"

enum { LONGEST_RECORD = 256 << 20, MARK_SIZE = 3 };

/* ---- where records end ---- */

/* Passes over a text's inside; `at` when it is closed, or `end`. */
static const char *behind_text(jsonl__split *split, const char *at, const char *end) {
    unsigned holds = 0;
    while (at < end) {
        if (!split->escape) at = jsonl__behind_plain(at, &holds);
        if (at >= end) break;
        if (!split->escape && *at == '"') {
            split->text = false;
            return at + 1;
        }
        split->escape = !split->escape && *at == '\\';
        at++;
    }
    return end;
}

const char *jsonl__find_split(jsonl__split *split, const char *at, const char *end) {
    while (at < end) {
        if (split->text) at = behind_text(split, at, end);
        for (; at < end && !split->text; at++) {
            const char c = *at;
            if (c == ',') {
                if (split->depth == 1) return at;
            } else if (c == '"') {
                split->text = true;
            } else if (c == '{' || c == '[') {
                split->depth++;
            } else if (c == '}' || c == ']') {
                if (--split->depth == 0) return at;
            }
        }
    }
    return NULL;
}

const char *jsonl__record_end(jsonl__layout layout, const char *at, const char *end) {
    jsonl__split split = {.depth = 1};
    const char *found =
        layout == JSONL_LINES ? memchr(at, '\n', (size_t)(end - at)) : jsonl__find_split(&split, at, end);
    return found ? found : end;
}

/* ---- how an input is written ---- */

static size_t mark_size(const char *text, size_t size) {
    return size >= MARK_SIZE && memcmp(text, "\xEF\xBB\xBF", MARK_SIZE) == 0 ? MARK_SIZE : 0;
}

/* The first byte that is no blank, behind a byte order mark; the text has a zero behind it. */
static const char *first_byte(const char *text, size_t size) {
    return jsonl__behind_blanks(text + mark_size(text, size), true);
}

/* An array of something else is no table: its lines are bad rows. */
static jsonl__layout layout_of(const char *text, size_t size) {
    const char *at = first_byte(text, size);
    if (*at != '[') return JSONL_LINES;
    at = jsonl__behind_blanks(at + 1, true);
    return *at == '{' || *at == ']' ? JSONL_LIST : JSONL_LINES;
}

/* ---- reading ---- */

/* Fills block->text up to `capacity` bytes, or with what has come so far, with zeroes behind. */
static peal_status fill_text(jsonl__reader *reader, peal_block *block, size_t capacity, peal_error *err) {
    size_t got = 0;
    PEAL_TRY(peal_block_grow(block, capacity + 1, err)); /* a last newline may be put behind */
    if (!reader->ended) {
        uint8_t *to = (uint8_t *)block->text + block->size;
        PEAL_TRY(peal_stream_take(reader->stream, to, capacity - block->size, &got, &reader->ended, err));
    }
    block->size += got;
    memset(block->text + block->size, 0, PEAL_BLOCK_PADDING);
    return PEAL_OK;
}

/* What stands in front of the first record becomes blanks, so that bytes are counted as they stand in the file. */
static void blank_out(jsonl__reader *reader, peal_block *block) {
    const size_t mark = mark_size(block->text, block->size);
    memset(block->text, ' ', mark);
    if (reader->layout == JSONL_LIST) {
        char *bracket = memchr(block->text, '[', block->size);
        if (!bracket) return;
        *bracket = ' ';
        reader->split.depth = 1;
    }
    reader->begun = true;
}

/* Whole lines at the beginning of the text, of which the first `seen` bytes have no newline. */
static size_t cut_lines(jsonl__reader *reader, peal_block *block, size_t seen) {
    if (reader->ended) {
        block->size = peal_whole_lines(reader->stream, reader->name, reader->wanted->damage, block->text, block->size);
        reader->added = block->size > 0 && block->text[block->size - 1] != '\n';
        if (reader->added) block->text[block->size++] = '\n';
        memset(block->text + block->size, 0, PEAL_BLOCK_PADDING);
        return block->size;
    }
    const char *newline = memrchr(block->text + seen, '\n', block->size - seen);
    return newline ? (size_t)(newline - block->text) + 1 : 0;
}

static bool is_blank(const char *text, const char *end) {
    while (text < end && (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')) text++;
    return text == end;
}

/* Whole elements at the beginning of the text, of which the first `seen` bytes were searched. */
static size_t cut_list(jsonl__reader *reader, peal_block *block, size_t seen) {
    char *text = block->text, *end = text + block->size;
    size_t cut = 0;
    if (!reader->begun) return 0;
    const char *at = text + seen;
    while ((at = jsonl__find_split(&reader->split, at, end))) {
        char *split = text + (at - text);
        reader->closed = *split != ',';
        at++;
        if (reader->closed && reader->number == 0 && block->records == 0 && is_blank(text, split)) {
            *split = ' '; /* [] */
            return (size_t)(at - text);
        }
        *split = ',';
        block->records++;
        cut = (size_t)(at - text);
        if (reader->closed) break;
    }
    return cut;
}

/* Behind an array's end there may be blanks only. `text` is a part of what stands there. */
static peal_status check_rest(jsonl__reader *reader, const char *text, size_t size, peal_error *err) {
    const char *at = jsonl__behind_blanks(text, true), *end = text + size;
    if (at >= end) {
        reader->line += peal_count_newlines(text, (size_t)(end - text));
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_DATA, "%s: line %llu: more stands behind the array of objects, which ends before it",
                     reader->name, (unsigned long long)(reader->line + peal_count_newlines(text, (size_t)(at - text))));
}

/* Reads what stands behind an array to the input's end. */
static peal_status read_rest(jsonl__reader *reader, peal_block *block, peal_error *err) {
    PEAL_TRY(check_rest(reader, (const char *)reader->carry.data, reader->carry.size, err));
    reader->carry.size = 0;
    while (!reader->ended) {
        block->size = 0;
        PEAL_TRY(fill_text(reader, block, PEAL_HEAD_SIZE, err));
        PEAL_TRY(check_rest(reader, block->text, block->size, err));
    }
    block->size = 0;
    return PEAL_OK;
}

static peal_status no_whole_record(const jsonl__reader *reader, const peal_block *block, peal_error *err) {
    const char *begin = jsonl__behind_blanks(block->text, true);
    const uint64_t line = reader->line + peal_count_newlines(block->text, (size_t)(begin - block->text));
    if (block->size > LONGEST_RECORD) {
        return peal_fail(err, PEAL_E_DATA, "%s: line %llu: a record of more than %d MB; JSON Lines has one a line",
                         reader->name, (unsigned long long)line, LONGEST_RECORD >> 20);
    }
    return peal_fail(err, PEAL_E_DATA,
                     "%s: line %llu: the array's last object, which begins here, or the array itself is not closed "
                     "before the end; is the file cut off?",
                     reader->name, (unsigned long long)line);
}

/* Reads on until there is a whole record; *cut is behind the last one, and 0 at the end. */
static peal_status read_records(jsonl__reader *reader, peal_block *block, size_t *cut, peal_error *err) {
    size_t capacity = reader->wanted->block_size ? reader->wanted->block_size : PEAL_BLOCK_SIZE;
    size_t seen = block->size;
    while (capacity <= block->size || capacity <= MARK_SIZE) capacity *= 2;
    for (;;) {
        PEAL_TRY(fill_text(reader, block, capacity, err));
        if (!reader->begun) blank_out(reader, block);
        *cut = reader->layout == JSONL_LINES ? cut_lines(reader, block, seen) : cut_list(reader, block, seen);
        if (*cut > 0 || (reader->ended && block->size == 0)) return PEAL_OK;
        if (reader->ended || block->size > LONGEST_RECORD) return no_whole_record(reader, block, err);
        seen = reader->begun ? block->size : 0;
        if (block->size == capacity) capacity *= 2;
    }
}

static peal_status jsonl_next(peal_reader *base, peal_block *block, peal_error *err) {
    jsonl__reader *reader = (jsonl__reader *)base;
    peal_buffer *carry = &reader->carry;
    size_t cut = 0;
    block->size = block->records = 0;
    if (reader->closed) return read_rest(reader, block, err);
    PEAL_TRY(peal_block_grow(block, carry->size, err));
    if (carry->size) memcpy(block->text, carry->data, carry->size);
    block->size = carry->size;
    PEAL_TRY(read_records(reader, block, &cut, err));
    carry->size = 0;
    if (cut < block->size) PEAL_TRY(peal_buffer_append(carry, block->text + cut, block->size - cut, err));
    /* What is carried may be looked at as a text of its own. */
    PEAL_TRY(peal_buffer_reserve(carry, PEAL_BLOCK_PADDING, err));
    memset(carry->data + carry->size, 0, PEAL_BLOCK_PADDING);
    block->size = cut;
    memset(block->text + cut, 0, PEAL_BLOCK_PADDING);
    block->number = reader->number++;
    block->offset = reader->offset;
    block->came = cut - reader->added;
    reader->offset += block->came;
    block->first_line = reader->line;
    const uint64_t newlines = peal_count_newlines(block->text, cut);
    reader->line += newlines;
    if (reader->layout == JSONL_LINES) block->records = newlines;
    return PEAL_OK;
}

static void tell_late(jsonl__reader *reader) {
    const jsonl__late *late = reader->late;
    if (!late) return;
    if (late->values) {
        peal_report(
            reader->wanted->damage, PEAL_EVENT_WARNING,
            "%s: %llu values of keys that the first megabyte has not are passed over, the first of '%s' in line "
            "%llu; put a line that has all keys in front",
            reader->name, (unsigned long long)late->values, late->name, (unsigned long long)late->line);
    }
    pthread_mutex_destroy(&reader->late->lock);
    free(reader->late);
}

static void jsonl_close(peal_reader *base) {
    jsonl__reader *reader = (jsonl__reader *)base;
    tell_late(reader);
    peal_stream_close(reader->stream);
    peal_buffer_clear(&reader->carry);
    free(reader->name);
    free(reader);
}

/* ---- opening ---- */

peal_status jsonl__reader_new(const peal_wanted *wanted, const char *name, peal_stream *stream, jsonl__reader **out,
                              peal_error *err) {
    char head[PEAL_HEAD_SIZE + 1];
    size_t size = 0;
    jsonl__reader *reader = calloc(1, sizeof *reader);
    *out = NULL;
    if (!reader) {
        peal_stream_close(stream);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    }
    *reader = (jsonl__reader){.base = {.next = jsonl_next, .parse = jsonl__parse, .close = jsonl_close},
                              .wanted = wanted,
                              .stream = stream,
                              .name = peal_strdup(name),
                              .line = 1};
    peal_status status = peal_stream_look(&reader->stream, (uint8_t *)head, PEAL_HEAD_SIZE, &size, err);
    if (status == PEAL_OK && !reader->name) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
    if (status != PEAL_OK) {
        jsonl_close(&reader->base);
        return status;
    }
    if (wanted && wanted->tell_extra && wanted->damage) {
        reader->late = calloc(1, sizeof *reader->late);
        if (reader->late) pthread_mutex_init(&reader->late->lock, NULL);
    }
    head[size] = '\0';
    reader->layout = layout_of(head, size);
    *out = reader;
    return PEAL_OK;
}

static peal_status jsonl_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                              peal_reader **out, peal_error *err) {
    (void)options;
    peal_stream *stream = input->stream;
    jsonl__reader *reader;
    size_t size = 0;
    *out = NULL;
    char *sample = malloc(PEAL_SAMPLE_SIZE);
    peal_status status = sample ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    if (status == PEAL_OK) status = peal_stream_look(&stream, (uint8_t *)sample, PEAL_SAMPLE_SIZE, &size, err);
    if (status == PEAL_OK) status = jsonl__check_columns(wanted, input->name, sample, size, err);
    free(sample);
    if (status != PEAL_OK) {
        peal_stream_close(stream);
        return status;
    }
    PEAL_TRY(jsonl__reader_new(wanted, input->name, stream, &reader, err));
    *out = &reader->base;
    return PEAL_OK;
}

/* ---- the format ---- */

static const char *const jsonl_suffixes[] = {".jsonl", ".ndjson", ".json", NULL};
static const peal_option jsonl_options[] = {{.name = NULL}};

static bool take_nothing(void *user, uint32_t key, jsonl__kind kind, const char *text, size_t length, const char *at) {
    (void)user;
    (void)key;
    (void)kind;
    (void)text;
    (void)length;
    (void)at;
    return true;
}

static size_t place_nowhere(void *user, const char *path, size_t size) {
    (void)user;
    (void)path;
    (void)size;
    return 0;
}

/* Whether an object stands at `at`, or the beginning of one that is cut off at the head's end. */
static bool is_object(const char *text, size_t size, const char *at, jsonl__layout layout) {
    enum { WORD_MOST = 8 }; /* bytes in front of a cut that may look wrong: half of a word */
    jsonl__walker walker;
    if (jsonl__walker_init(&walker, text, size, layout == JSONL_LIST, NULL) != PEAL_OK) {
        jsonl__walker_clear(&walker);
        return false;
    }
    walker.place = place_nowhere;
    bool good = jsonl__walk(&walker, &at, take_nothing);
    if (good && layout == JSONL_LINES) {
        at = jsonl__behind_blanks(at, false);
        good = *at == '\n' || at >= walker.end;
    }
    if (!good && walker.fault_at) good = size == PEAL_HEAD_SIZE && walker.end - walker.fault_at < WORD_MOST;
    jsonl__walker_clear(&walker);
    return good;
}

static int jsonl_recognise(const uint8_t *head, size_t size, const char *name) {
    enum { SURE = 90, BY_NAME = 85 };
    char text[PEAL_HEAD_SIZE + PEAL_BLOCK_PADDING] = {0};
    if (size > PEAL_HEAD_SIZE) size = PEAL_HEAD_SIZE;
    memcpy(text, head, size);
    const jsonl__layout layout = layout_of(text, size);
    const char *at = first_byte(text, size);
    if (layout == JSONL_LIST) at = jsonl__behind_blanks(at + 1, true);
    if (*at == '{' && is_object(text, size, at, layout)) return SURE;
    /* What it holds instead, under such a name, is for the reader to say. */
    return size > 0 && peal_format_is_named(name, jsonl_suffixes) ? BY_NAME : 0;
}

static bool jsonl_is_lines(const uint8_t *head, size_t size) {
    char text[PEAL_HEAD_SIZE + 1] = "";
    if (size > PEAL_HEAD_SIZE) size = PEAL_HEAD_SIZE;
    memcpy(text, head, size);
    return layout_of(text, size) == JSONL_LINES;
}

const peal_format peal_format_jsonl = {
    .name = "jsonl",
    .documentation =
        "JSON Lines (NDJSON): an object a line, or one array of objects; keys are columns, those of objects "
        "within are called a.b, and a key that an object lacks is missing there; arrays are left out",
    .suffixes = jsonl_suffixes,
    .options = jsonl_options,
    .recognise = jsonl_recognise,
    .survey = jsonl__survey,
    .open = jsonl_open,
    .is_lines = jsonl_is_lines,
};
