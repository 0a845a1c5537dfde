/* The text format of LIBSVM, SVMlight and XGBoost: `label [qid:N] index:value ... [# comment]`, a record a line.
 * Source: the README of LIBSVM (C.-C. Chang, C.-J. Lin) and "SVM-light" (T. Joachims) on their input files. */
#include "core/base/number.h"
#include "etl/format/float32.h"
#include "etl/format/formats.h"
#include "etl/format/sparse.h"

enum { LABEL, QUERY };

static inline bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

static const char *word_end(const char *p, const char *end) {
    while (p < end && !sparse__is_blank(*p)) p++;
    return p;
}

/* What is wrong with a word that ought to be an index and a value. */
static void fail_word(sparse__record *out, const char *word, const char *end) {
    const char *stop = word_end(word, end), *colon = memchr(word, ':', (size_t)(stop - word));
    const char *p = word;
    while (p < stop && is_digit(*p)) p++;
    if (!colon) {
        sparse__fail(out, word, end, "there is no ':'; an index and a value (3:0.5) were expected");
    } else if (p != colon || p == word) {
        sparse__fail(out, word, end, "what stands before ':' is no index; a whole number was expected");
    } else {
        sparse__fail(out, word, end, "what stands behind ':' is no number that a float32 can hold");
    }
}

/* Reads the word "qid:N" at `p`, and returns its end, or NULL if it is another word. */
static const char *take_query(const char *p, const char *end, sparse__record *out) {
    if (end - p < 4 || memcmp(p, "qid:", 4) != 0) return NULL;
    const char *stop = word_end(p, end), *digits = p + 4;
    if (out->cells[QUERY].text) sparse__fail(out, p, end, "the row has a qid already");
    for (const char *q = digits; q < stop; q++) {
        if (!is_digit(*q)) sparse__fail(out, p, end, "a qid is a whole number");
    }
    if (digits == stop) sparse__fail(out, p, end, "the qid is missing");
    out->cells[QUERY] = (sparse__text){digits, (size_t)(stop - digits)};
    return stop;
}

/* Reads the word "index:value" at `p`, and returns its end, or NULL if it is bad. */
static inline const char *take_feature(uint32_t base, const char *p, const char *end, sparse__record *out) {
    const char *word = p;
    uint64_t index = 0;
    for (; p < end && is_digit(*p); p++) index = index > SPARSE_INDEX_MOST ? index : index * 10 + (uint64_t)(*p - '0');
    if (p == word || p == end || *p != ':') return NULL;
    float value;
    const size_t size = float32__read(p + 1, end, &value);
    p += 1 + size;
    if (size == 0 || (p < end && !sparse__is_blank(*p))) return NULL;
    if (index < base || index > SPARSE_INDEX_MOST) {
        sparse__fail(out, word, end, "the index is not from %u to %u", base, SPARSE_INDEX_MOST);
        return NULL;
    }
    sparse__add(out, (uint32_t)(index - base), value);
    return p;
}

/* Reads the label, if the line begins with one, and returns where the features begin. */
static const char *take_label(const char *p, const char *end, sparse__record *out) {
    const char *stop = word_end(p, end);
    if (memchr(p, ':', (size_t)(stop - p))) return p;
    if (memchr(p, ',', (size_t)(stop - p))) {
        sparse__fail(out, p, end, "several labels; one was expected, rows of several classes are not read");
    }
    out->cells[LABEL] = (sparse__text){p, (size_t)(stop - p)};
    return stop;
}

/* Indices may come in any order, but each only once. */
static void put_in_order(uint32_t base, sparse__record *out) {
    if (out->ascending || out->bad) return;
    sparse__sort(out);
    for (size_t i = 1; i < out->count; i++) {
        if (out->indices[i] != out->indices[i - 1]) continue;
        char index[16];
        const int size = snprintf(index, sizeof index, "%u", out->indices[i] + base);
        sparse__fail(out, index, index + size, "the index stands twice");
        return;
    }
}

static bool libsvm_parse(uint32_t base, const char *line, const char *end, sparse__record *out) {
    const char *comment = memchr(line, '#', (size_t)(end - line)), *p = line;
    if (comment) end = comment;
    while (p < end && sparse__is_blank(*p)) p++;
    if (p == end) return false;
    p = take_label(p, end, out);
    while (!out->bad) {
        while (p < end && sparse__is_blank(*p)) p++;
        if (p == end) break;
        const char *word = p;
        p = take_feature(base, word, end, out);
        if (!p && !out->bad) p = take_query(word, end, out);
        if (!p) fail_word(out, word, end);
    }
    put_in_order(base, out);
    return true;
}

