/* Columns are fitted by several threads, each for itself; then what a person might not expect of them is said. See
 * fit.h.
 */
#include "etl/job/fit.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "etl/job/levels.h"
#include "etl/job/sentinels.h"

enum {
    MANY_CLASSES = 1000,    /* of a label: more are questioned */
    IDENTIFIER_LEAST = 200, /* distinct texts from which a column of nearly all different ones is an identifier */
    CLASSES_ROWS = 50,      /* rows from which on half as many classes are questioned */
    REMARKS_MOST = 8,       /* of encoders; the rest is counted */
    FIT_TASKS = 64, /* of columns that are fitted at once; a table may have many thousand that take no time each */
};

/* What fitting tells of a column of texts. */
typedef struct text_facts {
    uint64_t distinct, count; /* texts that its encoder could have had; training rows that have one */
    peal_text_votes read;     /* of texts that became numbers */
    bool only_counts;         /* numbers that count the rows: as many whole ones in a row, each once */
    bool is_empty;            /* numbers or dates, of which no training row has one */
    bool may_count;           /* the same of a part of such rows, if they differ */
    double least, most;       /* of numbers that may count */
} text_facts;

typedef struct fitting {
    const peal_fit_job *job;
    text_facts *facts; /* [fields] */
    size_t *next;      /* [fields] the step that needs a further level, or the number of steps */
    size_t stride;     /* a task's columns are those of its index, index + stride... */
} fitting;

/* The step that learns from all distinct texts, or NULL. */
static const peal_pipeline_step *observing_step(const peal_pipeline_column *column) {
    const peal_pipeline_step *last = column->step_count ? &column->steps[column->step_count - 1] : NULL;
    return last && last->transform->observe ? last : NULL;
}

/* Whether n whole numbers lie within n - 1 of each other and have the variance of n that follow each other: a number of
 * the row says nothing of the next row. */
static bool only_counts(const peal_summary *summary) {
    enum { ROWS_LEAST = 20 };
    const double n = (double)summary->count, variance = (n * n - 1) / 12;
    if (summary->count < ROWS_LEAST || summary->nulls > 0 || summary->max - summary->min != n - 1) return false;
    return summary->min == floor(summary->min) && fabs(summary->m2 / n - variance) <= 1e-9 * variance;
}

/* Whether whole numbers are spread as evenly over few more places than there are rows as some of such a count are. */
static bool may_count(const peal_summary *summary) {
    enum { ROWS_LEAST = 20, SPREAD_MOST = 4, FIRST_MOST = 1000 };
    const double n = (double)summary->count, range = summary->max - summary->min;
    if (summary->count < ROWS_LEAST || summary->nulls > 0 || range < n - 1 || range > SPREAD_MOST * n) return false;
    if (fabs(summary->min) > FIRST_MOST * n) return false; /* long numbers hold more than a count */
    const double uniform = ((range + 1) * (range + 1) - 1) / 12;
    return summary->min == floor(summary->min) && summary->max == floor(summary->max) &&
           fabs(summary->m2 / n - uniform) <= 0.1 * uniform;
}

/* True of names by which rows are called: id, PassengerId, row_id, index, No. */
static bool calls_rows(const char *name) {
    static const char *const names[] = {
        "id",  "index", "idx", "row",  "rowid", "rownum", "rownumber", "rowno",  "no",  "no.",        "nr",
        "nr.", "#",     "sno", "s.no", "s.no.", "slno",   "serial",    "record", "uid", "unnamed: 0", "serialno"};
    const size_t length = strlen(name);
    char lower[32] = "";
    size_t used = 0;
    for (size_t i = 0; i < length && used + 1 < sizeof lower; i++) {
        const char c = name[i];
        if (c == '_' || c == '-' || (c == ' ' && strncmp(name, "Unnamed", 7) != 0)) continue;
        lower[used++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    lower[used] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(lower, names[i]) == 0) return true;
    }
    if (length < 3) return false;
    const char *end = name + length - 2, before = end[-1];
    const bool is_parted = before == '_' || before == '-' || before == ' ' || before == '.';
    return (is_parted && (strcmp(end, "id") == 0 || strcmp(end, "ID") == 0 || strcmp(end, "Id") == 0)) ||
           (before >= 'a' && before <= 'z' && (strcmp(end, "Id") == 0 || strcmp(end, "ID") == 0));
}

