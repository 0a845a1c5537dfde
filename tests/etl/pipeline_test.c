/* Pipelines: planned, fitted, saved, loaded, and refused where they do not fit. */
#include "etl/pipeline/pipeline.h"

#include <math.h>

#include "core/base/digest.h"

#include "tests/support.h"

/* Plans what the beginning of a table speaks for, as a job does at first. */
static peal_pipeline *plan(const char *text, const char *label, const char *transforms, peal_error *err) {
    json_t *json = transforms ? json_loads(transforms, 0, NULL) : NULL;
    const peal_plan_options wishes = {.label = label, .transforms = json};
    const peal_nulls nulls = {0};
    const peal_survey what = {.nulls = &nulls, .label = label};
    const peal_format *format;
    peal_input input = {.name = "t.csv"};
    peal_found found;
    peal_schema schema = {0};
    size_t label_index;
    peal_pipeline *pipeline = NULL;
    assert_int_equal(peal_format_find("csv", &format, err), PEAL_OK);
    assert_int_equal(peal_memory_stream_open(text, strlen(text), &input.stream, err), PEAL_OK);
    assert_int_equal(format->survey(NULL, &what, &input, &found, err), PEAL_OK);
    if (peal_plan_schema(&found, "t.csv", &wishes, &schema, &label_index, err) == PEAL_OK) {
        peal_pipeline_plan(&schema, label_index, &nulls, &wishes, false, &pipeline, err);
        peal_schema_clear(&schema);
    }
    peal_found_clear(&found);
    json_decref(json);
    return pipeline;
}

static const char table[] = "n,colour,y\n1,red,0\n2,blue,1\n,red,1\n4,,0\n";

static void sensible_transforms_are_chosen(void **state) {
    (void)state;
    peal_error err;
    peal_pipeline *pipeline = plan(table, "y", NULL, &err);
    assert_non_null(pipeline);
    static const char *const expected[] = {"impute standardize", "index", "label"};
    for (size_t i = 0; i < 3; i++) {
        char *steps = peal_pipeline_describe(pipeline, i);
        assert_string_equal(steps, expected[i]);
        free(steps);
    }
    peal_pipeline_free(pipeline);
}

/* What the user names is completed: where numbers come of texts, and where what is missing is filled in. */
static void named_transforms_are_completed(void **state) {
    (void)state;
    static const struct {
        const char *transforms, *n, *colour;
    } cases[] = {
        {"[{\"transform\": \"log1p\"}]", "log1p impute", "index"},
        {"[{\"transform\": \"log1p\"}, {\"transform\": \"standardize\"}]", "log1p impute standardize", "index"},
        {"[{\"transform\": \"clip\", \"least\": 0}, {\"transform\": \"minmax\"}]", "clip impute minmax", "index"},
        {"[{\"transform\": \"clip\", \"quantile\": 0.1}]", "impute clip", "index"},
        {"[{\"transform\": \"minmax\"}, {\"transform\": \"log1p\"}]", "impute minmax log1p", "index"},
        {"[{\"transform\": \"log1p\"}, {\"transform\": \"bucketize\"}]", "log1p bucketize", "index"},
        {"[{\"transform\": \"number\", \"columns\": \"n\"}]", "number impute standardize", "index"},
        {"[{\"transform\": \"number\", \"columns\": \"n\"}, {\"transform\": \"bucketize\", \"columns\": \"n\"}]",
         "number bucketize", "index"},
        {"[{\"transform\": \"hash\", \"columns\": \"n\"}]", "hash", "index"},
        {"[{\"transform\": \"date\", \"columns\": [\"colour\", \"n\"]}]", "date", "date"},
        {"[{\"transform\": \"bins\", \"columns\": \"numbers\"}]", "bins", "index"},
        {"[{\"transform\": \"weight\", \"columns\": \"n\"}, {\"transform\": \"standardize\"}]", "weight", "index"},
        {"[{\"transform\": \"exposure\", \"columns\": \"n\"}, {\"transform\": \"bucketize\"}]", "exposure", "index"},
        {"[{\"transform\": \"impute\", \"columns\": \"n\"}, {\"transform\": \"offset\", \"columns\": \"n\"}]",
         "impute offset", "index"},
        {"[{\"transform\": \"number\", \"columns\": \"n\"}, {\"transform\": \"weight\", \"columns\": \"n\"}]",
         "number weight", "index"},
        {"[{\"transform\": \"cast\", \"columns\": [\"n\"], \"to\": \"text\"}]", "index", "index"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err = {0};
        peal_pipeline *pipeline = plan(table, "y", cases[i].transforms, &err);
        if (!pipeline) fail_msg("case %zu: %s", i, err.message);
        char *n = peal_pipeline_describe(pipeline, 0), *colour = peal_pipeline_describe(pipeline, 1);
        assert_string_equal(n, cases[i].n);
        assert_string_equal(colour, cases[i].colour);
        free(n);
        free(colour);
        peal_pipeline_free(pipeline);
    }
}

static void wrong_wishes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *label, *transforms, *what;
    } cases[] = {
        {"yy", NULL, "no column 'yy' (did you mean 'y'?)"},
        {"y", "[{\"transform\": \"standardize\", \"columns\": \"colour\"}]", "does not fit column 'colour'"},
        {"y", "[{\"transform\": \"onehot\", \"columns\": \"color\"}]", "did you mean 'colour'"},
        {"y", "[{\"transform\": \"onehott\"}]", "did you mean 'onehot'"},
        {"y", "[{\"transform\": \"onehot\", \"columns\": \"y\"}]", "cannot be applied to the label"},
        {"y", "[{\"columns\": \"y\"}]", "has no name"},
        {"y", "[{\"transform\": \"weight\", \"columns\": \"y\"}]", "does not fit column 'y'"},
        {"y", "[{\"transform\": \"weight\", \"columns\": \"colour\"}]", "does not fit column 'colour'"},
        {"colour", "[{\"transform\": \"weight\", \"columns\": [\"n\", \"y\"]}]", "there can be one"},
        {"y",
         "[{\"transform\": \"weight\", \"columns\": \"n\"}, {\"transform\": \"clip\", \"most\": 1, \"columns\": "
         "\"n\"}]",
         "nothing can follow 'weight'"},
        {"y", "[{\"transform\": \"bucketize\", \"columns\": \"colour\"}]", "does not fit column 'colour'"},
        {"y", "[{\"transform\": \"date\", \"columns\": \"n\"}, {\"transform\": \"number\", \"columns\": \"n\"}]",
         "nothing can follow 'date'"},
        {"y",
         "[{\"transform\": \"number\", \"columns\": \"n\"}, {\"transform\": \"replace\", \"find\": \"a\", \"columns\": "
         "\"n\"}]",
         "'number' has made numbers of them"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err = {0};
        assert_null(plan(table, cases[i].label, cases[i].transforms, &err));
        assert_int_equal(err.status, PEAL_E_USAGE);
        assert_has(err.message, cases[i].what);
    }
}

