/* Training through the library: the same bits for any number of workers, after deaths, after a resume; predictions. */
#include "peal.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>

#include "core/base/file.h"
#include "core/base/machine.h"
#include "models/predict/safetensors.h"
#include "tests/models/dataset.h"

static char *folder, *csv, *dataset;
static const char *busy_model; /* one whose epochs last */
static bool has_tables;        /* which exact gradients do not know */

/* Two noisy classes in a plane, with a category that helps; and two columns of many texts. */
static void write_csv(const char *path, size_t rows) {
    peal_error err;
    peal_buffer text = {0};
    peal_philox random = peal_philox_stream(4, PEAL_PURPOSE_USER, 0, 0, 0);
    assert_ok(peal_buffer_append(&text, "a,b,c,d,e,y\n", 12, &err));
    for (size_t i = 0; i < rows; i++) {
        double a = (double)peal_philox_normal(&random), b = (double)peal_philox_normal(&random);
        uint32_t c = peal_philox_below(&random, 5);
        bool y = a * b + 0.5 * c + 0.3 * (double)peal_philox_normal(&random) > 1;
        char line[100];
        const uint32_t d = peal_philox_below(&random, 1 + peal_philox_below(&random, 2000));
        int size = snprintf(line, sizeof line, "%.5f,%.5f,c%u,d%u,e%u,%s\n", a, b, c, d, d * c, y ? "yes" : "no");
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
}

/* With these transforms (NULL without memory), or without d and e. */
static int make(json_t *transforms) {
    static const char *const without[] = {"d", "e"};
    folder = test_folder();
    csv = test_path(folder, "data.csv");
    dataset = test_path(folder, "data.ds");
    write_csv(csv, 3000);
    const size_t dropped = json_array_size(transforms) == 0 ? 2 : 0;
    test_dataset(csv, dataset, (peal_plan_options){.transforms = transforms, .drop = without, .drop_count = dropped});
    json_decref(transforms);
    return 0;
}

static int make_dense(void **state) {
    (void)state;
    busy_model = "mlp:hidden=256x128";
    has_tables = false;
    return make(json_array());
}

/* Tables: codes and sparse features of which a batch names few. */
static int make_tables(void **state) {
    (void)state;
    has_tables = true;
    busy_model = "mlp:hidden=32"; /* for each of 12,000 rows of tables */
    return make(json_pack("[{s:s, s:i, s:s}, {s:s, s:i, s:b, s:s}]", "transform", "hash", "bits", 12, "columns", "d",
                          "transform", "hash", "bits", 13, "signed", 1, "columns", "e"));
}

static int clear(void **state) {
    (void)state;
    free(folder);
    free(csv);
    free(dataset);
    return 0;
}

static peal_train_options options_for(const char *out) {
    peal_train_options options = peal_train_default();
    options.dataset = dataset;
    options.out = out;
    options.model = "mlp:hidden=16,dropout=0.1,l2=0.0001";
    options.epochs = 3;
    options.partitions = 4;
    return options;
}

/* What has no optimiser; it ends when it has converged, or after so many passes. */
static void learn_exactly(peal_train_options *options, const char *model, const char *sync, size_t passes) {
    options->model = model;
    options->sync = sync;
    options->optimizer = NULL;
    options->epochs = sync ? passes : 0;
}

static void workers_do_not_change_the_bits(void **state) {
    (void)state;
    static const char *const
        syncs[] = {"epoch", "step", "5", "full:method=lbfgs", "full:start=adaptive,method=lbfgs", NULL, NULL, "full"},
        *const optimizers[] = {"sgd", "adam"}, *const exact[] = {NULL,
                                                                 NULL,
                                                                 NULL,
                                                                 "softmax:l1=0.001",
                                                                 "svm",
                                                                 "bayes",
                                                                 "trees:rounds=4,leaves=15,rows=0.8,columns=0.7",
                                                                 "logistic"};
    char *out = test_path(folder, "w.safetensors");
    const size_t count = sizeof syncs / sizeof *syncs - has_tables; /* Newton's method is of few parameters */
    for (size_t s = 0; s < count; s++) {
        for (size_t o = 0; o < (exact[s] ? 1 : 2); o++) {
            char first[65] = "";
            for (size_t workers = 1; workers <= 7; workers += workers < 4 ? 1 : 3) {
                peal_error err;
                peal_train_result result;
                peal_train_options options = options_for(out);
                options.sync = syncs[s];
                options.optimizer = optimizers[o];
                if (exact[s]) learn_exactly(&options, exact[s], syncs[s], 25);
                options.workers = workers;
                options.partitions = 7;
                /* Once all of them work at once, once as many as there are CPUs. */
                char cpus[8];
                snprintf(cpus, sizeof cpus, "%zu", workers);
                setenv("TEST_CPUS", o == 0 ? cpus : "1", 1);
                assert_ok(peal_train(&options, &result, &err));
                assert_int_equal(result.workers, workers);
                if (workers == 1) strcpy(first, result.model_sha256);
                assert_string_equal(first, result.model_sha256);
            }
        }
    }
    unsetenv("TEST_CPUS");
    free(out);
}

/* Kills children of this process, one after the other, while it trains. */
typedef struct killer {
    int kills, signal;
    unsigned pause_us; /* before each */
    atomic_int stop;
} killer;

static void *kill_workers(void *argument) {
    killer *self = argument;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    for (int done = 0; done < self->kills && !atomic_load(&self->stop);) {
        usleep(self->pause_us);
        FILE *file = fopen(path, "re");
        int pids[16], count = 0;
        while (file && count < 16 && fscanf(file, "%d", &pids[count]) == 1) count++;
        if (file) fclose(file);
        if (count) done += kill(pids[done % count], self->signal) == 0;
    }
    return NULL;
}

/* Trains while workers are killed. A training that ends before one was, on a machine that is fast or busy with other
 * work, tries nothing, and is made again with less of a pause. */
static void train_with_deaths(const peal_train_options *options, int signal_number, peal_train_result *out) {
    enum { TRIES = 30 };
    out->deaths = 0;
    for (unsigned try = 1; try <= TRIES && out->deaths == 0; try++) {
        peal_error err;
        killer self = {.kills = signal_number == SIGKILL ? 6 : 2, .signal = signal_number, .pause_us = 15000 / try};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, kill_workers, &self), 0);
        assert_ok(peal_train(options, out, &err));
        atomic_store(&self.stop, 1);
        pthread_join(thread, NULL);
    }
    assert_true(out->deaths >= 1);
}

