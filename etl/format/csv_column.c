/* Where no delimiter cuts the beginning of a text evenly, it is one column of whole lines, or rows that are broken.
 * Lines of plain text have a delimiter here and there; where one seems to separate fields in half of them, nobody
 * knows. */
#include <stdlib.h>
#include <string.h>

#include "etl/format/csv.h"

enum { LINES_LOOKED_AT = 200, CUT_NOTED = 10 /* the least part of them that is told: a tenth */ };

const char csv__delimiters[] = ",\t;|";

/* Whether a delimiter in the line seems to separate fields. In plain text a blank or the line's end is behind it; a
 * line in quotes is whole; and a comma may belong to a number. */
static bool is_cut(const csv__field *line, char delimiter) {
    const char *end = line->text + line->length;
    if (line->quoted) return false;
    if (delimiter == ',' && peal_spelling_hint(line->text, line->length)) return false;
    for (const char *at = line->text; at < end; at++) {
        at = memchr(at, delimiter, (size_t)(end - at));
        if (!at) return false;
        if (at + 1 < end && at[1] != ' ') return true;
    }
    return false;
}

static csv__cuts count_cuts(csv__records lines, char delimiter) {
    csv__cuts cuts = {.delimiter = delimiter, .first_cut = SIZE_MAX, .first_whole = SIZE_MAX};
    csv__record line;
    while (cuts.lines < LINES_LOOKED_AT && csv__next_record(&lines, false, &line)) {
        const csv__field field = csv__record_field(&lines, &line, 0);
        const bool cut = is_cut(&field, delimiter);
        size_t *first = cut ? &cuts.first_cut : &cuts.first_whole;
        if (*first == SIZE_MAX) *first = lines.dialect->begin + line.begin;
        cuts.cut += cut;
        cuts.lines++;
    }
    return cuts;
}

csv__cuts csv__find_cuts(const csv__dialect *dialect, char *text, size_t size, uint32_t *marks) {
    csv__dialect whole = *dialect;
    size_t open_quote;
    whole.blanks = false;
    whole.delimiter = '\n';
    const csv__records lines = csv__records_of(&whole, text + whole.begin, size - whole.begin, marks, &open_quote);
    csv__cuts most = {0};
    for (const char *c = csv__delimiters; *c; c++) {
        const csv__cuts cuts = count_cuts(lines, *c);
        if (c == csv__delimiters || cuts.cut > most.cut) most = cuts;
    }
    return most;
}

/* How many fields the delimiter makes of the first line that it seems to cut. */
static size_t fields_of_line(csv__dialect dialect, const csv__cuts *cuts, char *text, size_t size, uint32_t *marks) {
    const size_t begin = cuts->first_cut;
    const char *newline = memchr(text + begin, '\n', size - begin);
    const size_t length = newline ? (size_t)(newline - text) + 1 - begin : size - begin;
    size_t open_quote;
    dialect.delimiter = cuts->delimiter;
    return csv__marks(&dialect, text + begin, length, marks, &open_quote);
}

/* The delimiter, in a sentence. */
static const char *shown(const csv__cuts *cuts) {
    static const char *const names[] = {[','] = "','", [';'] = "';'", ['\t'] = "a tab", ['|'] = "'|'"};
    return names[(unsigned char)cuts->delimiter];
}

peal_status csv__check_cuts(const csv__dialect *dialect, const csv__cuts *cuts, const char *name, char *text,
                            size_t size, uint32_t *marks, peal_error *err) {
    if (cuts->cut * 2 < cuts->lines || cuts->cut == 0) return PEAL_OK;
    const unsigned long long line = 1 + peal_count_newlines(text, cuts->first_cut);
    if (cuts->first_whole == SIZE_MAX) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: line %llu: %s stands in all lines, but quotes that close nowhere keep it from separating "
                         "fields (quote none reads quotes as they are)",
                         name, line, shown(cuts));
    }
    const unsigned long long other = 1 + peal_count_newlines(text, cuts->first_whole);
    return peal_fail(err, PEAL_E_DATA,
                     "%s: line %llu: %zu fields by %s, but line %llu has 1; as many were expected in each (delimiter "
                     "names what separates fields; one that stands nowhere keeps lines whole)",
                     name, line, fields_of_line(*dialect, cuts, text, size, marks), shown(cuts), other);
}

void csv__report_cuts(const csv__cuts *cuts, const char *name, const char *text, const peal_reporter *reporter) {
    if (cuts->cut == 0 || cuts->cut * CUT_NOTED < cuts->lines) return;
    peal_report(reporter, PEAL_EVENT_NOTE,
                "%s: line %llu: %s is taken for text, for it does not cut the lines evenly (delimiter)", name,
                1 + (unsigned long long)peal_count_newlines(text, cuts->first_cut), shown(cuts));
}
