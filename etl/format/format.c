/* The table of formats and the choice among them; what all of them share: blocks, votes, guesses. See format.h. */
#include "etl/format/format.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/spelling.h"
#include "core/base/vector.h"
#include "etl/format/formats.h"

const peal_format *const peal_formats[] = {
    &peal_format_csv, &peal_format_tsv, &peal_format_jsonl, &peal_format_arrow, &peal_format_libsvm, &peal_format_vw,
    &peal_format_npy, &peal_format_npz, &peal_format_idx,   &peal_format_image, &peal_format_rows,   NULL};

peal_status peal_format_find(const char *name, const peal_format **out, peal_error *err) {
    const char *names[sizeof peal_formats / sizeof *peal_formats];
    size_t count = 0;
    for (; peal_formats[count]; count++) {
        names[count] = peal_formats[count]->name;
        if (strcmp(name, names[count]) == 0) {
            *out = peal_formats[count];
            return PEAL_OK;
        }
    }
    char hint[PEAL_HINT_SIZE];
    return peal_fail(err, PEAL_E_USAGE, "no format is called '%s'%s", name,
                     peal_did_you_mean(name, names, count, hint));
}

/* ---- options ---- */

static bool has_option(const peal_format *format, const char *name) {
    for (const peal_option *option = format->options; option->name; option++) {
        if (strcmp(option->name, name) == 0) return true;
    }
    return false;
}

/* The first format that has the option, or NULL. */
static const peal_format *owner_of(const char *name) {
    for (size_t i = 0; peal_formats[i]; i++) {
        if (has_option(peal_formats[i], name)) return peal_formats[i];
    }
    return NULL;
}

