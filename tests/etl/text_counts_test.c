/* Distinct texts in bounded memory: what is kept of them is what a full sort keeps, for any number of vocabularies and
 * threads, and what a killed job left is taken over or, if it was damaged, done again. */
#include "etl/job/text_counts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "etl/job/etl.h"
#include "etl/job/text_best.h"
#include "tests/support.h"

static char *folder;

static uint32_t random_state = 1;

static uint32_t next_random(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

/* ---- the best ---- */

typedef struct counted {
    char text[12];
    uint64_t count;
} counted;

static int by_count(const void *a, const void *b) {
    const counted *p = a, *q = b;
    if (p->count != q->count) return p->count > q->count ? -1 : 1;
    return strcmp(p->text, q->text);
}

static void best_are_those_of_a_full_sort(void **state) {
    (void)state;
    peal_error err;
    static counted all[3000];
    for (size_t trial = 0; trial < 40; trial++) {
        size_t count = next_random() % 3000, ways = 1 + next_random() % 50;
        peal_text_best best = {.most = 1 + next_random() % (trial % 2 ? 20 : 2000)};
        size_t most = best.most;
        for (size_t i = 0; i < count; i++) {
            snprintf(all[i].text, sizeof all[i].text, "%x", (unsigned)i * 2654435761u);
            all[i].count = 1 + next_random() % ways;
            const peal_text text = {all[i].text, (uint32_t)strlen(all[i].text)};
            assert_ok(peal_text_best_offer(&best, text, all[i].count, &err));
            assert_true(best.count <= 2 * most + 1);
        }
        qsort(all, count, sizeof *all, by_count);
        peal_dictionary kept = {0};
        assert_ok(peal_text_best_take(&best, &kept, &err));
        assert_int_equal(kept.size, count < most ? count : most);
        for (uint32_t i = 0; i < kept.size; i++) {
            peal_text text = peal_dictionary_text(&kept, i);
            assert_int_equal(text.length, strlen(all[i].text));
            assert_memory_equal(text.data, all[i].text, text.length);
            assert_int_equal(kept.counts[i], all[i].count);
        }
        peal_dictionary_clear(&kept);
        peal_text_best_clear(&best);
    }
}

/* ---- adding up ---- */

/* A table of one text and one number, which need no sample. */
static void table_schema(peal_schema *out) {
    peal_error err;
    assert_ok(peal_schema_add(out, "t", 1, PEAL_TYPE_DICTIONARY, &err));
    assert_ok(peal_schema_add(out, "y", 1, PEAL_TYPE_FLOAT64, &err));
    for (size_t i = 0; i < out->count; i++) out->fields[i].settled = out->fields[i].decided = true;
}

static peal_pipeline *plan_table(const peal_schema *schema, const char *transforms) {
    peal_error err;
    peal_pipeline *pipeline;
    json_t *steps = json_loads(transforms, 0, NULL);
    const peal_plan_options options = {.transforms = steps};
    const peal_nulls nulls = {0};
    assert_ok(peal_pipeline_plan(schema, SIZE_MAX, &nulls, &options, false, &pipeline, &err));
    json_decref(steps);
    return pipeline;
}

/* Texts of few letters, scattered over vocabularies; what is asked for must be what one large dictionary gives. */
static void sums_are_those_of_one_dictionary(void **state) {
    (void)state;
    peal_error err;
    peal_schema read = {0};
    table_schema(&read);
    peal_pipeline *pipeline =
        plan_table(&read, "[{\"transform\": \"replace\", \"find\": \"a\", \"with\": \"\"},"
                          " {\"transform\": \"index\", \"columns\": \"t\", \"max_values\": 40, \"min_count\": 3}]");
    peal_dictionary whole = {0};
    peal_buffer scratch = {0};
    uint64_t nulls = 0, distinct = 0;
    char *path = test_path(folder, "sums");
    peal_text_counts *counts;
    assert_ok(peal_text_counts_new(path, &read, pipeline, &counts, &err));
    for (size_t number = 0; number < 30; number++) {
        peal_vocabulary vocabulary;
        assert_ok(peal_vocabulary_open(folder, number, pipeline->schema.count, &vocabulary, &err));
        peal_dictionary *texts = &vocabulary.dictionaries[0];
        for (size_t i = 0; i < 200; i++) {
            char word[8];
            size_t length = next_random() % 5;
            for (size_t c = 0; c < length; c++) word[c] = "abcd"[next_random() % 4];
            uint32_t code;
            assert_ok(peal_dictionary_put(texts, word, length, &code, &err));
            texts->counts[code]++;
            peal_text text = peal_dictionary_text(texts, code);
            assert_ok(peal_pipeline_text(pipeline, 0, text, &scratch, &text, &err));
            nulls += !text.data;
            if (!text.data) continue;
            assert_ok(peal_dictionary_put(&whole, text.data, text.length, &code, &err));
            whole.counts[code]++;
        }
        assert_ok(peal_text_counts_add(counts, &vocabulary, &err));
        peal_vocabulary_clear(&vocabulary);
    }
    peal_summary summary = {0};
    assert_ok(peal_text_counts_sum(counts, 0, &summary, &err));
    peal_text_best best = {.most = 40};
    for (uint32_t i = 0; i < whole.size; i++) {
        if (whole.counts[i] < 3) continue;
        distinct++;
        assert_ok(peal_text_best_offer(&best, peal_dictionary_text(&whole, i), whole.counts[i], &err));
    }
    peal_dictionary kept = {0};
    assert_ok(peal_text_best_take(&best, &kept, &err));
    assert_int_equal(summary.nulls, nulls);
    assert_int_equal(summary.distinct, distinct);
    assert_int_equal(summary.texts.size, kept.size);
    for (uint32_t i = 0; i < kept.size; i++) {
        peal_text a = peal_dictionary_text(&summary.texts, i), b = peal_dictionary_text(&kept, i);
        assert_int_equal(peal_text_compare(a, b), 0);
        assert_int_equal(summary.texts.counts[i], kept.counts[i]);
    }
    peal_dictionary_clear(&kept);
    peal_dictionary_clear(&whole);
    peal_text_best_clear(&best);
    peal_buffer_clear(&scratch);
    peal_summary_clear(&summary);
    peal_text_counts_free(counts);
    peal_pipeline_free(pipeline);
    peal_schema_clear(&read);
    free(path);
}

/* ---- whole jobs ---- */

static char *write_texts(const char *name, size_t rows, size_t seed) {
    peal_error err;
    peal_buffer text = {0};
    assert_ok(peal_buffer_append(&text, "x,t,y\n", 6, &err));
    for (size_t i = 0; i < rows; i++) {
        char line[80];
        size_t n = (i + seed) * 7919;
        int size = snprintf(line, sizeof line, "%zu,text-of-%zu,%zu\n", n % 97, n % (rows / 2), n % 3);
        assert_ok(peal_buffer_append(&text, line, (size_t)size, &err));
    }
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, text.data, text.size, &err));
    peal_buffer_clear(&text);
    return path;
}

