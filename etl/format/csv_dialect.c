/* The dialect of one input: what its options leave open is told by its first lines, or by the columns that are wanted.
 *
 * The delimiter is the one by which most records of the beginning have the same number of fields, and more than one.
 * What stands in front of the first such record (a title, `sep=;`, lines of comment) is passed over, with a note. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/number.h"
#include "core/base/text.h"
#include "etl/format/csv.h"

enum {
    RECORDS_LOOKED_AT = 200,
    PREAMBLE_MOST = 100, /* lines in front of the header */
    NAMES_LOOKED_AT = 256,
    RECORDS_TELLING = 3, /* with a header that is written in the same way */
    ROWS_TELLING = 10,   /* of a small table chance could put blanks in front of all fields */
};

static const char *const header_choices[] = {"auto", "yes", "no", NULL};
static const char *const delimiter_choices[] = {"blanks", NULL};
static const char *const quote_choices[] = {"none", NULL};
static const char *const number_choices[] = {"plain", "loose", NULL};

const peal_option csv__options[] = {
    {.name = "delimiter",
     .kind = PEAL_OPTION_CHARACTER,
     .choices = delimiter_choices,
     .argument = "CHAR",
     .help = "what separates fields (found if not given; 'tab', or 'blanks' for any number of blanks)"},
    {.name = "header",
     .kind = PEAL_OPTION_CHOICE,
     .choices = header_choices,
     .argument = "auto|yes|no",
     .help = "whether the first line names the columns (auto); columns without a name are c1, c2..."},
    {.name = "trim", .kind = PEAL_OPTION_FLAG, .help = "drop blanks around fields (done if all fields have one)"},
    {.name = "quote",
     .kind = PEAL_OPTION_CHARACTER,
     .choices = quote_choices,
     .argument = "CHAR|none",
     .help = "what stands around fields with delimiters or line breaks in them (\")"},
    {.name = "escape",
     .kind = PEAL_OPTION_CHARACTER,
     .argument = "CHAR",
     .help = "within quotes, what takes the next character literally (nothing; a quote is doubled)"},
    {.name = "comment",
     .kind = PEAL_OPTION_CHARACTER,
     .argument = "CHAR",
     .help = "leave out lines that begin with it (found in front of the header: #)"},
    {.name = "skip",
     .kind = PEAL_OPTION_COUNT,
     .most = 1000000,
     .argument = "N",
     .help = "lines in front of the header to pass over (found if their number of fields is another)"},
    {.name = "encoding",
     .kind = PEAL_OPTION_TEXT,
     .argument = "NAME",
     .help = "of the text: latin1, windows-1252, utf-16... (utf-8)"},
    {.name = "decimal", .kind = PEAL_OPTION_CHARACTER, .argument = "CHAR", .help = "the decimal mark of numbers (.)"},
    {.name = "thousands",
     .kind = PEAL_OPTION_CHARACTER,
     .argument = "CHAR",
     .help = "what stands between groups of three digits (nothing)"},
    {.name = "numbers",
     .kind = PEAL_OPTION_CHOICE,
     .choices = number_choices,
     .argument = "plain|loose",
     .help = "loose: pass over currency and percent signs and blanks in numbers, (5) is -5 (plain)"},
    {.name = NULL},
};

typedef struct finder {
    const json_t *options;
    const csv__evidence *evidence;
    char *text;
    size_t size;
    bool whole;
    uint32_t *marks;
    csv__dialect *out;
} finder;

/* ---- what the options say ---- */

static void take_options(const json_t *options, csv__dialect *out) {
    const char *delimiter = peal_option_text(options, "delimiter", "");
    const char *header = peal_option_text(options, "header", "auto");
    *out = (csv__dialect){
        .delimiter = peal_option_character(options, "delimiter", '\0'),
        .blanks = strcmp(delimiter, "blanks") == 0,
        .trim = peal_option_flag(options, "trim", false),
        .header = strcmp(header, "yes") == 0,
        .header_given = strcmp(header, "auto") != 0,
        .quote = peal_option_character(options, "quote", '"'),
        .escape = peal_option_character(options, "escape", '\0'),
        .comment = peal_option_character(options, "comment", '\0'),
        .spelling = {.decimal = peal_option_character(options, "decimal", '\0'),
                     .thousands = peal_option_character(options, "thousands", '\0'),
                     .loose = strcmp(peal_option_text(options, "numbers", "plain"), "loose") == 0},
    };
    if (strcmp(peal_option_text(options, "quote", ""), "none") == 0) out->quote = '\0';
    if (out->escape == out->quote) out->escape = '\0';
    if (out->spelling.decimal == '.') out->spelling.decimal = '\0';
}

