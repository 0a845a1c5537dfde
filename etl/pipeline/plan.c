/* Planning: from a sample and the user's wishes to a pipeline with nothing left open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/base/text.h"
#include "etl/pipeline/called.h"
#include "etl/pipeline/pipeline.h"

typedef struct plan_work {
    peal_pipeline *pipeline;
    const peal_plan_options *plan;
    bool is_early;
} plan_work;

static peal_status unknown_column(const peal_schema *schema, const char *source, const char *name, peal_error *err) {
    const char **names = calloc(schema->count + 1, sizeof *names);
    if (!names) return peal_fail(err, PEAL_E_MEMORY, "no memory");
    for (size_t i = 0; i < schema->count; i++) names[i] = schema->fields[i].name;
    char hint[PEAL_HINT_SIZE];
    peal_fail(err, PEAL_E_USAGE, "%s has no column '%s'%s", source, name,
              peal_did_you_mean(name, names, schema->count, hint));
    free(names);
    return PEAL_E_USAGE;
}

static peal_status find_column(const peal_schema *schema, const char *source, const char *name, size_t *index,
                               peal_error *err) {
    *index = peal_schema_find(schema, name, strlen(name));
    return *index == SIZE_MAX ? unknown_column(schema, source, name, err) : PEAL_OK;
}

/* ---- what the user gave ---- */

/* The types that a user can give. */
static const struct {
    const char *name;
    peal_type type;
} user_types[] = {{"number", PEAL_TYPE_FLOAT64}, {"text", PEAL_TYPE_DICTIONARY}, {"bool", PEAL_TYPE_BOOL}};
enum { USER_TYPES = sizeof user_types / sizeof *user_types };

static peal_status check_type(const char *column, const json_t *type, peal_type *out, peal_error *err) {
    const char *text = json_string_value(type);
    for (size_t i = 0; text && i < USER_TYPES; i++) {
        if (strcmp(text, user_types[i].name) != 0) continue;
        *out = user_types[i].type;
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE, "the type of column '%s' must be number, text or bool, not '%s'", column,
                     text ? text : "?");
}

/* The transform that entry `index` of the job's list names, if it and its options are right. */
static peal_status check_transform(const json_t *transforms, size_t index, const peal_transform **out,
                                   peal_error *err) {
    const json_t *options = json_array_get(transforms, index);
    const char *name = json_string_value(json_object_get(options, "transform"));
    if (!name) return peal_fail(err, PEAL_E_USAGE, "transform %zu of the job has no name", index + 1);
    PEAL_TRY(peal_transform_find(name, out, err));
    return peal_transform_check_options(*out, options, err);
}

/* True of what makes a column of numbers beside those that are learnt from. */
static bool stands_beside(const peal_transform *transform) {
    return transform->role == PEAL_TRANSFORM_WEIGHT || transform->role == PEAL_TRANSFORM_OFFSET;
}

/* True of what makes a column of texts beside them. */
static bool keeps_texts(const peal_transform *transform) {
    return transform->role == PEAL_TRANSFORM_KEEP || transform->role == PEAL_TRANSFORM_QUERY;
}

/* True of what is never for all columns. */
static bool wants_names(const peal_transform *transform, const json_t *options) {
    return (transform->wants_rows && transform->wants_rows(options)) || stands_beside(transform);
}

static peal_status check_values(const peal_transform *transform, const json_t *options, peal_error *err) {
    peal_split split;
    void *state = NULL;
    peal_type type;
    if (transform == &peal_transform_split) return peal_split_load(options, &split, err);
    if (transform == &peal_transform_cast) {
        if (!json_object_get(options, "columns")) return peal_fail(err, PEAL_E_USAGE, "cast: 'columns' must be named");
        const json_t *to = json_object_get(options, "to");
        if (check_type("", to, &type, NULL) == PEAL_OK) return PEAL_OK;
        return peal_fail(err, PEAL_E_USAGE, "cast: 'to' must be number, text or bool, not '%s'",
                         json_is_string(to) ? json_string_value(to) : "?");
    }
    peal_status status = transform->load(options, &state, err);
    if (state) transform->free(state);
    if (status != PEAL_OK || !wants_names(transform, options) || json_object_get(options, "columns")) return status;
    return peal_fail(err, PEAL_E_USAGE, "%s: its columns must be named", transform->name);
}

peal_status peal_pipeline_check_plan(const peal_plan_options *plan, peal_error *err) {
    const char *column;
    json_t *type;
    peal_type kind;
    json_object_foreach((json_t *)plan->types, column, type) PEAL_TRY(check_type(column, type, &kind, err));
    for (size_t i = 0; i < json_array_size(plan->transforms); i++) {
        const peal_transform *transform;
        PEAL_TRY(check_transform(plan->transforms, i, &transform, err));
        PEAL_TRY(check_values(transform, json_array_get(plan->transforms, i), err));
    }
    return PEAL_OK;
}

/* ---- what is to be read ---- */

static peal_status apply_type(peal_schema *schema, const char *source, const char *name, const json_t *type,
                              peal_error *err) {
    size_t index;
    PEAL_TRY(find_column(schema, source, name, &index, err));
    peal_field *field = &schema->fields[index];
    if (peal_types[field->type].has_child) return peal_fail(err, PEAL_E_USAGE, "column '%s' holds bytes", name);
    PEAL_TRY(check_type(name, type, &field->type, err));
    field->settled = field->decided = true;
    field->as_date = field->as_number = field->may_be_date = false;
    field->as_time = 0;
    field->may_be_codes = field->may_be_grouped = false;
    field->as_list = '\0';
    return PEAL_OK;
}