static void deaths_do_not_change_the_bits(void **state) {
    (void)state;
    static const char *const syncs[] = {"epoch", "step", "full:tolerance=1e-14,method=lbfgs", NULL};
    static const int signals[] = {SIGKILL, SIGSTOP};
    char *out = test_path(folder, "k.safetensors");
    for (size_t s = 0; s < (has_tables ? 2 : 4); s++) {
        peal_error err;
        peal_train_result calm, killed;
        peal_train_options options = options_for(out);
        options.sync = syncs[s];
        options.model = busy_model;
        options.epochs = 6;
        if (s == 2) learn_exactly(&options, "softmax", syncs[s], 150);
        if (s == 3) learn_exactly(&options, "trees:rounds=150", NULL, 0);
        options.deaths = 1000;
        options.workers = 2;
        options.partitions = 6; /* partitions 2 and 3 are neighbours in the tree of sums, and of different workers */
        options.stall_ms = 300;
        assert_ok(peal_train(&options, &calm, &err));
        for (size_t i = 0; i < 2; i++) {
            train_with_deaths(&options, signals[i], &killed);
            assert_string_equal(calm.model_sha256, killed.model_sha256);
        }
    }
    free(out);
}

static void interrupt_after_an_epoch(void *user, const peal_event *event) {
    if (event->kind == PEAL_EVENT_METRIC && strstr(event->text, "epoch 2/")) atomic_store((atomic_int *)user, 1);
}

