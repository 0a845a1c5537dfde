/* A pipeline as a JSON document, and back. Many columns in a row that are treated alike, such as 20,000 numbers, are
 * one entry with a list of names and a list for each number of their steps. */
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "etl/pipeline/pipeline.h"

static const char *const role_names[] = {"dropped", "feature", "index",  "sparse", "kept",
                                         "query",   "weight",  "offset", "label"};
enum { ROLES = sizeof role_names / sizeof *role_names };

const char *peal_column_role_name(peal_column_role role) {
    return role_names[role];
}

static json_t *save_nulls(const peal_nulls *nulls) {
    json_t *saved = json_array();
    for (size_t i = 0; i < nulls->count; i++) saved = peal_json_append(saved, json_string(nulls->texts[i]));
    return saved;
}

/* ---- runs: columns in a row that are treated alike, and are kept as one ---- */

/* Fewer are not worth a second way of writing them. */
enum { RUN_LEAST = 16, STATE_MOST = 256 };

/* Whether the states differ in their numbers at most. */
static bool same_but_numbers(const peal_pipeline_step *a, const peal_pipeline_step *b) {
    const size_t size = a->transform->state_size;
    if (a->transform != b->transform || !a->transform->numbers_of || size > STATE_MOST) return false;
    char copy[STATE_MOST];
    memcpy(copy, b->state, size);
    for (const peal_state_number *at = a->transform->numbers_of; at->key; at++) {
        memcpy(copy + at->offset, (const char *)a->state + at->offset, sizeof(double));
    }
    return memcmp(copy, a->state, size) == 0;
}

static bool are_alike(const peal_pipeline *pipeline, size_t a, size_t b) {
    const peal_pipeline_column *first = &pipeline->columns[a], *second = &pipeline->columns[b];
    const peal_type type = pipeline->schema.fields[a].type;
    bool same = type == pipeline->schema.fields[b].type && !peal_types[type].has_child && first->role == second->role &&
                first->step_count == second->step_count;
    for (size_t s = 0; same && s < first->step_count; s++) same = same_but_numbers(&first->steps[s], &second->steps[s]);
    return same;
}

size_t peal_pipeline_run(const peal_pipeline *pipeline, size_t first) {
    size_t count = 1;
    while (first + count < pipeline->schema.count && are_alike(pipeline, first, first + count)) count++;
    return count < RUN_LEAST ? 1 : count;
}

/* ---- save ---- */

static json_t *names_of(const peal_pipeline *pipeline, size_t first, size_t count) {
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++) {
        names = peal_json_append(names, json_string(pipeline->schema.fields[first + i].name));
    }
    return names;
}

/* One number of step `step` of the columns of a run. */
static json_t *numbers_of(const peal_pipeline *pipeline, size_t first, size_t count, size_t step, size_t offset) {
    json_t *numbers = json_array();
    for (size_t i = 0; i < count; i++) {
        double number;
        memcpy(&number, (const char *)pipeline->columns[first + i].steps[step].state + offset, sizeof number);
        numbers = peal_json_append(numbers, json_real(number));
    }
    return numbers;
}

/* `like`: NULL, or the step as it was saved, whose lists are taken. */
static json_t *save_step(const peal_pipeline *pipeline, size_t first, size_t count, size_t index, const json_t *like) {
    const peal_pipeline_step *step = &pipeline->columns[first].steps[index];
    const peal_transform *transform = step->transform;
    json_t *state =
        like && transform->save_like ? transform->save_like(step->state, like) : transform->save(step->state);
    json_t *saved = peal_json_merge(json_pack("{s:s}", "transform", transform->name), state);
    for (const peal_state_number *at = transform->numbers_of; count > 1 && at->key; at++) {
        saved = peal_json_set(saved, at->key,
                              like ? json_incref(json_object_get(like, at->key))
                                   : numbers_of(pipeline, first, count, index, at->offset));
    }
    return saved;
}

