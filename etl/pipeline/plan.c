/* Planning: from a sample and the user's wishes to a pipeline with nothing left open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/number.h"
#include "core/base/spelling.h"
#include "core/base/text.h"
#include "etl/pipeline/pipeline.h"

enum {
    CLASSES_MOST = 20,      /* distinct whole numbers up to which a numeric label is taken for classes */
    IDENTIFIER_LEAST = 200, /* distinct texts from which a column of nearly all different ones is an identifier */
};

typedef struct plan_work {
    peal_pipeline *pipeline;
    const peal_plan_options *plan;
    const peal_reporter *reporter;
    peal_block block; /* the parsed sample */
    const char *path;
    size_t identifiers, first_identifier, last_identifier; /* text columns that are left out */
} plan_work;

static peal_status unknown_column(const plan_work *planner, const char *name, peal_error *err) {
    const peal_raw_schema *schema = &planner->pipeline->schema;
    const char **names = calloc(schema->count, sizeof *names);
    if (!names) return peal_fail(err, PEAL_E_MEMORY, "no memory");
    for (size_t i = 0; i < schema->count; i++) names[i] = schema->fields[i].name;
    char hint[PEAL_HINT_SIZE];
    peal_fail(err, PEAL_E_USAGE, "%s has no column '%s'%s", planner->path, name,
              peal_did_you_mean(name, names, schema->count, hint));
    free(names);
    return PEAL_E_USAGE;
}

static peal_status find_column(const plan_work *planner, const char *name, size_t *index, peal_error *err) {
    *index = peal_raw_schema_find(&planner->pipeline->schema, name, strlen(name));
    return *index == SIZE_MAX ? unknown_column(planner, name, err) : PEAL_OK;
}

/* ---- what the user gave ---- */