static void resume_ends_in_the_same_bits(void **state) {
    (void)state;
    static const char *const syncs[] = {"epoch", "step"};
    char *out = test_path(folder, "r.safetensors"), *run = test_path(folder, "r.run");
    for (size_t s = 0; s < 2; s++) {
        peal_error err;
        peal_train_result calm, resumed;
        peal_train_options options = options_for(out);
        options.sync = syncs[s];
        options.optimizer = "adam";
        options.epochs = 4;
        options.valid = "0.2";
        assert_ok(peal_train(&options, &calm, &err));
        atomic_int stop = 0;
        const peal_reporter reporter = {interrupt_after_an_epoch, &stop};
        options.run_dir = run;
        options.stop = &stop;
        options.reporter = &reporter;
        unlink(out);
        assert_int_equal(peal_train(&options, &resumed, &err), PEAL_E_INTERRUPTED);
        assert_false(peal_path_exists(out));
        options.stop = NULL;
        options.reporter = NULL;
        options.resume = true;
        options.workers = 1;
        assert_ok(peal_train(&options, &resumed, &err));
        assert_string_equal(calm.model_sha256, resumed.model_sha256);
        assert_true(calm.valid.loss == resumed.valid.loss);
        options.lr = 0.5;
        assert_int_equal(peal_train(&options, &resumed, &err), PEAL_E_USAGE);
        assert_has(err.message, "'lr' differs");
    }
    free(out);
    free(run);
}

typedef struct late_stop {
    unsigned after_us; /* the end of the first epoch */
    atomic_int first_epoch, stop;
} late_stop;

static void note_first_epoch(void *user, const peal_event *event) {
    if (event->kind == PEAL_EVENT_METRIC) atomic_store(&((late_stop *)user)->first_epoch, 1);
}

static void *stop_later(void *argument) {
    late_stop *self = argument;
    while (!atomic_load(&self->first_epoch)) usleep(50);
    usleep(self->after_us);
    atomic_store(&self->stop, 1);
    return NULL;
}

/* Whether the run has a checkpoint of an epoch whose steps are all done, but not its validation. */
static bool has_checkpoint_of_step(const char *run, size_t step) {
    char ending[40];
    snprintf(ending, sizeof ending, "-%08zu.safetensors", step);
    DIR *dir = opendir(run);
    bool found = false;
    for (struct dirent *entry; dir && (entry = readdir(dir));) found = found || strstr(entry->d_name, ending);
    if (dir) closedir(dir);
    return found;
}

/* Validation is most of the work here, so that some of the stops fall into it: between the last step of an epoch and
 * the first of the next. The last round of an epoch is a short one. */
static void resume_goes_on_from_the_end_of_an_epoch(void **state) {
    (void)state;
    static const char *const syncs[] = {"epoch", "step", "5"};
    char *out = test_path(folder, "v.safetensors"), *run = test_path(folder, "v.run");
    for (size_t s = 0; s < 3; s++) {
        peal_error err;
        peal_train_result calm, resumed;
        peal_train_options options = options_for(out);
        options.sync = syncs[s];
        options.model = "mlp:hidden=128x64";
        options.valid = "0.9"; /* 300 rows in 4 partitions */
        options.batch = 11;    /* 7 steps */
        options.epochs = 3;
        const int64_t begin = peal_now_ns();
        assert_ok(peal_train(&options, &calm, &err));
        const double epoch_us = (double)(peal_now_ns() - begin) * 1e-3 / (double)options.epochs;
        size_t seen = 0;
        for (unsigned attempt = 0; attempt < 100 && seen < 1; attempt++) {
            late_stop stop = {.after_us = (unsigned)(epoch_us * (attempt * 37 % 100) / 100)};
            const peal_reporter reporter = {note_first_epoch, &stop};
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, stop_later, &stop), 0);
            peal_train_options first = options;
            first.run_dir = run;
            first.stop = &stop.stop;
            first.reporter = &reporter;
            const peal_status status = peal_train(&first, &resumed, &err);
            pthread_join(thread, NULL);
            if (status == PEAL_OK) continue;
            assert_int_equal(status, PEAL_E_INTERRUPTED);
            seen += has_checkpoint_of_step(run, 7);
            first.stop = NULL;
            first.resume = true;
            assert_ok(peal_train(&first, &resumed, &err));
            assert_string_equal(calm.model_sha256, resumed.model_sha256);
        }
        assert_int_equal(seen, 1); /* else nothing was tried */
    }
    free(out);
    free(run);
}