/* Parses, fits and applies; then loads what was saved and applies again: the same bits. */
static void saved_pipeline_gives_the_same_bits(void **state) {
    (void)state;
    peal_error err;
    peal_pipeline *pipeline = plan(table, "y", "[{\"transform\": \"onehot\", \"columns\": \"colour\"}]", &err);
    assert_non_null(pipeline);
    const double numbers[] = {1, 2, (double)NAN, 4};
    const int32_t colours[] = {0, 1, 0, 2}, labels[] = {0, 1, 1, 0};
    peal_dictionary dictionaries[3] = {0};
    uint32_t code;
    static const char *const words[] = {"red", "blue", ""}, *const classes[] = {"0", "1"};
    peal_summary summaries[3] = {0};
    peal_summary_add_numbers(&summaries[0], numbers, NULL, 4);
    for (size_t i = 0; i < 3; i++) {
        assert_ok(peal_dictionary_put(&dictionaries[1], words[i], strlen(words[i]), &code, &err));
        if (!*words[i]) {
            summaries[1].nulls = 1;
            continue;
        }
        assert_ok(peal_dictionary_put(&summaries[1].texts, words[i], strlen(words[i]), &code, &err));
        summaries[1].texts.counts[code] = i == 0 ? 2 : 1;
    }
    for (size_t i = 0; i < 2; i++) {
        assert_ok(peal_dictionary_put(&dictionaries[2], classes[i], 1, &code, &err));
        assert_ok(peal_dictionary_put(&summaries[2].texts, classes[i], 1, &code, &err));
        summaries[2].texts.counts[code] = 2;
    }
    for (size_t i = 0; i < 3; i++) {
        size_t next = 0;
        assert_ok(peal_pipeline_fit(pipeline, i, &summaries[i], &next, &err));
        assert_int_equal(next, pipeline->columns[i].step_count);
    }
    assert_ok(peal_pipeline_fitted(pipeline, &err));
    assert_int_equal(pipeline->feature_width, 4); /* n, red, blue, missing */
    const peal_column columns[] = {
        {.name = "n", .type = PEAL_TYPE_FLOAT64, .length = 4, .values = numbers},
        {.name = "colour",
         .type = PEAL_TYPE_DICTIONARY,
         .codes = PEAL_TYPE_INT32,
         .length = 4,
         .values = colours,
         .dictionary = &dictionaries[1]},
        {.name = "y",
         .type = PEAL_TYPE_DICTIONARY,
         .codes = PEAL_TYPE_INT32,
         .length = 4,
         .values = labels,
         .dictionary = &dictionaries[2]},
    };
    const peal_raw_batch raw = {.columns = columns};
    float first[16];
    json_t *saved = peal_pipeline_save(pipeline);
    for (int round = 0; round < 2; round++) {
        peal_applier *applier;
        peal_table table_out;
        assert_ok(peal_applier_new(pipeline, PEAL_APPLY_ALL, &applier, &err));
        assert_ok(peal_pipeline_apply(applier, &raw, NULL, 4, &table_out, &err));
        assert_int_equal(table_out.column_count, 2);
        const float *features = table_out.columns[0].child->values;
        if (round == 0) {
            memcpy(first, features, sizeof first);
            assert_true(features[0] < 0);
            /* A missing number is next to the mean, which becomes 0. */
            assert_true(features[2 * 4] > 0 && features[2 * 4] < 1e-12f);
            assert_true(features[1] == 1 && features[2] == 0 && features[3 * 4 + 3] == 1);
            assert_int_equal(((const int8_t *)table_out.columns[1].values)[1], 1);
        } else {
            assert_memory_equal(first, features, sizeof first);
        }
        peal_applier_free(applier);
        if (round == 0) {
            peal_pipeline_free(pipeline);
            assert_ok(peal_pipeline_load(saved, &pipeline, &err));
        }
    }
    json_decref(saved);
    for (size_t i = 0; i < 3; i++) peal_dictionary_clear(&dictionaries[i]);
    peal_pipeline_free(pipeline);
}