json_t *peal_pipeline_save_run(const peal_pipeline *pipeline, size_t first, size_t count, const json_t *like) {
    const peal_field *field = &pipeline->schema.fields[first];
    const peal_pipeline_column *column = &pipeline->columns[first];
    const json_t *steps_like = json_object_get(like, "steps");
    json_t *steps = json_array(), *saved = json_object();
    for (size_t s = 0; s < column->step_count; s++) {
        steps = peal_json_append(steps, save_step(pipeline, first, count, s, json_array_get(steps_like, s)));
    }
    if (count == 1) {
        saved = peal_json_set(saved, "name", json_string(field->name));
    } else {
        saved = peal_json_set(saved, "names",
                              like ? json_incref(json_object_get(like, "names")) : names_of(pipeline, first, count));
    }
    saved = peal_json_set(saved, "type", json_string(peal_types[field->type].name));
    saved = peal_json_set(saved, "role", json_string(role_names[column->role]));
    saved = peal_json_set(saved, "steps", steps);
    if (!peal_types[field->type].has_child) return saved;
    saved = peal_json_set(saved, "item", json_string(peal_types[field->item].name));
    if (column->role == PEAL_ROLE_SPARSE && field->item == PEAL_TYPE_UINT32) {
        saved = peal_json_set(saved, "below", json_integer(column->width));
        if (field->base) saved = peal_json_set(saved, "base", json_integer(field->base));
        if (field->bits) saved = peal_json_set(saved, "bits", json_integer(field->bits));
    }
    return field->width ? peal_json_set(saved, "width", json_integer(field->width)) : saved;
}

json_t *peal_pipeline_save_rest(const peal_pipeline *pipeline) {
    json_t *saved = json_pack("{s:o}", "nulls", save_nulls(&pipeline->nulls));
    return pipeline->has_split ? peal_json_set(saved, "split", peal_split_save(&pipeline->split)) : saved;
}

json_t *peal_pipeline_save(const peal_pipeline *pipeline) {
    json_t *columns = json_array();
    for (size_t i = 0, count; i < pipeline->schema.count; i += count) {
        count = peal_pipeline_run(pipeline, i);
        columns = peal_json_append(columns, peal_pipeline_save_run(pipeline, i, count, NULL));
    }
    return peal_json_set(peal_pipeline_save_rest(pipeline), "columns", columns);
}

/* Appends the text of `value`, which is given up, from byte `skip` on. */
static peal_status append_json(peal_buffer *out, json_t *value, size_t skip, peal_error *err) {
    char *text;
    peal_status status = peal_json_dump(value, JSON_INDENT(1), "a pipeline", &text, err);
    json_decref(value);
    if (status != PEAL_OK) return status;
    status = peal_buffer_append(out, text + skip, strlen(text) - skip, err);
    free(text);
    return status;
}

static peal_status begin_columns(peal_buffer *out, peal_error *err) {
    static const char begin[] = "{\n\"columns\": [\n";
    return peal_buffer_append(out, begin, sizeof begin - 1, err);
}

static peal_status append_entry(peal_buffer *out, json_t *entry, bool is_first, peal_error *err) {
    const peal_status status = is_first ? PEAL_OK : peal_buffer_append(out, ",\n", 2, err);
    if (status == PEAL_OK) return append_json(out, entry, 0, err);
    json_decref(entry);
    return status;
}

static peal_status end_columns(peal_buffer *out, json_t *rest, peal_error *err) {
    const peal_status status = peal_buffer_append(out, "],", 2, err);
    if (status == PEAL_OK) {
        PEAL_TRY(append_json(out, rest, 1, err)); /* without its brace, for it goes on */
        return peal_buffer_append(out, "", 1, err);
    }
    json_decref(rest);
    return status;
}