static void *stop_soon(void *argument) {
    late_stop *self = argument;
    usleep(self->after_us);
    atomic_store(&self->stop, 1);
    return NULL;
}

/* In the middle of a line search, with partitions ahead of the others; or between two trees. */
static void go_on_from_anywhere(const char *model, const char *sync) {
    char *out = test_path(folder, "e.safetensors"), *run = test_path(folder, "e.run");
    peal_error err;
    peal_train_result calm, resumed;
    peal_train_options options = options_for(out);
    learn_exactly(&options, model, sync, 60);
    const int64_t begin = peal_now_ns();
    assert_ok(peal_train(&options, &calm, &err));
    const double all_us = (double)(peal_now_ns() - begin) * 1e-3;
    size_t seen = 0;
    for (unsigned attempt = 0; attempt < 40 && seen < 6; attempt++) {
        late_stop stop = {.after_us = (unsigned)(all_us * (attempt * 37 % 100) / 100)};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
        peal_train_options first = options;
        first.run_dir = run;
        first.stop = &stop.stop;
        peal_status status = peal_train(&first, &resumed, &err);
        pthread_join(thread, NULL);
        if (status == PEAL_OK) continue;
        assert_int_equal(status, PEAL_E_INTERRUPTED);
        seen++;
        first.stop = NULL;
        first.resume = true;
        first.workers = 1 + attempt % 3;
        assert_ok(peal_train(&first, &resumed, &err));
        assert_string_equal(calm.model_sha256, resumed.model_sha256);
        assert_int_equal(calm.epochs, resumed.epochs);
    }
    assert_true(seen >= 4); /* else nothing was tried */
    free(out);
    free(run);
}

static void exact_gradients_go_on_from_any_evaluation(void **state) {
    (void)state;
    go_on_from_anywhere("softmax:l2=0.00001", "full:method=lbfgs");
}

static void trees_go_on_from_any_round(void **state) {
    (void)state;
    go_on_from_anywhere("trees:rounds=80", NULL);
}

/* Before anything is learnt, too, a stop leaves a checkpoint to go on from. */
static void a_stop_at_once_is_no_failure(void **state) {
    (void)state;
    static const char *const models[] = {"bayes", "logistic", "trees:rounds=4", "mlp:hidden=8"};
    char *out = test_path(folder, "s.safetensors"), *run = test_path(folder, "s.run");
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        peal_error err;
        peal_train_result calm, resumed;
        atomic_int stop = 1;
        peal_train_options options = options_for(out);
        if (m < 3) learn_exactly(&options, models[m], NULL, 0);
        options.model = models[m];
        assert_ok(peal_train(&options, &calm, &err));
        options.run_dir = run;
        options.stop = &stop;
        assert_int_equal(peal_train(&options, &resumed, &err), PEAL_E_INTERRUPTED);
        options.stop = NULL;
        options.resume = true;
        assert_ok(peal_train(&options, &resumed, &err));
        assert_string_equal(calm.model_sha256, resumed.model_sha256);
    }
    free(out);
    free(run);
}

/* The checkpoint that the run was interrupted with, in the middle of an epoch; NULL if it was at the end of one. */
static char *checkpoint_within(const char *run) {
    DIR *dir = opendir(run);
    char *path = NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t epoch, step;
        if (!path && sscanf(entry->d_name, "checkpoint-%zu-%zu", &epoch, &step) == 2)
            path = peal_path_join(run, entry->d_name);
    }
    if (dir) closedir(dir);
    return path;
}