/* Whether fitting is left to find what becomes of the column: nobody named a transform or a type for it. */
static bool is_free(const peal_fit_job *job, size_t field) {
    const char *name = job->pipeline->schema.fields[field].name;
    const peal_column_role role = job->pipeline->columns[field].role;
    if (field == job->label || (role != PEAL_ROLE_FEATURE && role != PEAL_ROLE_INDEX)) return false;
    return !peal_plan_names(job->plan, name) && !json_object_get(job->plan->types, name);
}

/* Whether a column of numbers or dates, as its input declared it, has none. `merged` is what numbers have. */
static peal_status has_nothing(const peal_fit_job *job, size_t field, const peal_summary *merged, bool *out,
                               peal_error *err) {
    const bool read_as_text = peal_types[job->read->fields[field].type].has_vocabulary;
    *out = false;
    if (!is_free(job, field)) return PEAL_OK;
    if (peal_pipeline_is_number(job->pipeline, field)) {
        *out = merged->count == 0;
    } else if (read_as_text && job->pipeline->schema.fields[field].as_date) {
        peal_summary texts = {0};
        PEAL_TRY(peal_text_counts_sum(job->ingested->texts, field, &texts, err));
        *out = texts.count == 0;
        peal_summary_clear(&texts);
    }
    return PEAL_OK;
}

/* One column of all inputs and all vocabularies becomes one summary, which is fitted. Inputs count in their order; of a
 * vocabulary only texts and counts go in, so it does not matter whose they are. */
static peal_status fit_column(const fitting *work, size_t field, peal_error *err) {
    const peal_fit_job *job = work->job;
    const peal_field *what = &job->pipeline->schema.fields[field];
    const bool read_as_text = peal_types[job->read->fields[field].type].has_vocabulary;
    const peal_pipeline_step *observer = observing_step(&job->pipeline->columns[field]);
    uint64_t least_count;
    peal_status status = PEAL_OK;
    if (what->skip) return PEAL_OK;
    peal_summary merged = {0};
    for (size_t i = 0; i < job->objects->count; i++)
        peal_summary_merge(&merged, &job->ingested->spills[i].summaries[field]);
    if (read_as_text && peal_pipeline_is_number(job->pipeline, field)) {
        status = peal_text_counts_moments(job->ingested->texts, field, &merged, &work->facts[field].read, err);
    } else if (read_as_text && observer) {
        status = peal_text_counts_observe(job->ingested->texts, field, observer, err);
    } else if (read_as_text && peal_pipeline_wanted_texts(job->pipeline, field, &least_count) < SIZE_MAX) {
        status = peal_text_counts_sum(job->ingested->texts, field, &merged, err);
        work->facts[field] = (text_facts){.distinct = merged.distinct, .count = merged.count};
    }
    work->facts[field].only_counts = field != job->label && only_counts(&merged);
    work->facts[field].may_count = field != job->label && may_count(&merged);
    work->facts[field].least = merged.min;
    work->facts[field].most = merged.max;
    if (status == PEAL_OK) status = has_nothing(job, field, &merged, &work->facts[field].is_empty, err);
    if (status == PEAL_OK && work->facts[field].is_empty) {
        work->next[field] = job->pipeline->columns[field].step_count;
    } else if (status == PEAL_OK) {
        return peal_pipeline_fit(job->pipeline, field, &merged, &work->next[field], err);
    }
    peal_summary_clear(&merged);
    return status;
}

static peal_status fit_columns(void *user, size_t index, peal_error *err) {
    const fitting *work = user;
    for (size_t field = index; field < work->job->pipeline->schema.count; field += work->stride) {
        PEAL_TRY(fit_column(work, field, err));
    }
    return PEAL_OK;
}