/* Each case changes a text of a saved pipeline that is right. */
static const char saved_text[] =
    "{\"nulls\": [\"NA\"], \"columns\": ["
    "{\"name\": \"n\", \"type\": \"float64\", \"role\": \"feature\", \"steps\": ["
    "{\"transform\": \"impute\", \"with\": \"mean\", \"fill\": 1.5},"
    "{\"transform\": \"standardize\", \"shift\": 1.5, \"scale\": 2.0, \"least\": -1.5, "
    "\"most\": 3.0}]},"
    "{\"name\": \"c\", \"type\": \"dictionary\", \"role\": \"index\", \"steps\": ["
    "{\"transform\": \"index\", \"max_values\": 9.0, \"min_count\": 1.0, \"missing\": -1, \"values\": [\"a\", "
    "\"b\"]}]},"
    "{\"name\": \"h\", \"type\": \"dictionary\", \"role\": \"feature\", \"steps\": ["
    "{\"transform\": \"onehot\", \"max_values\": 5.0, \"min_count\": 1.0, \"missing\": 1, \"values\": [\"k\"]}]},"
    "{\"name\": \"p\", \"type\": \"dictionary\", \"role\": \"feature\", \"steps\": ["
    "{\"transform\": \"number\", \"loose\": \"no\", \"thousands\": \",\"},"
    "{\"transform\": \"impute\", \"with\": \"min\", \"fill\": 0.5}]},"
    "{\"name\": \"u\", \"type\": \"dictionary\", \"role\": \"index\", \"steps\": ["
    "{\"transform\": \"hash\", \"bits\": 12, \"seed\": 7}]},"
    "{\"name\": \"d\", \"type\": \"dictionary\", \"role\": \"feature\", \"steps\": ["
    "{\"transform\": \"date\", \"format\": \"auto\", \"first\": \"day\", \"parts\": \"year+month\", \"year_mean\": "
    "2020.5, \"year_deviation\": 1.25, \"time_mean\": 1.5e9, \"time_deviation\": 4e7}]},"
    "{\"name\": \"q\", \"type\": \"float64\", \"role\": \"index\", \"steps\": ["
    "{\"transform\": \"clip\", \"quantile\": 0.01, \"least\": -7.0, \"most\": 7.5}, {\"transform\": \"log1p\"},"
    "{\"transform\": \"bucketize\", \"buckets\": 4, \"edges\": [-1.5, 0.0, 2.5]}]},"
    "{\"name\": \"s\", \"type\": \"utf8\", \"role\": \"query\", \"steps\": [{\"transform\": \"query\"}]},"
    "{\"name\": \"t\", \"type\": \"utf8\", \"role\": \"kept\", \"steps\": [{\"transform\": \"keep\"}]},"
    "{\"name\": \"w\", \"type\": \"float64\", \"role\": \"weight\", \"steps\": [{\"transform\": \"weight\"}]},"
    "{\"name\": \"e\", \"type\": \"float64\", \"role\": \"offset\", \"steps\": ["
    "{\"transform\": \"impute\", \"with\": \"mean\", \"fill\": 2.5}, {\"transform\": \"exposure\"}]},"
    "{\"name\": \"y\", \"type\": \"dictionary\", \"role\": \"label\", \"steps\": ["
    "{\"transform\": \"label\", \"as\": \"class\", \"values\": [\"no\", \"yes\"]}]}]}";

