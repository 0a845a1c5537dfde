/* The ETL job: plans, ingests, decides types, fits (fit.c) and emits into a staging folder; then the cache, whose
 * entries are such jobs' datasets. */
#include "etl/job/etl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/seal.h"
#include "core/base/stop.h"
#include "core/base/text.h"
#include "core/base/utf8.h"
#include "core/base/version.h"
#include "etl/dataset/dataset.h"
#include "etl/format/image_rows.h"
#include "etl/image/crew.h"
#include "etl/job/cache.h"
#include "etl/job/emit.h"
#include "etl/job/etl_parts.h"
#include "etl/job/fit.h"
#include "etl/job/types.h"

static const char *const bad_row_names[] = {"fail", "drop", "quarantine"};

peal_etl_options peal_etl_default(void) {
    return (peal_etl_options){.on_bad_row = PEAL_BAD_ROWS_FAIL};
}

/* One job under way. */
typedef struct etl_job {
    const peal_etl_options *options;
    const char *out;
    const peal_folder_kind *kind; /* what may stand there before */
    peal_etl_result *result;
    peal_object_list objects;
    peal_found found; /* by the survey */
    size_t *guess_objects;
    peal_odd_values *odd; /* [columns] */
    peal_schema read;     /* the columns, with the types that they are read as */
    size_t label;         /* in it, or SIZE_MAX */
    peal_nulls nulls;
    peal_pipeline *pipeline;
    peal_executor *executor;
    peal_ingested ingested;
    peal_staging *staging;
    char *spill_folder;
    peal_buffer pipeline_text;
    json_t *description; /* what shapes the dataset, besides the objects */
    int64_t looking_ns;  /* that listing the sources and the first look at them took */
} etl_job;

/* ---- what the job is ---- */

static peal_status check_text(const char *option, const char *text, peal_error *err) {
    if (!text || peal_utf8_error(text, strlen(text)) == strlen(text)) return PEAL_OK;
    char *shown = peal_text_printable(text, strlen(text));
    peal_fail(err, PEAL_E_USAGE, "%s: '%s' is not UTF-8, but all names and values are", option, shown ? shown : "?");
    free(shown);
    return PEAL_E_USAGE;
}

/* What callers give as bytes is text in a dataset. (What they give as JSON is text already.) */
static peal_status check_texts(const peal_etl_options *options, peal_error *err) {
    PEAL_TRY(check_text("format", options->format, err));
    PEAL_TRY(check_text("label", options->plan.label, err));
    for (size_t i = 0; i < options->null_count; i++) PEAL_TRY(check_text("null", options->nulls[i], err));
    for (size_t i = 0; i < options->plan.drop_count; i++) PEAL_TRY(check_text("drop", options->plan.drop[i], err));
    return PEAL_OK;
}

static json_t *text_or_null(const char *text) {
    return text ? json_string(text) : json_null();
}

static json_t *add_given(json_t *job, const char *key, const json_t *value) {
    return value ? peal_json_set(job, key, json_incref((json_t *)value)) : job;
}

/* The job as JSON: equal jobs make equal datasets of equal inputs. */
peal_status job__describe(const peal_etl_options *options, json_t **out, peal_error *err) {
    static const char *const tasks[] = {"auto", "classify", "regress"};
    PEAL_TRY(check_texts(options, err));
    json_t *nulls = json_array(), *drop = json_array();
    for (size_t i = 0; i < options->null_count; i++) nulls = peal_json_append(nulls, json_string(options->nulls[i]));
    for (size_t i = 0; i < options->plan.drop_count; i++) {
        drop = peal_json_append(drop, json_string(options->plan.drop[i]));
    }
    json_t *job = json_pack("{s:o, s:o, s:s, s:o, s:o, s:s}", "format", text_or_null(options->format), "label",
                            text_or_null(options->plan.label), "task", tasks[options->plan.task], "nulls", nulls,
                            "drop", drop, "on_bad_row", bad_row_names[options->on_bad_row]);
    if (options->plan.prefers_number) job = peal_json_set(job, "prefers_number", json_true());
    if (json_object_size(options->reading) > 0) job = add_given(job, "reading", options->reading);
    job = add_given(job, "transforms", options->plan.transforms);
    job = add_given(job, "types", options->plan.types);
    if (options->on_bad_source != PEAL_BAD_ROWS_FAIL) {
        job = peal_json_set(job, "on_bad_source", json_string(bad_row_names[options->on_bad_source]));
    }
    *out = add_given(job, "fitted", options->fitted);
    return *out ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for the job's description");
}

peal_status job__check_wishes(const peal_etl_options *options, peal_error *err) {
    const peal_format *format = NULL;
    if (options->format) PEAL_TRY(peal_format_find(options->format, &format, err));
    PEAL_TRY(peal_format_check_options(format, options->reading, err));
    PEAL_TRY(peal_source_check_access(options->access, err));
    return peal_pipeline_check_plan(&options->plan, err);
}

