/* Where records and fields end. A block without quotes, the common case, is scanned 64 bytes at a time. */
#include <stdio.h>
#include <string.h>

#include "core/base/vector.h"
#include "etl/format/csv.h"

#if defined(__SSE2__)
#include <emmintrin.h>

static inline uint64_t equal_mask(const char *text, __m128i wanted) {
    uint64_t mask = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(text + 16 * i));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) << (16 * i);
    }
    return mask;
}

/* Writes eight positions at a time, of which those beyond the last one are overwritten or not counted: there are about
 * as many in 64 bytes, and how many is hard to foretell. */
PEAL_VECTOR static size_t marks_without_quotes(const char *text, size_t size, char delimiter, uint32_t *marks) {
    enum { AT_ONCE = 8 };
    const __m128i separator = _mm_set1_epi8(delimiter), newline = _mm_set1_epi8('\n');
    size_t count = 0;
    for (size_t at = 0; at < size; at += 64) {
        uint64_t mask = equal_mask(text + at, separator) | equal_mask(text + at, newline);
        if (size - at < 64) mask &= (UINT64_C(1) << (size - at)) - 1;
        const size_t end = count + (size_t)__builtin_popcountll(mask);
        while (mask) {
            for (size_t i = 0; i < AT_ONCE; i++, mask &= mask - 1) {
                marks[count + i] = (uint32_t)(at + (size_t)__builtin_ctzll(mask | UINT64_C(1) << 63));
            }
            count += AT_ONCE;
        }
        count = end;
    }
    return count;
}
#else
static size_t marks_without_quotes(const char *text, size_t size, char delimiter, uint32_t *marks) {
    size_t count = 0;
    for (size_t at = 0; at < size; at++) {
        if (text[at] == delimiter || text[at] == '\n') marks[count++] = (uint32_t)at;
    }
    return count;
}
#endif

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* True if only separators and newlines matter: no quote opens, nothing is escaped, no line is a comment. */
static bool is_plain(const csv__dialect *dialect, const char *text, size_t size) {
    return !dialect->blanks && !dialect->comment && (!dialect->quote || !memchr(text, dialect->quote, size));
}

/* Behind the quote that closes the one at `at`, or `size`. */
static size_t behind_quoted(const csv__dialect *dialect, const char *text, size_t size, size_t at) {
    for (at++; at < size; at++) {
        if (dialect->escape && text[at] == dialect->escape && at + 1 < size) {
            at++;
        } else if (text[at] == dialect->quote) {
            if (at + 1 >= size || text[at + 1] != dialect->quote) return at + 1;
            at++;
        }
    }
    return SIZE_MAX;
}

/* What the careful walk finds. */
typedef struct walk {
    uint32_t *marks; /* NULL: they are not wanted */
    size_t count;
    size_t whole;   /* behind the last newline outside of quotes; none before `barrier` counts: */
    size_t barrier; /* what stands there tells that a quote before it is none, so both belong into one block */
    size_t loose;   /* closing quotes with text behind them */
    size_t first_loose;
    size_t open_quote;
} walk;

static void mark(walk *out, size_t at) {
    if (out->marks) out->marks[out->count] = (uint32_t)at;
    out->count++;
}

static size_t behind_blanks(const char *text, size_t size, size_t at) {
    while (at < size && is_blank(text[at])) at++;
    return at;
}

/* Whether a field may end behind its closing quote. */
static bool ends_field(const csv__dialect *dialect, const char *text, size_t size, size_t behind) {
    if (behind == size || text[behind] == '\n' || text[behind] == '\r') return true;
    return is_blank(text[behind]) || (!dialect->blanks && text[behind] == dialect->delimiter);
}