static const struct {
    const char *from, *to, *what;
} wrong_cases[] = {
    {"", "", NULL},
    {"\"n\"", "\"c\"", "two columns are called"},
    {"\"scale\": 2.0", "\"scale\": 0.0", "makes no sense"},
    {"\"scale\": 2.0", "\"scale\": -2.0", "makes no sense"},
    {"\"scale\": 2.0", "\"scale\": \"2\"", "missing, added or of another type"},
    {"\"scale\": 2.0", "\"skale\": 2.0", "missing, added or of another type"},
    {"\"scale\": 2.0", "\"scale\": 2.0, \"more\": 1", "missing, added or of another type"},
    {"\"most\": 3.0", "\"most\": -2.0", "makes no sense"},
    {"\"transform\": \"standardize\", \"shift\": 1.5, \"scale\": 2.0, \"least\": -1.5, \"most\": 3.0",
     "\"transform\": \"onehot\", \"max_values\": 5.0, \"min_count\": 1.0, \"missing\": -1, \"values\": []",
     "do not compose"},
    {"{\"transform\": \"impute\", \"with\": \"mean\", \"fill\": 1.5},", "", "do not fit its role"},
    {"[\"a\", \"b\"]}",
     "[\"a\", \"b\"]}, {\"transform\": \"onehot\", \"max_values\": 5.0, \"min_count\": 1.0, "
     "\"missing\": -1, \"values\": []}",
     "do not compose"},
    {"[\"a\", \"b\"]", "[\"a\", \"a\"]", "twice"},
    {"[\"a\", \"b\"]", "[\"a\", 5]", "must be texts"},
    {"\"missing\": -1", "\"missing\": 2", "has a code for what is missing"},
    {"\"missing\": 1", "\"missing\": 0", "the code of what is missing"},
    {"\"missing\": 1", "\"missing\": -2", "the code of what is missing"},
    {"\"max_values\": 9.0", "\"max_values\": 1.0", "more values than its max_values"},
    {"\"max_values\": 9.0", "\"max_values\": 1e300", "whole number from 1"},
    {"\"min_count\": 1.0, \"missing\": -1", "\"min_count\": 0.5, \"missing\": -1", "whole number from 1"},
    {"\"role\": \"index\"", "\"role\": \"feature\"", "do not fit its role"},
    {"\"role\": \"index\"", "\"role\": \"label\"", "do not compose"},
    {"\"role\": \"label\"", "\"role\": \"feature\"", "do not compose"},
    {"[\"no\", \"yes\"]", "[\"no\"]", "fewer than two classes"},
    {"\"as\": \"class\"", "\"as\": \"number\"", "missing, added or of another type"},
    {"\"type\": \"float64\"", "\"type\": \"dictionary\"", "do not compose"},
    {"\"type\": \"float64\"", "\"type\": \"fixed_list\", \"item\": \"uint8\", \"width\": 4", "do not compose"},
    {"\"type\": \"float64\"", "\"type\": \"fixed_list\", \"item\": \"float64\", \"width\": 4", "a column of no bytes"},
    {"\"type\": \"float64\"", "\"type\": \"fixed_list\", \"item\": \"uint8\", \"width\": 0", "a column of no bytes"},
    {"\"type\": \"float64\"", "\"type\": \"number\"", "a column"},
    {"\"type\": \"float64\"", "\"type\": \"float64\", \"width\": 4", "missing, added or of another type"},
    {"\"nulls\": [\"NA\"]", "\"nulls\": [\"N\\u0000\"]", "its nulls or split"},
    {"\"nulls\": [\"NA\"]", "\"nulls\": [5]", "a spelling of null"},
    {"\"nulls\": [\"NA\"]", "\"nulls\": \"NA\"", "its spellings of null are missing"},
    {"\"nulls\": [\"NA\"]", "\"nulls\": [\"NA\"], \"format\": {\"name\": \"csv\"}", "its nulls or split"},
    {"\"n\"", "\"n\\u0000\"", "damaged: a column's name"},
    {"\"loose\": \"no\"", "\"loose\": \"maybe\"", "must be yes or no"},
    {"\"quantile\": 0.01", "\"quantile\": 0.5", "'quantile' must be"},
    {"\"quantile\": 0.01", "\"quantile\": -0.5", "'quantile' must be"},
    {"\"least\": -7.0", "\"least\": 8.0", "'least' is above 'most'"},
    {"\"least\": -7.0", "\"least\": \"-7\"", "missing, added or of another type"},
    {"{\"transform\": \"log1p\"}", "{\"transform\": \"log1p\", \"base\": 2}", "missing, added or of another type"},
    {"{\"transform\": \"log1p\"}", "{\"transform\": \"replace\", \"find\": \"a\", \"with\": \"\", \"at\": \"end\"}",
     "do not compose"},
    {"{\"transform\": \"log1p\"}", "{\"transform\": \"cast\"}", "a step that is none of a column"},
    {"[-1.5, 0.0, 2.5]", "[-1.5, 2.5, 2.5]", "must be rising numbers"},
    {"[-1.5, 0.0, 2.5]", "[-1.5, 0.0, 2.5, 3.5]", "must be rising numbers"},
    {"[-1.5, 0.0, 2.5]", "[-1.5, \"0\", 2.5]", "must be rising numbers"},
    {"[-1.5, 0.0, 2.5]", "[-1.5, 0, 2.5]", "missing, added or of another type"},
    {"[-1.5, 0.0, 2.5]", "5", "must be rising numbers"},
    {"\"buckets\": 4", "\"buckets\": 65537", "'buckets' must be a whole number"},
    {"\"index\", \"steps\": [{\"transform\": \"clip\"", "\"feature\", \"steps\": [{\"transform\": \"clip\"",
     "do not fit its role"},
    {"2.5]}]", "2.5]}, {\"transform\": \"log1p\"}]", "do not compose"},
    {"\"format\": \"auto\"", "\"format\": \"%K\"", "has '%K'"},
    {"\"format\": \"auto\"", "\"format\": \"%\"", "has '%'"},
    {"\"format\": \"auto\"", "\"format\": \"\"", "has ''"},
    {"\"format\": \"auto\"", "\"format\": 5", "must be a text"},
    {"\"format\": \"auto\"", "\"format\": \"%Y\\u0000\"", "must be a text"},
    {"\"first\": \"day\"", "\"first\": \"auto\"", "whose order is not decided"},
    {"\"first\": \"day\"", "\"first\": \"year\"", "must be month or day"},
    {"\"parts\": \"year+month\"", "\"parts\": \"auto\"", "has dates without parts"},
    {"\"parts\": \"year+month\"", "\"parts\": \"month+year\"", "missing, added or of another type"},
    {"\"parts\": \"year+month\"", "\"parts\": [\"year\", \"month\"]", "missing, added or of another type"},
    {"\"parts\": \"year+month\"", "\"parts\": \"year+moon\"", "there is no part 'moon'"},
    {"\"parts\": \"year+month\"", "\"parts\": []", "must name parts"},
    {"\"year_deviation\": 1.25", "\"year_deviation\": 0.0", "deviation of dates that makes no sense"},
    {"\"time_deviation\": 4e7", "\"time_deviation\": -1.0", "deviation of dates that makes no sense"},
    {"\"feature\", \"steps\": [{\"transform\": \"date\"", "\"index\", \"steps\": [{\"transform\": \"date\"",
     "do not fit its role"},
    {"\"transform\": \"weight\"", "\"transform\": \"offset\"", "do not compose"},
    {"\"role\": \"weight\", \"steps\": [{\"transform\": \"weight\"}]",
     "\"role\": \"offset\", \"steps\": [{\"transform\": \"offset\"}]", "second label, query, weight or offset"},
    {"\"role\": \"kept\", \"steps\": [{\"transform\": \"keep\"}]",
     "\"role\": \"query\", \"steps\": [{\"transform\": \"query\"}]", "is a second label, query"},
    {"\"transform\": \"query\"", "\"transform\": \"keep\"", "do not compose"},
    {"\"utf8\", \"role\": \"query\"", "\"dictionary\", \"role\": \"query\"", "do not fit its role"},
    {"[{\"transform\": \"query\"}]", "[]", "do not fit its role"},
    {"{\"transform\": \"weight\"}", "{\"transform\": \"weight\"}, {\"transform\": \"log1p\"}", "do not compose"},
    {"{\"transform\": \"weight\"}", "{\"transform\": \"weight\", \"least\": 0}", "missing, added or of another type"},
    {"[{\"transform\": \"weight\"}]", "[]", "do not fit its role"},
    {", {\"transform\": \"exposure\"}", "", "do not fit its role"},
    {"\"bits\": 12", "\"bits\": 31", "'bits' must be a whole number from 1 to 30"},
    {"\"bits\": 12", "\"bits\": 0", "'bits' must be a whole number from 1 to 30"},
    {"\"bits\": 12", "\"bits\": 12.0", "missing, added or of another type"},
    {"\"seed\": 7", "\"seed\": -7", "'seed' must be a whole number"},
    {"\"index\", \"steps\": [{\"transform\": \"hash\"", "\"feature\", \"steps\": [{\"transform\": \"hash\"",
     "do not fit its role"},
    {"\"seed\": 7}", "\"seed\": 7}, {\"transform\": \"number\", \"loose\": \"no\"}", "do not compose"},
    {"\"loose\": \"no\"", "\"loose\": false", "missing, added or of another type"},
    {"\"thousands\": \",\"", "\"thousands\": \".\"", "cannot be both"},
    {"\"thousands\": \",\"", "\"thousands\": \"5\"", "must be one character"},
    {"\"thousands\": \",\"}", "\"thousands\": \",\"}, {\"transform\": \"number\", \"loose\": \"no\"}",
     "do not compose"},
    {"{\"transform\": \"number\", \"loose\": \"no\", \"thousands\": \",\"},", "", "do not compose"},
    {",{\"transform\": \"impute\", \"with\": \"min\", \"fill\": 0.5}", "", "do not fit its role"},
    {",{\"transform\": \"impute\", \"with\": \"min\", \"fill\": 0.5}",
     ",{\"transform\": \"replace\", \"find\": \"a\", \"with\": \"\", \"at\": \"end\"}", "do not compose"},
};