peal_status peal_pipeline_write(const peal_pipeline *pipeline, peal_buffer *out, peal_error *err) {
    PEAL_TRY(begin_columns(out, err));
    for (size_t i = 0, count; i < pipeline->schema.count; i += count) {
        count = peal_pipeline_run(pipeline, i);
        PEAL_TRY(append_entry(out, peal_pipeline_save_run(pipeline, i, count, NULL), i == 0, err));
    }
    return end_columns(out, peal_pipeline_save_rest(pipeline), err);
}

peal_status peal_pipeline_write_saved(const json_t *saved, peal_buffer *out, peal_error *err) {
    const json_t *columns = json_object_get(saved, "columns");
    PEAL_TRY(begin_columns(out, err));
    for (size_t i = 0; i < json_array_size(columns); i++) {
        PEAL_TRY(append_entry(out, json_incref(json_array_get(columns, i)), i == 0, err));
    }
    json_t *rest = json_copy((json_t *)saved); /* its columns are not copied */
    if (rest) json_object_del(rest, "columns");
    return end_columns(out, rest, err);
}

/* ---- load ---- */

static peal_status damaged(peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "the saved pipeline is damaged: %s", what);
}

/* The index of a JSON string in a list of names, or -1. */
static int name_index(const json_t *value, const char *const *names, size_t count) {
    for (size_t i = 0; i < count && json_is_string(value); i++) {
        if (strcmp(json_string_value(value), names[i]) == 0) return (int)i;
    }
    return -1;
}

static peal_status load_nulls(peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const size_t count = json_array_size(saved);
    const char **texts;
    if (!json_is_array(saved)) return damaged(err, "its spellings of null are missing");
    PEAL_TRY(peal_alloc_checked(&texts, count, sizeof *texts, "a pipeline", err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < count && status == PEAL_OK; i++) {
        texts[i] = json_string_value(json_array_get(saved, i));
        if (!texts[i]) status = damaged(err, "a spelling of null");
    }
    if (status == PEAL_OK) status = peal_nulls_make(texts, count, &pipeline->nulls, err);
    free(texts);
    return status;
}

/* The type of a saved name that a raw column may have, or PEAL_TYPES. */
static peal_type type_called(const json_t *name, bool is_item) {
    static const peal_type raw[] = {PEAL_TYPE_FLOAT64,    PEAL_TYPE_BOOL, PEAL_TYPE_DICTIONARY,
                                    PEAL_TYPE_FIXED_LIST, PEAL_TYPE_LIST, PEAL_TYPE_UTF8};
    static const peal_type items[] = {PEAL_TYPE_UINT8, PEAL_TYPE_UINT32, PEAL_TYPE_FLOAT32};
    const char *text = json_string_value(name);
    for (size_t i = 0; text && !is_item && i < sizeof raw / sizeof *raw; i++) {
        if (strcmp(peal_types[raw[i]].name, text) == 0) return raw[i];
    }
    for (size_t i = 0; text && is_item && i < sizeof items / sizeof *items; i++) {
        if (strcmp(peal_types[items[i]].name, text) == 0) return items[i];
    }
    return PEAL_TYPES;
}

/* ---- the names of an entry's columns ---- */

/* The names of a run, wherever they are kept; taken one after the other. */
typedef struct name_list {
    const json_t *json; /* NULL: */
    const char *texts;  /* each with a NUL behind it; the next one */
    size_t count, next;
} name_list;

static size_t count_texts(const char *texts, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += texts[i] == '\0';
    return count;
}

/* A text that a name can be: no NUL stands in it. */
static peal_status text_of(const json_t *name, const char **out, size_t *length, peal_error *err) {
    *out = json_string_value(name);
    *length = json_string_length(name);
    return *out && strlen(*out) == *length ? PEAL_OK : damaged(err, "a column's name");
}

static peal_status next_name(name_list *names, const char **out, size_t *length, peal_error *err) {
    if (names->json) return text_of(json_array_get(names->json, names->next++), out, length, err);
    *out = names->texts;
    *length = strlen(names->texts);
    names->texts += *length + 1;
    return PEAL_OK;
}

/* The names of each entry that is a run; *count is how many columns the entries are. */
static peal_status find_names(const json_t *columns, const peal_kept_lists *lists, name_list *out, size_t *count,
                              peal_error *err) {
    *count = 0;
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *names = json_object_get(json_array_get(columns, i), "names");
        out[i] = (name_list){.json = names, .count = names ? json_array_size(names) : 1};
        if (lists && json_is_object(names)) {
            size_t size;
            out[i].json = NULL;
            PEAL_TRY(lists->names(lists->user, names, &out[i].texts, &size, err));
            out[i].count = count_texts(out[i].texts, size);
        }
        if (names && out[i].count < RUN_LEAST) return damaged(err, "a run of columns");
        *count += out[i].count;
    }
    return *count ? PEAL_OK : damaged(err, "it has no columns");
}