/* Lists the objects, which are then those of the whole job: a pipe cannot be listed twice. */
static peal_status look_at_objects(etl_job *job, peal_error *err) {
    const peal_etl_options *options = job->options;
    const int64_t begin = peal_now_ns();
    PEAL_TRY(job__check_wishes(options, err));
    const peal_source_options sources = {.names = options->sources,
                                         .count = options->source_count,
                                         .access = options->access,
                                         .sparing = options->resume,
                                         .go_on = options->on_bad_source != PEAL_BAD_ROWS_FAIL,
                                         .by_processes = options->processes > 0,
                                         .identify = true,
                                         .stop = options->stop,
                                         .reporter = options->reporter};
    PEAL_TRY(peal_object_list_make(&sources, options->format, options->reading, &job->objects, err));
    job->looking_ns = peal_now_ns() - begin;
    return job__describe(options, &job->description, err);
}

/* ---- planning ---- */

/* Processes for images, if they are asked for and there are any; they see the job as it is now. */
static peal_status make_crew(const etl_job *job, size_t result_size, peal_image_crew **out, peal_error *err) {
    *out = NULL;
    if (!job->options->processes || !job->objects.item_count) return PEAL_OK;
    return peal_image_crew_new(job->options->processes, result_size, out, err);
}

/* The columns as the beginnings of the objects show them, with the types that these speak for. */
static peal_status survey(etl_job *job, peal_error *err) {
    const peal_etl_options *options = job->options;
    peal_image_crew *crew;
    size_t first = 0;
    PEAL_TRY(make_crew(job, PEAL_IMAGE_LOOK_BYTES, &crew, err));
    const peal_survey what = {
        .nulls = &job->nulls, .label = options->plan.label, .reporter = options->reporter, .crew = crew};
    const peal_status status =
        peal_object_list_survey(&job->objects, &what, &job->found, &first, &job->guess_objects, err);
    peal_image_crew_free(crew);
    PEAL_TRY(status);
    return peal_plan_schema(&job->found, job->objects.objects[first].name, &options->plan, &job->read, &job->label,
                            err);
}

/* Plans with the types as they are known so far. */
static peal_status plan(etl_job *job, bool is_early, peal_error *err) {
    peal_pipeline_free(job->pipeline);
    job->pipeline = NULL;
    return peal_pipeline_plan(&job->read, job->label, &job->nulls, &job->options->plan, is_early, &job->pipeline, err);
}

static peal_status begin(etl_job *job, peal_error *err) {
    const peal_etl_options *options = job->options;
    if (!options->fitted) {
        PEAL_TRY(peal_nulls_make(options->nulls, options->null_count, &job->nulls, err));
        PEAL_TRY(survey(job, err));
        return plan(job, true, err);
    }
    PEAL_TRY(peal_pipeline_load(options->fitted, &job->pipeline, err));
    job->pipeline->has_split = false; /* splitting belongs to the job that fitted it */
    job->label = job->pipeline->label;
    return peal_schema_copy(&job->pipeline->schema, &job->read, err);
}

/* ---- reading ---- */