static void wrong_pipelines_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong_cases / sizeof *wrong_cases; i++) {
        const char *from = wrong_cases[i].from, *to = wrong_cases[i].to, *at = strstr(saved_text, from);
        assert_non_null(at);
        char *text = NULL;
        peal_error err = {0};
        peal_pipeline *pipeline;
        if (asprintf(&text, "%.*s%s%s", (int)(at - saved_text), saved_text, to, at + strlen(from)) < 0) abort();
        json_t *saved = json_loads(text, JSON_ALLOW_NUL, NULL);
        assert_non_null(saved);
        peal_status status = peal_pipeline_load(saved, &pipeline, &err);
        if (wrong_cases[i].what) {
            if (status != PEAL_E_DATA) fail_msg("status %d of: %s", status, text);
            assert_has(err.message, wrong_cases[i].what);
        } else {
            assert_ok(status);
        }
        peal_pipeline_free(pipeline);
        json_decref(saved);
        free(text);
    }
}

/* Codes without a dictionary are held against their encoder. */
static void codes_beyond_their_buckets_are_refused(void **state) {
    (void)state;
    peal_error err;
    peal_pipeline *pipeline;
    peal_applier *applier;
    json_t *saved = json_loads("{\"nulls\": [], \"columns\": [{\"name\": \"u\", \"type\": \"dictionary\", \"role\": "
                               "\"index\", \"steps\": [{\"transform\": \"hash\", \"bits\": 4, \"seed\": 0}]}]}",
                               0, NULL);
    assert_ok(peal_pipeline_load(saved, &pipeline, &err));
    json_decref(saved);
    peal_dictionary texts = {0};
    uint32_t code;
    static const char *const words[] = {"a", "", "b", "a"};
    int32_t raw_codes[4];
    for (size_t i = 0; i < 4; i++) {
        assert_ok(peal_dictionary_put(&texts, words[i], strlen(words[i]), &code, &err));
        raw_codes[i] = (int32_t)code;
    }
    const peal_column column = {.name = "u",
                                .type = PEAL_TYPE_DICTIONARY,
                                .codes = PEAL_TYPE_INT32,
                                .length = 4,
                                .values = raw_codes,
                                .dictionary = &texts};
    const peal_raw_batch raw = {.columns = &column};
    peal_table out;
    assert_ok(peal_applier_new(pipeline, PEAL_APPLY_ALL, &applier, &err));
    assert_ok(peal_pipeline_apply(applier, &raw, NULL, 4, &out, &err));
    assert_int_equal(out.columns[0].type, PEAL_TYPE_UINT8);
    assert_null(out.columns[0].dictionary);
    assert_int_equal(out.columns[0].null_count, 1);
    assert_int_equal(peal_column_code(&out.columns[0], 1), -1);
    assert_int_equal(peal_column_code(&out.columns[0], 0), peal_hash("a", 1, 0) >> 60);
    assert_int_equal(peal_column_code(&out.columns[0], 0), peal_column_code(&out.columns[0], 3));
    assert_ok(peal_pipeline_check_table(pipeline, &out, "t", &err));
    ((uint8_t *)(uintptr_t)out.columns[0].values)[2] = 16;
    assert_int_equal(peal_pipeline_check_table(pipeline, &out, "t", &err), PEAL_E_DATA);
    assert_has(err.message, "code 16 in row 3, but there are 16");
    /* As older datasets have them; what a missing one is does not count. */
    int32_t values[] = {15, 99, 0, 3};
    static const int32_t wrong[] = {16, -1, INT32_MAX, INT32_MIN};
    peal_column wide = out.columns[0];
    const peal_table older = {.rows = 4, .column_count = 1, .columns = &wide};
    wide.type = PEAL_TYPE_INT32;
    wide.values = values;
    assert_ok(peal_pipeline_check_table(pipeline, &older, "t", &err));
    assert_int_equal(peal_column_code(&wide, 0), 15);
    for (size_t i = 0; i < 4; i++) {
        values[2] = wrong[i];
        assert_int_equal(peal_pipeline_check_table(pipeline, &older, "t", &err), PEAL_E_DATA);
        assert_has(err.message, "in row 3, but there are 16");
    }
    peal_applier_free(applier);
    peal_dictionary_clear(&texts);
    peal_pipeline_free(pipeline);
}

/* Sparse features of two origins, and a text that is kept. */
static const char sparse_text[] =
    "{\"nulls\": [\"-\"], \"columns\": ["
    "{\"name\": \"note\", \"type\": \"utf8\", \"role\": \"sparse\", \"steps\": [{\"transform\": \"hash\", \"bits\": 4, "
    "\"seed\": 0, \"signed\": true}]},"
    "{\"name\": \"i\", \"type\": \"list\", \"role\": \"sparse\", \"steps\": [], \"item\": \"uint32\", \"below\": 5},"
    "{\"name\": \"v\", \"type\": \"list\", \"role\": \"sparse\", \"steps\": [], \"item\": \"float32\"},"
    "{\"name\": \"id\", \"type\": \"utf8\", \"role\": \"kept\", \"steps\": [{\"transform\": \"keep\"}]}]}";

