/* Well-formed but wrong documents, sealed again with a right checksum, are refused at load or mean another legal model;
 * none crashes. By default 200 random edits of each kind are tried; PEAL_EDITS says how many others. */
#include "core/base/philox.h"
#include "tests/fuzz/edit.h"
#include "tests/models/sample.h"
#include "tests/support.h"

enum { EDITS = 200, CHOICES = 64 };

static sample files;

typedef size_t (*editor)(const uint8_t *bytes, size_t size, edit_choices *choices, uint8_t **out);
typedef uint64_t (*user)(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err);

/* Another result is right where an edit has changed what shapes it: then the document describes another model, dataset
 * or training, which makes sense as a whole. `legal` lists the keys that do. */
typedef struct kind {
    const char *name;
    const peal_buffer *whole;
    editor edit;
    user use;
    const char *const *legal;
} kind;

static json_t *parse(const kind *self, const uint8_t *bytes, size_t size) {
    if (self->edit == edit_sealed_text) return json_loadb((const char *)bytes, size, JSON_ALLOW_NUL, NULL);
    uint64_t header_size;
    memcpy(&header_size, bytes, sizeof header_size);
    return json_loadb((const char *)bytes + 8, header_size, JSON_ALLOW_NUL, NULL);
}

static void check_other(const kind *self, const uint8_t *bytes, size_t size) {
    json_t *before = parse(self, self->whole->data, self->whole->size), *after = parse(self, bytes, size);
    if (!edit_differs_at(before, after, self->legal)) {
        char *text = json_dumps(after, JSON_INDENT(1));
        fail_msg("%s: another result, though nothing has changed that shapes it:\n%s", self->name, text);
    }
    json_decref(before);
    json_decref(after);
}

static void try_edits(const kind *self) {
    const char *wish = getenv("PEAL_EDITS");
    const uint32_t edits = wish ? (uint32_t)strtoul(wish, NULL, 10) : EDITS;
    size_t refused = 0, same = 0, other = 0;
    peal_error err;
    peal_status status;
    const uint64_t right = self->use(self->whole->data, self->whole->size, &status, &err);
    if (status != PEAL_OK) fail_msg("%s: %s", self->name, err.message);
    for (uint32_t i = 0; i < edits; i++) {
        uint8_t bytes[CHOICES], *edited;
        peal_philox random = peal_philox_stream(7, PEAL_PURPOSE_USER, i, 0, 0);
        for (size_t at = 0; at < CHOICES; at++) bytes[at] = (uint8_t)peal_philox_u32(&random);
        edit_choices choices = {.bytes = bytes, .size = CHOICES};
        const size_t size = self->edit(self->whole->data, self->whole->size, &choices, &edited);
        const uint64_t now = self->use(edited, size, &status, &err);
        if (status != PEAL_OK) {
            refused++;
        } else if (now == right) {
            same++;
        } else {
            other++;
            check_other(self, edited, size);
        }
        free(edited);
    }
    printf("%s: %u tries, %zu refused, %zu same result, %zu other result, 0 crashes\n", self->name, edits, refused,
           same, other);
    assert_true(refused > 0);
}

static uint64_t use_model(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    return sample_predict("model", bytes, size, status, err);
}

static uint64_t use_manifest(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    char *path = test_path(files.dataset, "manifest.json");
    sample_write(path, bytes, size);
    free(path);
    return sample_step(files.dataset, status, err);
}

static uint64_t use_checkpoint(const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    sample_write(files.checkpoint, bytes, size);
    return sample_resume(&files, status, err);
}

/* The pipeline is edited as a part of the model, and alone, with more of the edits in it. */
static size_t edit_pipeline(const uint8_t *bytes, size_t size, edit_choices *choices, uint8_t **out) {
    return edit_safetensors_key(bytes, size, "pipeline", choices, out);
}

/* A model's result are its predictions: numbers and texts of the pipeline, the net's kind, whose the tensors are. */
static const char *const model_keys[] = {"shift",
                                         "scale",
                                         "fill",
                                         "mean",
                                         "deviation",
                                         "values",
                                         "with",
                                         "find",
                                         "at",
                                         "nulls",
                                         "trim",
                                         "steps",
                                         "header",
                                         "format",
                                         "model",
                                         "columns",
                                         "transform",
                                         "data_offsets",
                                         "output.weight",
                                         "output.bias",
                                         "hidden0.weight",
                                         "hidden0.bias",
                                         "hidden0.codes",
                                         "name",
                                         "missing",
                                         "loose",
                                         "thousands",
                                         "bits",
                                         "seed",
                                         "first",
                                         "parts",
                                         "year_mean",
                                         "year_deviation",
                                         "time_mean",
                                         "time_deviation",
                                         "quantile",
                                         "least",
                                         "most",
                                         "buckets",
                                         "edges",
                                         "kind",
                                         "role",
                                         "delimiter",
                                         NULL};
/* A step of training on a dataset: the scale of a number that is a label, which this one has not, and how many codes
 * there are that have no names in the shards. */
static const char *const manifest_keys[] = {"bits", "edges", NULL};
/* A training that goes on: where it stood, and the tensors by their names. */
static const char *const checkpoint_keys[] = {"best_epoch", "best_loss",  "losses",     "train_loss", "data_offsets",
                                              "best",       "parameters", "optimizer0", "outer",      NULL};

static void edited_pipelines_are_refused_or_right(void **state) {
    (void)state;
    try_edits(&(kind){"pipeline", &files.model_bytes, edit_pipeline, use_model, model_keys});
}

static void edited_models_are_refused_or_right(void **state) {
    (void)state;
    try_edits(&(kind){"model", &files.model_bytes, edit_safetensors, use_model, model_keys});
}

static void edited_manifests_are_refused_or_right(void **state) {
    (void)state;
    try_edits(&(kind){"manifest", &files.manifest_bytes, edit_sealed_text, use_manifest, manifest_keys});
    use_manifest(files.manifest_bytes.data, files.manifest_bytes.size, &(peal_status){0}, NULL);
}

static void edited_checkpoints_are_refused_or_right(void **state) {
    (void)state;
    try_edits(&(kind){"checkpoint", &files.checkpoint_bytes, edit_safetensors, use_checkpoint, checkpoint_keys});
}

static int make(void **state) {
    (void)state;
    sample_make(&files);
    return 0;
}

static int clear(void **state) {
    (void)state;
    sample_clear(&files);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edited_pipelines_are_refused_or_right),
        cmocka_unit_test(edited_models_are_refused_or_right),
        cmocka_unit_test(edited_manifests_are_refused_or_right),
        cmocka_unit_test(edited_checkpoints_are_refused_or_right),
    };
    return cmocka_run_group_tests(tests, make, clear);
}