static peal_status check_type(const char *column, const json_t *type, peal_raw_kind *kind, peal_error *err) {
    const char *text = json_string_value(type);
    if (text && strcmp(text, "number") == 0) {
        *kind = PEAL_RAW_NUMBER;
    } else if (text && strcmp(text, "text") == 0) {
        *kind = PEAL_RAW_TEXT;
    } else {
        return peal_fail(err, PEAL_E_USAGE, "the type of column '%s' must be number or text, not '%s'", column,
                         text ? text : "?");
    }
    return PEAL_OK;
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

static peal_status check_values(const peal_transform *transform, const json_t *options, peal_error *err) {
    peal_split split;
    void *state = NULL;
    if (transform == &peal_transform_split) return peal_split_load(options, &split, err);
    peal_status status = transform->load(options, &state, err);
    if (state) transform->free(state);
    return status;
}

peal_status peal_pipeline_check_plan(const peal_plan_options *plan, peal_error *err) {
    const char *column;
    json_t *type;
    peal_raw_kind kind;
    json_object_foreach((json_t *)plan->types, column, type) PEAL_TRY(check_type(column, type, &kind, err));
    for (size_t i = 0; i < json_array_size(plan->transforms); i++) {
        const peal_transform *transform;
        PEAL_TRY(check_transform(plan->transforms, i, &transform, err));
        PEAL_TRY(check_values(transform, json_array_get(plan->transforms, i), err));
    }
    return PEAL_OK;
}

static peal_status apply_types(plan_work *planner, peal_error *err) {
    const char *name;
    json_t *type;
    json_object_foreach((json_t *)planner->plan->types, name, type) {
        size_t index;
        PEAL_TRY(find_column(planner, name, &index, err));
        peal_raw_field *field = &planner->pipeline->schema.fields[index];
        if (field->kind == PEAL_RAW_BYTES) return peal_fail(err, PEAL_E_USAGE, "column '%s' holds bytes", name);
        PEAL_TRY(check_type(name, type, &field->kind, err));
    }
    return PEAL_OK;
}

static peal_status apply_drops(plan_work *planner, peal_error *err) {
    for (size_t i = 0; i < planner->plan->drop_count; i++) {
        size_t index;
        PEAL_TRY(find_column(planner, planner->plan->drop[i], &index, err));
        if (index == planner->pipeline->label) {
            return peal_fail(err, PEAL_E_USAGE, "the label '%s' cannot be dropped", planner->plan->drop[i]);
        }
        planner->pipeline->columns[index].role = PEAL_ROLE_DROPPED;
        planner->pipeline->schema.fields[index].skip = true;
    }
    return PEAL_OK;
}

/* ---- steps ---- */

static peal_status add_step(plan_work *planner, size_t column, const peal_transform *transform, const json_t *options,
                            bool in_front, peal_error *err) {
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
    if (in_front) memmove(steps + 1, steps, at->step_count * sizeof *steps);
    steps[in_front ? 0 : at->step_count] = step;
    at->step_count++;
    return PEAL_OK;
}

static peal_status add_default_step(plan_work *planner, size_t column, const peal_transform *transform, bool in_front,
                                    peal_error *err) {
    json_t *options = json_object();
    if (!options) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    peal_status status = add_step(planner, column, transform, options, in_front, err);
    json_decref(options);
    return status;
}

static peal_status add_named_step(plan_work *planner, size_t column, const peal_transform *transform,
                                  const json_t *options, peal_error *err) {
    peal_pipeline_column *at = &planner->pipeline->columns[column];
    const peal_raw_field *field = &planner->pipeline->schema.fields[column];
    static const char *const kinds[] = {"numbers", "text", "bytes"};
    bool number_step = transform->role == PEAL_TRANSFORM_NUMBERS;
    bool text_step = transform->role == PEAL_TRANSFORM_TEXT || transform->role == PEAL_TRANSFORM_ENCODE;
    if ((number_step && field->kind != PEAL_RAW_NUMBER) || (text_step && field->kind != PEAL_RAW_TEXT)) {
        return peal_fail(err, PEAL_E_USAGE, "'%s' does not fit column '%s', which holds %s", transform->name,
                         field->name, kinds[field->kind]);
    }
    if (at->step_count && at->steps[at->step_count - 1].transform->role == PEAL_TRANSFORM_ENCODE) {
        return peal_fail(err, PEAL_E_USAGE, "column '%s': nothing can follow '%s'", field->name,
                         at->steps[at->step_count - 1].transform->name);
    }
    if (column == planner->pipeline->label && (number_step || transform->role == PEAL_TRANSFORM_ENCODE)) {
        return peal_fail(err, PEAL_E_USAGE, "'%s' cannot be applied to the label", transform->name);
    }
    return add_step(planner, column, transform, options, false, err);
}

/* Adds a transform to the columns it names: a name, a list of names, "numbers" or "texts". */
static peal_status add_to_columns(plan_work *planner, const peal_transform *transform, const json_t *options,
                                  peal_error *err) {
    const peal_raw_schema *schema = &planner->pipeline->schema;
    const json_t *columns = json_object_get(options, "columns");
    const char *group = json_string_value(columns);
    bool numbers = group && strcmp(group, "numbers") == 0, texts = group && strcmp(group, "texts") == 0;
    if (!columns) {
        numbers = transform->role == PEAL_TRANSFORM_NUMBERS;
        texts = !numbers;
    }
    if (numbers || texts) {
        for (size_t i = 0; i < schema->count; i++) {
            if (i == planner->pipeline->label || planner->pipeline->columns[i].role == PEAL_ROLE_DROPPED) continue;
            if (schema->fields[i].kind != (numbers ? PEAL_RAW_NUMBER : PEAL_RAW_TEXT)) continue;
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
        PEAL_TRY(find_column(planner, name, &index, err));
        PEAL_TRY(add_named_step(planner, index, transform, options, err));
    }
    return PEAL_OK;
}

/* The label step is put last, after what is replaced in the label. */
static peal_status add_label_step(plan_work *planner, const json_t *options, peal_error *err) {
    size_t label = planner->pipeline->label;
    bool number = planner->pipeline->schema.fields[label].kind == PEAL_RAW_NUMBER;
    json_t *made = options ? json_copy((json_t *)options) : json_object();
    made = peal_json_set(made, "as", json_string(number ? "number" : "class"));
    if (!made) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    peal_status status = add_step(planner, label, &peal_transform_label, made, false, err);
    json_decref(made);
    return status;
}

/* ---- what is chosen ---- */

static bool whole_and_few(const plan_work *planner, size_t column) {
    const double *values = planner->block.numbers[column];
    double distinct[CLASSES_MOST];
    size_t count = 0;
    for (size_t row = 0; row < planner->block.rows; row++) {
        if (values[row] != values[row]) continue;
        if (values[row] != (double)(int64_t)values[row]) return false;
        size_t i = 0;
        while (i < count && distinct[i] != values[row]) i++;
        if (i < count) continue;
        if (count == CLASSES_MOST) return false;
        distinct[count++] = values[row];
    }
    return true;
}

/* Decides whether the label is a class or a number; in the first case its raw column is read as text. */
static void choose_task(plan_work *planner) {
    peal_raw_field *field = &planner->pipeline->schema.fields[planner->pipeline->label];
    if (field->kind != PEAL_RAW_NUMBER || planner->plan->task == PEAL_TASK_REGRESS) return;
    bool classes = planner->plan->task == PEAL_TASK_CLASSIFY || whole_and_few(planner, planner->pipeline->label);
    if (classes) field->kind = PEAL_RAW_TEXT;
    if (planner->plan->task == PEAL_TASK_AUTO) {
        peal_report(planner->reporter, PEAL_EVENT_NOTE, "label %s: taken for %s (task %s for the other)", field->name,
                    classes ? "a class" : "a number", classes ? "regress" : "classify");
    }
}

static peal_status choose_text_encoder(plan_work *planner, size_t column, peal_error *err) {
    uint32_t distinct = planner->block.dictionaries[column].size;
    if (distinct >= IDENTIFIER_LEAST && distinct * (uint64_t)10 > planner->block.rows * 9) {
        planner->pipeline->columns[column].role = PEAL_ROLE_DROPPED;
        planner->pipeline->schema.fields[column].skip = true;
        if (planner->identifiers++ == 0) planner->first_identifier = column;
        planner->last_identifier = column;
        return PEAL_OK;
    }
    return add_default_step(planner, column, &peal_transform_index, false, err);
}

static peal_status complete_column(plan_work *planner, size_t index, peal_error *err) {
    peal_pipeline_column *column = &planner->pipeline->columns[index];
    peal_raw_field *field = &planner->pipeline->schema.fields[index];
    if (column->role == PEAL_ROLE_DROPPED || index == planner->pipeline->label) return PEAL_OK;
    if (field->kind == PEAL_RAW_NUMBER) {
        bool untouched = column->step_count == 0;
        if (!peal_pipeline_column_has(column, &peal_transform_impute)) {
            PEAL_TRY(add_default_step(planner, index, &peal_transform_impute, true, err));
        }
        return untouched ? add_default_step(planner, index, &peal_transform_standardize, false, err) : PEAL_OK;
    }
    if (field->kind == PEAL_RAW_BYTES) return PEAL_OK;
    bool encoded = column->step_count && column->steps[column->step_count - 1].transform->role == PEAL_TRANSFORM_ENCODE;
    if (!encoded) PEAL_TRY(choose_text_encoder(planner, index, err));
    if (column->role == PEAL_ROLE_FEATURE && !column->steps[column->step_count - 1].transform->spreads) {
        column->role = PEAL_ROLE_INDEX;
    }
    return PEAL_OK;
}

/* ---- telling what was chosen ---- */

enum { COLUMNS_TOLD = 20, NAME_LONGEST = 20 };

/* Columns to which the same is done, of a table that has too many to tell of each. */
typedef struct alike {
    char *steps;
    peal_raw_kind kind;
    size_t first, last, count; /* columns */
} alike;

static const char *const kind_names[] = {"number", "text", "bytes"};

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

/* "column x", or "20,000 columns (c1 ... c20000)". */
static const char *columns_text(const plan_work *planner, size_t first, size_t last, size_t count, char text[96]) {
    const peal_raw_field *fields = planner->pipeline->schema.fields;
    char number[32], names[2][NAME_LONGEST + PEAL_TEXT_CUT_EXTRA];
    peal_text_cut(fields[first].name, NAME_LONGEST, names[0]);
    peal_text_cut(fields[last].name, NAME_LONGEST, names[1]);
    if (count == 1) {
        snprintf(text, 96, "column %s", names[0]);
    } else {
        snprintf(text, 96, "%s columns (%s ... %s)", number_text(count, number), names[0], names[1]);
    }
    return text;
}

static void report_each(const plan_work *planner) {
    const peal_raw_schema *schema = &planner->pipeline->schema;
    for (size_t i = 0; i < schema->count; i++) {
        char *steps = peal_pipeline_describe(planner->pipeline, i);
        peal_report(planner->reporter, PEAL_EVENT_NOTE, "column %-20s %-7s %s", schema->fields[i].name,
                    kind_names[schema->fields[i].kind], steps ? steps : "");
        free(steps);
    }
}

/* What is done to `column`, among what is done to those before it; it is one more of them or a new one. */
static void add_alike(const plan_work *planner, size_t column, alike groups[COLUMNS_TOLD], size_t *count) {
    const peal_raw_kind kind = planner->pipeline->schema.fields[column].kind;
    char *steps = peal_pipeline_describe(planner->pipeline, column);
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

static void report_choices(const plan_work *planner) {
    const size_t columns = planner->pipeline->schema.count;
    alike groups[COLUMNS_TOLD] = {0};
    size_t count = 0, told = 0;
    if (columns <= COLUMNS_TOLD) {
        report_each(planner);
        return;
    }
    for (size_t i = 0; i < columns; i++) add_alike(planner, i, groups, &count);
    for (size_t i = 0; i < count; i++) {
        const alike *at = &groups[i];
        char text[96];
        peal_report(planner->reporter, PEAL_EVENT_NOTE, "%s: %s, %s",
                    columns_text(planner, at->first, at->last, at->count, text), kind_names[at->kind], at->steps);
        told += at->count;
        free(at->steps);
    }
    if (told < columns) {
        peal_report(planner->reporter, PEAL_EVENT_NOTE, "and %zu more columns ('peal inspect' lists them)",
                    columns - told);
    }
}

/* One warning, however many columns there are. */
static void report_identifiers(const plan_work *planner) {
    char text[96];
    if (planner->identifiers == 0) return;
    columns_text(planner, planner->first_identifier, planner->last_identifier, planner->identifiers, text);
    peal_report(planner->reporter, PEAL_EVENT_WARNING,
                "%s: nearly every row has a text of its own, so %s left out (name a transform to keep %s)", text,
                planner->identifiers == 1 ? "it is" : "they are", planner->identifiers == 1 ? "it" : "them");
}

/* Parses the sample with the schema as it stands, into planner->block. */
static peal_status parse_sample(plan_work *planner, const char *sample, size_t size, bool whole, peal_error *err) {
    peal_pipeline *pipeline = planner->pipeline;
    peal_format_job job = {.options = &pipeline->options, .schema = &pipeline->schema, .label = SIZE_MAX};
    peal_stream *stream;
    peal_format_reader *reader = NULL;
    if (!whole) {
        while (size > 0 && sample[size - 1] != '\n') size--;
    }
    PEAL_TRY(peal_memory_stream_open(sample, size, &stream, err));
    PEAL_TRY(pipeline->format->open(&job, planner->path, NULL, stream, &reader, err));
    peal_status status = pipeline->format->read(reader, &planner->block, err);
    if (status == PEAL_OK) status = pipeline->format->parse(reader, &planner->block, err);
    pipeline->format->close(reader);
    return status;
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
            label_options = options;
        } else {
            PEAL_TRY(add_to_columns(planner, transform, options, err));
        }
    }
    for (size_t i = 0; i < pipeline->schema.count; i++) PEAL_TRY(complete_column(planner, i, err));
    return pipeline->label == SIZE_MAX ? PEAL_OK : add_label_step(planner, label_options, err);
}

static peal_status plan(plan_work *planner, const char *sample, size_t size, bool whole, peal_error *err) {
    peal_pipeline *pipeline = planner->pipeline;
    const char *label = planner->plan->label;
    PEAL_TRY(pipeline->format->infer(planner->path, sample, size, whole, &pipeline->options, &pipeline->schema, err));
    PEAL_TRY(peal_alloc_checked(&pipeline->columns, pipeline->schema.count, sizeof *pipeline->columns, "columns", err));
    for (size_t i = 0; i < pipeline->schema.count; i++) pipeline->columns[i].role = PEAL_ROLE_FEATURE;
    if (!label && pipeline->format->is_companion) label = "label";
    if (label) {
        PEAL_TRY(find_column(planner, label, &pipeline->label, err));
        pipeline->columns[pipeline->label].role = PEAL_ROLE_LABEL;
        if (pipeline->schema.fields[pipeline->label].kind == PEAL_RAW_BYTES) {
            return peal_fail(err, PEAL_E_USAGE, "column '%s' holds bytes and cannot be the label", label);
        }
    }
    PEAL_TRY(apply_types(planner, err));
    PEAL_TRY(apply_drops(planner, err));
    const char *fault = pipeline->format->fault(&pipeline->options, &pipeline->schema);
    if (fault) return peal_fail(err, PEAL_E_USAGE, "%s: %s", planner->path, fault);
    PEAL_TRY(peal_block_init(&planner->block, &pipeline->schema, err));
    if (!pipeline->format->is_companion) PEAL_TRY(parse_sample(planner, sample, size, whole, err));
    if (pipeline->label != SIZE_MAX) choose_task(planner);
    PEAL_TRY(plan_steps(planner, err));
    report_identifiers(planner);
    report_choices(planner);
    return PEAL_OK;
}

peal_status peal_pipeline_plan(const char *path, const char *sample, size_t sample_size, bool whole,
                               const peal_format *format, const peal_format_options *options,
                               const peal_plan_options *plan_options, const peal_reporter *reporter,
                               peal_pipeline **out, peal_error *err) {
    *out = NULL;
    peal_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    pipeline->format = format;
    pipeline->options = *options;
    pipeline->options.format = NULL;
    pipeline->label = SIZE_MAX;
    plan_work planner = {.pipeline = pipeline, .plan = plan_options, .reporter = reporter, .path = path};
    peal_status status = plan(&planner, sample, sample_size, whole, err);
    peal_block_clear(&planner.block);
    if (status != PEAL_OK) {
        peal_pipeline_free(pipeline);
        return status;
    }
    *out = pipeline;
    return PEAL_OK;
}