/* A class as people mean it: without blanks around it, and in lower case. */
static size_t folded(peal_text text, char out[64], bool case_too) {
    size_t begin = 0, end = text.length;
    while (begin < end && text.data[begin] == ' ') begin++;
    while (end > begin && text.data[end - 1] == ' ') end--;
    const size_t length = end - begin < 64 ? end - begin : 64;
    for (size_t i = 0; i < length; i++) {
        const char c = text.data[begin + i];
        out[i] = case_too && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return length;
}

/* Warns of classes that differ by blanks or by case only. */
static peal_status question_classes(const peal_fit_job *job, peal_error *err) {
    const uint32_t classes = peal_pipeline_classes(job->pipeline);
    peal_dictionary trimmed = {0}, lower = {0};
    peal_status status = PEAL_OK;
    char text[64];
    uint32_t code;
    for (uint32_t i = 0; i < classes && status == PEAL_OK; i++) {
        const peal_text name = peal_pipeline_class_name(job->pipeline, i);
        status = peal_dictionary_put(&trimmed, text, folded(name, text, false), &code, err);
        if (status == PEAL_OK) status = peal_dictionary_put(&lower, text, folded(name, text, true), &code, err);
    }
    const char *label = job->label == SIZE_MAX ? "" : job->pipeline->schema.fields[job->label].name;
    if (status == PEAL_OK && trimmed.size < classes) {
        peal_report(job->reporter, PEAL_EVENT_WARNING,
                    "label %s: %u classes, of which some differ by blanks only (trim drops them)", label, classes);
    } else if (status == PEAL_OK && lower.size < trimmed.size) {
        peal_report(job->reporter, PEAL_EVENT_WARNING,
                    "label %s: %u classes, of which some differ by capital letters only", label, classes);
    }
    peal_dictionary_clear(&trimmed);
    peal_dictionary_clear(&lower);
    return status;
}

/* Says what a person might not expect of a column's texts. */
static void question_texts(const peal_fit_job *job, size_t field, const text_facts *facts) {
    const peal_pipeline *pipeline = job->pipeline;
    const char *name = pipeline->schema.fields[field].name;
    unsigned long long distinct = facts->distinct, count = facts->count;
    if (field == pipeline->label) {
        bool many = distinct > MANY_CLASSES || (count >= CLASSES_ROWS && distinct * 2 > count);
        if (!many) return;
        peal_report(job->reporter, PEAL_EVENT_WARNING,
                    "label %s: %llu classes in %llu rows; is it a number (task regress) or an identifier?", name,
                    distinct, count);
        return;
    }
    uint64_t least_count;
    size_t most = peal_pipeline_wanted_texts(pipeline, field, &least_count);
    if (distinct <= most) return;
    peal_report(job->reporter, PEAL_EVENT_NOTE,
                "column %s: %llu distinct texts, the %zu most frequent are kept (max_values)", name, distinct, most);
}

/* Says what a column's encoder has to say of its texts, and why it was chosen if nobody named it. */
static void question_encoder(const peal_fit_job *job, size_t index, size_t *remarks) {
    const peal_pipeline *pipeline = job->pipeline;
    const peal_field *field = &pipeline->schema.fields[index];
    const peal_pipeline_column *column = &pipeline->columns[index];
    const peal_pipeline_step *last = column->step_count ? &column->steps[column->step_count - 1] : NULL;
    char text[PEAL_REMARK_TEXT];
    bool is_warning;
    if (!last) return;
    if (field->as_time && last->transform == &peal_transform_date && !peal_plan_names(job->plan, field->name)) {
        peal_report(job->reporter, PEAL_EVENT_NOTE,
                    "column %s: its numbers are times, %s, and become features (type %s=number keeps numbers)",
                    field->name, peal_time_names[field->as_time - 1], field->name);
    } else if (field->as_date && last->transform == &peal_transform_date && !peal_plan_names(job->plan, field->name)) {
        peal_report(job->reporter, PEAL_EVENT_NOTE,
                    "column %s: its texts are dates and become features (type %s=text keeps texts)", field->name,
                    field->name);
    }
    if (field->as_list && last->transform == &peal_transform_members && !peal_plan_names(job->plan, field->name)) {
        peal_report(job->reporter, PEAL_EVENT_NOTE,
                    "column %s: its texts are lists with '%c' between the members and become features (type %s=text "
                    "keeps texts)",
                    field->name, field->as_list, field->name);
    }
    if (!last->transform->remark) return;
    last->transform->remark(last->state, text, &is_warning);
    if (!*text || (*remarks)++ >= REMARKS_MOST) return;
    peal_report(job->reporter, is_warning ? PEAL_EVENT_WARNING : PEAL_EVENT_NOTE, "column %s: %s", field->name, text);
}

/* Says which texts of a column whose texts become numbers were none, or had marks, and where the first one is. */
static void question_numbers(const peal_fit_job *job, size_t field, const peal_text_votes *read) {
    const char *name = job->pipeline->schema.fields[field].name;
    const peal_odd_values *odd = &job->odd[field];
    char marks[PEAL_WORD_SIZE + 96] = "", others[128] = "";
    if (odd->marked > 0) {
        snprintf(marks, sizeof marks, "%llu value%s marks, as '%s', and count%s without them%s",
                 (unsigned long long)odd->marked, odd->marked == 1 ? " has" : "s have", odd->marked_text,
                 odd->marked == 1 ? "s" : "", read->others ? "; " : "");
    }
    if (read->others > 0) {
        snprintf(others, sizeof others, "%llu value%s no number, as '%s', and %s for missing",
                 (unsigned long long)read->others, read->others == 1 ? " is" : "s are", read->other,
                 read->others == 1 ? "counts" : "count");
    }
    if ((*marks || *others) && odd->object) {
        peal_report(job->reporter, PEAL_EVENT_WARNING,
                    "column %s: %s%s (type %s=text keeps texts); the first is '%s', %s: line %llu", name, marks, others,
                    name, odd->text, odd->object, (unsigned long long)odd->line);
    } else if (*marks || *others) {
        peal_report(job->reporter, PEAL_EVENT_WARNING, "column %s: %s%s (type %s=text keeps texts)", name, marks,
                    others, name);
    }
    if (read->missing > 0) {
        peal_report(job->reporter, PEAL_EVENT_NOTE, "column %s: %llu value%s (%s) %s taken for missing", name,
                    (unsigned long long)read->missing, read->missing == 1 ? "" : "s", read->spelling,
                    read->missing == 1 ? "is" : "are");
    }
}

/* A column of texts of which nearly every row has one of its own says nothing of another row. */
static bool is_identifier(const peal_fit_job *job, size_t field, const text_facts *facts) {
    if (field == job->label || peal_plan_names(job->plan, job->pipeline->schema.fields[field].name)) {
        return false;
    }
    return facts->distinct >= IDENTIFIER_LEAST && facts->distinct * 10 > facts->count * 9;
}

/* Marks the numbers of one spill in `seen`; *again counts those that were marked already. */
static peal_status look_for_twice(const peal_fit_job *job, const peal_spill *spill, size_t field,
                                  const text_facts *facts, uint8_t *seen, uint64_t *again, peal_error *err) {
    peal_spill_rows rows = {0};
    const int fd = open(spill->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", spill->path);
    peal_status status = peal_spill_rows_init(&rows, job->read, err);
    for (size_t chunk = 0; chunk < spill->chunk_count && status == PEAL_OK; chunk++) {
        status = peal_spill_read(fd, spill, chunk, &rows, err);
        if (status != PEAL_OK) break;
        const peal_column *column = &peal_table_room_view(&rows.table)[field];
        for (size_t row = 0; row < rows.table.rows; row++) {
            double number;
            peal_types[column->type].numbers(column, row, 1, &number);
            if (!(number >= facts->least && number <= facts->most) || number != floor(number)) continue;
            const size_t place = (size_t)(number - facts->least);
            *again += seen[place / 8] >> place % 8 & 1;
            seen[place / 8] |= (uint8_t)(1u << place % 8);
        }
    }
    peal_spill_rows_clear(&rows);
    close(fd);
    return status;
}

/* Whether hardly any number of the column, which may count, is in two rows. */
static peal_status are_different(const peal_fit_job *job, size_t field, const text_facts *facts, bool *out,
                                 peal_error *err) {
    enum { SHARE = 100 };
    uint8_t *seen;
    uint64_t again = 0, rows = 0;
    *out = false;
    if (peal_types[job->read->fields[field].type].has_vocabulary) return PEAL_OK;
    PEAL_TRY(peal_zeroed_checked(&seen, (size_t)(facts->most - facts->least) / 8 + 1, 1, "rows", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < job->objects->count && status == PEAL_OK; i++) {
        const peal_spill *spill = &job->ingested->spills[i];
        rows += spill->rows_used;
        if (spill->chunk_count) status = look_for_twice(job, spill, field, facts, seen, &again, err);
    }
    free(seen);
    *out = again * SHARE <= rows;
    return status;
}

/* Whether another column is left to learn from. */
static bool has_other(const peal_pipeline *pipeline, size_t column) {
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_column_role role = pipeline->columns[i].role;
        if (i == column) continue;
        if (role == PEAL_ROLE_FEATURE || role == PEAL_ROLE_INDEX || role == PEAL_ROLE_SPARSE) return true;
    }
    return false;
}

/* Leaves numbers out that only say which row it is, by what they are and by what they are called. What is only one of
 * both may tell something: the time, where rows came one by one. */
static peal_status drop_counters(const peal_fit_job *job, text_facts *facts, peal_error *err) {
    peal_pipeline *pipeline = job->pipeline;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const char *name = pipeline->schema.fields[i].name;
        const bool is_unnamed = strcmp(name, "c1") == 0 && facts[i].only_counts; /* a frame's index */
        if (!(facts[i].only_counts || facts[i].may_count) || !(calls_rows(name) || is_unnamed)) continue;
        if (!is_free(job, i)) continue;
        bool differ = false;
        if (has_other(pipeline, i)) PEAL_TRY(are_different(job, i, &facts[i], &differ, err));
        if (!differ) continue;
        facts[i].only_counts = false;
        peal_pipeline_drop(pipeline, i);
        peal_report(job->reporter, PEAL_EVENT_WARNING,
                    "column %s: it only says which row it is, and is left out (type %s=number keeps it)", name, name);
    }
    return PEAL_OK;
}

/* Points at numbers that only count the rows. */
static void question_counters(const peal_fit_job *job, const text_facts *facts) {
    enum { NAMED = 3 };
    size_t count = 0;
    for (size_t i = 0; i < job->pipeline->schema.count; i++) {
        if (!facts[i].only_counts || count++ >= NAMED) continue;
        peal_report(job->reporter, PEAL_EVENT_WARNING, "column %s: its values only count the rows (drop leaves it out)",
                    job->pipeline->schema.fields[i].name);
    }
}

static bool is_empty(const peal_fit_job *job, size_t field, const text_facts *facts) {
    (void)job;
    (void)field;
    return facts->is_empty;
}

static bool is_left_identifier(const peal_fit_job *job, size_t field, const text_facts *facts) {
    const peal_field *one = &job->pipeline->schema.fields[field];
    if (one->skip || !peal_types[one->type].has_vocabulary || peal_pipeline_is_number(job->pipeline, field)) {
        return false;
    }
    return is_identifier(job, field, facts);
}

/* Leaves the columns out that `is_useless` says, with one warning, however many there are: why, and what would help. */
static void drop_all(const peal_fit_job *job, const text_facts *facts,
                     bool (*is_useless)(const peal_fit_job *job, size_t field, const text_facts *facts),
                     const char *why, const char *help) {
    peal_pipeline *pipeline = job->pipeline;
    size_t first = SIZE_MAX, last = 0, count = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (!is_useless(job, i, &facts[i])) continue;
        peal_pipeline_drop(pipeline, i);
        if (count++ == 0) first = i;
        last = i;
    }
    char text[PEAL_COLUMNS_TEXT];
    if (count == 0) return;
    peal_pipeline_columns_text(pipeline, first, last, count, text);
    peal_report(job->reporter, PEAL_EVENT_WARNING, "%s: %s, so %s left out%s", text, why,
                count == 1 ? "it is" : "they are", help);
}