/* ---- one column ---- */

static peal_status load_field(peal_pipeline *pipeline, const json_t *saved, const char *name, size_t length,
                              peal_error *err) {
    const peal_type type = type_called(json_object_get(saved, "type"), false);
    const json_int_t width = json_integer_value(json_object_get(saved, "width"));
    if (type == PEAL_TYPES || width < 0 || width > 1 << 28) return damaged(err, "a column");
    PEAL_TRY(peal_schema_add(&pipeline->schema, name, length, type, err));
    peal_field *field = &pipeline->schema.fields[pipeline->schema.count - 1];
    field->settled = field->decided = true;
    if (!peal_types[type].has_child) return PEAL_OK;
    field->item = type_called(json_object_get(saved, "item"), true);
    field->width = (uint32_t)width;
    const bool is_bytes = type == PEAL_TYPE_FIXED_LIST;
    const bool fits = is_bytes ? field->item == PEAL_TYPE_UINT8 && width > 0
                               : width == 0 && (field->item == PEAL_TYPE_UINT32 || field->item == PEAL_TYPE_FLOAT32);
    return fits ? PEAL_OK : damaged(err, is_bytes ? "a column of no bytes" : "a column of lists");
}

/* Half of the pair that sparse features are. What their indices are read by is not told by files from before it was
 * kept, and then is the usual. */
static peal_status load_sparse(peal_pipeline *pipeline, size_t index, const json_t *saved, peal_error *err) {
    peal_field *field = &pipeline->schema.fields[index];
    const bool is_indices = field->item == PEAL_TYPE_UINT32;
    const json_int_t below = json_integer_value(json_object_get(saved, "below")),
                     base = json_integer_value(json_object_get(saved, "base")),
                     bits = json_integer_value(json_object_get(saved, "bits"));
    *(is_indices ? &pipeline->indices : &pipeline->values) = index;
    if (!is_indices) return PEAL_OK;
    if (below < 1 || below > INT32_MAX) return damaged(err, "a bound of indices");
    if (base < 0 || base > PEAL_INDEX_BASE_MOST || bits < 0 || bits > PEAL_INDEX_BITS_MOST) {
        return damaged(err, "what its indices are");
    }
    pipeline->columns[index].width = (uint32_t)below;
    field->base = (uint32_t)base;
    field->bits = (uint32_t)bits;
    return PEAL_OK;
}

/* The role, and what belongs to it, of the column that was added last. */
static peal_status load_role(peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const size_t index = pipeline->schema.count - 1;
    const int role = name_index(json_object_get(saved, "role"), role_names, ROLES);
    peal_pipeline_column *column = &pipeline->columns[index];
    if (role < 0) return damaged(err, "a column");
    pipeline->schema.fields[index].skip = role == PEAL_ROLE_DROPPED;
    column->role = (peal_column_role)role;
    if (role == PEAL_ROLE_LABEL) pipeline->label = index;
    if (role == PEAL_ROLE_QUERY) {
        pipeline->query = index;
        pipeline->schema.fields[index].required = true;
    }
    if (role == PEAL_ROLE_WEIGHT) pipeline->weight = index;
    if (role == PEAL_ROLE_OFFSET) pipeline->offset = index;
    if (role != PEAL_ROLE_SPARSE || !peal_types[pipeline->schema.fields[index].type].has_child) return PEAL_OK;
    return load_sparse(pipeline, index, saved, err);
}