/* Writes the checkpoint again, sealed, with another first number in the tensor `name`. */
static void set_number(const char *path, const char *name, uint32_t value) {
    static const char *const keys[] = {"kind",
                                       "job",
                                       "epoch",
                                       "step",
                                       "best_epoch",
                                       "best_loss",
                                       "train_loss",
                                       "first_loss",
                                       "later_loss",
                                       "last_loss",
                                       "agreement",
                                       "valid",
                                       "losses",
                                       "partition_steps",
                                       "partition_losses"};
    peal_error err;
    peal_safetensors *file;
    assert_ok(peal_safetensors_open(path, &file, &err));
    json_t *metadata = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_object_set_new(metadata, keys[i], json_string(peal_safetensors_metadata(file, keys[i])));
    }
    const size_t count = peal_safetensors_count(file);
    peal_tensor *tensors = calloc(count, sizeof *tensors);
    uint32_t *numbers = NULL;
    for (size_t i = 0; i < count; i++) {
        tensors[i] = *peal_safetensors_at(file, i);
        if (strcmp(tensors[i].name, name) != 0) continue;
        assert_int_equal(tensors[i].type, PEAL_TENSOR_UINT32);
        numbers = calloc(tensors[i].width, sizeof *numbers);
        memcpy(numbers, tensors[i].data, tensors[i].width * sizeof *numbers);
        numbers[0] = value;
        tensors[i].data = numbers;
    }
    assert_non_null(numbers);
    assert_ok(peal_safetensors_write(path, metadata, tensors, count, &err));
    json_decref(metadata);
    peal_safetensors_close(file);
    free(tensors);
    free(numbers);
}

static void clocks_that_make_no_sense_are_refused(void **state) {
    (void)state;
    char *out = test_path(folder, "c.safetensors"), *run = test_path(folder, "c.run"), *checkpoint = NULL;
    peal_error err;
    peal_train_result result;
    peal_train_options options = options_for(out);
    options.sync = "step";
    options.epochs = 50;
    options.run_dir = run;
    options.keep = 1;
    for (unsigned attempt = 0; attempt < 100 && !checkpoint; attempt++) {
        late_stop stop = {.after_us = 500 + attempt * 370};
        const peal_reporter reporter = {note_first_epoch, &stop};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_later, &stop), 0);
        peal_train_options first = options;
        first.stop = &stop.stop;
        first.reporter = &reporter;
        const peal_status status = peal_train(&first, &result, &err);
        pthread_join(thread, NULL);
        if (status == PEAL_E_INTERRUPTED) checkpoint = checkpoint_within(run);
    }
    assert_non_null(checkpoint);
    set_number(checkpoint, "clocks", 1u << 20);
    options.resume = true;
    assert_int_equal(peal_train(&options, &result, &err), PEAL_E_DATA);
    assert_has(err.message, "its 'clocks' tells of 1048576 steps");
    set_number(checkpoint, "clocks", 0); /* of a row that has been at rest since the epoch began, perhaps */
    assert_ok(peal_train(&options, &result, &err));
    free(checkpoint);
    free(out);
    free(run);
}

/* Rows one by one, all at once, and from the dataset: the same bits. */
typedef struct table_prediction {
    peal_predictor *predictor;
    double *scores;
    size_t rows;
} table_prediction;

static peal_status predict_table(void *user, const peal_table *table, peal_error *err) {
    table_prediction *self = user;
    peal_status status = peal_predictor_table(self->predictor, table, self->scores + 2 * self->rows, err);
    self->rows += table->rows;
    return status;
}

static void predictions_are_the_same_from_everywhere(void **state) {
    (void)state;
    peal_error err;
    peal_train_result trained;
    char *out = test_path(folder, "p.safetensors");
    peal_train_options options = options_for(out);
    options.model = "mlp:hidden=48x33";
    assert_ok(peal_train(&options, &trained, &err));
    peal_predictor *predictor;
    assert_ok(peal_predictor_open(out, &predictor, &err));
    assert_int_equal(peal_predictor_scores(predictor), 2);
    peal_buffer text = {0};
    assert_ok(peal_file_read(csv, &text, &err));
    const char *rows = strchr((const char *)text.data, '\n') + 1;
    size_t size = text.size - (size_t)(rows - (const char *)text.data), count;
    double *all = calloc(3000, 2 * sizeof(double)), *from_tables = calloc(3000, 2 * sizeof(double)), one[2];
    assert_ok(peal_predictor_text(predictor, rows, size, all, 3000, &count, &err));
    assert_int_equal(count, 3000);
    const char *at = rows;
    for (size_t i = 0; i < 300; i++) {
        const char *end = memchr(at, '\n', size);
        assert_ok(peal_predictor_text(predictor, at, (size_t)(end + 1 - at), one, 1, &count, &err));
        assert_memory_equal(one, all + 2 * i, sizeof one);
        at = end + 1;
    }
    peal_dataset *data;
    table_prediction read = {.predictor = predictor, .scores = from_tables};
    assert_ok(peal_dataset_open(dataset, &data, &err));
    assert_ok(peal_dataset_read(data, 1, predict_table, &read, &err));
    assert_int_equal(read.rows, 3000);
    assert_memory_equal(all, from_tables, 3000 * 2 * sizeof(double));
    assert_int_equal(peal_predictor_text(predictor, "1,2\n", 4, one, 1, &count, &err), PEAL_E_DATA);
    peal_dataset_close(data);
    peal_predictor_free(predictor);
    peal_buffer_clear(&text);
    free(all);
    free(from_tables);
    free(out);
}