/* The step that marks missing dates, or NULL. */
static const peal_pipeline_step *date_marker(const peal_pipeline *pipeline, size_t column) {
    const peal_pipeline_step *step = peal_pipeline_spreader(pipeline, column);
    return step && step->transform == &peal_transform_date && peal_date_marks(step->state) ? step : NULL;
}

/* Where more columns have gaps than a model could learn from so few rows, what is missing is not told beside them. */
static void limit_marks(const peal_fit_job *job) {
    enum { ROWS_EACH = 40 };
    const peal_pipeline *pipeline = job->pipeline;
    uint64_t rows = 0, marks = 0;
    for (size_t i = 0; i < job->objects->count; i++) rows += job->ingested->spills[i].rows_used;
    for (size_t i = 0; i < pipeline->schema.count; i++)
        marks += peal_pipeline_marker(&pipeline->columns[i]) || date_marker(pipeline, i);
    for (size_t i = 0; marks * ROWS_EACH > rows && i < pipeline->schema.count; i++) {
        const peal_pipeline_step *number = peal_pipeline_marker(&pipeline->columns[i]),
                                 *date = date_marker(pipeline, i);
        if (number) peal_impute_unmark(number->state);
        if (date) peal_date_unmark(date->state);
    }
}

peal_status peal_fit(const peal_fit_job *job, peal_error *err) {
    const peal_schema *schema = &job->pipeline->schema;
    fitting work = {.job = job, .stride = schema->count < FIT_TASKS ? schema->count : FIT_TASKS};
    PEAL_TRY(peal_alloc_checked(&work.facts, schema->count, sizeof *work.facts, "columns", err));
    const peal_map_work map = {.work = fit_columns, .user = &work};
    const peal_levels_job levels = {.ingested = job->ingested,
                                    .read = job->read,
                                    .executor = job->executor,
                                    .stop = job->stop,
                                    .reporter = job->reporter};
    size_t remarks = 0;
    peal_status status = peal_alloc_checked(&work.next, schema->count, sizeof *work.next, "columns", err);
    if (status == PEAL_OK) status = peal_sentinels_find(job, err);
    if (status == PEAL_OK) status = peal_executor_map(job->executor, work.stride, 0, &map, err);
    if (status == PEAL_OK) drop_all(job, work.facts, is_empty, "no row to learn from has a value", "");
    if (status == PEAL_OK) status = peal_levels_fit(&levels, job->pipeline, work.next, err);
    for (size_t i = 0; status == PEAL_OK && i < schema->count; i++) {
        if (!peal_types[schema->fields[i].type].has_vocabulary || schema->fields[i].skip) continue;
        if (peal_pipeline_is_number(job->pipeline, i)) {
            question_numbers(job, i, &work.facts[i].read);
        } else {
            question_texts(job, i, &work.facts[i]);
            question_encoder(job, i, &remarks);
        }
    }
    if (remarks > REMARKS_MOST) {
        peal_report(job->reporter, PEAL_EVENT_NOTE, "and such things of %zu more columns", remarks - REMARKS_MOST);
    }
    if (status == PEAL_OK) status = question_classes(job, err);
    if (status == PEAL_OK) {
        drop_all(job, work.facts, is_left_identifier, "nearly every row has a text of its own",
                 " (transform tokens makes features of words, hash of whole texts, keep keeps them beside)");
    }
    if (status == PEAL_OK) status = drop_counters(job, work.facts, err);
    if (status == PEAL_OK) limit_marks(job);
    if (status == PEAL_OK) question_counters(job, work.facts);
    free(work.facts);
    free(work.next);
    if (status == PEAL_OK) peal_pipeline_report(job->pipeline, job->reporter);
    return status == PEAL_OK ? peal_pipeline_fitted(job->pipeline, err) : status;
}