static peal_status find_step(const json_t *step, const peal_transform **out, peal_error *err) {
    const char *name = json_string_value(json_object_get(step, "transform"));
    if (!name) return damaged(err, "a step");
    PEAL_TRY(peal_transform_find(name, out, err));
    return (*out)->load ? PEAL_OK : damaged(err, "a step that is none of a column");
}

static peal_status load_step(peal_pipeline_column *column, const json_t *step, peal_error *err) {
    peal_pipeline_step *made = &column->steps[column->step_count];
    PEAL_TRY(find_step(step, &made->transform, err));
    column->step_count++;
    return made->transform->load(step, &made->state, err);
}

static peal_status load_column(peal_pipeline *pipeline, const json_t *saved, peal_error *err) {
    const json_t *steps = json_object_get(saved, "steps");
    peal_pipeline_column *column = &pipeline->columns[pipeline->schema.count];
    const char *name;
    size_t length;
    PEAL_TRY(text_of(json_object_get(saved, "name"), &name, &length, err));
    PEAL_TRY(load_field(pipeline, saved, name, length, err));
    PEAL_TRY(load_role(pipeline, saved, err));
    column->steps = calloc(json_array_size(steps) + 1, sizeof *column->steps); /* many small ones: not aligned */
    if (!column->steps) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        PEAL_TRY(load_step(column, json_array_get(steps, i), err));
        const peal_pipeline_step *step = &column->steps[i];
        if (step->transform != &peal_transform_read_number) continue;
        pipeline->schema.fields[pipeline->schema.count - 1].spelling = *(const peal_spelling *)step->state;
    }
    pipeline->schema.fields[pipeline->schema.count - 1].bound = peal_pipeline_bound(column);
    return PEAL_OK;
}

/* ---- a run of columns ---- */

/* One list of numbers, wherever it is kept. */
typedef struct number_list {
    const json_t *json; /* NULL: */
    const char *numbers;
} number_list;

static double number_at(const number_list *list, size_t index) {
    if (list->json) return json_real_value(json_array_get(list->json, index));
    double number;
    memcpy(&number, list->numbers + index * sizeof number, sizeof number);
    return number;
}

static peal_status find_list(const json_t *step, const char *key, size_t count, const peal_kept_lists *lists,
                             number_list *out, peal_error *err) {
    const json_t *found = json_object_get(step, key);
    *out = (number_list){.json = found};
    if (lists && json_is_object(found)) {
        const void *numbers;
        PEAL_TRY(lists->numbers(lists->user, found, count, &numbers, err));
        *out = (number_list){.numbers = numbers};
        return PEAL_OK;
    }
    bool right = json_array_size(found) == count;
    for (size_t i = 0; right && i < count; i++) right = json_is_real(json_array_get(found, i));
    return right ? PEAL_OK : damaged(err, "a list of numbers");
}

/* The state of a run's first column: the step with a number in the place of each list. Freed by the caller, also after
 * a failure. */