/* Queries stand between the label and the weight; a prediction has neither, an evaluation no weights. */
static void what_stands_beside_has_its_place(void **state) {
    (void)state;
    static const char text[] =
        "{\"nulls\": [], \"columns\": ["
        "{\"name\": \"w\", \"type\": \"float64\", \"role\": \"weight\", \"steps\": [{\"transform\": \"weight\"}]},"
        "{\"name\": \"k\", \"type\": \"utf8\", \"role\": \"kept\", \"steps\": [{\"transform\": \"keep\"}]},"
        "{\"name\": \"s\", \"type\": \"utf8\", \"role\": \"query\", \"steps\": [{\"transform\": \"query\"}]},"
        "{\"name\": \"o\", \"type\": \"float64\", \"role\": \"offset\", \"steps\": [{\"transform\": \"offset\"}]}]}";
    static const char *const names[] = {"o", "os", "oswk"};
    static const int32_t ends[] = {0, 1, 3};
    static const double numbers[] = {0.5, 2};
    const peal_column columns[] = {{.name = "w", .type = PEAL_TYPE_FLOAT64, .length = 2, .values = numbers},
                                   {.name = "k", .type = PEAL_TYPE_UTF8, .length = 2, .offsets = ends, .values = "abc"},
                                   {.name = "s", .type = PEAL_TYPE_UTF8, .length = 2, .offsets = ends, .values = "def"},
                                   {.name = "o", .type = PEAL_TYPE_FLOAT64, .length = 2, .values = numbers}};
    const peal_raw_batch raw = {.columns = columns};
    peal_error err;
    peal_pipeline *pipeline;
    json_t *saved = json_loads(text, 0, NULL);
    assert_ok(peal_pipeline_load(saved, &pipeline, &err));
    json_decref(saved);
    assert_true(pipeline->schema.fields[2].required && !pipeline->schema.fields[1].required);
    for (int purpose = PEAL_APPLY_PREDICT; purpose <= PEAL_APPLY_ALL; purpose++) {
        peal_applier *applier;
        peal_table out;
        assert_ok(peal_applier_new(pipeline, (peal_apply_for)purpose, &applier, &err));
        assert_ok(peal_pipeline_apply(applier, &raw, NULL, 2, &out, &err));
        const char *wanted = names[purpose];
        assert_int_equal(out.column_count, strlen(wanted));
        for (size_t i = 0; i < out.column_count; i++) assert_int_equal(out.columns[i].name[0], wanted[i]);
        if (purpose > PEAL_APPLY_PREDICT) assert_memory_equal(out.columns[1].values, "def", 3);
        if (purpose == PEAL_APPLY_ALL) assert_memory_equal(out.columns[2].values, numbers, sizeof numbers);
        peal_applier_free(applier);
    }
    peal_pipeline_free(pipeline);
}

/* That a number is missing stands behind it, told before steps that could hide it, and comes through save and load. */
static void what_is_missing_is_marked(void **state) {
    (void)state;
    static const char text[] =
        "{\"nulls\": [], \"columns\": ["
        "{\"name\": \"a\", \"type\": \"float64\", \"role\": \"feature\", \"steps\": ["
        "{\"transform\": \"impute\", \"with\": \"mean\", \"fill\": 2.5, \"mark\": \"auto\", "
        "\"marks\": true, \"filled\": true},"
        "{\"transform\": \"standardize\", \"shift\": 2.5, \"scale\": 2.0, \"least\": -9.0, \"most\": 9.0}]},"
        "{\"name\": \"b\", \"type\": \"float64\", \"role\": \"feature\", \"steps\": ["
        "{\"transform\": \"impute\", \"with\": \"mean\", \"fill\": 1.0, \"mark\": \"auto\"}]}]}";
    static const double numbers[] = {0.5, (double)NAN, 4.5};
    static const float expected[] = {-1, 0, 0.5f, 0, 1, 1, 1, 0, 4.5f};
    const peal_column columns[] = {{.name = "a", .type = PEAL_TYPE_FLOAT64, .length = 3, .values = numbers},
                                   {.name = "b", .type = PEAL_TYPE_FLOAT64, .length = 3, .values = numbers}};
    const peal_raw_batch raw = {.columns = columns};
    peal_error err;
    peal_pipeline *pipeline;
    peal_applier *applier;
    peal_table out;
    char name[64];
    json_t *saved = json_loads(text, 0, NULL);
    assert_ok(peal_pipeline_load(saved, &pipeline, &err));
    assert_ok(peal_pipeline_check(pipeline, saved, &err));
    json_decref(saved);
    assert_int_equal(pipeline->feature_width, 3);
    assert_ok(peal_applier_new(pipeline, PEAL_APPLY_PREDICT, &applier, &err));
    assert_ok(peal_pipeline_apply(applier, &raw, NULL, 3, &out, &err));
    assert_memory_equal(out.columns[0].child->values, expected, sizeof expected);
    static const char *const names[] = {"a", "a is missing", "b"};
    for (uint32_t i = 0; i < 3; i++) {
        peal_pipeline_feature_name(pipeline, i, name, sizeof name);
        assert_string_equal(name, names[i]);
    }
    peal_applier_free(applier);
    peal_pipeline_free(pipeline);
}

