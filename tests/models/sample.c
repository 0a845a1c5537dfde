/* The small dataset, model and checkpoint of sample.h. */
#include "tests/models/sample.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/seal.h"
#include "etl/job/etl.h"
#include "models/net/net.h"
#include "models/predict/predictor.h"

const char *const sample_rows[3] = {"0.25,red,large,2024-02-29,\"1,250\",u3,Good as new,7,\n",
                                    ",green,small,31/12/2023,oops,,,,\n",
                                    "-1.5,,none,,\"2,000\",u77,\303\211t\303\251 bad,x,\n"};

static void must(bool right, const char *what) {
    if (right) return;
    fprintf(stderr, "sample: %s\n", what);
    abort();
}

static void must_be_ok(peal_status status, const peal_error *err) {
    must(status == PEAL_OK, err->message);
}

static char *in_folder(const sample *self, const char *name) {
    char *path = peal_path_join(self->folder, name);
    must(path != NULL, "no memory");
    return path;
}

static void make_dataset(sample *self) {
    peal_error err;
    peal_etl_result result;
    peal_buffer text = {0};
    char *csv = in_folder(self, "rows.csv");
    must_be_ok(peal_buffer_append(&text, "n,colour,size,day,price,user,note,id,y\n", 39, &err), &err);
    for (int row = 0; row < SAMPLE_ROWS; row++) {
        static const char *const colours[] = {"red", "green", "blue", "gr\303\274n"},
                                 *const notes[] = {"good as new", "", "bad broken"},
                                 *const sizes[] = {"small", "large"};
        char line[120];
        const int size = snprintf(line, sizeof line, "%d.5,%s,%s,%d-%02d-15,\"%d,%03d\",u%d,%s,%d,%s\n", row * 7 % 11,
                                  colours[row * 5 % 4], sizes[row / 3 % 2], 2020 + row % 4, row % 12 + 1, row % 3 + 1,
                                  row * 37 % 1000, row % 9, notes[row % 3], row, row * 7 % 11 > 5 ? "yes" : "no");
        must_be_ok(peal_buffer_append(&text, line, (size_t)size, &err), &err);
    }
    sample_write(csv, text.data, text.size);
    peal_buffer_clear(&text);
    json_t *transforms =
        json_loads("[{\"transform\": \"replace\", \"columns\": \"size\", \"find\": \"a\", \"with\": \"b\"},"
                   " {\"transform\": \"onehot\", \"columns\": \"size\"},"
                   " {\"transform\": \"clip\", \"columns\": \"n\", \"quantile\": 0.05},"
                   " {\"transform\": \"log1p\", \"columns\": \"n\"},"
                   " {\"transform\": \"standardize\", \"columns\": \"n\"},"
                   " {\"transform\": \"number\", \"columns\": \"price\", \"thousands\": \",\"},"
                   " {\"transform\": \"bucketize\", \"columns\": \"price\", \"buckets\": 4},"
                   " {\"transform\": \"hash\", \"columns\": \"user\", \"bits\": 3},"
                   " {\"transform\": \"tokens\", \"columns\": \"note\", \"bits\": 4, \"most\": 2},"
                   " {\"transform\": \"keep\", \"columns\": \"id\"}]",
                   0, NULL);
    const char *sources[] = {csv};
    peal_etl_options options = peal_etl_default();
    options.sources = sources;
    options.source_count = 1;
    options.out = self->dataset;
    options.threads = 1;
    options.plan.label = "y";
    options.plan.transforms = transforms;
    must_be_ok(peal_etl(&options, &result, &err), &err);
    json_decref(transforms);
    free(csv);
}

peal_train_options sample_options(const sample *self, bool resume) {
    peal_train_options options = peal_train_default();
    options.dataset = self->dataset;
    options.out = self->model;
    options.model = "mlp:hidden=2,activation=tanh";
    options.epochs = 2;
    options.batch = 24;
    options.partitions = 2;
    options.workers = 1;
    options.checkpoint_seconds = 0;
    options.keep = 9;
    options.run_dir = self->run;
    options.resume = resume;
    return options;
}

void sample_make(sample *out) {
    *out = (sample){0};
    peal_error err;
    peal_train_result result;
    const char *base = getenv("TEST_TMPDIR");
    out->folder = peal_sprintf("%s/peal-sample-XXXXXX", base ? base : "/tmp");
    must(out->folder && mkdtemp(out->folder), "no folder");
    out->dataset = in_folder(out, "rows.ds");
    out->model = in_folder(out, "model.safetensors");
    out->run = in_folder(out, "run");
    out->checkpoint = in_folder(out, "run/checkpoint-000001.safetensors");
    make_dataset(out);
    peal_train_options options = sample_options(out, false);
    must_be_ok(peal_train(&options, &result, &err), &err);
    char *last = in_folder(out, "run/checkpoint-000002.safetensors"),
         *manifest = in_folder(out, "rows.ds/manifest.json"), *shard = in_folder(out, "rows.ds/train-00000.arrow");
    unlink(last);
    must_be_ok(peal_file_read(manifest, &out->manifest_bytes, &err), &err);
    must_be_ok(peal_file_read(out->model, &out->model_bytes, &err), &err);
    must_be_ok(peal_file_read(out->checkpoint, &out->checkpoint_bytes, &err), &err);
    must_be_ok(peal_file_read(shard, &out->shard_bytes, &err), &err);
    free(last);
    free(manifest);
    free(shard);
}