/* Adds the steps of a column of images, which are done while it is read. */
static peal_status hash_steps(const peal_pipeline_column *column, uint64_t *hash, peal_error *err) {
    for (size_t i = 0; i < column->step_count; i++) {
        const peal_transform *transform = column->steps[i].transform;
        json_t *saved = transform->save(column->steps[i].state);
        if (!saved) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
        *hash = peal_hash(transform->name, strlen(transform->name), *hash);
        const peal_status status = peal_json_hash(saved, *hash, hash, err);
        json_decref(saved);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* A hash of the job and of what is read how: what shapes a spill. */
static peal_status spill_hash(const etl_job *job, uint64_t *out, peal_error *err) {
    PEAL_TRY(peal_json_hash(job->description, 0, out, err));
    for (size_t i = 0; i < job->read.count; i++) {
        const peal_field *field = &job->read.fields[i];
        const uint8_t facts[] = {(uint8_t)field->type, field->skip, field->settled, field->numeric,
                                 field->bound != NULL};
        if (field->recipe) PEAL_TRY(hash_steps(&job->pipeline->columns[i], out, err));
        *out = peal_hash(field->name, strlen(field->name), *out);
        *out = peal_hash(facts, sizeof facts, *out);
    }
    return PEAL_OK;
}

static bool label_is_text(const etl_job *job) {
    const peal_plan_options *plan = &job->options->plan;
    if (job->options->fitted || job->label == SIZE_MAX) return true;
    return json_object_get(plan->types, job->read.fields[job->label].name) != NULL;
}

/* What is done while a column is read: images are made alike, texts whose one step needs to see no others become codes,
 * for they need no vocabulary, and numbers that no step could take make bad rows. */
static void work_at_once(etl_job *job) {
    for (size_t i = 0; i < job->read.count; i++) {
        const peal_pipeline_column *column = &job->pipeline->columns[i];
        const peal_transform *step = column->step_count == 1 ? column->steps[0].transform : NULL;
        peal_field *field = &job->read.fields[i];
        field->bound = peal_pipeline_bound(column);
        field->recipe = column->recipe;
        if (column->recipe) field->width = job->pipeline->schema.fields[i].width;
        if (column->role != PEAL_ROLE_INDEX || !step || !step->encode || step->fit) continue;
        field->type = PEAL_TYPE_INT32;
        field->encode = step->encode;
        field->encoder = column->steps[0].state;
    }
}

/* For the pipeline they are the texts that they were. */
static void forget_codes(peal_schema *schema) {
    for (size_t i = 0; i < schema->count; i++) {
        peal_field *field = &schema->fields[i];
        if (field->encode) field->type = PEAL_TYPE_DICTIONARY;
        field->encode = NULL;
        field->encoder = NULL;
    }
}

/* Where an input fails in the middle and is left out, a second pass takes the spills of all others over, so that
 * nothing that was learnt holds its rows. */
static peal_status ingest_whole(etl_job *job, peal_ingest_options *ingest, peal_error *err) {
    for (;;) {
        PEAL_TRY(
            peal_ingest(job->executor, &job->objects, job->pipeline, ingest, &job->ingested, &job->result->times, err));
        if (job->ingested.left_out == 0) return PEAL_OK;
        peal_ingested_clear(&job->ingested);
        ingest->adopt = true;
    }
}

/* The first pass. `adopt`: takes over what a killed job read with the same types. */
static peal_status ingest(etl_job *job, bool adopt, peal_error *err) {
    const peal_etl_options *options = job->options;
    peal_ingest_options ingest = {
        .folder = job->spill_folder,
        .read = &job->read,
        .label_as_text = label_is_text(job),
        .tell_extra = !options->fitted,
        .on_bad_row = options->on_bad_row,
        .adopt = adopt,
        .text_memory = options->text_memory,
        .block_size = options->block_size,
        .stop = options->stop,
        .reporter = options->reporter,
    };
    work_at_once(job);
    PEAL_TRY(spill_hash(job, &ingest.job_hash, err));
    PEAL_TRY(make_crew(job, peal_image_block_bytes(&job->read, options->block_size), &ingest.crew, err));
    const peal_status status = ingest_whole(job, &ingest, err);
    peal_image_crew_free(ingest.crew);
    return status;
}

/* ---- types that are decided late ---- */

#define TYPES_KIND "peal types"
enum { TYPES_VERSION = 4 };

static char *types_path(const etl_job *job) {
    return peal_path_join(job->spill_folder, "types.json");
}

/* Writes down that the columns are to be read with these types, for a job that goes on here. */
static peal_status remember_types(const etl_job *job, const peal_schema *types, uint64_t key, peal_error *err) {
    char hash[17];
    peal_hash_text(key, hash);
    json_t *columns = json_array();
    for (size_t i = 0; i < types->count; i++) {
        const peal_field *field = &types->fields[i];
        columns = peal_json_append(columns, json_pack("{s:s, s:i, s:b, s:b, s:b, s:i, s:i, s:b, s:b, s:o?}", "name",
                                                      field->name, "type", (int)field->type, "numeric", field->numeric,
                                                      "as_number", field->as_number, "as_date", field->as_date,
                                                      "as_list", (int)field->as_list, "as_time", (int)field->as_time,
                                                      "has_gaps", field->has_gaps, "settled", field->settled,
                                                      "spelling", peal_number_options(&field->spelling)));
    }
    json_t *document = json_pack("{s:s, s:i, s:s, s:o}", "kind", TYPES_KIND, "version", TYPES_VERSION, "key", hash,
                                 "columns", columns);
    char *path = types_path(job);
    peal_status status = path ? peal_seal_write(path, document, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    json_decref(document);
    free(path);
    return status;
}

/* Takes the types over that a killed job of the same key found; *found if there were any. */
static peal_status recall_types(etl_job *job, uint64_t key, bool *found, peal_error *err) {
    char hash[17], *path = types_path(job);
    json_t *document = NULL;
    peal_hash_text(key, hash);
    *found = false;
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = peal_path_exists(path)
                             ? peal_seal_read(path, "a list of types", TYPES_KIND, TYPES_VERSION, &document, NULL)
                             : PEAL_E_DATA;
    free(path);
    const json_t *columns = json_object_get(document, "columns");
    const char *saved = json_string_value(json_object_get(document, "key"));
    *found = status == PEAL_OK && saved && strcmp(saved, hash) == 0 && json_array_size(columns) == job->read.count;
    status = PEAL_OK;
    for (size_t i = 0; *found && i < job->read.count && status == PEAL_OK; i++) {
        const json_t *one = json_array_get(columns, i);
        peal_field *field = &job->read.fields[i];
        const json_int_t type = json_integer_value(json_object_get(one, "type"));
        if (type < 0 || type >= PEAL_TYPES) break;
        field->type = (peal_type)type;
        field->numeric = json_is_true(json_object_get(one, "numeric"));
        field->as_date = json_is_true(json_object_get(one, "as_date"));
        field->as_list = (char)json_integer_value(json_object_get(one, "as_list"));
        field->as_time = (uint8_t)json_integer_value(json_object_get(one, "as_time"));
        field->has_gaps = json_is_true(json_object_get(one, "has_gaps"));
        field->as_number = json_is_true(json_object_get(one, "as_number"));
        field->found = !field->settled;
        field->settled = field->decided = json_is_true(json_object_get(one, "settled"));
        status = peal_number_spelling(json_object_get(one, "spelling"), &field->spelling, err);
    }
    json_decref(document);
    return status;
}

/* A key of the job and the contents of its objects, by which late types are remembered. */
static uint64_t content_key(const etl_job *job, uint64_t job_hash) {
    uint64_t key = job_hash;
    for (size_t i = 0; i < job->objects.count; i++) {
        key = peal_hash(&job->objects.objects[i].identity, sizeof job->objects.objects[i].identity, key);
    }
    return key;
}

/* Takes the decided types over: those to read with, or those of what was read. */
static void settle(etl_job *job, peal_schema *decided) {
    peal_schema_clear(&job->read);
    job->read = *decided;
    *decided = (peal_schema){0};
}

static void say_task(const etl_job *job, const peal_schema *types, bool was_open) {
    if (job->label == SIZE_MAX || job->options->plan.task != PEAL_TASK_AUTO || !was_open) return;
    const peal_field *label = &types->fields[job->label];
    const bool classes = peal_types[label->type].has_vocabulary && !label->as_number;
    peal_report(job->options->reporter, PEAL_EVENT_NOTE, "label %s: taken for %s (task %s for the other)", label->name,
                classes ? "a class" : "a number", classes ? "regress" : "classify");
}

/* Reads all objects, decides the types, and reads again if it must be. Afterwards the pipeline has the types of all
 * values; `read` those that the spills hold. */
static peal_status read_all(etl_job *job, peal_error *err) {
    const peal_etl_options *options = job->options;
    uint64_t job_hash;
    bool again = false, recalled = false;
    if (options->fitted) return ingest(job, options->resume, err);
    PEAL_TRY(spill_hash(job, &job_hash, err));
    const uint64_t key = content_key(job, job_hash);
    const bool was_open = job->label != SIZE_MAX && !job->read.fields[job->label].settled;
    if (options->resume) PEAL_TRY(recall_types(job, key, &recalled, err));
    if (recalled) PEAL_TRY(plan(job, true, err));
    PEAL_TRY(ingest(job, options->resume, err));
    PEAL_TRY(peal_alloc_checked(&job->odd, job->read.count, sizeof *job->odd, "columns", err));
    peal_types_job types = {.objects = &job->objects,
                            .ingested = &job->ingested,
                            .read = &job->read,
                            .pipeline = job->pipeline,
                            .label = job->label,
                            .prefers_number = options->plan.prefers_number || options->plan.task == PEAL_TASK_REGRESS,
                            .guesses = job->found.guesses,
                            .guess_objects = job->guess_objects,
                            .odd = job->odd,
                            .executor = job->executor,
                            .reporter = options->reporter};
    peal_schema decided;
    PEAL_TRY(peal_types_decide(&types, &decided, &again, err));
    forget_codes(&decided);
    peal_status status = PEAL_OK;
    if (again) {
        status = remember_types(job, &decided, key, err);
        peal_ingested_clear(&job->ingested);
        settle(job, &decided);
        if (status == PEAL_OK) status = plan(job, true, err);
        if (status == PEAL_OK) status = ingest(job, false, err);
        types.pipeline = job->pipeline;
        if (status == PEAL_OK) status = peal_types_decide(&types, &decided, &again, err);
        if (status == PEAL_OK) forget_codes(&decided);
    } else if (options->on_bad_row == PEAL_BAD_ROWS_FAIL) {
        status = peal_types_check_faults(&types, &decided, err);
    }
    if (status == PEAL_OK) say_task(job, &decided, was_open);
    if (status == PEAL_OK) {
        peal_pipeline *early = job->pipeline;
        job->pipeline = NULL;
        status = peal_pipeline_plan(&decided, job->label, &job->nulls, &options->plan, false, &job->pipeline, err);
        peal_text_counts_use(job->ingested.texts, job->pipeline);
        peal_pipeline_free(early);
    }
    peal_schema_clear(&decided);
    return status;
}

static peal_status fit(etl_job *job, peal_error *err) {
    const peal_fit_job what = {.objects = &job->objects,
                               .ingested = &job->ingested,
                               .read = &job->read,
                               .plan = &job->options->plan,
                               .label = job->label,
                               .odd = job->odd,
                               .pipeline = job->pipeline,
                               .executor = job->executor,
                               .stop = job->options->stop,
                               .reporter = job->options->reporter};
    return peal_fit(&what, err);
}

/* ---- counting ---- */

/* Names the objects that have no rows, of which others have some. */
static void say_empty(const etl_job *job) {
    enum { NAMED = 3 };
    size_t count = 0;
    for (size_t i = 0; i < job->objects.count; i++) {
        const peal_spill *spill = &job->ingested.spills[i];
        if (job->objects.objects[i].bad || spill->rows_used + spill->rows_bad > 0 || count++ >= NAMED) continue;
        peal_report(job->options->reporter, PEAL_EVENT_NOTE, "%s is empty: 0 rows", job->objects.objects[i].name);
    }
    if (count > NAMED) {
        peal_report(job->options->reporter, PEAL_EVENT_NOTE, "and so are %zu other inputs", count - NAMED);
    }
}

static peal_status count_rows(etl_job *job, peal_error *err) {
    peal_etl_result *result = job->result;
    uint64_t used = 0, bad = 0;
    for (size_t i = 0; i < job->objects.count; i++) {
        used += job->ingested.spills[i].rows_used;
        bad += job->ingested.spills[i].rows_bad;
    }
    result->sources_left_out = job->objects.sources.left_out_count;
    result->rows_used = used;
    result->rows_in = used + bad;
    if (job->options->on_bad_row == PEAL_BAD_ROWS_QUARANTINE) {
        result->rows_quarantined = bad;
    } else {
        result->rows_dropped = bad;
    }
    if (used > 0) {
        say_empty(job);
        return PEAL_OK;
    }
    const char *first = job->objects.objects[0].name;
    return peal_fail(err, PEAL_E_DATA,
                     bad ? "%s%s: not one row is good" : "%s%s: there is not one row behind the header", first,
                     job->objects.count > 1 ? " and the other inputs" : "");
}

/* A line for each source that was left out. */
static peal_status quarantine_sources(const etl_job *job, peal_out_file *out, peal_error *err) {
    const peal_source_list *sources = &job->objects.sources;
    for (size_t i = 0; i < sources->left_out_count; i++) {
        const peal_bad_row bad = {.reason = sources->left_out[i].reason, .text = ""};
        char *line;
        PEAL_TRY(peal_bad_row_text(sources->left_out[i].path, &bad, &line, err));
        const peal_status status = peal_out_file_write(out, line, strlen(line), err);
        free(line);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

static peal_status write_quarantine(etl_job *job, peal_error *err) {
    const bool has_sources =
        job->options->on_bad_source == PEAL_BAD_ROWS_QUARANTINE && job->objects.sources.left_out_count > 0;
    if (job->result->rows_quarantined == 0 && !has_sources) return PEAL_OK;
    char *path = peal_path_join(peal_staging_path(job->staging), "quarantine.jsonl");
    peal_out_file out;
    peal_status status = path ? peal_out_file_open(path, &out, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    free(path);
    if (status != PEAL_OK) return status;
    for (size_t i = 0; i < job->objects.count && status == PEAL_OK; i++) {
        const peal_buffer *bad = &job->ingested.spills[i].bad;
        if (bad->size) status = peal_out_file_write(&out, bad->data, bad->size, err);
    }
    if (status == PEAL_OK && has_sources) status = quarantine_sources(job, &out, err);
    peal_status closed = peal_out_file_close(&out, true, status == PEAL_OK ? err : NULL);
    return status == PEAL_OK ? closed : status;
}

json_t *peal_etl_rows_save(const peal_etl_result *result) {
    return json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)result->rows_in, "used", (json_int_t)result->rows_used,
                     "dropped", (json_int_t)result->rows_dropped, "quarantined", (json_int_t)result->rows_quarantined);
}

/* NULL if there is no memory. */
static json_t *manifest_facts(const etl_job *job) {
    json_t *facts = json_pack("{s:o, s:O, s:o}", "rows", peal_etl_rows_save(job->result), "job", job->description,
                              "inputs", peal_object_list_save(&job->objects));
    if (job->objects.sources.left_out_count == 0) return facts;
    return peal_json_set(facts, "left_out", peal_object_list_save_left_out(&job->objects));
}

/* ---- the way through ---- */

/* The pipeline as text, for the manifest: made by one thread of the pool while others transform rows. */
static peal_status describe_pipeline(void *user, peal_error *err) {
    etl_job *job = user;
    return peal_pipeline_write(job->pipeline, &job->pipeline_text, err);
}

static peal_status write_rows(etl_job *job, peal_dataset_writer *writer, peal_error *err) {
    peal_future *described;
    PEAL_TRY(peal_executor_submit(job->executor, describe_pipeline, job, &described, err));
    peal_status status = peal_emit(job->executor, &job->ingested, &job->read, job->pipeline, writer, job->options->stop,
                                   job->options->reporter, &job->result->times, err);
    if (status == PEAL_OK) status = peal_future_wait(described, -1, err);
    peal_future_free(described);
    for (int i = 0; i < PEAL_SPLITS; i++) job->result->split_rows[i] = peal_dataset_writer_rows(writer, i);
    return status;
}

static peal_status emit(etl_job *job, peal_error *err) {
    peal_applier *applier;
    PEAL_TRY(peal_applier_new(job->pipeline, PEAL_APPLY_ALL, &applier, err));
    peal_dataset_writer *writer = NULL;
    peal_status status = PEAL_OK;
    if (peal_applier_schema(applier)->column_count == 0) {
        status = peal_fail(err, PEAL_E_USAGE,
                           "%s: no column is left to put into the dataset (transform keep:columns=%s keeps that one as "
                           "it is)",
                           job->objects.objects[0].name, job->read.fields[0].name);
    }
    if (status == PEAL_OK)
        status = peal_dataset_writer_new(peal_staging_path(job->staging), peal_applier_schema(applier), &writer, err);
    if (status == PEAL_OK) status = write_rows(job, writer, err);
    const peal_stage_span begin = peal_stage_begin();
    if (status == PEAL_OK) {
        status = peal_dataset_writer_finish(writer, manifest_facts(job), (const char *)job->pipeline_text.data, err);
    } else {
        peal_dataset_writer_abort(writer);
    }
    peal_stage_add(&job->result->times, PEAL_STAGE_WRITE, peal_stage_since(begin));
    peal_applier_free(applier);
    return status;
}

static peal_status run(etl_job *job, peal_error *err) {
    PEAL_TRY(begin(job, err));
    /* A thread waits for each process. */
    const size_t threads = job->options->threads ? job->options->threads : job->options->processes;
    PEAL_TRY(peal_executor_new(threads, &job->executor, err));
    job->result->times.threads = peal_executor_threads(job->executor);
    PEAL_TRY(read_all(job, err));
    PEAL_TRY(count_rows(job, err));
    if (!job->options->fitted) PEAL_TRY(fit(job, err));
    return emit(job, err);
}

static void job_clear(etl_job *job) {
    peal_ingested_clear(&job->ingested);
    peal_executor_free(job->executor);
    peal_pipeline_free(job->pipeline);
    peal_object_list_clear(&job->objects);
    peal_found_clear(&job->found);
    free(job->guess_objects);
    free(job->odd);
    peal_schema_clear(&job->read);
    peal_nulls_clear(&job->nulls);
    json_decref(job->description);
    free(job->spill_folder);
    peal_buffer_clear(&job->pipeline_text);
}

/* With its keys in the order of the text that a dataset has of it: models keep the document, whose order is then the
 * same whoever fitted it. NULL if there is no memory. */
static json_t *save_in_order(const peal_pipeline *pipeline) {
    json_t *saved = peal_pipeline_save(pipeline);
    json_t *ordered = saved ? json_pack("{s:O}", "columns", json_object_get(saved, "columns")) : NULL;
    if (saved) json_object_del(saved, "columns");
    return peal_json_merge(ordered, saved);
}

peal_status job__fit_sample(const peal_etl_options *options, peal_object_list *objects, const char *folder,
                            json_t **pipeline, peal_error *err) {
    peal_etl_result result = {0};
    etl_job job = {.options = options, .result = &result, .objects = *objects};
    *objects = (peal_object_list){0};
    job.spill_folder = peal_strdup(folder);
    peal_status status = job.spill_folder ? job__describe(options, &job.description, err)
                                          : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = begin(&job, err);
    if (status == PEAL_OK) status = peal_executor_new(options->threads, &job.executor, err);
    if (status == PEAL_OK) status = read_all(&job, err);
    if (status == PEAL_OK) status = count_rows(&job, err);
    if (status == PEAL_OK) status = fit(&job, err);
    *pipeline = status == PEAL_OK ? save_in_order(job.pipeline) : NULL;
    if (status == PEAL_OK && !*pipeline) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    job_clear(&job);
    return status;
}

/* NULL if the dataset at `out` was made by this job from these inputs; else why not, freed by the caller. */
static char *staleness(const etl_job *job, const char *out) {
    peal_dataset *dataset;
    peal_error problem;
    if (!peal_dataset_is(out)) return peal_strdup("there is none yet");
    if (peal_dataset_open(out, &dataset, &problem) != PEAL_OK) return peal_strdup(problem.message);
    const json_t *manifest = peal_dataset_manifest(dataset), *saved = json_object_get(manifest, "job");
    char *why = NULL;
    const char *key;
    json_t *value;
    json_object_foreach(job->description, key, value) {
        if (!why && !json_equal(value, json_object_get(saved, key))) why = peal_sprintf("the job changed ('%s')", key);
    }
    if (!why && json_object_size(saved) != json_object_size(job->description)) why = peal_strdup("the job changed");
    if (!why) why = peal_object_list_difference(&job->objects, json_object_get(manifest, "inputs"));
    if (!why && peal_dataset_read(dataset, ~0u, NULL, NULL, &problem) != PEAL_OK) why = peal_strdup(problem.message);
    peal_dataset_close(dataset);
    return why;
}

static void recall_result(const char *out, peal_etl_result *result) {
    peal_dataset *dataset;
    if (peal_dataset_open(out, &dataset, NULL) != PEAL_OK) return;
    const json_t *rows = json_object_get(peal_dataset_manifest(dataset), "rows");
    result->rows_in = (uint64_t)json_integer_value(json_object_get(rows, "in"));
    result->rows_used = (uint64_t)json_integer_value(json_object_get(rows, "used"));
    result->rows_dropped = (uint64_t)json_integer_value(json_object_get(rows, "dropped"));
    result->rows_quarantined = (uint64_t)json_integer_value(json_object_get(rows, "quarantined"));
    result->sources_left_out = json_array_size(json_object_get(peal_dataset_manifest(dataset), "left_out"));
    for (int i = 0; i < PEAL_SPLITS; i++) result->split_rows[i] = peal_dataset_rows(dataset, i);
    result->up_to_date = true;
    peal_dataset_close(dataset);
}

static peal_status run_in_staging(etl_job *job, peal_error *err) {
    static const char spill[] = "spill";
    PEAL_TRY(peal_staging_make(job->out, job->options->resume ? spill : NULL, &job->staging, err));
    job->spill_folder = peal_path_join(peal_staging_path(job->staging), spill);
    peal_status status = job->spill_folder ? peal_folder_make(job->spill_folder, err)
                                           : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = run(job, err);
    if (status == PEAL_OK) status = peal_remove_tree(job->spill_folder, err);
    if (status == PEAL_OK) status = write_quarantine(job, err);
    if (status == PEAL_OK) return peal_staging_commit(job->staging, job->kind, err);
    /* After an interruption the finished inputs' spills stay for --resume; else nothing does. */
    peal_staging_abandon(job->staging, status == PEAL_E_INTERRUPTED);
    return status;
}

static peal_status etl(etl_job *job, const char *out, peal_error *err) {
    const peal_etl_options *options = job->options;
    *job->result = (peal_etl_result){0};
    job->out = out;
    int64_t begin = peal_now_ns();
    PEAL_TRY(peal_folder_check(out, job->kind, err));
    if (options->resume) {
        char *why = staleness(job, out);
        bool fresh = !why;
        free(why);
        if (fresh) {
            peal_remove_stale_temporaries(out);
            recall_result(out, job->result);
            return PEAL_OK;
        }
    }
    peal_status status = run_in_staging(job, err);
    job->result->times.looking = job->looking_ns;
    job->result->times.wall = job->looking_ns + peal_now_ns() - begin;
    peal_source_list_usage(&job->objects.sources, &job->result->usage);
    return status;
}

peal_status peal_etl(const peal_etl_options *options, peal_etl_result *result, peal_error *err) {
    etl_job job = {.options = options, .result = result, .kind = &peal_dataset_kind};
    if (!options->out) return peal_fail(err, PEAL_E_USAGE, "no dataset was named to write to (out)");
    char *out = peal_strdup(options->out);
    if (!out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    for (size_t length = strlen(out); length > 1 && out[length - 1] == '/'; length--) out[length - 1] = '\0';
    peal_status status = peal_folder_check(out, &peal_dataset_kind, err); /* before work begins */
    if (status == PEAL_OK) status = look_at_objects(&job, err);
    if (status == PEAL_OK) status = etl(&job, out, err);
    free(out);
    job_clear(&job);
    return status;
}

/* ---- the cache ---- */

enum { CACHE_NAP_MS = 100, CACHE_WAIT_MS = 600000, CACHE_READ_TRIES = 5 };

/* The name of the job's entry, which belongs to it alone: of the job, the absolute paths of its inputs and the program,
 * for another version may fit otherwise. What was read from a pipe is named by its bytes. */
static peal_status name_entry(const etl_job *job, char name[17], peal_error *err) {
    const peal_object_list *objects = &job->objects;
    uint64_t key;
    PEAL_TRY(peal_json_hash(job->description, peal_hash(PEAL_VERSION, strlen(PEAL_VERSION), 0), &key, err));
    for (size_t i = 0; i < objects->count; i++) {
        const peal_source *source = objects->objects[i].source;
        char *real = source->version ? NULL : source->fd < 0 ? realpath(source->path, NULL) : peal_strdup("-");
        const char *path = real ? real : source->path;
        key = peal_hash(path, strlen(path), key);
        if (peal_source_is_copy(source) && !source->version) key = peal_hash(&source->hash, sizeof source->hash, key);
        free(real);
    }
    peal_hash_text(key, name);
    return PEAL_OK;
}

void peal_cached_release(peal_cached *cached) {
    peal_lock_release(cached->lock);
    peal_staging_abandon(cached->own_folder, false);
    free(cached->path);
    *cached = (peal_cached){0};
}

/* A dataset for this job alone, in a folder that goes with it; `why` there is no cached one. */
static peal_status make_private(etl_job *job, const char *why, peal_cached *out, peal_error *err) {
    const char *temporary = peal_temporary_folder();
    peal_remove_stale_in(temporary);
    char *place = peal_sprintf("%s/peal-dataset-%d", temporary, (int)getpid());
    peal_status status = place ? peal_staging_make(place, NULL, &out->own_folder, err)
                               : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(place);
    PEAL_TRY(status);
    out->path = peal_path_join(peal_staging_path(out->own_folder), "dataset");
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_report(job->options->reporter, PEAL_EVENT_NOTE, "dataset: not kept for later jobs: %s", why);
    return etl(job, out->path, err);
}

/* Locks the entry for reading, so that nobody replaces what was checked; *why is NULL if it is this job's and whole.
 * PEAL_E_BUSY: it is being made. */
static peal_status check_entry(const etl_job *job, peal_cached *out, char **why, peal_error *err) {
    *why = NULL;
    if (peal_path_is_folder(out->path)) {
        PEAL_TRY(peal_lock_take(out->path, PEAL_LOCK_SHARED, "the cached dataset", &out->lock, err));
    }
    *why = staleness(job, out->path);
    if (*why) {
        peal_lock_release(out->lock);
        out->lock = NULL;
    }
    return PEAL_OK;
}

/* Makes the entry and locks it for reading. What another job of the same name may have put there meanwhile serves too:
 * it is this job's as well. */
static peal_status make_entry(etl_job *job, peal_cached *out, peal_error *err) {
    PEAL_TRY(etl(job, out->path, err));
    return peal_lock_take(out->path, PEAL_LOCK_SHARED, "the cached dataset", &out->lock, err);
}

/* One try to find or to make the entry; *stands: a stale one is there that nobody is making. */
static peal_status try_entry(etl_job *job, bool first, peal_cached *out, bool *stands, peal_error *err) {
    const peal_reporter *reporter = job->options->reporter;
    char *why;
    *stands = false;
    PEAL_TRY(check_entry(job, out, &why, err));
    if (!why) {
        recall_result(out->path, job->result);
        peal_report(reporter, PEAL_EVENT_NOTE, "dataset: the cached one at %s is up to date", out->path);
        return PEAL_OK;
    }
    *stands = peal_path_is_folder(out->path);
    if (first) peal_report(reporter, PEAL_EVENT_NOTE, "dataset: making %s: %s", out->path, why);
    free(why);
    return make_entry(job, out, err);
}

/* Finds or makes the entry. PEAL_E_BUSY: it cannot be had for as long as one waits. */
static peal_status take_entry(etl_job *job, peal_cached *out, peal_error *err) {
    const peal_etl_options *options = job->options;
    const struct timespec nap = {.tv_nsec = CACHE_NAP_MS * 1000000L};
    peal_status status = PEAL_E_BUSY;
    for (int waited_ms = 0, stale = 0; waited_ms < CACHE_WAIT_MS; waited_ms += CACHE_NAP_MS) {
        bool stands;
        status = try_entry(job, waited_ms == 0, out, &stands, err);
        if (status != PEAL_E_BUSY) return status;
        /* One that is not being made and stays stale: others still read it. */
        stale += stands;
        if (stale == CACHE_READ_TRIES) return status;
        if (peal_is_stopped(options->stop)) {
            return peal_fail(err, PEAL_E_INTERRUPTED, "stopped while another job was making the dataset %s", out->path);
        }
        if (waited_ms == 0) peal_report(options->reporter, PEAL_EVENT_NOTE, "dataset: waiting: %s", err->message);
        nanosleep(&nap, NULL);
    }
    return status;
}

static peal_status find_cached(etl_job *job, peal_cached *out, peal_error *err) {
    char name[17], *why, *folder = peal_cache_folder(&why);
    if (!folder) {
        peal_status status = make_private(job, why ? why : "no memory", out, err);
        free(why);
        return status;
    }
    peal_status named = name_entry(job, name, err);
    out->path = named == PEAL_OK ? peal_path_join(folder, name) : NULL;
    free(folder);
    PEAL_TRY(named);
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_error busy = {0};
    peal_status status = take_entry(job, out, &busy);
    if (status != PEAL_E_BUSY) {
        if (err) *err = busy;
        return status;
    }
    free(out->path);
    out->path = NULL;
    return make_private(job, busy.message, out, err);
}

peal_status peal_etl_cached(const peal_etl_options *options, peal_cached *out, peal_etl_result *result,
                            peal_error *err) {
    *out = (peal_cached){0};
    *result = (peal_etl_result){0};
    etl_job job = {.options = options, .result = result, .kind = &peal_cached_kind};
    peal_status status = look_at_objects(&job, err);
    if (status == PEAL_OK) status = find_cached(&job, out, err);
    job_clear(&job);
    if (status != PEAL_OK) peal_cached_release(out);
    return status;
}