static void it_learns(void **state) {
    (void)state;
    peal_error err;
    peal_train_result result;
    char *out = test_path(folder, "l.safetensors");
    peal_train_options options = options_for(out);
    options.epochs = 20;
    options.valid = "0.2";
    assert_ok(peal_train(&options, &result, &err));
    assert_int_equal(result.rows, 2400);
    assert_true(result.valid.auc > 0.93);
    options.model = "logistic";
    assert_ok(peal_train(&options, &result, &err));
    assert_true(result.valid.auc > 0.75);
    free(out);
}

static void wrong_wishes_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *model, *sync, *outer, *valid, *optimizer, *what;
    } cases[] = {
        {"linear", NULL, NULL, NULL, NULL, "the label is a"},
        {"mpl", NULL, NULL, NULL, NULL, "did you mean 'mlp'"},
        {"mlp:hidden=0", NULL, NULL, NULL, NULL, "hidden must be"},
        {NULL, "epoc", NULL, NULL, NULL, "did you mean 'epoch'"},
        {NULL, NULL, "nestrov", NULL, NULL, "did you mean 'nesterov'"},
        {NULL, NULL, NULL, "1.5", NULL, "valid must be"},
        {NULL, NULL, NULL, NULL, "sdg", "did you mean 'sgd'"},
        {"mlp", "full", NULL, NULL, NULL, "it is not linear"},
        {"logistic", "full", NULL, NULL, "adam", "optimizer is of learning by steps"},
        {"logistic", "full:tolerence=1", NULL, NULL, NULL, "did you mean 'tolerance'"},
        {"logistic:l1=1", "epoch", NULL, NULL, NULL, "l1 penalty is of sync full"},
        {"svm", "step", NULL, NULL, NULL, "not learnt by steps"},
        {"bayes", NULL, NULL, NULL, "adam", "counts in one pass"},
    };
    char *out = test_path(folder, "bad.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_train_result result;
        peal_train_options options = options_for(out);
        options.model = cases[i].model;
        options.sync = cases[i].sync;
        options.outer = cases[i].outer;
        options.valid = cases[i].valid;
        options.optimizer = cases[i].optimizer;
        assert_int_equal(peal_train(&options, &result, &err), PEAL_E_USAGE);
        if (i) assert_has(err.message, cases[i].what);
        assert_false(peal_path_exists(out));
    }
    free(out);
}

/* A net that goes on with steps of nothing is what it was, and with real ones better. */
static void a_net_goes_on_from_a_model(void **state) {
    (void)state;
    static const char *const syncs[] = {"epoch", "step"};
    peal_error err;
    peal_train_result first, still, further;
    char *from = test_path(folder, "from.safetensors"), *out = test_path(folder, "to.safetensors");
    for (size_t s = 0; s < 2; s++) {
        peal_train_options options = options_for(from);
        options.sync = syncs[s];
        options.valid = "0.2";
        options.class_weight = "balanced";
        options.label_smoothing = 0.05;
        assert_ok(peal_train(&options, &first, &err));
        options.init = from;
        options.out = out;
        options.model = NULL;
        options.epochs = 1;
        options.lr = 1e-12;
        assert_ok(peal_train(&options, &still, &err));
        assert_true(fabs(still.valid.loss - first.valid.loss) < 1e-5);
        options.lr = 0;
        options.epochs = 10;
        assert_ok(peal_train(&options, &further, &err));
        assert_true(further.train_loss < first.train_loss);
        options.model = "mlp:hidden=17";
        assert_int_equal(peal_train(&options, &further, &err), PEAL_E_USAGE);
        assert_has(err.message, "has other layers");
    }
    free(from);
    free(out);
}