/* What the transform `cast` says, of one column or of a list. */
static peal_status apply_cast(const json_t *options, const char *source, peal_schema *schema, peal_error *err) {
    const json_t *columns = json_object_get(options, "columns"), *type = json_object_get(options, "to");
    const size_t count = json_is_string(columns) ? 1 : json_array_size(columns);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_is_string(columns) ? columns : json_array_get(columns, i));
        if (!name) return peal_fail(err, PEAL_E_USAGE, "cast: 'columns' must be a name or a list of names");
        PEAL_TRY(apply_type(schema, source, name, type, err));
    }
    return PEAL_OK;
}

static peal_status apply_types(const plan_work *planner, const char *source, peal_schema *schema, peal_error *err) {
    const char *name;
    json_t *type;
    for (size_t i = 0; i < json_array_size(planner->plan->transforms); i++) {
        const json_t *options = json_array_get(planner->plan->transforms, i);
        const peal_transform *transform;
        PEAL_TRY(check_transform(planner->plan->transforms, i, &transform, err));
        if (transform == &peal_transform_cast) PEAL_TRY(apply_cast(options, source, schema, err));
    }
    json_object_foreach((json_t *)planner->plan->types, name, type) {
        PEAL_TRY(apply_type(schema, source, name, type, err));
    }
    return PEAL_OK;
}

static peal_status apply_drops(const plan_work *planner, const char *source, peal_schema *schema, size_t label,
                               peal_error *err) {
    for (size_t i = 0; i < planner->plan->drop_count; i++) {
        size_t index;
        PEAL_TRY(find_column(schema, source, planner->plan->drop[i], &index, err));
        if (index == label) {
            return peal_fail(err, PEAL_E_USAGE, "the label '%s' cannot be dropped", planner->plan->drop[i]);
        }
        schema->fields[index].skip = true;
    }
    return PEAL_OK;
}

static bool changes_text(const peal_transform *transform, const json_t *options) {
    (void)options;
    return transform->role == PEAL_TRANSFORM_TEXT;
}

static bool ranks_rows(const peal_transform *transform, const json_t *options) {
    (void)options;
    return transform->role == PEAL_TRANSFORM_QUERY;
}

static bool reads_text(const peal_transform *transform, const json_t *options) {
    (void)options;
    return transform->role == PEAL_TRANSFORM_READ;
}

static bool wants_text(const peal_transform *transform, const json_t *options) {
    (void)options;
    return transform->wants_text;
}

static bool wants_rows(const peal_transform *transform, const json_t *options) {
    return transform->wants_rows && transform->wants_rows(options);
}

/* True if a transform of this kind is named for the column. */
static bool has_named(const peal_plan_options *plan, const char *name,
                      bool (*kind)(const peal_transform *, const json_t *)) {
    for (size_t i = 0; i < json_array_size(plan->transforms); i++) {
        const json_t *options = json_array_get(plan->transforms, i);
        const peal_transform *transform;
        const char *called = json_string_value(json_object_get(options, "transform"));
        if (!called || peal_transform_find(called, &transform, NULL) != PEAL_OK) continue;
        if (!kind(transform, options)) continue;
        const json_t *columns = json_object_get(options, "columns");
        const char *one = json_string_value(columns);
        if (one && strcmp(one, name) == 0) return true;
        for (size_t c = 0; c < json_array_size(columns); c++) {
            const char *text = json_string_value(json_array_get(columns, c));
            if (text && strcmp(text, name) == 0) return true;
        }
    }
    return false;
}

/* True if the column comes to the transform `query`, named for it or usual in its format. */
static bool is_query(const plan_work *planner, const peal_field *field) {
    if (field->skip) return false;
    if (has_named(planner->plan, field->name, ranks_rows)) return true;
    const bool usual = field->usual && strcmp(field->usual, peal_transform_query.name) == 0;
    return usual && field->type == PEAL_TYPE_UTF8 && !peal_plan_names(planner->plan, field->name);
}

/* Marks the columns of queries, which every row must have; whether there is one. */
static bool mark_queries(const plan_work *planner, peal_schema *schema) {
    bool found = false;
    for (size_t i = 0; i < schema->count; i++) {
        schema->fields[i].required = is_query(planner, &schema->fields[i]);
        found = found || schema->fields[i].required;
    }
    return found;
}

/* How the label is to be read. A class is read as text, for its name; so is a number of which there are few, as long as
 * it may be a class. `ranks`: where rows are ranked, numbers are how relevant they are. */