static void walk_text(const csv__dialect *dialect, const char *text, size_t size, walk *out) {
    const bool passes_blanks = dialect->trim || dialect->blanks;
    bool field_begins = true, record_begins = true;
    for (size_t at = 0; at < size;) {
        if (record_begins && dialect->comment && text[at] == dialect->comment) {
            const char *newline = memchr(text + at, '\n', size - at);
            at = newline ? (size_t)(newline - text) : size;
            if (at == size) return;
        } else if (record_begins && dialect->blanks && is_blank(text[at])) {
            at = behind_blanks(text, size, at);
            if (at == size) return;
        }
        const char c = text[at];
        record_begins = false;
        if (c == '\n') {
            mark(out, at);
            if (at >= out->barrier) out->whole = at + 1;
            field_begins = record_begins = true;
            at++;
        } else if (dialect->blanks && is_blank(c)) {
            const size_t behind = behind_blanks(text, size, at);
            const bool ends = behind < size && (text[behind] == '\n' || text[behind] == '\r');
            if (!ends) mark(out, at); /* blanks at a line's end separate nothing */
            field_begins = true;
            at = behind;
        } else if (!dialect->blanks && c == dialect->delimiter) {
            mark(out, at);
            field_begins = true;
            at++;
        } else if (dialect->quote && c == dialect->quote && field_begins) {
            const size_t behind = behind_quoted(dialect, text, size, at);
            if (behind == SIZE_MAX) out->open_quote = at;
            if (behind == SIZE_MAX) return;
            field_begins = false;
            const bool is_loose = !ends_field(dialect, text, size, behind);
            if (is_loose && out->loose++ == 0) out->first_loose = at;
            if (is_loose && memchr(text + at, '\n', behind - at)) {
                out->barrier = behind > out->barrier ? behind : out->barrier;
                at++; /* one that seems to close on another line, with text behind it, never was to be closed */
            } else {
                at = behind;
            }
        } else {
            if (!(passes_blanks && is_blank(c))) field_begins = false;
            at++;
        }
    }
}

size_t csv__marks(const csv__dialect *dialect, const char *text, size_t size, uint32_t *marks, size_t *open_quote) {
    *open_quote = SIZE_MAX;
    if (is_plain(dialect, text, size)) return marks_without_quotes(text, size, dialect->delimiter, marks);
    walk found = {.marks = marks, .open_quote = SIZE_MAX};
    walk_text(dialect, text, size, &found);
    *open_quote = found.open_quote;
    return found.count;
}

size_t csv__whole_records(const csv__dialect *dialect, const char *text, size_t size) {
    if (!dialect->quote || !memchr(text, dialect->quote, size)) {
        const char *newline = memrchr(text, '\n', size);
        return newline ? (size_t)(newline - text) + 1 : 0;
    }
    walk found = {.open_quote = SIZE_MAX};
    walk_text(dialect, text, size, &found);
    return found.whole;
}

size_t csv__loose_quotes(const csv__dialect *dialect, const char *text, size_t size, size_t *first) {
    walk found = {.open_quote = SIZE_MAX};
    walk_text(dialect, text, size, &found);
    *first = found.first_loose;
    return found.loose;
}

size_t csv__enough(const char *text, size_t size) {
    enum { ENOUGH = 64 << 10, LINES_LEAST = 16 };
    size_t part = ENOUGH;
    while (part < size && peal_count_newlines(text, part) < LINES_LEAST) part *= 2;
    return part < size ? part : size;
}

PEAL_VECTOR static uint8_t all_bits(const char *text, size_t size) {
    uint8_t bits = 0;
    for (size_t i = 0; i < size; i++) bits |= (uint8_t)text[i];
    return bits;
}

bool csv__is_ascii(const char *text, size_t size) {
    return all_bits(text, size) < 0x80;
}

/* ---- fields ---- */

/* Whether only blanks stand behind the quote that closes the field. */
static bool is_odd(const csv__dialect *dialect, const char *begin, const char *end) {
    const size_t size = (size_t)(end - begin), behind = behind_quoted(dialect, begin, size, 0);
    return behind < size && behind_blanks(begin, size, behind) == size;
}

/* Takes doubled quotes and escapes out of what stands between the quotes. */
static size_t unquote(const csv__dialect *dialect, char *text, size_t length) {
    size_t used = 0;
    for (size_t at = 0; at < length; at++) {
        const bool pair = at + 1 < length && ((text[at] == dialect->quote && text[at + 1] == dialect->quote) ||
                                              (dialect->escape && text[at] == dialect->escape));
        at += pair;
        text[used++] = text[at];
    }
    return used;
}

csv__field csv__outer_field(const csv__dialect *dialect, char *begin, char *end) {
    if (dialect->trim || dialect->blanks) {
        while (begin < end && is_blank(*begin)) begin++;
        while (end > begin && is_blank(end[-1])) end--;
    }
    csv__field field = {.text = begin, .length = (size_t)(end - begin)};
    if (!dialect->quote || begin == end || *begin != dialect->quote) return field;
    if (end - begin < 2 || end[-1] != dialect->quote) {
        field.odd = is_odd(dialect, begin, end);
        return field;
    }
    field.text = begin + 1;
    field.length -= 2;
    field.quoted = true;
    return field;
}

