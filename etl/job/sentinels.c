/* A column's least and greatest numbers are known from the first pass. Where one of them is a number that people write
 * for a missing one, the spills are read until another number is too near to it; see sentinels.h. */
#include "etl/job/sentinels.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROWS_LEAST = 5,   /* that hold such a number */
    REST_LEAST = 20,  /* rows that hold another */
    FAR_BELOW = 2,    /* times what lies between them and one below is their range at most */
    FAR_ABOVE = 3,    /* times the range of the others lies between them and one above: 999 may be a price */
    NOTES_MOST = 8,   /* columns that are told; the rest is counted */
    AT_ONCE = 1 << 10 /* rows */
};

/* A number that may stand for a missing one. */
typedef struct outlier {
    double number; /* NaN: there is none */
    uint64_t rows;
} outlier;

/* What a column may have. */
typedef struct suspect {
    size_t field;
    outlier low, high;
    double least, most; /* of all other numbers */
    uint64_t rest;      /* rows with one of those */
} suspect;

typedef struct search {
    const peal_fit_job *job;
    suspect *suspects; /* [fields] */
    size_t count;
    size_t notes;
} search;

static bool is_low(double number) {
    static const double numbers[] = {-9, -99, -200, -888, -999, -9999, -99999, -999999, -9999999};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i] == number) return true;
    }
    return false;
}

static bool is_high(double number) {
    static const double numbers[] = {99, 999, 9999, 99999, 999999, 9999999, 99999999};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i] == number) return true;
    }
    return false;
}

/* A column of numbers to which is done what nobody named, or the label. */
static bool may_have(const peal_fit_job *job, size_t field) {
    const peal_field *read = &job->read->fields[field];
    const peal_pipeline_column *column = &job->pipeline->columns[field];
    if (!peal_types[read->type].is_number || read->type == PEAL_TYPE_BOOL || read->skip) return false;
    if (json_object_get(job->plan->types, read->name) || peal_plan_names(job->plan, read->name)) return false;
    if (field == job->label) return peal_pipeline_is_number(job->pipeline, field);
    return column->role == PEAL_ROLE_FEATURE && column->step_count == 2 &&
           column->steps[0].transform == &peal_transform_impute &&
           column->steps[1].transform == &peal_transform_standardize;
}

static void list_suspects(search *self) {
    const peal_fit_job *job = self->job;
    for (size_t field = 0; field < job->pipeline->schema.count; field++) {
        double least = (double)INFINITY, most = -(double)INFINITY;
        if (!may_have(job, field)) continue;
        for (size_t i = 0; i < job->objects->count; i++) {
            const peal_summary *one = &job->ingested->spills[i].summaries[field];
            if (one->count) least = fmin(least, one->min);
            if (one->count) most = fmax(most, one->max);
        }
        if (!(least < most) || (!is_low(least) && !is_high(most))) continue;
        self->suspects[self->count++] = (suspect){.field = field,
                                                  .low = {.number = is_low(least) ? least : (double)NAN},
                                                  .high = {.number = is_high(most) ? most : (double)NAN},
                                                  .least = (double)INFINITY,
                                                  .most = -(double)INFINITY};
    }
}

/* ---- reading ---- */

static void add_number(suspect *self, double number) {
    if (isnan(number)) return;
    if (number == self->low.number) {
        self->low.rows++;
    } else if (number == self->high.number) {
        self->high.rows++;
    } else {
        self->rest++;
        self->least = fmin(self->least, number);
        self->most = fmax(self->most, number);
    }
}

/* A number that is none of those is one of the others. */
static void refuse(suspect *self, outlier *one) {
    if (one->rows) self->least = fmin(self->least, one->number);
    if (one->rows) self->most = fmax(self->most, one->number);
    self->rest += one->rows;
    *one = (outlier){.number = (double)NAN};
}

/* What others were seen so far only come nearer, so what is refused is refused for good, whatever comes first. None is
 * below 0 but what is missing, or nothing lies near that. */
static void judge(suspect *self) {
    for (int round = 0; round < 2 && self->rest > 0; round++) { /* what is refused is an other for the second one */
        const bool is_below =
            self->least >= 0 || FAR_BELOW * (self->least - self->low.number) >= self->most - self->least;
        if (!isnan(self->low.number) && !is_below) refuse(self, &self->low);
        const bool is_above = self->high.number - self->most >= FAR_ABOVE * (self->most - self->least);
        if (!isnan(self->high.number) && !is_above) refuse(self, &self->high);
    }
}