static peal_status apply_label(const plan_work *planner, const peal_guess *guess, bool ranks, peal_field *field,
                               peal_error *err) {
    const peal_type_info *info = &peal_types[field->type];
    const peal_task_kind task = planner->plan->task;
    if (info->has_child) {
        return peal_fail(err, PEAL_E_USAGE, "column '%s' holds bytes and cannot be the label", field->name);
    }
    if (task == PEAL_TASK_REGRESS) {
        const bool changed = has_named(planner->plan, field->name, changes_text);
        if (field->settled && !info->is_number && !field->as_number) {
            return peal_fail(err, PEAL_E_USAGE, "the label '%s' is text (type), and task regress wants numbers",
                             field->name);
        }
        field->as_number = field->as_number || changed;
        /* Numbers in another way of writing are found by all values, and are no bad rows. */
        const bool may_be = guess->others > 0 && peal_spelling_may_be(guess->other, strlen(guess->other));
        if (!field->as_number && (may_be || field->may_be_grouped)) {
            field->type = PEAL_TYPE_DICTIONARY;
            return PEAL_OK;
        }
        field->type = field->as_number ? PEAL_TYPE_DICTIONARY : PEAL_TYPE_FLOAT64;
        field->settled = true;
    } else if (task == PEAL_TASK_CLASSIFY) {
        field->type = PEAL_TYPE_DICTIONARY;
        field->as_number = false;
        field->settled = true;
    } else if (!field->settled && info->is_number &&
               ((guess->few_whole && !ranks && !planner->plan->prefers_number) || !field->decided)) {
        field->type = PEAL_TYPE_DICTIONARY;
    } else if (field->settled && field->type == PEAL_TYPE_BOOL) {
        field->type = PEAL_TYPE_DICTIONARY;
    }
    return PEAL_OK;
}

/* What a transform that changes or wants texts is named for is read as text. A step that reads numbers settles what it
 * becomes; so does the user's word that it is a number, of texts that are changed first. */
static void apply_text_steps(const plan_work *planner, peal_field *field) {
    const bool reads = has_named(planner->plan, field->name, reads_text);
    const bool wants = has_named(planner->plan, field->name, wants_text);
    if (!wants && !has_named(planner->plan, field->name, changes_text)) return;
    if (peal_types[field->type].has_child) return;
    if (has_named(planner->plan, field->name, wants_rows)) { /* whatever it is said to be: as it is written */
        field->type = PEAL_TYPE_UTF8;
        field->settled = field->decided = true;
        return;
    }
    const bool is_number = field->settled && field->type == PEAL_TYPE_FLOAT64;
    if (field->settled && !is_number) return;
    field->as_number = is_number || reads;
    field->type = PEAL_TYPE_DICTIONARY;
    field->settled = field->decided = field->as_number || wants;
}

/* ---- numbers that may be something else ---- */

/* Whether a column is of numbers, and what becomes of it is left to us. */
static bool is_left_number(const plan_work *planner, const peal_field *field) {
    const bool is_said = field->settled || field->usual || peal_plan_names(planner->plan, field->name);
    return !field->skip && field->type == PEAL_TYPE_FLOAT64 && !is_said;
}

/* The form in which a column's numbers, as a sample has them, are times, by their range and what it is called; eight
 * digits that are all days need no name. One more than its index; 0: none. */
static uint8_t form_of_times(const peal_guess *guess, const char *name) {
    enum { NUMBERS_LEAST = 20 };
    if (guess->numbers < NUMBERS_LEAST || guess->others > 0 || guess->few_whole) return 0;
    for (uint8_t i = 0; i < PEAL_TIME_FORMS; i++) {
        const bool is_days = strcmp(peal_time_forms[i], "%Y%m%d") == 0,
                   is_vague = strcmp(peal_time_forms[i], "%E") == 0;
        if (guess->not_times >> i & 1) continue;
        if (is_days || (is_vague ? pipeline__is_called_date(name) : pipeline__is_called_time(name)))
            return (uint8_t)(i + 1);
    }
    return 0;
}

/* Numbers that are times are read as texts, of which the transform date makes features. All values decide whether they
 * are (etl/job/types.h). */
static void look_for_times(const plan_work *planner, const peal_found *found, size_t label, peal_schema *schema) {
    for (size_t i = 0; i < schema->count; i++) {
        peal_field *field = &schema->fields[i];
        if (i == label || !is_left_number(planner, field)) continue;
        field->as_time = form_of_times(&found->guesses[i], field->name);
        if (field->as_time) field->type = PEAL_TYPE_DICTIONARY;
    }
}

/* Whether some column's numbers have decimal commas. */
static bool has_decimal_commas(const peal_found *found) {
    for (size_t i = 0; i < found->schema.count; i++) {
        if (found->guesses[i].decimal_commas > 0 && found->guesses[i].decimal_commas >= found->guesses[i].numbers) {
            return true;
        }
    }
    return false;
}

/* Numbers that may be codes, or have points between thousands, are read as texts; all values decide. Of a label the
 * sample does, for its texts are counted as the usual numbers that they are (1.000 and 1 are one class). */
static void look_for_marks(const plan_work *planner, const peal_found *found, size_t label, peal_schema *schema) {
    const bool has_commas = has_decimal_commas(found);
    for (size_t i = 0; i < schema->count; i++) {
        peal_field *field = &schema->fields[i];
        const peal_digit_votes *digits = &found->guesses[i].digits;
        if (!is_left_number(planner, field)) continue;
        field->may_be_codes = i != label && peal_digits_are_codes(digits);
        field->may_be_grouped = has_commas && peal_digits_may_be_grouped(digits);
        if (field->may_be_codes || field->may_be_grouped) field->type = PEAL_TYPE_DICTIONARY;
        if (!field->may_be_grouped || i != label || found->guesses[i].few_whole) continue;
        field->as_number = true;
        field->spelling = (peal_spelling){.decimal = ',', .thousands = '.'};
    }
}