typedef struct job {
    char *inputs[3], *out;
    json_t *transforms;
    peal_etl_options options;
} job;

/* A job whose vocabularies hold a few blocks each. */
static void job_init(job *self, const char *out) {
    static const char *const names[] = {"texts-a.csv", "texts-b.csv", "texts-c.csv"};
    for (size_t i = 0; i < 3; i++) self->inputs[i] = write_texts(names[i], 4000, i * 1000);
    self->out = test_path(folder, out);
    self->transforms = json_loads("[{\"transform\": \"index\", \"columns\": \"t\", \"max_values\": 700},"
                                  " {\"transform\": \"split\", \"valid\": 0.2}]",
                                  0, NULL);
    self->options = peal_etl_default();
    self->options.sources = (const char *const *)self->inputs;
    self->options.source_count = 3;
    self->options.out = self->out;
    self->options.plan.label = "y";
    self->options.plan.transforms = self->transforms;
    self->options.block_size = 4000;
    self->options.text_memory = 60000;
}

static void job_clear(job *self) {
    for (size_t i = 0; i < 3; i++) free(self->inputs[i]);
    free(self->out);
    json_decref(self->transforms);
}

/* The hash of the dataset's rows and dictionaries. */
static uint64_t dataset_hash(const char *path) {
    static const char *const names[] = {"train-00000.arrow", "valid-00000.arrow"};
    peal_error err;
    uint64_t hashes[2];
    for (size_t i = 0; i < 2; i++) {
        char *file = peal_path_join(path, names[i]);
        assert_ok(peal_hash_file(file, &hashes[i], &err));
        free(file);
    }
    return peal_hash(hashes, sizeof hashes, 0);
}

static uint64_t run_job(job *self, size_t threads, size_t memory) {
    peal_error err;
    peal_etl_result result;
    self->options.threads = threads;
    self->options.text_memory = memory;
    assert_ok(peal_etl(&self->options, &result, &err));
    assert_int_equal(result.rows_used, 12000);
    return dataset_hash(self->out);
}

static void closed_vocabularies_do_not_change_the_bits(void **state) {
    (void)state;
    job self;
    job_init(&self, "closed.ds");
    uint64_t usual = run_job(&self, 1, 0);
    static const size_t threads[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(run_job(&self, threads[i], 60000), usual);
        assert_int_equal(run_job(&self, threads[i], 1), usual); /* closed after each block */
    }
    job_clear(&self);
}

/* What a job that was stopped or killed left: the folder in which it worked; NULL if it left nothing. */
static char *find_left(void) {
    char *found = NULL;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (!strstr(entry->d_name, ".ds.peal-tmp-")) continue;
        free(found);
        found = test_path(folder, entry->d_name);
    }
    closedir(entries);
    return found;
}

/* Stops the job by a signal that nothing can handle, when `files` files stand in its folder. */
static void kill_job(const job *self, size_t files) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        peal_etl_result result;
        _exit(peal_etl(&self->options, &result, NULL) == PEAL_OK ? 0 : 1);
    }
    for (int status; waitpid(pid, &status, WNOHANG) == 0;) {
        char *left = find_left(), *spills = left ? peal_path_join(left, "spill") : NULL;
        size_t count = 0;
        DIR *entries = spills ? opendir(spills) : NULL;
        while (entries && readdir(entries)) count++;
        if (entries) closedir(entries);
        free(left);
        free(spills);
        if (count < files) continue;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        return;
    }
}

