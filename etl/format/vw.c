/* The text format of Vowpal Wabbit, a record a line:
 *   [label [importance [base]]] ['tag]|namespace[:weight] feature[:value] ... |namespace ...
 * A feature's index is its hash, as Vowpal Wabbit computes it, cut to a number of bits; its value, 1 if there is none,
 * is multiplied by the namespace's weight, and left out if it is 0. Values of one index are added up.
 * Source: the Vowpal Wabbit wiki, "Input format" and "Feature Hashing and Extraction".
 *
 * Not read: labels of several parts (actions, costs, probabilities) and values that are texts (name:text). Where Vowpal
 * Wabbit drops what it cannot read, the row is bad. A tab is a blank like any other, also in front of the first '|'. */
#include <math.h>

#include "core/base/number.h"
#include "etl/format/float32.h"
#include "etl/format/formats.h"
#include "etl/format/sparse.h"
#include "etl/format/vw_hash.h"

enum { LABEL, IMPORTANCE, BASE, TAG };

/* ---- in front of the first '|' ---- */

static const char *skip_blanks(const char *p, const char *end) {
    while (p < end && sparse__is_blank(*p)) p++;
    return p;
}

static void check_label(sparse__record *out, const char *end) {
    const sparse__text *label = &out->cells[LABEL];
    if (!label->text || !(memchr(label->text, ':', label->length) || memchr(label->text, ',', label->length))) return;
    sparse__fail(out, label->text, end,
                 "a label of several parts; one value was expected, actions, costs and several classes are not read");
}

/* The last word is a tag if it touches the bar or begins with a quote; up to three words before it are numbers. */
static void take_head(const char *p, const char *bar, sparse__record *out) {
    for (size_t cell = LABEL; (p = skip_blanks(p, bar)) < bar; cell++) {
        const char *word = p;
        while (p < bar && !sparse__is_blank(*p)) p++;
        if (p == bar || (*word == '\'' && skip_blanks(p, bar) == bar)) {
            word += *word == '\'';
            if (word < p) out->cells[TAG] = (sparse__text){word, (size_t)(p - word)};
        } else if (cell < TAG) {
            out->cells[cell] = (sparse__text){word, (size_t)(p - word)};
        } else {
            sparse__fail(out, word, bar, "a fourth word in front of '|'; label, importance and base were expected");
        }
    }
    check_label(out, bar);
}

/* ---- namespaces and features ---- */

static inline bool ends_word(char c) {
    return sparse__is_blank(c) || c == '|';
}

static inline const char *name_end(const char *p, const char *end) {
    while (p < end && !ends_word(*p) && *p != ':') p++;
    return p;
}

/* Reads ":number" at `p` and multiplies *value by it, where there is a ':'. NULL if no number stands there, or more. */
static inline const char *take_value(const char *word, const char *p, const char *end, sparse__record *out,
                                     float *value) {
    if (p == end || *p != ':') return p;
    float number;
    const size_t size = float32__read(p + 1, end, &number);
    p += 1 + size;
    *value *= number;
    if (size > 0 && (p == end || ends_word(*p)) && isfinite(*value)) return p;
    sparse__fail(out, word, end, "what stands behind ':' is no number that a float32 can hold");
    return NULL;
}

/* Reads the features from `p` to the next '|' or the end. One without a name is numbered within its namespace. */
static const char *take_features(uint32_t mask, uint32_t seed, float weight, const char *p, const char *end,
                                 sparse__record *out) {
    uint32_t unnamed = 0;
    for (;;) {
        p = skip_blanks(p, end);
        if (p == end || *p == '|') return p;
        const char *name = p;
        const size_t length = (size_t)(name_end(p, end) - name);
        float value = weight;
        p = take_value(name, name + length, end, out, &value);
        if (!p) return NULL;
        if (value == 0) continue;
        const uint32_t hash = length ? vw__hash(name, length, seed) : seed + unnamed++;
        sparse__add(out, hash & mask, value);
    }
}