static const sparse__grammar libsvm_grammar = {
    .cells =
        {
            [LABEL] = {.name = "label", .type = PEAL_TYPE_DICTIONARY, .always = true},
            [QUERY] = {.name = "qid", .type = PEAL_TYPE_UTF8, .settled = true, .usual = "query"},
        },
    .option = "base",
    .kept = offsetof(peal_field, base),
    .parse = libsvm_parse,
};

/* ---- the format ---- */

static const char *const libsvm_suffixes[] = {".libsvm", ".svm", ".svmlight", NULL};

static const peal_option libsvm_options[] = {
    {.name = "base",
     .kind = PEAL_OPTION_COUNT,
     .most = PEAL_INDEX_BASE_MOST,
     .argument = "0|1",
     .help = "what the first feature's index is; 1: indices become one less, and 0 is bad (as what a model or dataset "
             "was made from, else 0: they stay as they are)"},
    {.name = NULL},
};

/* What the first records look like. Bad ones are few, or the text is of another format. */
typedef struct libsvm_signs {
    size_t good, bad, paired; /* records; those with a word that begins as a pair does, good or bad */
    size_t most;              /* pairs of a good one */
    bool labelled;            /* all good ones are */
} libsvm_signs;

/* True if a word of the line has a ':' in it. */
static bool has_pair(const char *p, const char *end) {
    while (p < end) {
        while (p < end && sparse__is_blank(*p)) p++;
        const char *stop = word_end(p, end);
        if (stop > p && memchr(p + 1, ':', (size_t)(stop - p - 1))) return true;
        p = stop;
    }
    return false;
}

static void look_at_record(libsvm_signs *signs, const sparse__look *look) {
    const sparse__text *label = &look->record.cells[LABEL];
    double number;
    signs->paired += has_pair(look->line, look->line_end);
    if (look->record.bad || (label->text && !peal_number_parse(label->text, label->length, &number))) {
        signs->bad++;
        return;
    }
    signs->good++;
    signs->labelled &= label->text != NULL;
    if (look->record.count > signs->most) signs->most = look->record.count;
}

/* A name that promises the format is believed where half of the records have pairs, however bad: they are bad rows
 * then, and no table of another format. Lines without a label, and lines of one pair, may also be times: 1 12:30. */
static int libsvm_recognise(const uint8_t *head, size_t size, const char *name) {
    enum { RECORDS = 50, BAD_SHARE = 10 };
    if (size == 0 || memchr(head, '\0', size)) return 0;
    libsvm_signs signs = {.labelled = true};
    sparse__look look;
    sparse__look_begin(&look, &libsvm_grammar, (const char *)head, size, size < PEAL_HEAD_SIZE);
    while (signs.good + signs.bad < RECORDS && sparse__look_next(&look, 0)) look_at_record(&signs, &look);
    sparse__look_end(&look);
    if (signs.paired == 0) return 0;
    if (peal_format_is_named(name, libsvm_suffixes) && 2 * signs.paired >= signs.good + signs.bad) return 85;
    if (signs.most == 0 || signs.bad * BAD_SHARE > signs.good) return 0;
    return signs.most < 2 ? 5 : signs.labelled ? 75 : 40;
}

static peal_status libsvm_survey(const json_t *options, const peal_survey *what, const peal_input *input,
                                 peal_found *out, peal_error *err) {
    return sparse__survey(&libsvm_grammar, options, what, input, out, err);
}

static peal_status libsvm_open(const json_t *options, const peal_wanted *wanted, const peal_input *input,
                               peal_reader **out, peal_error *err) {
    return sparse__open(&libsvm_grammar, options, wanted, input, out, err);
}

const peal_format peal_format_libsvm = {
    .name = "libsvm",
    .documentation = "sparse rows of LIBSVM, SVMlight and XGBoost: label [qid:N] index:value ... # comment",
    .suffixes = libsvm_suffixes,
    .options = libsvm_options,
    .recognise = libsvm_recognise,
    .survey = libsvm_survey,
    .open = libsvm_open,
    .is_lines = peal_format_is_text,
};
