/* Peal in a program that has threads and has used a BLAS with threads: training and process pools work, end, and give
 * the bits that they give elsewhere. The BLAS is the distribution's libopenblas0-pthread, loaded at run time; without
 * it this test is skipped. */
#include "peal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/base/file.h"
#include "tests/models/dataset.h"

enum { SIZE = 300 };
enum { ROW_MAJOR = 101, NO_TRANS = 111 };

typedef void (*dgemm)(int order, int trans_a, int trans_b, int m, int n, int k, double alpha, const double *a, int lda,
                      const double *b, int ldb, double beta, double *c, int ldc);
static dgemm multiply;

static const char *const places[] = {
    "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0",
    "/usr/lib/aarch64-linux-gnu/openblas-pthread/libopenblas.so.0",
};

static bool load_blas(void) {
    void *library = NULL;
#if defined(__SANITIZE_THREAD__)
    return false; /* it sees races in what it has not instrumented */
#endif
    for (size_t i = 0; !library && i < 2; i++) library = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) return false;
    void (*set_threads)(int) = NULL;
    *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
    *(void **)&multiply = dlsym(library, "cblas_dgemm");
    if (set_threads) set_threads(4);
    return multiply != NULL;
}

/* The trace of the product of two fixed matrices. */
static double use_blas(void) {
    double *a = malloc(sizeof(double) * SIZE * SIZE), *b = malloc(sizeof(double) * SIZE * SIZE),
           *c = calloc(SIZE * SIZE, sizeof(double)), trace = 0;
    if (!a || !b || !c) abort();
    for (size_t i = 0; i < SIZE * SIZE; i++) {
        a[i] = (double)(i % 13);
        b[i] = (double)(i % 7);
    }
    multiply(ROW_MAJOR, NO_TRANS, NO_TRANS, SIZE, SIZE, SIZE, 1, a, SIZE, b, SIZE, 0, c, SIZE);
    for (size_t i = 0; i < SIZE; i++) trace += c[i * SIZE + i];
    free(a);
    free(b);
    free(c);
    return trace;
}

static atomic_bool over;

static void *keep_busy(void *argument) {
    (void)argument;
    while (!atomic_load(&over)) {
#if defined(__SANITIZE_ADDRESS__)
        usleep(100); /* its malloc, unlike the C library's, does not survive a fork in its midst */
#else
        void *memory = malloc(100000);
        free(memory);
#endif
    }
    return NULL;
}

static peal_status blas_task(peal_call *call, peal_error *err) {
    (void)err;
    *(double *)call->result = use_blas();
    call->result_size = sizeof(double);
    return PEAL_OK;
}

static void check_pool(double expected) {
    peal_error err;
    peal_process_pool_options options = peal_process_pool_default();
    options.processes = 2;
    peal_process_pool *pool;
    assert_ok(peal_process_pool_new(&options, &pool, &err));
    for (int i = 0; i < 6; i++) {
        peal_future *future;
        assert_ok(peal_process_pool_submit(pool, blas_task, NULL, 0, 20000, &future, &err));
        assert_ok(peal_future_wait(future, 30000, &err));
        assert_true(*(const double *)peal_future_result(future, NULL) == expected);
        peal_future_free(future);
    }
    peal_process_pool_free(pool);
}

static void train_model(const char *folder, const char *name, char sha256[65]) {
    peal_error err;
    peal_train_result trained;
    peal_train_options train = peal_train_default();
    char *dataset = test_path(folder, "d.ds"), *out = test_path(folder, name);
    train.dataset = dataset;
    train.out = out;
    train.model = "mlp:hidden=32";
    train.epochs = 4;
    train.workers = 2;
    train.partitions = 4;
    assert_ok(peal_train(&train, &trained, &err));
    memcpy(sha256, trained.model_sha256, 65);
    free(dataset);
    free(out);
}

static void make_dataset(const char *folder) {
    peal_error err;
    peal_buffer text = {0};
    peal_philox random = peal_philox_task(9, 0);
    assert_ok(peal_buffer_append(&text, "a,b,y\n", 6, &err));
    for (int i = 0; i < 2000; i++) {
        char line[80];
        float a = peal_philox_unit(&random), b = peal_philox_unit(&random);
        int size = snprintf(line, sizeof line, "%.4f,%.4f,%s\n", (double)a, (double)b, a > b ? "more" : "less");
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    char *csv = test_path(folder, "d.csv"), *dataset = test_path(folder, "d.ds");
    assert_ok(peal_file_write_atomic(csv, text.data, text.size, &err));
    test_dataset(csv, dataset, (peal_plan_options){0});
    peal_buffer_clear(&text);
    free(csv);
    free(dataset);
}

static void threads_and_a_threaded_blas_change_nothing(void **state) {
    (void)state;
    char *folder = test_folder(), calm[65], among[65];
    make_dataset(folder);
    train_model(folder, "calm.safetensors", calm);
    if (!load_blas()) {
        puts("SKIPPED: there is no libopenblas0-pthread, or the thread sanitizer watches");
        free(folder);
        return;
    }
    pthread_t busy[2];
    for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&busy[i], NULL, keep_busy, NULL), 0);
    double expected = use_blas();
    check_pool(expected);
    train_model(folder, "among.safetensors", among);
    assert_string_equal(calm, among);
    assert_true(use_blas() == expected); /* the host's own goes on */
    check_pool(expected);
    atomic_store(&over, true);
    for (size_t i = 0; i < 2; i++) pthread_join(busy[i], NULL);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_and_a_threaded_blas_change_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