/* Reads what follows a '|', up to the next one or the end. */
static const char *take_namespace(uint32_t mask, const char *p, const char *end, sparse__record *out) {
    const char *name = p;
    p = name_end(p, end);
    const size_t length = (size_t)(p - name);
    float weight = 1;
    if (p < end && *p == ':' && length == 0) {
        sparse__fail(out, name, end, "the weight of a namespace without a name");
        return NULL;
    }
    p = take_value(name, p, end, out, &weight);
    return p ? take_features(mask, length ? vw__hash(name, length, 0) : 0, weight, p, end, out) : NULL;
}

/* Sorts, and adds up the values of one index in the order in which they stand. */
static void add_up(sparse__record *out, const char *line, const char *end) {
    if (out->ascending || out->bad) return;
    sparse__sort(out);
    size_t count = 0;
    for (size_t i = 0; i < out->count; i++) {
        if (count > 0 && out->indices[count - 1] == out->indices[i]) {
            out->values[count - 1] += out->values[i];
            if (!isfinite(out->values[count - 1])) sparse__fail(out, line, end, "the sum of its values is not finite");
        } else {
            out->indices[count] = out->indices[i];
            out->values[count++] = out->values[i];
        }
    }
    out->count = count;
}

static bool vw_parse(uint32_t bits, const char *line, const char *end, sparse__record *out) {
    const char *p = skip_blanks(line, end);
    if (p == end) return false;
    const char *bar = memchr(p, '|', (size_t)(end - p));
    if (!bar) {
        sparse__fail(out, p, end, "there is no '|' in the line; one was expected in front of the features");
        return true;
    }
    take_head(p, bar, out);
    const uint32_t mask = (uint32_t)((UINT64_C(1) << bits) - 1);
    for (p = bar; p && p < end && !out->bad;) p = take_namespace(mask, p + 1, end, out);
    add_up(out, line, end);
    return true;
}

static const sparse__grammar vw_grammar = {
    .cells =
        {
            [LABEL] = {.name = "label", .type = PEAL_TYPE_DICTIONARY, .always = true},
            [IMPORTANCE] = {.name = "importance",
                            .otherwise = "1\0\0\0\0\0\0\0",
                            .type = PEAL_TYPE_FLOAT64,
                            .usual = "weight",
                            .settled = true,
                            .always = true},
            [BASE] = {.name = "base",
                      .otherwise = "0\0\0\0\0\0\0\0",
                      .type = PEAL_TYPE_FLOAT64,
                      .usual = "offset",
                      .settled = true},
            [TAG] = {.name = "tag", .type = PEAL_TYPE_DICTIONARY, .settled = true},
        },
    .option = "bits",
    .otherwise = 18,
    .kept = offsetof(peal_field, bits),
    .must_be_kept = true,
    .parse = vw_parse,
};

/* ---- the format ---- */

static const char *const vw_suffixes[] = {".vw", NULL};

static const peal_option vw_options[] = {
    {.name = "bits",
     .kind = PEAL_OPTION_COUNT,
     .least = 1,
     .most = PEAL_INDEX_BITS_MOST,
     .argument = "N",
     .help =
         "of the hash by which features are told apart: there are 2^N indices (as a model or dataset has them, else "
         "18)"},
    {.name = NULL},
};

/* What tells lines of Vowpal Wabbit from a table that '|' separates. */
typedef struct vw_signs {
    size_t lines, bars; /* `bars`: '|' of the first line */
    bool fits;          /* all lines can be read, and numbers stand in front of the first '|' */
    bool pairs;         /* each line has a name:number */
    bool named;         /* a name stands right behind each '|', and a blank, a tag or nothing right in front */
    bool same_bars;     /* each line has as many '|' as the first */
    bool single;        /* no line has two words between two '|' */
} vw_signs;