static void texts_become_sparse_features_or_are_kept(void **state) {
    (void)state;
    peal_error err;
    peal_pipeline *pipeline;
    peal_applier *applier, *without;
    json_t *saved = json_loads(sparse_text, 0, NULL);
    assert_ok(peal_pipeline_load(saved, &pipeline, &err));
    json_decref(saved);
    assert_int_equal(pipeline->sparse_width, 5 + 16);
    static const int32_t note_ends[] = {0, 1, 1, 2, 4}, list_ends[] = {0, 2, 2, 3, 4}, id_ends[] = {0, 3, 3, 4, 6};
    static const uint32_t items[] = {1, 4, 7, 0}; /* 7 is unknown */
    static const float numbers[] = {0.5f, 2, 3, 4};
    const peal_column children[] = {{.type = PEAL_TYPE_UINT32, .length = 4, .values = items},
                                    {.type = PEAL_TYPE_FLOAT32, .length = 4, .values = numbers}};
    const peal_column columns[] = {
        {.name = "note", .type = PEAL_TYPE_UTF8, .length = 4, .offsets = note_ends, .values = "a-bc"},
        {.name = "i", .type = PEAL_TYPE_LIST, .length = 4, .offsets = list_ends, .child = &children[0]},
        {.name = "v", .type = PEAL_TYPE_LIST, .length = 4, .offsets = list_ends, .child = &children[1]},
        {.name = "id", .type = PEAL_TYPE_UTF8, .length = 4, .offsets = id_ends, .values = "007-42"}};
    const peal_raw_batch raw = {.columns = columns};
    static const uint32_t selection[] = {3, 0, 2};
    peal_table out;
    assert_ok(peal_applier_new(pipeline, PEAL_APPLY_ALL, &applier, &err));
    assert_ok(peal_pipeline_apply(applier, &raw, selection, 3, &out, &err));
    assert_int_equal(out.column_count, 3);
    const uint64_t bc = peal_hash("bc", 2, 0), a = peal_hash("a", 1, 0);
    const uint32_t indices[] = {0, 5 + (uint32_t)(bc >> 60), 1, 4, 5 + (uint32_t)(a >> 60)};
    const float values[] = {4, bc & 1 ? -1.0f : 1.0f, 0.5f, 2, a & 1 ? -1.0f : 1.0f};
    static const int32_t ends[] = {0, 2, 5, 5};
    assert_memory_equal(out.columns[0].offsets, ends, sizeof ends);
    assert_memory_equal(out.columns[1].offsets, ends, sizeof ends);
    assert_int_equal(out.columns[0].child->length, 5);
    assert_memory_equal(out.columns[0].child->values, indices, sizeof indices);
    assert_memory_equal(out.columns[1].child->values, values, sizeof values);
    static const int32_t kept_ends[] = {0, 2, 5, 5};
    assert_string_equal(out.columns[2].name, "id");
    assert_int_equal(out.columns[2].null_count, 1);
    assert_int_equal(out.columns[2].validity[0], 3);
    assert_memory_equal(out.columns[2].offsets, kept_ends, sizeof kept_ends);
    assert_memory_equal(out.columns[2].values, "42007", 5);
    assert_ok(peal_pipeline_check_table(pipeline, &out, "t", &err));
    *(uint32_t *)(uintptr_t)out.columns[0].child->values = 21;
    assert_int_equal(peal_pipeline_check_table(pipeline, &out, "t", &err), PEAL_E_DATA);
    assert_has(err.message, "holds index 21, but there are 21 sparse features");
    assert_ok(peal_applier_new(pipeline, PEAL_APPLY_PREDICT, &without, &err));
    assert_int_equal(peal_applier_schema(without)->column_count, 2);
    peal_applier_free(without);
    peal_applier_free(applier);
    peal_pipeline_free(pipeline);
}

static void sparse_texts_must_make_sense(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *what;
    } wrong[] = {
        {"\"utf8\", \"role\": \"sparse\"", "\"dictionary\", \"role\": \"sparse\"", "do not fit its role"},
        {"\"utf8\", \"role\": \"sparse\"", "\"utf8\", \"role\": \"index\"", "do not fit its role"},
        {"\"utf8\", \"role\": \"sparse\"", "\"utf8\", \"role\": \"feature\"", "do not fit its role"},
        {"\"utf8\", \"role\": \"sparse\"", "\"utf8\", \"role\": \"kept\"", "do not fit its role"},
        {", \"signed\": true", "", "do not fit its role"},
        {"\"signed\": true", "\"signed\": false", "do not fit its role"},
        {"\"signed\": true", "\"signed\": \"yes\"", "missing, added or of another type"},
        {"\"utf8\", \"role\": \"kept\"", "\"dictionary\", \"role\": \"kept\"", "do not fit its role"},
        {"\"utf8\", \"role\": \"kept\"", "\"utf8\", \"role\": \"sparse\"", "do not"},
        {"{\"transform\": \"keep\"}", "", "do not fit its role"},
        {"{\"transform\": \"keep\"}", "{\"transform\": \"keep\"}, {\"transform\": \"keep\"}", "do not compose"},
        {"\"bits\": 4", "\"bits\": 30", NULL},
        {"\"below\": 5", "\"below\": 5, \"base\": 1", NULL},
        {"\"below\": 5", "\"below\": 5, \"base\": 0", "missing, added or of another type"},
        {"\"below\": 5", "\"below\": 5, \"base\": 2", "what its indices are"},
        {"\"below\": 5", "\"below\": 5, \"bits\": 31", NULL},
        {"\"below\": 5", "\"below\": 5, \"bits\": 32", "what its indices are"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *at = strstr(sparse_text, wrong[i].from);
        assert_non_null(at);
        char *text = NULL;
        peal_error err = {0};
        peal_pipeline *pipeline;
        if (asprintf(&text, "%.*s%s%s", (int)(at - sparse_text), sparse_text, wrong[i].to, at + strlen(wrong[i].from)) <
            0) {
            abort();
        }
        json_t *saved = json_loads(text, 0, NULL);
        assert_non_null(saved);
        const peal_status status = peal_pipeline_load(saved, &pipeline, &err);
        if (wrong[i].what) {
            if (status != PEAL_E_DATA) fail_msg("status %d of: %s", status, text);
            assert_has(err.message, wrong[i].what);
        } else {
            assert_ok(status);
        }
        peal_pipeline_free(pipeline);
        json_decref(saved);
        free(text);
    }
}

/* sparse_text, whose first entry of indices says `more` besides. */
static json_t *sparse_saved(const char *more) {
    json_t *saved = json_loads(sparse_text, 0, NULL), *added = json_loads(more, 0, NULL);
    json_t *indices = json_array_get(json_object_get(saved, "columns"), 1);
    assert_true(json_object_get(indices, "below") && added);
    assert_int_equal(json_object_update(indices, added), 0);
    json_decref(added);
    return saved;
}

/* The base is of the inputs, and files from before bits were kept tell none. */
static void what_indices_are_read_by_makes_no_other_columns(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"{}", "{\"base\": 1}", true},
        {"{}", "{\"bits\": 18}", true},
        {"{\"bits\": 18}", "{\"bits\": 18}", true},
        {"{\"bits\": 18}", "{\"bits\": 20}", false},
        {"{\"below\": 4}", "{\"base\": 1}", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        json_t *a = sparse_saved(pairs[i].a), *b = sparse_saved(pairs[i].b);
        assert_int_equal(peal_pipeline_same(a, b), pairs[i].same);
        assert_int_equal(peal_pipeline_same(b, a), pairs[i].same);
        json_decref(a);
        json_decref(b);
    }
}