static peal_status plan_schema(const plan_work *planner, const peal_found *found, const char *source,
                               peal_schema *schema, size_t *label, peal_error *err) {
    const char *name = planner->plan->label ? planner->plan->label : found->label;
    *label = SIZE_MAX;
    if (name) PEAL_TRY(find_column(schema, source, name, label, err));
    PEAL_TRY(apply_types(planner, source, schema, err));
    PEAL_TRY(apply_drops(planner, source, schema, *label, err));
    for (size_t i = 0; json_array_size(planner->plan->transforms) > 0 && i < schema->count; i++) {
        apply_text_steps(planner, &schema->fields[i]);
    }
    const bool ranks = mark_queries(planner, schema);
    look_for_marks(planner, found, *label, schema);
    look_for_times(planner, found, *label, schema);
    if (*label == SIZE_MAX) return PEAL_OK;
    return apply_label(planner, &found->guesses[*label], ranks, &schema->fields[*label], err);
}

peal_status peal_plan_schema(const peal_found *found, const char *name, const peal_plan_options *plan, peal_schema *out,
                             size_t *label, peal_error *err) {
    const plan_work planner = {.plan = plan};
    PEAL_TRY(peal_schema_copy(&found->schema, out, err));
    const peal_status status = plan_schema(&planner, found, name, out, label, err);
    if (status != PEAL_OK) peal_schema_clear(out);
    return status;
}

/* True of what goes to numbers where no columns are named, and else to texts. */
static bool takes_numbers(const peal_transform *transform) {
    return transform->role == PEAL_TRANSFORM_NUMBERS || transform->buckets;
}

bool peal_plan_names(const peal_plan_options *plan, const char *column) {
    for (size_t i = 0; i < json_array_size(plan->transforms); i++) {
        const json_t *options = json_array_get(plan->transforms, i), *columns = json_object_get(options, "columns");
        const char *one = json_string_value(columns),
                   *called = json_string_value(json_object_get(options, "transform"));
        const peal_transform *transform;
        if (!columns && called && peal_transform_find(called, &transform, NULL) == PEAL_OK &&
            !takes_numbers(transform)) {
            return true;
        }
        if (one && (strcmp(one, column) == 0 || strcmp(one, "texts") == 0)) return true;
        for (size_t c = 0; c < json_array_size(columns); c++) {
            const char *text = json_string_value(json_array_get(columns, c));
            if (text && strcmp(text, column) == 0) return true;
        }
    }
    return false;
}

/* ---- steps ---- */

#define AT_END SIZE_MAX

/* Puts a step before that of index `before`. */
static peal_status add_step(plan_work *planner, size_t column, const peal_transform *transform, const json_t *options,
                            size_t before, peal_error *err) {
    peal_pipeline_column *at = &planner->pipeline->columns[column];
    peal_pipeline_step *steps = realloc(at->steps, (at->step_count + 1) * sizeof *steps);
    if (!steps) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    at->steps = steps;
    peal_pipeline_step step = {.transform = transform};
    peal_status status = transform->load(options, &step.state, err);
    if (status != PEAL_OK) {
        if (step.state) transform->free(step.state);
        return status;
    }
    const size_t place = before < at->step_count ? before : at->step_count;
    memmove(steps + place + 1, steps + place, (at->step_count - place) * sizeof *steps);
    steps[place] = step;
    at->step_count++;
    return PEAL_OK;
}

/* The same with options that are given up; NULL: there is no memory. */
static peal_status add_made_step(plan_work *planner, size_t column, const peal_transform *transform, json_t *options,
                                 size_t before, peal_error *err) {
    if (!options) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    const peal_status status = add_step(planner, column, transform, options, before, err);
    json_decref(options);
    return status;
}

static peal_status add_default_step(plan_work *planner, size_t column, const peal_transform *transform, size_t before,
                                    peal_error *err) {
    return add_made_step(planner, column, transform, json_object(), before, err);
}

/* The step that reads the texts of a column as numbers, before the first that takes numbers. */
static peal_status add_reader(plan_work *planner, size_t column, peal_error *err) {
    const peal_field *field = &planner->pipeline->schema.fields[column];
    if (!field->as_number || peal_pipeline_is_number(planner->pipeline, column)) return PEAL_OK;
    return add_made_step(planner, column, &peal_transform_read_number, peal_number_options(&field->spelling), AT_END,
                         err);
}

peal_status peal_pipeline_add_missing(peal_pipeline *pipeline, size_t column, double value, double other,
                                      peal_error *err) {
    plan_work planner = {.pipeline = pipeline};
    json_t *options = json_pack("{s:f, s:f}", "value", value, "other", other);
    PEAL_TRY(add_made_step(&planner, column, &peal_transform_missing, options, 0, err));
    peal_impute_mark(pipeline->columns[column].steps[1].state);
    return PEAL_OK;
}

/* True if no further step can follow. */
static bool is_ended(const peal_pipeline_column *column) {
    const peal_transform *last = column->step_count ? column->steps[column->step_count - 1].transform : NULL;
    return last && (last->role == PEAL_TRANSFORM_ENCODE || keeps_texts(last) || stands_beside(last));
}

