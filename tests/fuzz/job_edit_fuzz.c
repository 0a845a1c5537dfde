/* A job file that was edited (JSON, which YAML can read): its options are refused or parsed. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/edit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/models/sample.h"
#include "tools/options.h"

static const char job[] =
    "{\"sources\": [\"a.csv\", \"b.csv\"], \"label\": \"y\", \"drop\": [\"id\"], \"nulls\": [\"NA\", \"-\"],"
    " \"types\": {\"zip\": \"text\"}, \"transforms\": [{\"transform\": \"onehot\", \"columns\": [\"c\", \"d\"],"
    " \"max_values\": \"20\"}, {\"transform\": \"split\", \"valid\": \"0.1\"}], \"model\": \"mlp:hidden=8\","
    " \"epochs\": \"3\", \"lr\": \"0.1\", \"trim\": \"true\", \"seed\": \"5\", \"out\": \"m.safetensors\"}";

static void parse(const char *path) {
    tools_options options;
    peal_error err;
    char *words[] = {(char *)"--job", (char *)path};
    tools_options_parse(FOR_TRAIN, "train", 2, words, &options, &err);
    tools_options_clear(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char *path;
    if (!path) {
        const char *base = getenv("TEST_TMPDIR");
        path = peal_sprintf("%s/peal-job-XXXXXX", base ? base : "/tmp");
        if (!path || mkstemp(path) < 0) abort();
    }
    json_t *document = json_loads(job, 0, NULL);
    edit_choices choices = {.bytes = data, .size = size};
    if (size) edit_document(document, &choices);
    char *text = json_dumps(document, JSON_INDENT(1));
    json_decref(document);
    if (!text) abort();
    sample_write(path, text, strlen(text));
    parse(path);
    free(text);
    return 0;
}