static void flip_byte(const char *path) {
    peal_error err;
    peal_buffer bytes = {0};
    assert_ok(peal_file_read(path, &bytes, &err));
    if (bytes.size) {
        size_t at = next_random() % bytes.size;
        bytes.data[at] ^= (uint8_t)(1u << next_random() % 8);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0 && pwrite(fd, &bytes.data[at], 1, (off_t)at) == 1);
        close(fd);
    }
    peal_buffer_clear(&bytes);
}

/* Flips a bit in each file that is left whose name begins so. */
static void damage_left(const char *prefix) {
    char *left = find_left(), *spills = left ? peal_path_join(left, "spill") : NULL;
    DIR *entries = spills ? opendir(spills) : NULL;
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
        char *path = test_path(spills, entry->d_name);
        flip_byte(path);
        free(path);
    }
    if (entries) closedir(entries);
    free(left);
    free(spills);
}

/* Notes if an input was read again, and that a reason was told. */
static void note_reasons(void *user, const peal_event *event) {
    if (event->kind == PEAL_EVENT_NOTE && strstr(event->text, " is read again: ")) ++*(size_t *)user;
}

static size_t resume_after(job *self, size_t files, const char *damaged, uint64_t usual) {
    static const size_t threads[] = {1, 2, 5};
    size_t reasons = 0;
    const peal_reporter reporter = {.handle = note_reasons, .user = &reasons};
    peal_remove_tree(self->out, NULL);
    self->options.threads = 1 + next_random() % 3;
    self->options.text_memory = 60000;
    self->options.resume = false;
    kill_job(self, files);
    if (damaged) damage_left(damaged);
    self->options.resume = true;
    self->options.reporter = &reporter;
    assert_int_equal(run_job(self, threads[next_random() % 3], 60000), usual);
    self->options.resume = false;
    self->options.reporter = NULL;
    char *left = find_left();
    assert_null(left);
    return reasons;
}

static void killed_job_is_resumed_with_the_same_bits(void **state) {
    (void)state;
    job self;
    job_init(&self, "killed.ds");
    uint64_t usual = run_job(&self, 2, 0);
    for (size_t trial = 0; trial < 12; trial++) resume_after(&self, 3 + trial % 10, NULL, usual);
    job_clear(&self);
}

static void damaged_spill_or_log_is_done_again(void **state) {
    (void)state;
    job self;
    job_init(&self, "damaged.ds");
    uint64_t usual = run_job(&self, 2, 0);
    size_t reasons = 0;
    for (size_t trial = 0; trial < 16; trial++) {
        reasons += resume_after(&self, 6 + trial % 8, trial % 2 ? "vocabulary-" : "input-", usual);
    }
    assert_true(reasons > 0);
    job_clear(&self);
}

/* ---- memory ---- */

/* Sanitizers keep what was freed. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
enum { ALLOWANCE_KB = 16 << 10 };

/* The most kilobytes that a job of so many rows has in memory, each row with a text of its own. */
static long peak_of(size_t rows) {
    char *path = write_texts("distinct.csv", 2 * rows, 0), *out = test_path(folder, "distinct.ds");
    const char *sources[] = {path};
    json_t *transforms = json_loads("[{\"transform\": \"index\", \"columns\": \"t\", \"max_values\": 1000}]", 0, NULL);
    peal_etl_options options = peal_etl_default();
    options.sources = sources;
    options.source_count = 1;
    options.out = out;
    options.plan.label = "y";
    options.plan.transforms = transforms;
    options.block_size = 1 << 16;
    options.text_memory = 4 << 20;
    options.threads = 2;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        peal_etl_result result;
        _exit(peal_etl(&options, &result, NULL) == PEAL_OK ? 0 : 1);
    }
    int status;
    struct rusage usage;
    assert_int_equal(wait4(pid, &status, 0, &usage), pid);
    assert_int_equal(status, 0);
    peal_remove_tree(out, NULL);
    json_decref(transforms);
    free(path);
    free(out);
    return usage.ru_maxrss;
}

static void memory_does_not_grow_with_distinct_texts(void **state) {
    (void)state;
    long few = peak_of(100000), many = peak_of(500000);
    if (many > few + ALLOWANCE_KB) fail_msg("%ld kB for 100,000 texts, %ld kB for 500,000", few, many);
}
#endif

static int make_folder(void **state) {
    (void)state;
    folder = test_folder();
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    peal_remove_tree(folder, NULL);
    free(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_are_those_of_a_full_sort),
        cmocka_unit_test(sums_are_those_of_one_dictionary),
        cmocka_unit_test(closed_vocabularies_do_not_change_the_bits),
        cmocka_unit_test(killed_job_is_resumed_with_the_same_bits),
        cmocka_unit_test(damaged_spill_or_log_is_done_again),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(memory_does_not_grow_with_distinct_texts),
#endif
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