static peal_status load_first(const json_t *step, const number_list *lists, const peal_transform *transform, void **out,
                              peal_error *err) {
    json_t *first = json_copy((json_t *)step);
    for (const peal_state_number *at = transform->numbers_of; at->key; at++, lists++) {
        first = peal_json_set(first, at->key, json_real(number_at(lists, 0)));
    }
    const peal_status status =
        first ? transform->load(first, out, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    json_decref(first);
    return status;
}

/* The states of all columns, side by side: that of the first, each with numbers of its own. */
static peal_status add_states(peal_pipeline *pipeline, const peal_transform *transform, const void *first_state,
                              const number_list *lists, size_t first, size_t count, peal_error *err) {
    const size_t size = transform->state_size;
    char *state = peal_arena_alloc(pipeline->runs, count * size);
    if (!state) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    for (size_t i = 0; i < count; i++, state += size) {
        peal_pipeline_column *column = &pipeline->columns[first + i];
        memcpy(state, first_state, size);
        column->steps[column->step_count++] = (peal_pipeline_step){transform, state};
        const number_list *list = lists;
        for (const peal_state_number *at = transform->numbers_of; at->key; at++, list++) {
            const double number = number_at(list, i);
            memcpy(state + at->offset, &number, sizeof number);
        }
    }
    return PEAL_OK;
}

static peal_status load_run_step(peal_pipeline *pipeline, const json_t *step, const peal_kept_lists *kept, size_t first,
                                 size_t count, peal_error *err) {
    enum { LISTS_MOST = 8 };
    number_list lists[LISTS_MOST];
    const peal_transform *transform;
    PEAL_TRY(find_step(step, &transform, err));
    if (!transform->numbers_of) return damaged(err, "a step that cannot be of several columns");
    for (size_t i = 0; transform->numbers_of[i].key && i < LISTS_MOST; i++) {
        PEAL_TRY(find_list(step, transform->numbers_of[i].key, count, kept, &lists[i], err));
    }
    void *state = NULL;
    peal_status status = load_first(step, lists, transform, &state, err);
    if (status == PEAL_OK) status = add_states(pipeline, transform, state, lists, first, count, err);
    transform->free(state);
    return status;
}

/* The columns of a run, without steps: what is said of one is read for the first and holds for all. */
static peal_status add_run(peal_pipeline *pipeline, const json_t *saved, name_list *names, peal_error *err) {
    const size_t first = pipeline->schema.count, steps = json_array_size(json_object_get(saved, "steps"));
    peal_pipeline_step *room = peal_arena_alloc(pipeline->runs, names->count * steps * sizeof *room);
    if (!room) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    for (size_t i = 0; i < names->count; i++) {
        peal_pipeline_column *column = &pipeline->columns[first + i];
        const char *name;
        size_t length;
        PEAL_TRY(next_name(names, &name, &length, err));
        if (i == 0) {
            PEAL_TRY(load_field(pipeline, saved, name, length, err));
            PEAL_TRY(load_role(pipeline, saved, err));
        } else {
            PEAL_TRY(peal_schema_add_like(&pipeline->schema, name, length, &pipeline->schema.fields[first], err));
        }
        column->role = pipeline->columns[first].role;
        column->run = (uint32_t)names->count;
        column->steps = room + i * steps;
    }
    return peal_types[pipeline->schema.fields[first].type].has_child ? damaged(err, "a run of columns") : PEAL_OK;
}

static peal_status load_run(peal_pipeline *pipeline, const json_t *saved, name_list *names,
                            const peal_kept_lists *lists, peal_error *err) {
    const json_t *steps = json_object_get(saved, "steps");
    const size_t first = pipeline->schema.count;
    if (!pipeline->runs) pipeline->runs = peal_arena_new(0); /* each piece is large */
    if (!pipeline->runs) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    PEAL_TRY(add_run(pipeline, saved, names, err));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        PEAL_TRY(load_run_step(pipeline, json_array_get(steps, i), lists, first, names->count, err));
    }
    return PEAL_OK;
}

/* ---- the whole ---- */