peal_status peal_format_check_options(const peal_format *format, const json_t *options, peal_error *err) {
    const char *name;
    json_t *value;
    char owner[64];
    if (format) {
        snprintf(owner, sizeof owner, "the format %s", format->name);
        return peal_options_check(owner, format->options, options, err);
    }
    json_object_foreach((json_t *)options, name, value) {
        const peal_format *one = owner_of(name);
        if (!one) return peal_fail(err, PEAL_E_USAGE, "no format has an option '%s'", name);
        json_t *alone = json_pack("{s:O}", name, value);
        if (!alone) return peal_fail(err, PEAL_E_MEMORY, "no memory for options");
        const peal_status status = peal_options_check("the format", one->options, alone, err);
        json_decref(alone);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* ---- recognition ---- */

/* What else may come in and be taken for text: named, so that nobody has to guess. */
typedef struct stranger {
    const char *name, *advice;
    const char *magic;
    size_t size, at;
} stranger;

static const stranger strangers[] = {
    {"Parquet data", "write it as CSV or Arrow", "PAR1", 4, 0},
    {"an ORC file", "write it as CSV or Arrow", "ORC", 3, 0},
    {"an Avro file", "write it as CSV or JSON Lines", "Obj\1", 4, 0},
    {"a zip archive (or an Excel workbook)", "save sheets as CSV", "PK\3\4", 4, 0},
    {"an old Excel workbook", "save sheets as CSV", "\xD0\xCF\x11\xE0", 4, 0},
    {"a PDF document", "it holds no rows", "%PDF", 4, 0},
    {"an HDF5 file", "write its tables as CSV or Arrow", "\x89HDF\r\n", 6, 0},
    {"an SQLite database", "name it as sqlite:FILE?table=NAME", "SQLite format 3", 15, 0},
    {"a GIF image", "images are read as JPEG and PNG", "GIF8", 4, 0},
    {"a WebP image", "images are read as JPEG and PNG", "WEBP", 4, 8},
    {"a TIFF image", "images are read as JPEG and PNG", "II*\0", 4, 0},
    {"a TIFF image", "images are read as JPEG and PNG", "MM\0*", 4, 0},
    {"lz4 data", "decompress it first", "\x04\x22\x4D\x18", 4, 0},
    {"zstd data", "decompress it first", "\x28\xB5\x2F\xFD", 4, 0},
    {"bzip2 data", "decompress it first", "BZh", 3, 0},
    {"xz data", "decompress it first",
     "\xFD"
     "7zXZ",
     5, 0},
    {"a 7-Zip archive", "unpack it first", "7z\xBC\xAF\x27\x1C", 6, 0},
    {"a RAR archive", "unpack it first", "Rar!\x1A\x07", 6, 0},
    {"a tar archive", "give it a name that says so (.tar, .tar.gz), or unpack it first", "ustar", 5, 257},
    {"a Python pickle", "write it as CSV", "\x80\x04\x95", 3, 0},
    {"a stream of Snappy data", "decompress it first", "\xFF\x06\0\0sNaPpY", 10, 0},
    {"an R data file", "write it as CSV", "RDX3\n", 5, 0},
};

static bool begins_with_word(const uint8_t *head, size_t size, const char *word) {
    size_t at = 0;
    while (at < size && isspace(head[at])) at++;
    if (size - at < strlen(word)) return false;
    for (size_t i = 0; word[i]; i++) {
        if (tolower(head[at + i]) != word[i]) return false;
    }
    return true;
}

static const stranger *find_stranger(const uint8_t *head, size_t size) {
    static const stranger html = {.name = "an HTML page", .advice = "was it downloaded in place of the data?"};
    static const stranger xml = {.name = "an XML document", .advice = "write it as CSV or JSON Lines"};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        const stranger *one = &strangers[i];
        if (size >= one->at + one->size && memcmp(head + one->at, one->magic, one->size) == 0) return one;
    }
    if (begins_with_word(head, size, "<!doctype") || begins_with_word(head, size, "<html")) return &html;
    return begins_with_word(head, size, "<?xml") ? &xml : NULL;
}

/* What to say of bytes that no format knows. */
static peal_status unknown_bytes(const uint8_t *head, size_t size, const char *name, peal_error *err) {
    const uint8_t *nul = memchr(head, '\0', size);
    if (nul) {
        uint64_t line = 1;
        for (const uint8_t *at = head; at < nul; at++) line += *at == '\n';
        return peal_fail(err, PEAL_E_DATA,
                         "%s: line %llu: byte %zu is NUL, which no text holds; its bytes (%02x %02x ...) are of no "
                         "known format (format names one)",
                         name, (unsigned long long)line, (size_t)(nul - head), head[0], size > 1 ? head[1] : 0);
    }
    return peal_fail(err, PEAL_E_DATA, "%s: its bytes (%02x %02x ...) are of no known format; name it (format)", name,
                     head[0], size > 1 ? head[1] : 0);
}

peal_status peal_format_recognise(const uint8_t *head, size_t size, const char *name, const peal_format **out,
                                  peal_error *err) {
    int best = 0;
    *out = NULL;
    for (size_t i = 0; peal_formats[i]; i++) {
        const int score = peal_formats[i]->recognise(head, size, name);
        if (score > best) {
            best = score;
            *out = peal_formats[i];
        }
    }
    const stranger *other = best < 100 ? find_stranger(head, size) : NULL;
    if (other) {
        return peal_fail(err, PEAL_E_DATA, "%s is %s, which Peal cannot read: %s", name, other->name, other->advice);
    }
    return *out ? PEAL_OK : unknown_bytes(head, size, name, err);
}

void peal_found_clear(peal_found *found) {
    peal_schema_clear(&found->schema);
    free(found->guesses);
    *found = (peal_found){0};
}

void peal_reader_close(peal_reader *reader) {
    if (reader) reader->close(reader);
}

/* ---- blocks ---- */

peal_status peal_block_init(peal_block *block, const peal_schema *schema, peal_error *err) {
    *block = (peal_block){0};
    return peal_block_add_columns(block, schema, err);
}

peal_status peal_block_add_columns(peal_block *block, const peal_schema *schema, peal_error *err) {
    PEAL_TRY(peal_table_room_init(&block->table, schema, err));
    return peal_zeroed_checked(&block->votes, schema->count, sizeof *block->votes, "a block", err);
}

void peal_block_clear(peal_block *block) {
    peal_table_room_clear(&block->table);
    peal_block_forget_bad_rows(block);
    free(block->bad_rows);
    free(block->hashes);
    free(block->ends);
    free(block->votes);
    free(block->text);
    free(block->marks);
    *block = (peal_block){0};
}

peal_status peal_block_grow(peal_block *block, size_t capacity, peal_error *err) {
    if (capacity <= block->capacity) return PEAL_OK;
    char *text = realloc(block->text, capacity + PEAL_BLOCK_PADDING);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a block of %zu bytes", capacity);
    block->text = text;
    block->capacity = capacity;
    return PEAL_OK;
}

peal_status peal_block_reserve(peal_block *block, const peal_wanted *wanted, size_t rows, peal_error *err) {
    peal_block_forget_bad_rows(block);
    for (size_t i = 0; i < wanted->schema->count; i++) {
        if (!wanted->schema->fields[i].settled) block->votes[i] = (peal_votes){0};
    }
    PEAL_TRY(peal_table_room_reserve(&block->table, rows, err));
    if (wanted->tell_ends && rows > block->end_capacity) {
        free(block->ends);
        block->end_capacity = 0;
        PEAL_TRY(peal_alloc_checked(&block->ends, rows, sizeof *block->ends, "a block", err));
        block->end_capacity = rows;
    }
    if (!wanted->hash_rows || rows <= block->hash_capacity) return PEAL_OK;
    free(block->hashes);
    block->hash_capacity = 0;
    PEAL_TRY(peal_alloc_checked(&block->hashes, rows, sizeof *block->hashes, "a block", err));
    block->hash_capacity = rows;
    return PEAL_OK;
}

void peal_block_forget_bad_rows(peal_block *block) {
    for (size_t i = 0; i < block->bad_count; i++) {
        free(block->bad_rows[i].file);
        free(block->bad_rows[i].reason);
        free(block->bad_rows[i].text);
    }
    block->bad_count = 0;
}

peal_status peal_block_add_bad_row(peal_block *block, uint64_t line, int64_t column, const char *text, size_t size,
                                   peal_error *err, const char *reason, ...) {
    enum { LONGEST_RAW = 400 };
    peal_bad_row *rows = realloc(block->bad_rows, (block->bad_count + 1) * sizeof *rows);
    if (!rows) return peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    block->bad_rows = rows;
    peal_bad_row row = {.line = line,
                        .before = block->table.rows,
                        .column = column,
                        .text = peal_strndup(text, size < LONGEST_RAW ? size : LONGEST_RAW)};
    va_list args;
    va_start(args, reason);
    if (vasprintf(&row.reason, reason, args) < 0) row.reason = NULL;
    va_end(args);
    if (!row.text || !row.reason) {
        free(row.text);
        free(row.reason);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    }
    rows[block->bad_count++] = row;
    return PEAL_OK;
}

peal_status peal_block_name_bad_row(peal_block *block, char *file, peal_error *err) {
    if (!file) return peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    block->bad_rows[block->bad_count - 1].file = file;
    return PEAL_OK;
}

peal_status peal_bad_row_fail(const peal_bad_row *bad, const char *name, peal_error *err) {
    if (bad->file) return peal_fail(err, PEAL_E_DATA, "%s: %s", bad->file, bad->reason);
    return peal_fail(err, PEAL_E_DATA, "%s: line %llu: %s", name, (unsigned long long)bad->line, bad->reason);
}

/* ---- votes and guesses ---- */

void peal_votes_add(peal_votes *votes, const peal_votes *more) {
    if (!votes->others && more->others) {
        votes->other_line = more->other_line;
        memcpy(votes->other, more->other, sizeof votes->other);
    }
    if (!votes->missing && more->missing) memcpy(votes->spelling, more->spelling, sizeof votes->spelling);
    votes->numbers += more->numbers;
    votes->missing += more->missing;
    votes->others += more->others;
    votes->bools += more->bools;
}

void peal_few_note(peal_few *few, double number) {
    if (few->many) return;
    for (size_t i = 0; i < few->count; i++) {
        if (few->values[i] == number) return;
    }
    if (number != floor(number) || few->count == PEAL_FEW_VALUES) {
        few->many = true;
    } else {
        few->values[few->count++] = number;
    }
}

bool peal_format_is_utf16(const uint8_t *head, size_t size) {
    const bool has_mark = size >= 2 && ((head[0] == 0xFF && head[1] == 0xFE) || (head[0] == 0xFE && head[1] == 0xFF));
    return has_mark && !(size >= 4 && head[2] == 0 && head[3] == 0); /* that is UTF-32 */
}

bool peal_format_is_named(const char *name, const char *const *suffixes) {
    static const char *const behind[] = {"", ".gz", ".bgz", ".zst", ".bz2", ".xz"};
    const size_t length = strlen(name);
    for (; *suffixes; suffixes++) {
        const size_t size = strlen(*suffixes);
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
            const size_t rest = strlen(behind[i]);
            if (length <= size + rest || strcmp(name + length - rest, behind[i]) != 0) continue;
            if (memcmp(name + length - rest - size, *suffixes, size) == 0) return true;
        }
    }
    return false;
}