static peal_status add_named_step(plan_work *planner, size_t column, const peal_transform *transform,
                                  const json_t *options, peal_error *err) {
    peal_pipeline_column *at = &planner->pipeline->columns[column];
    const peal_field *field = &planner->pipeline->schema.fields[column];
    const peal_type_info *info = &peal_types[field->type];
    const bool beside = stands_beside(transform);
    if (at->role == PEAL_ROLE_DROPPED) {
        return peal_fail(err, PEAL_E_USAGE, "column '%s' is dropped (drop), and '%s' is named for it", field->name,
                         transform->name);
    }
    const bool image_step = transform->role == PEAL_TRANSFORM_IMAGE;
    const bool number_step = transform->role == PEAL_TRANSFORM_NUMBERS || transform->buckets || beside;
    const bool ends = transform->role == PEAL_TRANSFORM_ENCODE || keeps_texts(transform) || beside;
    const bool text_step =
        transform->role == PEAL_TRANSFORM_TEXT || transform->role == PEAL_TRANSFORM_READ || (ends && !number_step);
    if (number_step) PEAL_TRY(add_reader(planner, column, err));
    const bool is_number = peal_pipeline_is_number(planner->pipeline, column);
    if (text_step && info->is_text && is_number) {
        return peal_fail(err, PEAL_E_USAGE, "column '%s': '%s' takes texts, but '%s' has made numbers of them",
                         field->name, transform->name, peal_pipeline_reader(at)->transform->name);
    }
    if ((number_step && !is_number) || (text_step && !info->is_text) || (image_step && !field->is_image)) {
        if (planner->is_early && !field->settled) return PEAL_OK;
        return peal_fail(err, PEAL_E_USAGE, "'%s' does not fit column '%s', which holds %s%s", transform->name,
                         field->name, field->is_image ? "images" : info->kind,
                         info->is_number || info->is_text ? "s" : "");
    }
    if (is_ended(at)) {
        return peal_fail(err, PEAL_E_USAGE, "column '%s': nothing can follow '%s'", field->name,
                         at->steps[at->step_count - 1].transform->name);
    }
    if (column == planner->pipeline->label && (number_step || ends)) {
        return peal_fail(err, PEAL_E_USAGE, "'%s' cannot be applied to the label", transform->name);
    }
    return add_step(planner, column, transform, options, AT_END, err);
}

static bool is_beside(const plan_work *planner, size_t column) {
    const peal_pipeline_column *at = &planner->pipeline->columns[column];
    return at->step_count && stands_beside(at->steps[at->step_count - 1].transform);
}

/* Adds a transform to all columns of images. */
static peal_status add_to_images(plan_work *planner, const peal_transform *transform, const json_t *options,
                                 peal_error *err) {
    const peal_schema *schema = &planner->pipeline->schema;
    bool found = false;
    for (size_t i = 0; i < schema->count; i++) {
        if (!schema->fields[i].is_image || planner->pipeline->columns[i].role == PEAL_ROLE_DROPPED) continue;
        found = true;
        PEAL_TRY(add_named_step(planner, i, transform, options, err));
    }
    if (found) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "'%s' is for images, and the input has none", transform->name);
}

/* Adds a transform to the columns it names: a name, a list of names, or, unless a column is called so, "numbers" or
 * "texts". */
static peal_status add_to_columns(plan_work *planner, const peal_transform *transform, const json_t *options,
                                  peal_error *err) {
    const peal_schema *schema = &planner->pipeline->schema;
    const json_t *columns = json_object_get(options, "columns");
    const char *group = json_string_value(columns);
    const bool is_column = group && peal_schema_find(schema, group, strlen(group)) != SIZE_MAX;
    const bool images = !columns && transform->role == PEAL_TRANSFORM_IMAGE;
    bool numbers = group && !is_column && strcmp(group, "numbers") == 0,
         texts = group && !is_column && strcmp(group, "texts") == 0;
    if (images) return add_to_images(planner, transform, options, err);
    if (!columns) {
        numbers = takes_numbers(transform);
        texts = !numbers;
    }
    if (texts && wants_names(transform, options)) {
        return peal_fail(err, PEAL_E_USAGE, "%s: its columns must be named", transform->name);
    }
    if (numbers || texts) {
        for (size_t i = 0; i < schema->count; i++) {
            if (i == planner->pipeline->label || planner->pipeline->columns[i].role == PEAL_ROLE_DROPPED) continue;
            const peal_type_info *info = &peal_types[schema->fields[i].type];
            const bool as_number = schema->fields[i].as_number;
            if (numbers && ((!info->is_number && !as_number) || is_beside(planner, i))) continue;
            /* What all numbers are to be in the end, some may be by their own steps. */
            if (transform == &peal_transform_bins && is_ended(&planner->pipeline->columns[i])) continue;
            const bool is_other = !info->is_text || (as_number && transform->role == PEAL_TRANSFORM_ENCODE);
            const bool is_settled =
                !info->has_vocabulary && (schema->fields[i].usual || is_ended(&planner->pipeline->columns[i]));
            if (texts && (is_other || is_settled)) continue;
            PEAL_TRY(add_named_step(planner, i, transform, options, err));
        }
        return PEAL_OK;
    }
    size_t count = group ? 1 : json_array_size(columns);
    for (size_t i = 0; i < count; i++) {
        const char *name = group ? group : json_string_value(json_array_get(columns, i));
        size_t index;
        if (!name)
            return peal_fail(err, PEAL_E_USAGE, "%s: 'columns' must be a name or a list of names", transform->name);
        PEAL_TRY(find_column(schema, "the input", name, &index, err));
        PEAL_TRY(add_named_step(planner, index, transform, options, err));
    }
    return PEAL_OK;
}