static peal_status check_options(const finder *self, peal_error *err) {
    const csv__dialect *dialect = self->out;
    if (dialect->delimiter && dialect->delimiter == dialect->quote) {
        return peal_fail(err, PEAL_E_USAGE, "the delimiter must not be the quote (delimiter, quote)");
    }
    if (dialect->spelling.thousands && dialect->spelling.thousands == dialect->spelling.decimal) {
        return peal_fail(err, PEAL_E_USAGE, "the decimal mark must not stand between thousands (decimal, thousands)");
    }
    return PEAL_OK;
}

/* ---- the text's ends ---- */

void csv__end_text(char *text, size_t *size) {
    if (*size > 0 && text[*size - 1] == 0x1A) --*size; /* the end-of-file mark of CP/M and DOS */
    if (*size > 0 && text[*size - 1] != '\n') text[(*size)++] = '\n';
}

static size_t byte_order_mark(const char *text, size_t size) {
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

/* Old Macintoshes end lines with CR alone. */
static void find_line_ends(finder *self) {
    if (memchr(self->text, '\n', self->size) || !memchr(self->text, '\r', self->size)) return;
    self->out->carriage = true;
    for (size_t i = 0; i < self->size; i++) {
        if (self->text[i] == '\r') self->text[i] = '\n';
    }
}

static size_t line_end(const finder *self, size_t begin) {
    const char *newline = memchr(self->text + begin, '\n', self->size - begin);
    return newline ? (size_t)(newline - self->text) + 1 : self->size;
}

/* "sep=;", with which spreadsheets tell the delimiter. */
static void find_sep_line(finder *self) {
    csv__dialect *out = self->out;
    const char *at = self->text + out->begin;
    const size_t left = self->size - out->begin;
    if (left < 6 || memcmp(at, "sep=", 4) != 0 || (at[5] != '\n' && at[5] != '\r')) return;
    if (!out->delimiter && !out->blanks) out->delimiter = at[4];
    out->begin = line_end(self, out->begin);
}

static void skip_lines(finder *self) {
    const uint64_t skip = peal_option_count(self->options, "skip", 0);
    for (uint64_t i = 0; i < skip && self->out->begin < self->size; i++) {
        self->out->begin = line_end(self, self->out->begin);
    }
}

/* ---- records by one delimiter ---- */

/* The first records of the text by one dialect. */
typedef struct sample_records {
    csv__record records[RECORDS_LOOKED_AT];
    size_t count;
} sample_records;

static csv__records open_records(const finder *self, const csv__dialect *dialect) {
    size_t open_quote;
    return csv__records_of(dialect, self->text + dialect->begin, self->size - dialect->begin, self->marks, &open_quote);
}

static void look_at_records(const finder *self, const csv__dialect *dialect, sample_records *out) {
    csv__records records = open_records(self, dialect);
    out->count = 0;
    while (out->count < RECORDS_LOOKED_AT && csv__next_record(&records, false, &out->records[out->count])) out->count++;
}

/* The number of fields that most records have, the last ones counting no more than the first. */
static size_t usual_fields(const sample_records *sample, size_t *having) {
    size_t best = 0;
    *having = 0;
    for (size_t i = 0; i < sample->count; i++) {
        size_t same = 0;
        for (size_t j = 0; j < sample->count; j++) same += sample->records[j].count == sample->records[i].count;
        if (same <= *having) continue;
        *having = same;
        best = sample->records[i].count;
    }
    return best;
}

/* How many of the wanted columns the first record that has the usual number of fields names. */
static size_t wanted_names(const finder *self, const csv__dialect *dialect, const sample_records *sample,
                           size_t fields) {
    const peal_schema *schema = self->evidence->schema;
    const char *label = self->evidence->label;
    csv__records records = {.dialect = dialect, .text = self->text + dialect->begin, .marks = self->marks};
    size_t found = 0;
    for (size_t i = 0; i < sample->count && i <= PREAMBLE_MOST; i++) {
        if (sample->records[i].count != fields) continue;
        for (size_t f = 0; f < fields && f < NAMES_LOOKED_AT; f++) {
            const csv__field field = csv__record_field(&records, &sample->records[i], f);
            found += schema && peal_schema_find(schema, field.text, field.length) != SIZE_MAX;
            found += label && strlen(label) == field.length && memcmp(label, field.text, field.length) == 0;
        }
        break;
    }
    return found;
}

/* How well a delimiter explains the text; compared in this order. */
typedef struct score {
    size_t names; /* that are wanted */
    bool splits;  /* into more than one field */
    size_t share; /* of records with the usual number of fields, in tenths */
    size_t fields;
} score;

static bool is_better(const score *a, const score *b) {
    if (a->names != b->names) return a->names > b->names;
    if (a->splits != b->splits) return a->splits;
    if (a->share != b->share) return a->share > b->share;
    return a->fields > b->fields;
}

static void find_delimiter(finder *self) {
    csv__dialect *out = self->out;
    sample_records *sample = malloc(sizeof *sample);
    score best = {0};
    char delimiter = ',';
    if (out->delimiter || out->blanks) {
        free(sample);
        return;
    }
    for (const char *c = csv__delimiters; sample && *c; c++) {
        csv__dialect tried = *out;
        tried.delimiter = *c;
        look_at_records(self, &tried, sample);
        size_t having;
        const size_t fields = usual_fields(sample, &having);
        const score one = {.names = wanted_names(self, &tried, sample, fields),
                           .splits = fields > 1,
                           .share = sample->count ? having * 10 / sample->count : 0,
                           .fields = fields};
        if (!is_better(&one, &best)) continue;
        best = one;
        delimiter = *c;
    }
    free(sample);
    out->delimiter = delimiter;
}

/* ---- what stands in front ---- */

static void report_preamble(const finder *self, uint64_t lines) {
    const peal_reporter *reporter = self->evidence->reporter;
    const char *name = self->evidence->name;
    if (lines == 1) {
        peal_report(reporter, PEAL_EVENT_NOTE,
                    "%s: the first line is passed over: it has fewer fields than those that follow (skip)", name);
    } else if (lines > 1) {
        peal_report(reporter, PEAL_EVENT_NOTE,
                    "%s: the first %llu lines are passed over: they have fewer fields than those that follow (skip)",
                    name, (unsigned long long)lines);
    }
}

/* The beginning of the last of the lines that begin with the mark of comments, in front of all others. */
static size_t last_marked_line(const finder *self) {
    size_t last = self->out->begin, at = last;
    while (at < self->size && self->text[at] == '#') {
        last = at;
        at = line_end(self, at);
    }
    return last;
}

static bool is_number(const csv__field *field) {
    double number;
    return peal_number_parse(field->text, field->length, &number);
}

static bool has_number(const finder *self, const csv__dialect *dialect, const csv__record *record) {
    const csv__records records = {.dialect = dialect, .text = self->text + dialect->begin, .marks = self->marks};
    for (size_t i = 0; i < record->count; i++) {
        const csv__field field = csv__record_field(&records, record, i);
        if (is_number(&field)) return true;
    }
    return false;
}

/* Whether the line at `begin` has as many fields as those that follow, by the delimiter or by any that there may be.
 * Where a blank stands behind its mark, it is a sentence rather than names, unless numbers follow. */
static bool is_of_rows(const finder *self, size_t begin) {
    sample_records *sample = malloc(sizeof *sample);
    bool found = false;
    for (const char *c = csv__delimiters; sample && *c && !found; c++) {
        csv__dialect tried = *self->out;
        const bool given = tried.delimiter || tried.blanks;
        tried.begin = begin;
        if (!given) tried.delimiter = *c;
        look_at_records(self, &tried, sample);
        size_t having;
        const size_t fields = usual_fields(sample, &having);
        const bool blank = begin + 1 < self->size && self->text[begin + 1] == ' ';
        found = sample->count > 1 && fields > 1 && having * 10 >= sample->count * 8 &&
                sample->records[0].count == fields && (!blank || has_number(self, &tried, &sample->records[1]));
        if (given) break;
    }
    free(sample);
    return found;
}

/* Lines of comment in front of the header, which tell that others may come. The last of them may be the header itself:
 * then it has as many fields as the rows. */
static void find_comments(finder *self) {
    csv__dialect *out = self->out;
    const peal_reporter *reporter = self->evidence->reporter;
    if (out->comment || out->begin == self->size || self->text[out->begin] != '#') return;
    const size_t last = last_marked_line(self);
    if (is_of_rows(self, last)) {
        if (last > out->begin) {
            peal_report(reporter, PEAL_EVENT_NOTE, "%s: the lines of comment in front of its header are passed over",
                        self->evidence->name);
        }
        out->begin = last;
        return;
    }
    if (out->header_given && !out->header) return; /* of one column: who can tell? */
    out->comment = '#';
    peal_report(reporter, PEAL_EVENT_NOTE, "%s: lines that begin with # are taken for comments (comment)",
                self->evidence->name);
}

/* Takes a delimiter that leaves most lines whole. */
static void keep_lines_whole(finder *self, sample_records *sample) {
    size_t most = 0;
    for (const char *c = csv__delimiters; *c; c++) {
        csv__dialect tried = *self->out;
        tried.delimiter = *c;
        look_at_records(self, &tried, sample);
        size_t having;
        if (usual_fields(sample, &having) != 1 || having <= most) continue;
        most = having;
        self->out->delimiter = *c;
    }
}

/* A text whose first record is one field is a column of whole lines, or broken. Of wanted columns the names tell. */
static peal_status find_one_column(finder *self, peal_error *err) {
    const csv__evidence *evidence = self->evidence;
    sample_records *sample = malloc(sizeof *sample);
    if (!sample) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    look_at_records(self, self->out, sample);
    size_t having;
    const bool splits = usual_fields(sample, &having) > 1;
    peal_status status = PEAL_OK;
    if (sample->count > 0 && sample->records[0].count == 1 && !(evidence->schema && splits)) {
        const csv__cuts cuts = csv__find_cuts(self->out, self->text, self->size, self->marks);
        if (evidence->schema) {
            csv__report_cuts(&cuts, evidence->name, self->text, evidence->reporter);
        } else {
            status = csv__check_cuts(self->out, &cuts, evidence->name, self->text, self->size, self->marks, err);
            if (splits) keep_lines_whole(self, sample);
        }
    }
    free(sample);
    return status;
}

/* A backslash takes quotes within quotes literally, if quotes then close where fields end, and else do not. */
static void find_escape(finder *self) {
    csv__dialect *out = self->out;
    if (!out->quote || json_object_get(self->options, "escape")) return;
    const char *at = self->text + out->begin;
    const size_t size = self->size - out->begin;
    size_t first;
    if (!memmem(at, size, "\\\"", 2) || csv__loose_quotes(out, at, size, &first) == 0) return;
    csv__dialect tried = *out;
    tried.escape = '\\';
    if (csv__loose_quotes(&tried, at, size, &first) > 0) return;
    out->escape = '\\';
    peal_report(self->evidence->reporter, PEAL_EVENT_NOTE,
                "%s: a backslash in front of a quote takes it literally (escape)", self->evidence->name);
}

/* A quote that closes in the middle of its field was none, or those within the field should have been doubled. */
static void report_loose_quotes(const finder *self) {
    const csv__dialect *out = self->out;
    const char *at = self->text + out->begin;
    const size_t size = self->size - out->begin;
    size_t first;
    if (!out->quote || !memchr(at, out->quote, size) || !csv__loose_quotes(out, at, size, &first)) return;
    peal_report(self->evidence->reporter, PEAL_EVENT_NOTE,
                "%s: line %llu: text stands behind a closing quote; such quotes are read as they are (quote none reads "
                "all of them so)",
                self->evidence->name, 1 + (unsigned long long)peal_count_newlines(self->text, out->begin + first));
}

/* Moves the beginning behind lines that have fewer fields than all that follow them. */
static void find_preamble(finder *self) {
    csv__dialect *out = self->out;
    sample_records *sample = malloc(sizeof *sample);
    if (!sample) return;
    look_at_records(self, out, sample);
    size_t having, first = 0;
    const size_t fields = usual_fields(sample, &having);
    while (first < sample->count && sample->records[first].count < fields) first++;
    const bool given = json_object_get(self->options, "skip") != NULL;
    const size_t behind = sample->count - first;
    /* One field less is a header that lacks a name, and an error; a title is one field. */
    const bool title = first > 0 && first <= PREAMBLE_MOST && first < sample->count && fields > 1 &&
                       (sample->records[0].count == 1 || sample->records[0].count + 1 < fields);
    if (title && !given && behind >= 2 && having * 10 >= behind * 8) {
        const size_t more = sample->records[first].begin;
        report_preamble(self, peal_count_newlines(self->text, out->begin + more));
        out->begin += more;
    }
    free(sample);
}

/* ---- the header ---- */

/* Fields of a record that have a blank in front, but for its first field; SIZE_MAX if one has none. */
static size_t blanks_in_front(const finder *self, const csv__dialect *dialect, const csv__record *record) {
    const char *text = self->text + dialect->begin;
    for (size_t f = 0; f + 1 < record->count; f++) {
        const size_t behind = self->marks[record->first + f] + (size_t)1;
        if (behind >= record->end || text[behind] != ' ') return SIZE_MAX;
    }
    return record->count - 1;
}

/* True if ", " separates fields: in all records of the beginning, or in all but a first one that is a header, which is
 * often written in another way. */
static bool all_have_blanks(const finder *self, const csv__dialect *dialect, const sample_records *sample) {
    size_t separators = 0;
    for (size_t i = 1; i < sample->count; i++) {
        const size_t blanks = blanks_in_front(self, dialect, &sample->records[i]);
        if (blanks == SIZE_MAX) return false;
        separators += blanks;
    }
    if (separators == 0) return false;
    if (!self->evidence->schema) {
        const bool first_too = blanks_in_front(self, dialect, &sample->records[0]) != SIZE_MAX;
        return first_too ? sample->count >= RECORDS_TELLING : sample->count >= ROWS_TELLING;
    }
    /* Where columns are known, their names tell, and else one row. */
    csv__dialect trimmed = *dialect;
    trimmed.trim = true;
    const size_t fields = sample->records[0].count;
    return wanted_names(self, &trimmed, sample, fields) >= wanted_names(self, dialect, sample, fields);
}

/* True if every field of the first record stands in its column again: then it may be a row, and a header that comes
 * again may be one, too. */
static bool is_doubtful(const csv__records *records, const sample_records *sample) {
    const csv__record *first = &sample->records[0];
    for (size_t f = 0; f < first->count; f++) {
        const csv__field name = csv__record_field(records, first, f);
        bool again = false;
        for (size_t i = 1; i < sample->count && !again; i++) {
            const csv__record *other = &sample->records[i];
            if (f >= other->count ||
                (other->end - other->begin == first->end - first->begin &&
                 memcmp(records->text + other->begin, records->text + first->begin, first->end - first->begin) == 0)) {
                continue;
            }
            const csv__field field = csv__record_field(records, other, f);
            again = field.length == name.length && memcmp(field.text, name.text, name.length) == 0;
        }
        if (!again) return false;
    }
    return true;
}

/* Columns c1, c2...: those of inputs without a header. */
static bool has_default_names(const peal_schema *schema) {
    for (size_t i = 0; i < schema->count; i++) {
        char name[32];
        snprintf(name, sizeof name, "c%zu", i + 1);
        if (strcmp(schema->fields[i].name, name) != 0) return false;
    }
    return true;
}

/* True if the fields of the record are values of the wanted columns, in their order: the input has no header, but
 * others have. */
static bool fits_as_row(const peal_schema *schema, const csv__records *records, const csv__record *first) {
    size_t numbers = 0;
    if (first->count != schema->count) return false;
    for (size_t i = 0; i < first->count; i++) {
        if (schema->fields[i].type != PEAL_TYPE_FLOAT64) continue;
        const csv__field field = csv__record_field(records, first, i);
        if (field.length && !is_number(&field)) return false;
        numbers += field.length > 0;
    }
    return numbers > 0;
}

/* A date or a time, of digits and what stands between them. */
static bool is_time(const csv__field *field) {
    enum { DIGITS_LEAST = 3 };
    size_t digits = 0, signs = 0;
    for (size_t i = 0; i < field->length; i++) {
        const char c = field->text[i];
        const bool digit = c >= '0' && c <= '9';
        if (!digit && (i == 0 || !strchr("-/.: TZ+", c))) return false;
        digits += digit;
        signs += c == '-' || c == '/' || c == ':' || (c == '.' && signs > 0);
    }
    return digits >= DIGITS_LEAST && signs > 0;
}

/* True if the field is a time and so are those below it: then it is a value as they are. */
static bool is_time_among_times(const csv__records *records, const sample_records *sample, size_t index) {
    const csv__field first = csv__record_field(records, &sample->records[0], index);
    size_t times = 0, others = 0;
    if (!is_time(&first)) return false;
    for (size_t i = 1; i < sample->count; i++) {
        if (index >= sample->records[i].count) continue;
        const csv__field field = csv__record_field(records, &sample->records[i], index);
        if (field.length) *(is_time(&field) ? &times : &others) += 1;
    }
    return times > 4 * others;
}

/* True if all numbers of the record count up by one: years, or from 0 or 1 on. */
static bool counts_up(const csv__records *records, const csv__record *record) {
    enum { YEARS_LEAST = 2, OTHERS_LEAST = 4 };
    double first = 0, last = 0;
    size_t count = 0;
    for (size_t i = 0; i < record->count; i++) {
        const csv__field field = csv__record_field(records, record, i);
        double number;
        if (!peal_number_parse(field.text, field.length, &number)) continue;
        if (count == 0) first = number;
        if (count > 0 && number != last + 1) return false;
        last = number;
        count++;
    }
    const bool years = first >= 1700 && last <= 2200;
    return first == floor(first) && count >= (years ? YEARS_LEAST : OTHERS_LEAST) &&
           (years || first == 0 || first == 1);
}

/* A first line names the columns if none of its fields is a number, or a time as all below it; if it has names besides
 * numbers that count up, as the line below it has not; or if it holds a name that is wanted. */
static bool looks_like_header(const finder *self, const csv__records *records, const sample_records *sample) {
    const csv__record *first = &sample->records[0];
    const csv__evidence *evidence = self->evidence;
    size_t texts = 0, numbers = 0;
    for (size_t i = 0; i < first->count; i++) {
        const csv__field field = csv__record_field(records, first, i);
        const bool is_label = evidence->label && strlen(evidence->label) == field.length &&
                              memcmp(evidence->label, field.text, field.length) == 0;
        if (is_label) return true;
        if (evidence->schema && peal_schema_find(evidence->schema, field.text, field.length) != SIZE_MAX) return true;
    }
    for (size_t i = 0; i < first->count && !evidence->schema; i++) {
        const csv__field field = csv__record_field(records, first, i);
        if (field.length == 0) continue;
        if (is_number(&field) || is_time_among_times(records, sample, i)) {
            numbers++;
        } else {
            texts++;
        }
    }
    if (evidence->schema && has_default_names(evidence->schema)) return false;
    if (evidence->schema) return !fits_as_row(evidence->schema, records, first);
    if (texts == 0 || numbers == 0 || sample->count < 2) return texts > 0 && numbers == 0;
    return counts_up(records, first) && !counts_up(records, &sample->records[1]);
}

static peal_status find_header(finder *self, peal_error *err) {
    csv__dialect *out = self->out;
    sample_records *sample = malloc(sizeof *sample);
    if (!sample) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    look_at_records(self, out, sample);
    if (!out->trim && !json_object_get(self->options, "trim") && all_have_blanks(self, out, sample)) {
        out->trim = true; /* ", " separates */
        look_at_records(self, out, sample);
    }
    const csv__records records = {.dialect = out, .text = self->text + out->begin, .marks = self->marks};
    if (sample->count > 0) {
        out->columns = sample->records[0].count;
        if (!out->header_given) out->header = looks_like_header(self, &records, sample);
        out->doubtful = out->header && !out->header_given && is_doubtful(&records, sample);
    }
    free(sample);
    return PEAL_OK;
}

peal_status csv__find_dialect(const json_t *options, const csv__evidence *evidence, char *text, size_t *size,
                              bool whole, csv__dialect *out, peal_error *err) {
    finder self = {.options = options, .evidence = evidence, .text = text, .size = *size, .whole = whole, .out = out};
    take_options(options, out);
    PEAL_TRY(check_options(&self, err));
    if (!out->delimiter && !out->blanks) out->delimiter = evidence->tab_or_none;
    find_line_ends(&self);
    if (whole) csv__end_text(text, &self.size);
    memset(text + self.size, 0, PEAL_BLOCK_PADDING);
    *size = self.size;
    self.marks = malloc((self.size + 1 + CSV_MARKS_PADDING) * sizeof *self.marks); /* of a long text few are touched */
    if (!self.marks) return peal_fail(err, PEAL_E_MEMORY, "no memory for a sample");
    out->begin = byte_order_mark(text, self.size);
    skip_lines(&self);
    find_sep_line(&self);
    self.size = out->begin + csv__enough(text + out->begin, self.size - out->begin);
    find_comments(&self);
    const bool given = out->delimiter || out->blanks;
    find_delimiter(&self);
    find_escape(&self);
    find_preamble(&self);
    peal_status status = given ? PEAL_OK : find_one_column(&self, err);
    if (status == PEAL_OK) status = find_header(&self, err);
    if (status == PEAL_OK) report_loose_quotes(&self);
    free(self.marks);
    return status;
}
