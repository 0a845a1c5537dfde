/* date: a text that is a date becomes real numbers: how far it lies from the others, and where in the year, the month,
 * the week and the day, as points on circles.
 *
 * The parts year, month, day, weekday and hour are those of the date as written, `time` is the instant in UTC. Whether
 * 01/02/2024 begins with the month is decided by all texts: both readings are summed up until fit chooses one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/spelling.h"
#include "etl/transform/date_text.h"
#include "etl/transform/mark.h"
#include "etl/transform/transform.h"

typedef enum date_part { YEAR, MONTH, DAY, WEEKDAY, HOUR, TIME, PARTS } date_part;

static const struct {
    const char *name;
    double period; /* of a part that comes round; 0: it is standardized */
    const char *features[2];
} parts[PARTS] = {
    [YEAR] = {"year", 0, {"year", NULL}},
    [MONTH] = {"month", 12, {"month sine", "month cosine"}},
    [DAY] = {"day", 31, {"day sine", "day cosine"}},
    [WEEKDAY] = {"weekday", 7, {"weekday sine", "weekday cosine"}},
    [HOUR] = {"hour", 24, {"hour sine", "hour cosine"}},
    [TIME] = {"time", 0, {"time", NULL}},
};

enum { OTHER_TEXT = 40 };
/* Values that lie so many deviations away are mistyped; the model sees no more than this. */
#define BEYOND_ALL 1e6

/* What the texts are if those that fit both orders are read in one of them. */
typedef struct date_sketch {
    peal_summary parts[PARTS];
    uint64_t only; /* rows whose text is a date in this order only */
    char example[OTHER_TEXT];
} date_sketch;

typedef struct date {
    char *format; /* NULL: the common ways */
    peal_date_first first;
    unsigned chosen;              /* a bit for each part; 0: those that vary */
    double mean[2], deviation[2]; /* of year and time */
    bool assumed;                 /* no text has told the order */
    peal_mark mark;               /* of rows without a date */
    /* While it is fitted. */
    date_sketch sketches[2]; /* month first, day first */
    uint64_t both;           /* rows for which the order matters */
    uint64_t dates, missing; /* training rows with a date, and without */
    uint64_t others;         /* rows whose text is no date */
    char other[OTHER_TEXT];
} date;

static const char *const first_names[] = {"auto", "month", "day", NULL};
static const peal_option date_options[] = {
    {"format", PEAL_OPTION_TEXT, NULL, 0, 0, "FORMAT",
     "how dates are written, in strptime's words; %s: seconds since 1970, %Q: thousandths, %E: days of Excel (found)"},
    {"parts", PEAL_OPTION_WORDS, NULL, 0, 0, "A+B...", "of year+month+day+weekday+hour+time (those that vary)"},
    {"first", PEAL_OPTION_CHOICE, first_names, 0, 0, "month|day",
     "what comes first in 01/02/2024, where both fit (what fits more values, else the month)"},
    {"mark", PEAL_OPTION_CHOICE, peal_mark_names, 0, 0, "no|yes|auto",
     "one feature more, 1 where there is no date; auto: if it is so in 1 of 100 rows, and 20 (no; where no "
     "transform is named auto)"},
    {.name = NULL},
};

static void date_free(void *state) {
    date *self = state;
    if (self) free(self->format);
    free(self);
}

/* ---- options ---- */

static peal_status load_format(date *self, const json_t *options, peal_error *err) {
    const json_t *value = json_object_get(options, "format");
    const char *text = json_string_value(value);
    if (!value || (text && strcmp(text, "auto") == 0)) return PEAL_OK;
    if (!text || strlen(text) != json_string_length(value)) {
        return peal_fail(err, PEAL_E_USAGE, "date: 'format' must be a text");
    }
    const char *fault = peal_date_format_error(text);
    if (fault) {
        return peal_fail(err, PEAL_E_USAGE,
                         "date: the format '%s' has '%s' where %%Y %%y %%m %%d %%e %%j %%H %%I %%M %%S %%f %%p %%b %%B "
                         "%%a %%A %%z %%Z %%s %%Q %%E %%F %%T or %%R is expected",
                         text, fault);
    }
    self->format = peal_strdup(text);
    return self->format ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
}

static peal_status load_first(date *self, const json_t *options, peal_error *err) {
    const json_t *value = json_object_get(options, "first");
    const char *text = value ? json_string_value(value) : "auto";
    for (size_t i = 0; text && i < 3; i++) {
        if (strcmp(text, first_names[i]) != 0) continue;
        self->first = (peal_date_first)i;
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE, "date: 'first' must be month or day, not '%s'", text ? text : "?");
}