/* The label step is put last, after what is replaced in the label. */
static peal_status add_label_step(plan_work *planner, const json_t *options, peal_error *err) {
    size_t label = planner->pipeline->label;
    PEAL_TRY(add_reader(planner, label, err));
    const bool number = peal_pipeline_is_number(planner->pipeline, label);
    if (number && planner->plan->task == PEAL_TASK_CLASSIFY) {
        return peal_fail(err, PEAL_E_USAGE,
                         "the label '%s' is made a number by its steps, and task classify wants classes",
                         planner->pipeline->schema.fields[label].name);
    }
    if (!number && planner->plan->task == PEAL_TASK_REGRESS && !planner->is_early) {
        return peal_fail(err, PEAL_E_USAGE,
                         "the values of the label '%s' are no numbers, or not in one way of writing, and task regress "
                         "wants numbers",
                         planner->pipeline->schema.fields[label].name);
    }
    json_t *made = options ? json_copy((json_t *)options) : json_object();
    made = peal_json_set(made, "as", json_string(number ? "number" : "class"));
    return add_made_step(planner, label, &peal_transform_label, made, AT_END, err);
}

/* ---- what is chosen ---- */

/* Where what fills in for missing numbers goes: before the first step of numbers that is fitted, for that may need it;
 * what stands before is the same for any data and leaves missing what is missing. */
static size_t place_to_impute(const peal_pipeline_column *column) {
    size_t at = 0;
    for (; at < column->step_count; at++) {
        const peal_pipeline_step *step = &column->steps[at];
        if (step->transform->role != PEAL_TRANSFORM_NUMBERS) continue;
        if (peal_transform_is_fitted(step->transform, step->state)) break;
    }
    return at;
}

static bool has_number_step(const peal_pipeline_column *column) {
    for (size_t i = 0; i < column->step_count; i++) {
        if (column->steps[i].transform->role == PEAL_TRANSFORM_NUMBERS) return true;
    }
    return false;
}

/* Where nobody named a step of numbers, that one is missing is told beside it if that is often so. */
static peal_status add_impute(plan_work *planner, size_t index, bool untouched, peal_error *err) {
    const size_t before = place_to_impute(&planner->pipeline->columns[index]);
    if (!untouched) return add_default_step(planner, index, &peal_transform_impute, before, err);
    return add_made_step(planner, index, &peal_transform_impute, json_pack("{s:s}", "mark", "auto"), before, err);
}

static peal_status complete_numbers(plan_work *planner, size_t index, peal_error *err) {
    const peal_pipeline_column *column = &planner->pipeline->columns[index];
    const bool untouched = !has_number_step(column);
    if (!peal_pipeline_column_has(column, &peal_transform_impute)) {
        PEAL_TRY(add_impute(planner, index, untouched, err));
    }
    return untouched ? add_default_step(planner, index, &peal_transform_standardize, AT_END, err) : PEAL_OK;
}

/* The shape that the steps so far give to images that come in as `shape`. */
static peal_image_shape shape_behind(const peal_pipeline_column *column, peal_image_shape shape) {
    for (size_t i = 0; i < column->step_count; i++) {
        column->steps[i].transform->image_shape(column->steps[i].state, &shape);
    }
    return shape;
}

static peal_status add_resize(plan_work *planner, size_t index, uint32_t width, uint32_t height, size_t before,
                              peal_error *err) {
    json_t *options = json_pack("{s:i, s:i}", "width", (int)width, "height", (int)height);
    return add_made_step(planner, index, &peal_transform_resize, options, before, err);
}

/* Images that differ in their channels or size are made alike, unless the steps do so: first the channels; then the
 * size that all images looked at have, before all other steps, or one for all, behind them. */
static peal_status complete_image(plan_work *planner, size_t index, peal_error *err) {
    enum { USUAL_SIDE = 64 };
    const peal_image_shape *found = &planner->pipeline->schema.fields[index].image;
    const peal_pipeline_column *column = &planner->pipeline->columns[index];
    const peal_image_shape shape = shape_behind(column, (peal_image_shape){0});
    if (shape.width == 0 && found->width > 0) {
        PEAL_TRY(add_resize(planner, index, found->width, found->height, 0, err));
    } else if (shape.width == 0) {
        PEAL_TRY(add_resize(planner, index, USUAL_SIDE, USUAL_SIDE, AT_END, err));
    }
    const bool grey = found->channels == 1;
    if (shape.channels) return PEAL_OK;
    return add_default_step(planner, index, grey ? &peal_transform_grey : &peal_transform_rgb, 0, err);
}

/* What a column is to models follows from its last step. */
static peal_column_role role_by(const peal_pipeline_step *last) {
    if (last->transform->role == PEAL_TRANSFORM_KEEP) return PEAL_ROLE_KEPT;
    if (last->transform->role == PEAL_TRANSFORM_QUERY) return PEAL_ROLE_QUERY;
    if (last->transform->role == PEAL_TRANSFORM_WEIGHT) return PEAL_ROLE_WEIGHT;
    if (last->transform->role == PEAL_TRANSFORM_OFFSET) return PEAL_ROLE_OFFSET;
    if (peal_transform_fills(last->transform, last->state)) return PEAL_ROLE_SPARSE;
    return last->transform->spreads ? PEAL_ROLE_FEATURE : PEAL_ROLE_INDEX;
}