/* One step of plain descent from 0 is as long as the clipped gradient. */
static void gradients_are_clipped(void **state) {
    (void)state;
    static const char *const syncs[] = {"epoch", "step"};
    peal_error err;
    peal_train_result result;
    char *out = test_path(folder, "c.safetensors");
    for (size_t s = 0; s < 2; s++) {
        for (double clip = 1e-3; clip < 1e6; clip *= 1e8) {
            peal_train_options options = options_for(out);
            options.model = "logistic:l2=0";
            options.sync = syncs[s];
            options.optimizer = "sgd:momentum=0";
            options.schedule = "constant";
            options.lr = 1;
            options.epochs = 1;
            options.batch = 3000;
            options.partitions = 1;
            options.clip = clip;
            assert_ok(peal_train(&options, &result, &err));
            peal_safetensors *file;
            double sum = 0;
            assert_ok(peal_safetensors_open(out, &file, &err));
            for (size_t i = 0; i < peal_safetensors_count(file); i++) {
                const peal_tensor *tensor = peal_safetensors_at(file, i);
                for (size_t j = 0; tensor->type == PEAL_TENSOR_FLOAT32 && j < peal_tensor_count(tensor); j++) {
                    const double value = (double)((const float *)tensor->data)[j];
                    sum += value * value;
                }
            }
            peal_safetensors_close(file);
            assert_true(clip < 1 ? fabs(sqrt(sum) - clip) < 1e-3 * clip : sqrt(sum) > 0.01 && sqrt(sum) < clip);
        }
    }
    free(out);
}

static void diverging_training_says_so(void **state) {
    (void)state;
    peal_error err;
    peal_train_result result;
    char *out = test_path(folder, "d.safetensors");
    peal_train_options options = options_for(out);
    options.optimizer = "sgd";
    options.lr = 1e6;
    assert_int_equal(peal_train(&options, &result, &err), PEAL_E_FAILED);
    assert_has(err.message, "the loss is no longer a number; a lower lr may help (it is 1e+06)");
    assert_false(peal_path_exists(out));
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_do_not_change_the_bits),
        cmocka_unit_test(deaths_do_not_change_the_bits),
        cmocka_unit_test(resume_ends_in_the_same_bits),
        cmocka_unit_test(resume_goes_on_from_the_end_of_an_epoch),
        cmocka_unit_test(exact_gradients_go_on_from_any_evaluation),
        cmocka_unit_test(trees_go_on_from_any_round),
        cmocka_unit_test(a_stop_at_once_is_no_failure),
        cmocka_unit_test(predictions_are_the_same_from_everywhere),
        cmocka_unit_test(it_learns),
        cmocka_unit_test(gradients_are_clipped),
        cmocka_unit_test(a_net_goes_on_from_a_model),
        cmocka_unit_test(wrong_wishes_are_refused),
        cmocka_unit_test(diverging_training_says_so),
    };
    const struct CMUnitTest with_tables[] = {
        cmocka_unit_test(workers_do_not_change_the_bits),
        cmocka_unit_test(deaths_do_not_change_the_bits),
        cmocka_unit_test(resume_ends_in_the_same_bits),
        cmocka_unit_test(resume_goes_on_from_the_end_of_an_epoch),
        cmocka_unit_test(clocks_that_make_no_sense_are_refused),
        cmocka_unit_test(it_learns),
        cmocka_unit_test(gradients_are_clipped),
        cmocka_unit_test(a_net_goes_on_from_a_model),
    };
    return cmocka_run_group_tests(tests, make_dense, clear) + cmocka_run_group_tests(with_tables, make_tables, clear);
}