csv__field csv__field_of(const csv__dialect *dialect, char *begin, char *end) {
    csv__field field = csv__outer_field(dialect, begin, end);
    if (!field.quoted) return field;
    if (memchr(field.text, dialect->quote, field.length) ||
        (dialect->escape && memchr(field.text, dialect->escape, field.length))) {
        field.length = unquote(dialect, field.text, field.length);
    }
    return field;
}

/* ---- records ---- */

csv__records csv__records_of(const csv__dialect *dialect, char *text, size_t size, uint32_t *marks,
                             size_t *open_quote) {
    csv__records records = {.dialect = dialect, .text = text, .marks = marks};
    size_t count = csv__marks(dialect, text, size, marks, open_quote);
    while (count > 0 && text[marks[count - 1]] != '\n') count--;
    records.mark_count = count;
    return records;
}

bool csv__next_record(csv__records *records, bool blank_is_row, csv__record *out) {
    const char *text = records->text;
    const char comment = records->dialect->comment;
    while (records->next < records->mark_count) {
        *out = (csv__record){.begin = records->begin, .first = records->next};
        size_t at = records->next;
        while (at + 1 < records->mark_count && text[records->marks[at]] != '\n') at++;
        out->count = at + 1 - records->next;
        out->end = records->marks[at];
        records->next = at + 1;
        records->begin = out->end + 1;
        if (out->end > out->begin && text[out->end - 1] == '\r') out->end--;
        if (comment && out->end > out->begin && text[out->begin] == comment) continue;
        if (!blank_is_row && out->count == 1 && peal_cell_is_blank(text + out->begin, out->end - out->begin)) continue;
        return true;
    }
    return false;
}

/* Where field `index` of a record lies. */
static void find_field(const csv__records *records, const csv__record *record, size_t index, char **begin, char **end) {
    const uint32_t *marks = records->marks + record->first;
    const size_t from = index ? marks[index - 1] + (size_t)1 : record->begin;
    const size_t to = index + 1 < record->count ? marks[index] : record->end;
    *begin = records->text + from;
    *end = records->text + (to > from ? to : from);
}

csv__field csv__record_field(const csv__records *records, const csv__record *record, size_t index) {
    char *begin, *end;
    find_field(records, record, index, &begin, &end);
    return csv__outer_field(records->dialect, begin, end);
}

csv__field csv__record_name(const csv__records *records, const csv__record *record, size_t index) {
    char *begin, *end;
    find_field(records, record, index, &begin, &end);
    return csv__field_of(records->dialect, begin, end);
}

/* The place of a column that "c12__" would be the name of, from 0 on, and how many _ it has; SIZE_MAX: of none. */
static size_t place_of(const csv__field *field, size_t *marks) {
    enum { DIGITS_MOST = 9 };
    size_t at = 1, place = 0;
    *marks = 0;
    if (field->length < 2 || field->text[0] != 'c' || field->text[1] == '0') return SIZE_MAX;
    for (; at < field->length && at <= DIGITS_MOST && field->text[at] >= '0' && field->text[at] <= '9'; at++) {
        place = place * 10 + (size_t)(field->text[at] - '0');
    }
    for (; at < field->length && field->text[at] == '_'; at++) ++*marks;
    return at < field->length || place == 0 ? SIZE_MAX : place - 1;
}

size_t csv__unnamed_marks(const csv__records *records, const csv__record *header) {
    size_t most = 0, marks;
    for (size_t i = 0; i < header->count; i++) {
        const csv__field field = csv__record_field(records, header, i);
        const size_t place = place_of(&field, &marks);
        if (place >= header->count || csv__record_field(records, header, place).length) continue;
        if (marks + 1 > most) most = marks + 1;
    }
    return most < CSV__MARKS_MOST ? most : CSV__MARKS_MOST;
}

void csv__name_unnamed(size_t index, size_t marks, char name[CSV__UNNAMED]) {
    static const char all[CSV__MARKS_MOST + 1] = "________________";
    snprintf(name, CSV__UNNAMED, "c%zu%.*s", index + 1, (int)marks, all);
}