static peal_status complete_column(plan_work *planner, size_t index, peal_error *err) {
    peal_pipeline_column *column = &planner->pipeline->columns[index];
    const peal_field *field = &planner->pipeline->schema.fields[index];
    if (column->role == PEAL_ROLE_DROPPED || index == planner->pipeline->label) return PEAL_OK;
    if (field->usual && column->step_count == 0) {
        const peal_transform *known;
        PEAL_TRY(peal_transform_find(field->usual, &known, err));
        /* Unless the user said that it is read another way. */
        const bool fits = !keeps_texts(known) || field->type == PEAL_TYPE_UTF8;
        if (fits) PEAL_TRY(add_default_step(planner, index, known, AT_END, err));
    }
    /* That a yes or no is missing is a third value, where it happens. */
    if (field->has_gaps && column->step_count == 0) {
        PEAL_TRY(add_default_step(planner, index, &peal_transform_bins, AT_END, err));
    }
    const bool ended = is_ended(column);
    if (!ended) PEAL_TRY(add_reader(planner, index, err));
    if (!ended && peal_pipeline_is_number(planner->pipeline, index)) return complete_numbers(planner, index, err);
    if (field->is_image) return complete_image(planner, index, err);
    if (peal_types[field->type].has_child) return PEAL_OK;
    if (!ended && field->as_date) {
        json_t *options = json_pack("{s:s}", "mark", "auto");
        if (field->as_time) {
            options = peal_json_set(options, "format", json_string(peal_time_forms[field->as_time - 1]));
        }
        PEAL_TRY(add_made_step(planner, index, &peal_transform_date, options, AT_END, err));
    } else if (!ended && field->as_list) {
        json_t *options = json_pack("{s:s#}", "separator", &field->as_list, 1);
        PEAL_TRY(add_made_step(planner, index, &peal_transform_members, options, AT_END, err));
    } else if (!ended) {
        PEAL_TRY(add_default_step(planner, index, &peal_transform_index, AT_END, err));
    }
    column->role = role_by(&column->steps[column->step_count - 1]);
    return PEAL_OK;
}

/* ---- telling what was chosen ---- */

enum { COLUMNS_TOLD = 20, NAME_LONGEST = 20 };

/* Columns to which the same is done, of a table that has too many to tell of each. */
typedef struct alike {
    char *steps;
    const char *kind;
    size_t first, last, count; /* columns */
} alike;

static const char *number_text(size_t number, char text[32]) {
    if (number >= 1000000) {
        snprintf(text, 32, "%zu,%03zu,%03zu", number / 1000000, number / 1000 % 1000, number % 1000);
    } else if (number >= 1000) {
        snprintf(text, 32, "%zu,%03zu", number / 1000, number % 1000);
    } else {
        snprintf(text, 32, "%zu", number);
    }
    return text;
}

const char *peal_pipeline_columns_text(const peal_pipeline *pipeline, size_t first, size_t last, size_t count,
                                       char text[PEAL_COLUMNS_TEXT]) {
    const peal_field *fields = pipeline->schema.fields;
    char number[32], names[2][NAME_LONGEST + PEAL_TEXT_CUT_EXTRA];
    peal_text_cut(fields[first].name, NAME_LONGEST, names[0]);
    peal_text_cut(fields[last].name, NAME_LONGEST, names[1]);
    if (count == 1) {
        snprintf(text, PEAL_COLUMNS_TEXT, "column %s", names[0]);
    } else {
        snprintf(text, PEAL_COLUMNS_TEXT, "%s columns (%s ... %s)", number_text(count, number), names[0], names[1]);
    }
    return text;
}

static void report_each(const peal_pipeline *pipeline, const peal_reporter *reporter) {
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_field *field = &pipeline->schema.fields[i];
        char *steps = peal_pipeline_describe(pipeline, i);
        peal_report(reporter, PEAL_EVENT_NOTE, "column %-20s %-7s %s", field->name, peal_types[field->type].kind,
                    steps ? steps : "");
        free(steps);
    }
}

/* What is done to `column`, among what is done to those before it; it is one more of them or a new one. */
static void add_alike(const peal_pipeline *pipeline, size_t column, alike groups[COLUMNS_TOLD], size_t *count) {
    const char *kind = peal_types[pipeline->schema.fields[column].type].kind;
    char *steps = peal_pipeline_describe(pipeline, column);
    size_t at = 0;
    while (steps && at < *count && (groups[at].kind != kind || strcmp(groups[at].steps, steps) != 0)) at++;
    if (!steps || at == COLUMNS_TOLD) {
        free(steps);
        return;
    }
    if (at == *count) {
        groups[(*count)++] = (alike){.steps = steps, .kind = kind, .first = column};
    } else {
        free(steps);
    }
    groups[at].last = column;
    groups[at].count++;
}

void peal_pipeline_report(const peal_pipeline *pipeline, const peal_reporter *reporter) {
    const size_t columns = pipeline->schema.count;
    alike groups[COLUMNS_TOLD] = {0};
    size_t count = 0, told = 0;
    if (columns <= COLUMNS_TOLD) {
        report_each(pipeline, reporter);
        return;
    }
    for (size_t i = 0; i < columns; i++) add_alike(pipeline, i, groups, &count);
    for (size_t i = 0; i < count; i++) {
        const alike *at = &groups[i];
        char text[PEAL_COLUMNS_TEXT];
        peal_report(reporter, PEAL_EVENT_NOTE, "%s: %s, %s",
                    peal_pipeline_columns_text(pipeline, at->first, at->last, at->count, text), at->kind, at->steps);
        told += at->count;
        free(at->steps);
    }
    if (told < columns) {
        peal_report(reporter, PEAL_EVENT_NOTE, "and %zu more columns ('peal inspect' lists them)", columns - told);
    }
}