static peal_status add_part(date *self, const char *name, size_t length, peal_error *err) {
    const char *names[PARTS];
    for (size_t i = 0; i < PARTS; i++) {
        names[i] = parts[i].name;
        if (strlen(names[i]) != length || memcmp(names[i], name, length) != 0) continue;
        self->chosen |= 1u << i;
        return PEAL_OK;
    }
    char hint[PEAL_HINT_SIZE], shown[24];
    snprintf(shown, sizeof shown, "%.*s", (int)(length < 20 ? length : 20), name);
    return peal_fail(err, PEAL_E_USAGE, "date: there is no part '%s'%s", shown,
                     peal_did_you_mean(shown, names, PARTS, hint));
}

/* "year+month" or a list of such names. */
static peal_status load_parts(date *self, const json_t *options, peal_error *err) {
    const json_t *value = json_object_get(options, "parts");
    const char *text = json_string_value(value);
    if (!value || (text && strcmp(text, "auto") == 0)) return PEAL_OK;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        PEAL_TRY(add_part(self, name ? name : "?", name ? strlen(name) : 1, err));
    }
    for (; text; text = *text ? text + 1 : NULL) {
        const size_t length = strcspn(text, "+");
        PEAL_TRY(add_part(self, text, length, err));
        text += length;
    }
    if (self->chosen) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "date: 'parts' must name parts, as in year+month");
}

static peal_status date_load(const json_t *options, void **state, peal_error *err) {
    date *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a transform");
    *state = self;
    PEAL_TRY(load_format(self, options, err));
    PEAL_TRY(load_first(self, options, err));
    PEAL_TRY(load_parts(self, options, err));
    PEAL_TRY(peal_mark_load(options, &self->mark, err));
    self->assumed = json_is_true(json_object_get(options, "assumed"));
    PEAL_TRY(peal_transform_number(options, "year_mean", 0, &self->mean[0], err));
    PEAL_TRY(peal_transform_number(options, "year_deviation", 1, &self->deviation[0], err));
    PEAL_TRY(peal_transform_number(options, "time_mean", 0, &self->mean[1], err));
    return peal_transform_number(options, "time_deviation", 1, &self->deviation[1], err);
}

static json_t *date_save(const void *state) {
    const date *self = state;
    char names[64] = "";
    for (size_t i = 0; i < PARTS; i++) {
        if (!(self->chosen >> i & 1)) continue;
        if (*names) strcat(names, "+");
        strcat(names, parts[i].name);
    }
    json_t *saved = json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f}", "format", self->format ? self->format : "auto",
                              "first", first_names[self->first], "parts", *names ? names : "auto", "year_mean",
                              self->mean[0], "year_deviation", self->deviation[0], "time_mean", self->mean[1],
                              "time_deviation", self->deviation[1]);
    if (self->assumed) saved = peal_json_set(saved, "assumed", json_true());
    return peal_mark_save(&self->mark, saved);
}

static const char *date_check(const void *state) {
    const date *self = state;
    if (self->first == PEAL_DATE_AUTO) return "has dates whose order is not decided";
    if (self->chosen == 0) return "has dates without parts";
    for (size_t i = 0; i < 2; i++) {
        if (!isfinite(self->mean[i]) || !isfinite(self->deviation[i]) || !(self->deviation[i] > 0)) {
            return "has a mean or deviation of dates that makes no sense";
        }
    }
    return NULL;
}

/* ---- reading ---- */

/* What a text tells of the order of day and month. */
typedef enum date_order { ORDER_NONE, ORDER_FITS_BOTH, ORDER_FIRST, ORDER_OTHER } date_order;

static peal_date_first other_order(peal_date_first first) {
    return first == PEAL_DATE_DAY ? PEAL_DATE_MONTH : PEAL_DATE_DAY;
}

/* A text that is a date in one order only is that date, whatever the order of the others. */
static bool read_date(const date *self, peal_text text, peal_date_first first, peal_date *out, date_order *order) {
    bool has_order;
    peal_date other;
    *order = ORDER_NONE;
    if (self->format) return peal_date_read_format(self->format, text.data, text.length, out);
    const bool fits = peal_date_read(text.data, text.length, first, out, &has_order);
    if (!has_order) return fits;
    const bool fits_other = peal_date_read(text.data, text.length, other_order(first), &other, &has_order);
    if (fits && fits_other) *order = out->day == out->month ? ORDER_NONE : ORDER_FITS_BOTH;
    if (fits != fits_other) *order = fits ? ORDER_FIRST : ORDER_OTHER;
    if (!fits && fits_other) *out = other;
    return fits || fits_other;
}