static bool is_open(const search *self) {
    for (size_t i = 0; i < self->count; i++) {
        if (!isnan(self->suspects[i].low.number) || !isnan(self->suspects[i].high.number)) return true;
    }
    return false;
}

static void look_at(suspect *self, peal_table_room *table) {
    const peal_column *column = &peal_table_room_view(table)[self->field];
    double numbers[AT_ONCE];
    if (isnan(self->low.number) && isnan(self->high.number)) return;
    for (size_t first = 0; first < table->rows; first += AT_ONCE) {
        const size_t count = table->rows - first < AT_ONCE ? table->rows - first : AT_ONCE;
        peal_types[column->type].numbers(column, first, count, numbers);
        for (size_t i = 0; i < count; i++) add_number(self, numbers[i]);
    }
    judge(self);
}

static peal_status read_spill(search *self, const peal_spill *spill, peal_error *err) {
    peal_spill_rows rows = {0};
    const int fd = open(spill->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", spill->path);
    peal_status status = peal_spill_rows_init(&rows, self->job->read, err);
    for (size_t chunk = 0; chunk < spill->chunk_count && status == PEAL_OK && is_open(self); chunk++) {
        status = peal_spill_read(fd, spill, chunk, &rows, err);
        for (size_t i = 0; i < self->count && status == PEAL_OK; i++) look_at(&self->suspects[i], &rows.table);
    }
    peal_spill_rows_clear(&rows);
    close(fd);
    return status;
}

/* ---- what follows ---- */

static void say(search *self, const suspect *one) {
    const peal_fit_job *job = self->job;
    const char *name = job->pipeline->schema.fields[one->field].name;
    const uint64_t rows = one->low.rows + one->high.rows;
    char numbers[64];
    if (self->notes++ >= NOTES_MOST) return;
    if (isnan(one->low.number) || isnan(one->high.number)) {
        snprintf(numbers, sizeof numbers, "%.16g", isnan(one->low.number) ? one->high.number : one->low.number);
    } else {
        snprintf(numbers, sizeof numbers, "%.16g or %.16g", one->low.number, one->high.number);
    }
    if (one->field == job->label) {
        peal_report(
            job->reporter, PEAL_EVENT_WARNING,
            "label %s: %llu rows have %s, far from all others (%.6g to %.6g): if that stands for a missing one, "
            "say so (null) and leave such rows out (on-bad-row drop)",
            name, (unsigned long long)rows, numbers, one->least, one->most);
    } else {
        peal_report(
            job->reporter, PEAL_EVENT_WARNING,
            "column %s: %llu rows have %s, far from all others (%.6g to %.6g), and count for missing, marked by "
            "a feature (type %s=number takes them for numbers)",
            name, (unsigned long long)rows, numbers, one->least, one->most, name);
    }
}

/* Takes the numbers out, or warns. */
static peal_status settle(search *self, suspect *one, peal_error *err) {
    const peal_fit_job *job = self->job;
    if (one->low.rows < ROWS_LEAST) refuse(one, &one->low);
    if (one->high.rows < ROWS_LEAST) refuse(one, &one->high);
    judge(one);
    const bool is_found = one->low.rows + one->high.rows > 0 && one->rest >= REST_LEAST && one->least < one->most;
    if (!is_found) return PEAL_OK;
    say(self, one);
    if (one->field == job->label) return PEAL_OK;
    const double value = isnan(one->low.number) ? one->high.number : one->low.number,
                 other = isnan(one->high.number) ? value : one->high.number;
    return peal_pipeline_add_missing(job->pipeline, one->field, value, other, err);
}

peal_status peal_sentinels_find(const peal_fit_job *job, peal_error *err) {
    search self = {.job = job};
    PEAL_TRY(peal_alloc_checked(&self.suspects, job->pipeline->schema.count, sizeof *self.suspects, "columns", err));
    list_suspects(&self);
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < job->objects->count && status == PEAL_OK && is_open(&self); i++) {
        if (job->ingested->spills[i].chunk_count) status = read_spill(&self, &job->ingested->spills[i], err);
    }
    for (size_t i = 0; i < self.count && status == PEAL_OK; i++) status = settle(&self, &self.suspects[i], err);
    if (self.notes > NOTES_MOST) {
        peal_report(job->reporter, PEAL_EVENT_WARNING, "and so in %zu more columns", self.notes - NOTES_MOST);
    }
    free(self.suspects);
    return status;
}