/* A document with `count` columns as one entry, and one of `more` behind it; changed by hand. Freed by the caller. */
static json_t *run_document(size_t count, size_t more) {
    json_t *columns = json_array();
    for (size_t part = 0; part < 2; part++) {
        const size_t size = part ? more : count;
        json_t *names = json_array(), *fill = json_array();
        for (size_t i = 0; i < size; i++) {
            char name[20];
            snprintf(name, sizeof name, "%c%zu", part ? 'b' : 'a', i);
            json_array_append_new(names, json_string(name));
            json_array_append_new(fill, json_real((double)i / 4));
        }
        json_t *step = json_pack("{s:s, s:s, s:o}", "transform", "impute", "with", "mean", "fill", fill);
        json_t *entry =
            json_pack("{s:o, s:s, s:s, s:[o]}", "names", names, "type", "float64", "role", "feature", "steps", step);
        if (size) json_array_append(columns, entry);
        json_decref(entry);
    }
    return json_pack("{s:[], s:o}", "nulls", "columns", columns);
}

static void many_columns_are_one_entry(void **state) {
    (void)state;
    peal_error err;
    peal_pipeline *pipeline;
    json_t *saved = run_document(20, 0);
    assert_ok(peal_pipeline_load(saved, &pipeline, &err));
    assert_int_equal(pipeline->schema.count, 20);
    assert_string_equal(pipeline->schema.fields[19].name, "a19");
    double numbers[20];
    for (size_t i = 0; i < 20; i++) {
        numbers[i] = (double)NAN;
        const peal_pipeline_step *step = &pipeline->columns[i].steps[0];
        step->transform->numbers(step->state, &numbers[i], 1);
        assert_true(numbers[i] == (double)i / 4);
    }
    json_t *again = peal_pipeline_save(pipeline);
    assert_true(json_equal(saved, again));
    json_decref(again);
    /* As text, and an older way of writing it: each column for itself. */
    peal_buffer text = {0};
    assert_ok(peal_buffer_append(&text, "", 0, &err));
    assert_ok(peal_pipeline_write(pipeline, &text, &err));
    again = json_loads((const char *)text.data, 0, NULL);
    assert_true(json_equal(saved, again));
    peal_buffer whole = {0};
    assert_ok(peal_pipeline_write_saved(saved, &whole, &err));
    assert_string_equal((const char *)whole.data, (const char *)text.data);
    peal_buffer_clear(&whole);
    peal_buffer_clear(&text);
    json_decref(again);
    peal_pipeline_free(pipeline);
    json_t *old = json_pack("{s:[], s:[]}", "nulls", "columns");
    for (size_t i = 0; i < 20; i++) {
        char name[20];
        snprintf(name, sizeof name, "a%zu", i);
        json_array_append_new(json_object_get(old, "columns"),
                              json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:f}]}", "name", name, "type", "float64", "role",
                                        "feature", "steps", "transform", "impute", "with", "mean", "fill",
                                        (double)i / 4));
    }
    assert_ok(peal_pipeline_load(old, &pipeline, &err));
    again = peal_pipeline_save(pipeline);
    assert_true(json_equal(saved, again));
    json_decref(again);
    json_decref(old);
    json_decref(saved);
    peal_pipeline_free(pipeline);
}

static json_t *fill_of(json_t *saved) {
    json_t *entry = json_array_get(json_object_get(saved, "columns"), 0);
    return json_object_get(json_array_get(json_object_get(entry, "steps"), 0), "fill");
}

static void wrong_entries_of_many_are_refused(void **state) {
    (void)state;
    for (int wrong = 0; wrong < 10; wrong++) {
        peal_error err;
        peal_pipeline *pipeline;
        json_t *saved = run_document(wrong == 0 ? 15 : 20, wrong == 1 ? 20 : 0);
        json_t *entry = json_array_get(json_object_get(saved, "columns"), 0);
        json_t *names = json_object_get(entry, "names"), *fill = fill_of(saved);
        if (wrong == 2) json_array_remove(fill, 3);
        if (wrong == 3) json_array_set_new(fill, 3, json_integer(1));
        if (wrong == 4) json_array_set_new(names, 3, json_string("a2"));
        if (wrong == 5) json_array_set_new(names, 3, json_null());
        if (wrong == 6) json_object_set_new(entry, "role", json_string("label"));
        if (wrong == 7) json_object_set_new(entry, "name", json_string("a"));
        if (wrong == 8) json_array_set_new(names, 3, json_stringn("a3\0b", 4));
        if (wrong == 9) json_object_set_new(entry, "names", json_pack("{s:s}", "tensor", "names.0"));
        if (peal_pipeline_load(saved, &pipeline, &err) != PEAL_E_DATA) fail_msg("case %d", wrong);
        json_decref(saved);
    }
}

static void damaged_pipelines_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{}",
        "{\"nulls\": []}",
        "{\"nulls\": [], \"columns\": []}",
        "{\"nulls\": [], \"columns\": [{}]}",
        "{\"nulls\": [], \"columns\": [{\"name\": \"a\", \"type\": \"dictionary\", \"role\": \"feature\", "
        "\"steps\": []}]}",
        "{\"nulls\": [], \"columns\": [{\"name\": \"a\", \"type\": \"fixed_list\", \"role\": \"feature\", "
        "\"steps\": []}]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        peal_error err;
        peal_pipeline *pipeline;
        json_t *saved = json_loads(texts[i], 0, NULL);
        peal_status status = peal_pipeline_load(saved, &pipeline, &err);
        if (status == PEAL_OK) fail_msg("case %zu was loaded", i);
        json_decref(saved);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_transforms_are_completed),
        cmocka_unit_test(sensible_transforms_are_chosen),
        cmocka_unit_test(wrong_wishes_are_refused),
        cmocka_unit_test(saved_pipeline_gives_the_same_bits),
        cmocka_unit_test(wrong_pipelines_are_refused),
        cmocka_unit_test(damaged_pipelines_are_refused),
        cmocka_unit_test(codes_beyond_their_buckets_are_refused),
        cmocka_unit_test(what_is_missing_is_marked),
        cmocka_unit_test(texts_become_sparse_features_or_are_kept),
        cmocka_unit_test(what_stands_beside_has_its_place),
        cmocka_unit_test(sparse_texts_must_make_sense),
        cmocka_unit_test(what_indices_are_read_by_makes_no_other_columns),
        cmocka_unit_test(many_columns_are_one_entry),
        cmocka_unit_test(wrong_entries_of_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
