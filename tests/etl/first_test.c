/* The first rows of a source, cut off as an input of their own. */
#include "core/base/file.h"
#include "etl/job/first.h"
#include "tests/support.h"

static void put(const char *path, const char *text) {
    peal_error err;
    assert_ok(peal_file_write_atomic(path, text, strlen(text), &err));
}

/* What the first `rows` rows of `text` are, with what stands above them; "" if they are refused. */
static void expect_first(const char *text, size_t rows, const char *format, const char *wanted) {
    char *folder = test_folder(), *path = test_path(folder, "source"), *first = test_path(folder, "first");
    const char *sources[] = {path};
    peal_etl_options options = peal_etl_default();
    peal_buffer found = {0};
    const char *found_format;
    peal_error err;
    put(path, text);
    options.sources = sources;
    options.source_count = 1;
    size_t lines = rows + 1; /* a header may stand above */
    const peal_status status = peal_first_rows(&options, &lines, first, &found_format, &err);
    if (*wanted) {
        assert_ok_at(status, &err, __FILE__, __LINE__);
        assert_ok(peal_file_read(first, &found, &err));
        assert_int_equal(found.size, strlen(wanted));
        assert_memory_equal(found.data, wanted, found.size);
        assert_string_equal(found_format, format);
        size_t again = lines; /* what was added since does not change them */
        put(path, text);
        assert_ok(peal_first_rows(&options, &again, first, &found_format, &err));
        assert_int_equal(again, lines);
        assert_true(lines <= rows + 1);
    } else {
        assert_int_equal(status, PEAL_E_USAGE);
        assert_has(err.message, "cannot be cut off");
        assert_false(peal_path_exists(first));
    }
    peal_buffer_clear(&found);
    free(folder);
    free(path);
    free(first);
}

static void first_rows_end_at_a_line(void **state) {
    (void)state;
    expect_first("x,y\n1,2\n3,4\n5,6\n", 2, "csv", "x,y\n1,2\n3,4\n");
    expect_first("x,y\n1,2\n3,4\n5,6", 9, "csv", "x,y\n1,2\n3,4\n5,6");
    expect_first("x,y\n1,\"a\nb\"\n3,\"\"\"\n\"\n5,6\n", 2, "csv", "x,y\n1,\"a\nb\"\n3,\"\"\"\n\"\n");
    expect_first("{\"a\":1,\"b\":\"\\\"\"}\n{\"a\":2}\n{\"a\":3}\n", 1, "jsonl",
                 "{\"a\":1,\"b\":\"\\\"\"}\n{\"a\":2}\n");
    expect_first("1 1:0.5 7:2\n-1 2:1\n1 3:1\n", 1, "libsvm", "1 1:0.5 7:2\n-1 2:1\n");
}

static void rows_that_are_no_lines_are_refused(void **state) {
    (void)state;
    expect_first("[{\"a\":1},\n{\"a\":2},\n{\"a\":3}]\n", 1, "", "");
}

/* Its rows come once: who looks at them must hand them out, too (etl/job/live.h). */
static void a_pipe_is_refused(void **state) {
    (void)state;
    char *folder = test_folder(), *first = test_path(folder, "first"), name[40];
    peal_etl_options options = peal_etl_default();
    const char *format;
    peal_error err;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    const char *sources[] = {name};
    options.sources = sources;
    options.source_count = 1;
    size_t lines = 2;
    assert_int_equal(peal_first_rows(&options, &lines, first, &format, &err), PEAL_E_USAGE);
    assert_has(err.message, "gives its rows once");
    assert_false(peal_path_exists(first));
    close(ends[0]);
    close(ends[1]);
    free(folder);
    free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_rows_end_at_a_line),
        cmocka_unit_test(rows_that_are_no_lines_are_refused),
        cmocka_unit_test(a_pipe_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