void sample_clear(sample *self) {
    peal_remove_tree(self->folder, NULL);
    peal_buffer_clear(&self->manifest_bytes);
    peal_buffer_clear(&self->model_bytes);
    peal_buffer_clear(&self->checkpoint_bytes);
    peal_buffer_clear(&self->shard_bytes);
    free(self->folder);
    free(self->dataset);
    free(self->model);
    free(self->run);
    free(self->checkpoint);
}

void sample_write(const char *path, const void *bytes, size_t size) {
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, path);
    close(fd);
}

void sample_seal(void *bytes, size_t size) {
    const size_t at = peal_seal_find(bytes, size);
    if (at == SIZE_MAX) return; /* an edit has removed it */
    memcpy((char *)bytes + at, PEAL_SEAL_BLANK, PEAL_SEAL_SIZE);
    peal_seal_close(bytes, size);
}

uint64_t sample_predict(const char *name, const uint8_t *bytes, size_t size, peal_status *status, peal_error *err) {
    peal_predictor *predictor;
    uint64_t hash = 1;
    *status = peal_predictor_parse(bytes, size, name, &predictor, err);
    if (*status != PEAL_OK) return 0;
    const size_t width = peal_predictor_scores(predictor);
    double *scores = calloc(width, sizeof *scores);
    must(scores != NULL, "no memory");
    for (size_t i = 0; i < 3 && *status == PEAL_OK; i++) {
        size_t rows;
        *status = peal_predictor_text(predictor, sample_rows[i], strlen(sample_rows[i]), scores, 1, &rows, err);
        for (size_t j = 0; j < width; j++) must(isfinite(scores[j]), "a score is not finite");
        hash = peal_hash(scores, width * sizeof *scores, hash);
    }
    free(scores);
    peal_predictor_free(predictor);
    return hash;
}

/* One step over all rows: forward, backward, and what the gradients are. */
static uint64_t step(const peal_pipeline *pipeline, const peal_rows *rows, peal_status *status, peal_error *err) {
    peal_model_spec spec;
    peal_net *net = NULL;
    const size_t count = peal_rows_count(rows);
    *status = peal_model_parse("mlp:hidden=2", &spec, err);
    if (*status == PEAL_OK) *status = peal_net_new(pipeline, &spec, count, true, &net, err);
    if (*status != PEAL_OK) return 0;
    const size_t floats = peal_graph_parameter_floats(net->graph);
    float *parameters = calloc(floats, sizeof(float)), *gradients = calloc(floats, sizeof(float));
    const size_t table_rows = peal_graph_table_rows(net->graph);
    uint32_t *order = calloc(count, sizeof *order);
    peal_touched touched = {.rows = calloc(table_rows + 1, sizeof *touched.rows), .marks = calloc(table_rows + 1, 1)};
    must(parameters && gradients && order && touched.rows && touched.marks, "no memory");
    for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
    peal_graph_bind(net->graph, parameters, gradients, &touched);
    peal_graph_initialise(net->graph, 1, parameters);
    peal_run run = {.rows = count, .training = true};
    peal_net_load_rows(net, rows, order, count);
    peal_graph_forward(net->graph, &run);
    peal_graph_backward(net->graph, &run);
    const uint64_t hash = peal_hash(gradients, floats * sizeof(float), 0);
    peal_net_free(net);
    free(parameters);
    free(gradients);
    free(order);
    free(touched.rows);
    free(touched.marks);
    return hash;
}

uint64_t sample_step(const char *dataset_path, peal_status *status, peal_error *err) {
    peal_dataset *dataset;
    peal_pipeline *pipeline = NULL;
    peal_rows *rows = NULL;
    uint64_t hash = 0;
    *status = peal_dataset_open(dataset_path, &dataset, err);
    if (*status != PEAL_OK) return 0;
    *status = peal_pipeline_load(peal_dataset_pipeline(dataset), &pipeline, err);
    if (*status == PEAL_OK) *status = peal_rows_open(dataset, ~0u, NULL, NULL, &rows, err);
    if (*status == PEAL_OK) hash = step(pipeline, rows, status, err);
    peal_rows_close(rows);
    peal_pipeline_free(pipeline);
    peal_dataset_close(dataset);
    return hash;
}

uint64_t sample_resume(const sample *self, peal_status *status, peal_error *err) {
    peal_train_options options = sample_options(self, true);
    peal_train_result result;
    *status = peal_train(&options, &result, err);
    if (*status != PEAL_OK) return 0;
    char *last = in_folder(self, "run/checkpoint-000002.safetensors");
    unlink(last);
    free(last);
    return peal_hash(result.model_sha256, strlen(result.model_sha256), 0);
}