const char *const peal_time_forms[PEAL_TIME_FORMS] = {"%s", "%Q", "%Y%m%d", "%E"};
const char *const peal_time_names[PEAL_TIME_FORMS] = {"seconds since 1970", "thousandths of a second since 1970",
                                                      "year, month and day", "days since 1899-12-30, as in Excel"};

unsigned peal_not_times(double number) {
    const double year = floor(number / 10000), month = floor(fmod(number, 10000) / 100), day = fmod(number, 100);
    const bool is_whole = number == floor(number);
    const bool are_seconds = is_whole && number >= 946684800 && number < 2147483648;
    const bool are_thousandths = is_whole && number >= 946684800e3 && number < 2147483648e3;
    const bool are_days =
        is_whole && year >= 1900 && year <= 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
    const bool are_of_excel = number >= 10000 && number < 80000;
    return (are_seconds ? 0 : 1u) | (are_thousandths ? 0 : 2u) | (are_days ? 0 : 4u) | (are_of_excel ? 0 : 8u);
}

bool peal_guess_value(peal_guesser *guesser, const peal_nulls *nulls, const peal_spelling *spelling, const char *text,
                      size_t length) {
    double number;
    switch (peal_cell_number(nulls, spelling, text, length, &number)) {
    case PEAL_CELL_NUMBER:
        guesser->guess.numbers++;
        guesser->guess.not_times |= peal_not_times(number);
        peal_digits_vote(&guesser->guess.digits, text, length);
        peal_few_note(&guesser->few, number);
        break;
    case PEAL_CELL_MISSING:
        break;
    case PEAL_CELL_USUAL:
        guesser->guess.missing++;
        break;
    case PEAL_CELL_OTHER:
        guesser->guess.decimal_commas += peal_digits_have_decimal_comma(text, length);
        if (guesser->guess.others++ > 0) break;
        snprintf(guesser->guess.other, sizeof guesser->guess.other, "%.*s", (int)(length < 36 ? length : 36), text);
        return true;
    }
    return false;
}