/* ---- all together ---- */

/* The one column of a role that stands beside what is learnt from. */
static peal_status find_beside(const peal_pipeline *pipeline, peal_column_role role, const char *what, size_t *out,
                               peal_error *err) {
    *out = SIZE_MAX;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role != role) continue;
        if (*out != SIZE_MAX) {
            return peal_fail(err, PEAL_E_USAGE, "'%s' and '%s' are both columns of %s, and there can be one",
                             pipeline->schema.fields[*out].name, pipeline->schema.fields[i].name, what);
        }
        *out = i;
    }
    return PEAL_OK;
}

/* A mark of what is missing stands beside a number, not beside its code or what else becomes of it. */
static peal_status check_mark(const peal_pipeline *pipeline, size_t index, peal_error *err) {
    const peal_pipeline_column *column = &pipeline->columns[index];
    if (!peal_pipeline_marker(column)) return PEAL_OK;
    const bool is_feature = column->role == PEAL_ROLE_FEATURE;
    if (is_feature && column->steps[column->step_count - 1].transform->role == PEAL_TRANSFORM_NUMBERS) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "impute: 'mark' wants a number that is a feature, which column '%s' is not",
                     pipeline->schema.fields[index].name);
}

static peal_status plan_steps(plan_work *planner, peal_error *err) {
    const json_t *transforms = planner->plan->transforms, *label_options = NULL;
    peal_pipeline *pipeline = planner->pipeline;
    for (size_t i = 0; i < json_array_size(transforms); i++) {
        const json_t *options = json_array_get(transforms, i);
        const peal_transform *transform;
        PEAL_TRY(check_transform(transforms, i, &transform, err));
        if (transform == &peal_transform_split) {
            PEAL_TRY(peal_split_load(options, &pipeline->split, err));
            pipeline->has_split = true;
        } else if (transform == &peal_transform_label) {
            if (json_object_get(options, "columns")) {
                return peal_fail(err, PEAL_E_USAGE, "label: it is of the label (label), and takes no columns");
            }
            label_options = options;
        } else if (transform == &peal_transform_cast) {
            continue; /* it was heard when types were chosen */
        } else {
            PEAL_TRY(add_to_columns(planner, transform, options, err));
        }
    }
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        PEAL_TRY(complete_column(planner, i, err));
        PEAL_TRY(check_mark(pipeline, i, err));
    }
    PEAL_TRY(peal_pipeline_make_recipes(pipeline, err));
    PEAL_TRY(find_beside(pipeline, PEAL_ROLE_QUERY, "queries", &pipeline->query, err));
    PEAL_TRY(find_beside(pipeline, PEAL_ROLE_WEIGHT, "weights", &pipeline->weight, err));
    PEAL_TRY(find_beside(pipeline, PEAL_ROLE_OFFSET, "offsets", &pipeline->offset, err));
    return pipeline->label == SIZE_MAX ? PEAL_OK : add_label_step(planner, label_options, err);
}

/* The pair of columns that sparse features are. */
static peal_status find_sparse(peal_pipeline *pipeline, peal_error *err) {
    pipeline->indices = pipeline->values = pipeline->query = pipeline->weight = pipeline->offset = SIZE_MAX;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        if (pipeline->columns[i].role != PEAL_ROLE_SPARSE) continue;
        *(pipeline->schema.fields[i].item == PEAL_TYPE_UINT32 ? &pipeline->indices : &pipeline->values) = i;
    }
    if ((pipeline->indices == SIZE_MAX) == (pipeline->values == SIZE_MAX)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "sparse features are indices and values: keep both or drop both (drop)");
}

static peal_status plan(plan_work *planner, const peal_schema *schema, const peal_nulls *nulls, peal_error *err) {
    peal_pipeline *pipeline = planner->pipeline;
    PEAL_TRY(peal_nulls_make((const char *const *)nulls->texts, nulls->count, &pipeline->nulls, err));
    PEAL_TRY(peal_schema_copy(schema, &pipeline->schema, err));
    PEAL_TRY(peal_alloc_checked(&pipeline->columns, schema->count, sizeof *pipeline->columns, "columns", err));
    for (size_t i = 0; i < schema->count; i++) {
        pipeline->columns[i].role = i == pipeline->label                       ? PEAL_ROLE_LABEL
                                    : schema->fields[i].skip                   ? PEAL_ROLE_DROPPED
                                    : schema->fields[i].type == PEAL_TYPE_LIST ? PEAL_ROLE_SPARSE
                                                                               : PEAL_ROLE_FEATURE;
    }
    PEAL_TRY(find_sparse(pipeline, err));
    return plan_steps(planner, err);
}

peal_status peal_pipeline_plan(const peal_schema *schema, size_t label, const peal_nulls *nulls,
                               const peal_plan_options *plan_options, bool is_early, peal_pipeline **out,
                               peal_error *err) {
    *out = NULL;
    peal_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    pipeline->label = label;
    plan_work planner = {.pipeline = pipeline, .plan = plan_options, .is_early = is_early};
    const peal_status status = plan(&planner, schema, nulls, err);
    if (status != PEAL_OK) {
        peal_pipeline_free(pipeline);
        return status;
    }
    *out = pipeline;
    return PEAL_OK;
}