static void values_of(const peal_date *when, double out[PARTS]) {
    out[YEAR] = (double)when->year;
    out[MONTH] = when->month - 1.0;
    out[DAY] = when->day - 1.0;
    out[WEEKDAY] = peal_date_weekday(when);
    out[HOUR] = when->second / 3600;
    out[TIME] = peal_date_time(when);
}

/* ---- fitting ---- */

/* Counts rows with such a text, the first of which is the example. */
static void note_text(uint64_t *count, char example[OTHER_TEXT], peal_text text, uint64_t rows) {
    if (*count == 0) {
        snprintf(example, OTHER_TEXT, "%.*s", (int)(text.length < 36 ? text.length : 36), text.data);
    }
    *count += rows;
}

static void add_date(date_sketch *sketch, const peal_date *when, uint64_t count) {
    double values[PARTS];
    values_of(when, values);
    for (size_t i = 0; i < PARTS && count > 0; i++) {
        const peal_summary one = {.count = count, .mean = values[i], .min = values[i], .max = values[i]};
        peal_summary_merge(&sketch->parts[i], &one);
    }
}

static void date_observe(void *state, peal_text text, uint64_t count, uint64_t held) {
    date *self = state;
    date_order order = ORDER_NONE;
    bool is_date = false;
    for (int day_first = 0; text.data && day_first < 2; day_first++) {
        date_sketch *sketch = &self->sketches[day_first];
        peal_date when;
        is_date = read_date(self, text, day_first ? PEAL_DATE_DAY : PEAL_DATE_MONTH, &when, &order);
        if (is_date) add_date(sketch, &when, count);
        if (is_date && order == ORDER_FIRST) note_text(&sketch->only, sketch->example, text, count + held);
    }
    *(is_date ? &self->dates : &self->missing) += count;
    if (order == ORDER_FITS_BOTH) self->both += count + held;
    if (is_date || !text.data || peal_cell_is_usual(text.data, text.length, false)) return;
    note_text(&self->others, self->other, text, count + held);
}

/* The order that more texts can only have; if it is the same, the month first. */
static void choose_order(date *self) {
    const date_sketch *sketches = self->sketches;
    if (self->first != PEAL_DATE_AUTO) return;
    self->assumed = sketches[0].only == sketches[1].only;
    self->first = sketches[1].only > sketches[0].only ? PEAL_DATE_DAY : PEAL_DATE_MONTH;
}

/* If none varies, the time stands for them. */
static unsigned parts_that_vary(const date_sketch *sketch) {
    unsigned chosen = 0;
    for (size_t i = 0; i < PARTS; i++) chosen |= (unsigned)(sketch->parts[i].max > sketch->parts[i].min) << i;
    return chosen ? chosen : 1u << TIME;
}

static peal_status date_fit(void *state, const char *column, peal_summary *summary, peal_error *err) {
    (void)summary;
    date *self = state;
    choose_order(self);
    const date_sketch *sketch = &self->sketches[self->first == PEAL_DATE_DAY];
    if (sketch->parts[TIME].count == 0) {
        return peal_fail(err, PEAL_E_DATA, "column '%s': not one of its values is a date%s%s%s", column,
                         self->others ? ", as '" : "", self->other, self->others ? "'" : "");
    }
    if (!self->chosen) self->chosen = parts_that_vary(sketch);
    static const date_part scaled[2] = {YEAR, TIME};
    for (size_t i = 0; i < 2; i++) {
        const peal_summary *values = &sketch->parts[scaled[i]];
        const double deviation = peal_summary_deviation(values);
        const bool constant = values->max == values->min;
        self->mean[i] = constant ? values->min : values->mean;
        self->deviation[i] = constant || !(deviation > 0) ? 1 : deviation;
    }
    peal_mark_fit(&self->mark, self->missing, self->dates);
    return PEAL_OK;
}