void peal_guess_type(peal_guesser *guesser, peal_field *field) {
    const peal_guess *guess = &guesser->guess;
    guesser->guess.few_whole = !guesser->few.many && guess->numbers > 0;
    field->decided = guess->numbers + guess->others > 0;
    /* One stray value in ten does not make a text: what the column is, all of its values will tell. */
    field->type = guess->numbers > 0 && guess->others * 9 <= guess->numbers ? PEAL_TYPE_FLOAT64 : PEAL_TYPE_DICTIONARY;
}

/* Counts in bytes, of which a vector holds many, and adds them up before one can overflow. */
PEAL_VECTOR static uint64_t count_newlines(const char *text, size_t size) {
    enum { LANES = 64, ROUNDS = 255 };
    uint64_t count = 0;
    size_t at = 0;
    while (size - at >= LANES) {
        uint8_t lanes[LANES] = {0};
        for (int round = 0; round < ROUNDS && size - at >= LANES; round++, at += LANES) {
            for (size_t i = 0; i < LANES; i++) lanes[i] = (uint8_t)(lanes[i] + (text[at + i] == '\n'));
        }
        for (size_t i = 0; i < LANES; i++) count += lanes[i];
    }
    for (; at < size; at++) count += text[at] == '\n';
    return count;
}

uint64_t peal_count_newlines(const char *text, size_t size) {
    return count_newlines(text, size);
}

size_t peal_whole_lines(const peal_stream *stream, const char *name, const peal_reporter *reporter, const char *text,
                        size_t size) {
    if (!stream->is_cut_off || size == 0 || text[size - 1] == '\n') return size;
    const char *last = memrchr(text, '\n', size);
    if (!last) last = memrchr(text, '\r', size); /* old Macintoshes end lines with CR alone */
    const size_t whole = last ? (size_t)(last - text) + 1 : 0;
    if (whole < size) {
        peal_report(reporter, PEAL_EVENT_NOTE, "%s: its last line is unfinished, and left out", name);
    }
    return whole;
}

bool peal_format_is_text(const uint8_t *head, size_t size) {
    return !memchr(head, '\0', size);
}