/* `names`: room for those of each entry. */
static peal_status load_columns(peal_pipeline *pipeline, const json_t *columns, const peal_kept_lists *lists,
                                name_list *names, peal_error *err) {
    size_t count;
    PEAL_TRY(find_names(columns, lists, names, &count, err));
    if (count > UINT32_MAX) return damaged(err, "it has more than 2^32 columns");
    PEAL_TRY(peal_schema_reserve(&pipeline->schema, count, err));
    PEAL_TRY(peal_zeroed_checked(&pipeline->columns, count, sizeof *pipeline->columns, "a pipeline", err));
    for (size_t i = 0; i < json_array_size(columns); i++) {
        const json_t *entry = json_array_get(columns, i);
        PEAL_TRY(json_object_get(entry, "names") ? load_run(pipeline, entry, &names[i], lists, err)
                                                 : load_column(pipeline, entry, err));
    }
    return PEAL_OK;
}

static peal_status pipeline_load(peal_pipeline *pipeline, const json_t *saved, const peal_kept_lists *lists,
                                 peal_error *err) {
    const json_t *columns = json_object_get(saved, "columns"), *split = json_object_get(saved, "split");
    PEAL_TRY(load_nulls(pipeline, json_object_get(saved, "nulls"), err));
    name_list *names;
    PEAL_TRY(peal_zeroed_checked(&names, json_array_size(columns), sizeof *names, "a pipeline", err));
    const peal_status status = load_columns(pipeline, columns, lists, names, err);
    free(names);
    PEAL_TRY(status);
    pipeline->has_split = split != NULL;
    if (split) PEAL_TRY(peal_split_load(split, &pipeline->split, err));
    PEAL_TRY(peal_pipeline_make_recipes(pipeline, err));
    PEAL_TRY(peal_pipeline_check(pipeline, saved, err));
    return peal_pipeline_fitted(pipeline, err);
}

peal_status peal_pipeline_load(const json_t *saved, peal_pipeline **out, peal_error *err) {
    return peal_pipeline_load_with(saved, NULL, out, err);
}

peal_status peal_pipeline_load_with(const json_t *saved, const peal_kept_lists *lists, peal_pipeline **out,
                                    peal_error *err) {
    *out = NULL;
    peal_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    pipeline->label = pipeline->query = pipeline->weight = pipeline->offset = SIZE_MAX;
    pipeline->indices = pipeline->values = SIZE_MAX;
    peal_status status = pipeline_load(pipeline, saved, lists, err);
    if (status != PEAL_OK) {
        peal_pipeline_free(pipeline);
        if (status != PEAL_E_USAGE) return status;
        if (err) err->status = PEAL_E_DATA; /* what is saved, not what the user wishes, is wrong */
        return PEAL_E_DATA;
    }
    *out = pipeline;
    return PEAL_OK;
}

/* Whether two entries make the same columns. Inputs whose features count from another base do, once read; of one that
 * does not tell its hashes' bits, for it is from before they were kept, nothing more is known. */
static bool same_entry(const json_t *a, const json_t *b) {
    if (json_equal(a, b)) return true;
    if (!json_object_get(a, "below") || !json_object_get(b, "below")) return false;
    json_t *left = json_copy((json_t *)a), *right = json_copy((json_t *)b);
    if (left && right) {
        const bool both_tell = json_object_get(a, "bits") && json_object_get(b, "bits");
        json_object_del(left, "base");
        json_object_del(right, "base");
        if (!both_tell) json_object_del(left, "bits");
        if (!both_tell) json_object_del(right, "bits");
    }
    const bool same = json_equal(left, right);
    json_decref(left);
    json_decref(right);
    return same;
}

bool peal_pipeline_same(const json_t *a, const json_t *b) {
    const json_t *left = json_object_get(a, "columns"), *right = json_object_get(b, "columns");
    bool same = json_array_size(left) == json_array_size(right);
    for (size_t i = 0; same && i < json_array_size(left); i++) {
        same = same_entry(json_array_get(left, i), json_array_get(right, i));
    }
    return same && json_equal(json_object_get(a, "nulls"), json_object_get(b, "nulls"));
}