/* What [p, end), between two '|', is a sign of. */
static void look_at_section(vw_signs *signs, const char *p, const char *end) {
    signs->named &= p < end && !ends_word(*p);
    p = skip_blanks(p, end);
    while (p < end && !sparse__is_blank(*p)) p++;
    signs->single &= skip_blanks(p, end) == end;
}

static bool numbers_in_front(const sparse__text *cells, const char *line) {
    double number;
    for (size_t i = LABEL; i <= BASE; i++) {
        if (cells[i].text && !peal_number_parse(cells[i].text, cells[i].length, &number)) return false;
    }
    const char *tag = cells[TAG].text;
    return !tag || cells[LABEL].text || (tag > line && tag[-1] == '\'');
}

static void look_at_line(vw_signs *signs, const sparse__look *look) {
    const char *line = look->line, *end = look->line_end, *bar = memchr(line, '|', (size_t)(end - line));
    signs->fits &= !look->record.bad && bar && numbers_in_front(look->record.cells, line);
    if (!signs->fits) return;
    signs->pairs &= memchr(bar, ':', (size_t)(end - bar)) != NULL;
    size_t bars = 0;
    while (bar) {
        const char *next = memchr(bar + 1, '|', (size_t)(end - bar - 1));
        signs->named &= bars == 0 || sparse__is_blank(bar[-1]);
        look_at_section(signs, bar + 1, next ? next : end);
        bar = next;
        bars++;
    }
    if (signs->lines++ == 0) signs->bars = bars;
    signs->same_bars &= bars == signs->bars;
}

/* Whether half of the lines have a '|': what is bad of them are bad rows then, where the name promises the format. */
static bool have_bars(const uint8_t *head, size_t size) {
    const char *at = (const char *)head, *end = at + size, *line, *line_end;
    size_t lines = 0, barred = 0;
    while (lines__take(&at, end, &line, &line_end)) {
        if (line == line_end) continue;
        lines++;
        barred += memchr(line, '|', (size_t)(line_end - line)) != NULL;
    }
    return barred > 0 && 2 * barred >= lines;
}

static int vw_recognise(const uint8_t *head, size_t size, const char *name) {
    enum { LINES = 50 };
    if (size == 0 || memchr(head, '\0', size)) return 0;
    vw_signs signs = {.fits = true, .pairs = true, .named = true, .same_bars = true, .single = true};
    sparse__look look;
    sparse__look_begin(&look, &vw_grammar, (const char *)head, size, size < PEAL_HEAD_SIZE);
    while (signs.fits && signs.lines < LINES && sparse__look_next(&look, vw_grammar.otherwise)) {
        look_at_line(&signs, &look);
    }
    sparse__look_end(&look);
    const bool is_named = peal_format_is_named(name, vw_suffixes);
    if (!signs.fits || signs.lines == 0) return is_named && have_bars(head, size) ? 85 : 0;
    if (is_named) return 85;
    /* A table has as many '|' in each line and one value between two of them: 1 | 12:30 | x */
    if (signs.same_bars && signs.single) return 0;
    return signs.pairs || signs.named ? 75 : 5;
}

static peal_status vw_survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                             peal_error *err) {
    return sparse__survey(&vw_grammar, options, what, input, out, err);
}

static peal_status vw_open(const json_t *options, const peal_wanted *wanted, const peal_input *input, peal_reader **out,
                           peal_error *err) {
    return sparse__open(&vw_grammar, options, wanted, input, out, err);
}

const peal_format peal_format_vw = {
    .name = "vw",
    .documentation = "sparse rows of Vowpal Wabbit: [label [importance [base]]] ['tag]|namespace feature[:value] ...; "
                     "features are hashed as it does",
    .suffixes = vw_suffixes,
    .options = vw_options,
    .recognise = vw_recognise,
    .survey = vw_survey,
    .open = vw_open,
    .is_lines = peal_format_is_text,
};