static void date_remark(const void *state, char text[PEAL_REMARK_TEXT], bool *is_warning) {
    const date *self = state;
    const date_sketch *month = &self->sketches[0], *day = &self->sketches[1];
    const bool is_mixed = month->only > 0 && day->only > 0;
    *text = '\0';
    *is_warning = self->others > 0 || is_mixed;
    if (self->others > 0) {
        snprintf(text, PEAL_REMARK_TEXT, "%llu value%s no date%s, as '%s', and count%s for missing",
                 (unsigned long long)self->others, self->others == 1 ? " is" : "s are", self->others == 1 ? "" : "s",
                 self->other, self->others == 1 ? "s" : "");
    }
    const size_t used = strlen(text);
    const bool day_first = self->first == PEAL_DATE_DAY;
    if (is_mixed) {
        snprintf(
            text + used, PEAL_REMARK_TEXT - used,
            "%s%llu dates have the month first, as '%s', %llu the day, as '%s'; %llu fit both and are read %s first",
            used ? "; " : "", (unsigned long long)month->only, month->example, (unsigned long long)day->only,
            day->example, (unsigned long long)self->both, day_first ? "day" : "month");
    } else if (self->assumed && self->both > 0) {
        snprintf(text + used, PEAL_REMARK_TEXT - used,
                 "%sits dates fit both orders and are read month first (first=day for the other)", used ? "; " : "");
    }
}

/* ---- features ---- */

static uint32_t part_width(size_t part) {
    return parts[part].period > 0 ? 2 : 1;
}

static uint32_t date_width(const void *state) {
    const date *self = state;
    uint32_t width = 0;
    for (size_t i = 0; i < PARTS; i++) width += (self->chosen >> i & 1) * part_width(i);
    return width + self->mark.is_made;
}

static bool date_spread(const void *state, peal_text text, float *out) {
    const date *self = state;
    peal_date when;
    double values[PARTS];
    date_order order;
    if (!text.data || !read_date(self, text, self->first, &when, &order)) {
        const uint32_t width = date_width(state);
        memset(out, 0, width * sizeof *out);
        if (self->mark.is_made) out[width - 1] = 1;
        return false;
    }
    values_of(&when, values);
    for (size_t i = 0; i < PARTS; i++) {
        if (!(self->chosen >> i & 1)) continue;
        if (parts[i].period > 0) {
            const double angle = 2 * M_PI * values[i] / parts[i].period;
            *out++ = (float)sin(angle);
            *out++ = (float)cos(angle);
        } else {
            const double scaled = (values[i] - self->mean[i == TIME]) / self->deviation[i == TIME];
            *out++ = (float)fmax(-BEYOND_ALL, fmin(BEYOND_ALL, scaled));
        }
    }
    if (self->mark.is_made) *out = 0;
    return true;
}

/* One row cannot tell how the others are written, but many are told of. */
static const char *date_doubt(const void *state, peal_text text) {
    static const char *const other[] = {"not in the order of day and month that was learnt: those that fit both are "
                                        "read month first (2024-01-31 is clear)",
                                        "not in the order of day and month that was learnt: those that fit both are "
                                        "read day first (2024-01-31 is clear)"};
    const date *self = state;
    peal_date when;
    date_order order;
    if (!text.data || !read_date(self, text, self->first, &when, &order)) return NULL;
    if (self->assumed) {
        return order == ORDER_FITS_BOTH
                   ? "dates that fit both orders of day and month, and read month first (2024-01-31 is clear)"
                   : NULL;
    }
    return order == ORDER_OTHER ? other[self->first == PEAL_DATE_DAY] : NULL;
}

bool peal_date_marks(const void *state) {
    const date *self = state;
    return self->mark.is_made;
}

bool peal_date_unmark(void *state) {
    date *self = state;
    return peal_mark_take_back(&self->mark);
}

static peal_text date_name(const void *state, uint32_t code) {
    const date *self = state;
    for (size_t i = 0; i < PARTS; i++) {
        if (!(self->chosen >> i & 1)) continue;
        if (code < part_width(i)) {
            const char *name = parts[i].features[code];
            return (peal_text){name, (uint32_t)strlen(name)};
        }
        code -= part_width(i);
    }
    static const char missing[] = "is missing";
    return self->mark.is_made && code == 0 ? (peal_text){missing, sizeof missing - 1} : (peal_text){"?", 1};
}

const peal_transform peal_transform_date = {
    .name = "date",
    .documentation = "texts: dates become several features; what is no date is missing",
    .role = PEAL_TRANSFORM_ENCODE,
    .options = date_options,
    .load = date_load,
    .save = date_save,
    .check = date_check,
    .free = date_free,
    .fit = date_fit,
    .observe = date_observe,
    .remark = date_remark,
    .width = date_width,
    .spread = date_spread,
    .doubt = date_doubt,
    .code_name = date_name,
    .spreads = true,
    .wants_text = true,
};
