/* Sources: what is copied, what is left out, what is noticed when a file changes, and whom nobody waits for. */
#include "etl/source/source.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "etl/codec/codec.h"
#include "tests/support.h"

static char *write_file(const char *folder, const char *name, const char *text) {
    peal_error err;
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, text, strlen(text), &err));
    return path;
}

static void append(const char *path, const char *text) {
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static peal_status list(const char *name, peal_source_list *out, peal_error *err) {
    const peal_source_options options = {.names = &name, .count = 1, .identify = true};
    return peal_source_list_make(&options, out, err);
}

/* All bytes of a source of a few. */
static peal_status read_all(const peal_source *source, char text[64], peal_error *err) {
    peal_stream *stream;
    size_t got;
    PEAL_TRY(peal_decode_source(source, NULL, &stream, err));
    peal_status status = peal_stream_fill(stream, (uint8_t *)text, 63, &got, err);
    text[status == PEAL_OK ? got : 0] = '\0';
    peal_stream_close(stream);
    return status;
}

static void changed_file_is_named(void **state) {
    (void)state;
    peal_error err;
    char text[64], *folder = test_folder(), *path = write_file(folder, "a.csv", "one\ntwo\n");
    peal_source_list sources;
    assert_ok(list(path, &sources, &err));
    assert_ok(read_all(&sources.sources[0], text, &err));
    assert_string_equal(text, "one\ntwo\n");
    peal_stream *stream;
    assert_ok(peal_decode_source(&sources.sources[0], NULL, &stream, &err));
    append(path, "three\n");
    size_t got;
    assert_int_equal(peal_stream_fill(stream, (uint8_t *)text, 63, &got, &err), PEAL_E_DATA);
    assert_has(err.message, "a.csv changed while it was read (from 8 to 14 bytes)");
    peal_stream_close(stream);
    assert_int_equal(read_all(&sources.sources[0], text, &err), PEAL_E_DATA);
    peal_source_list_clear(&sources);
    free(path);
    free(folder);
}

/* The time of modification can be set back; the time of change cannot. */
static void overwritten_file_is_found_under_its_old_time(void **state) {
    (void)state;
    peal_error err;
    char text[64], *folder = test_folder(), *path = write_file(folder, "a.csv", "one\ntwo\n");
    struct stat info;
    peal_source_list sources;
    assert_ok(list(path, &sources, &err));
    assert_int_equal(stat(path, &info), 0);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "ONE", 3, 0), 3);
    const struct timespec times[2] = {info.st_atim, info.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(read_all(&sources.sources[0], text, &err), PEAL_E_DATA);
    assert_has(err.message, "changed while it was read (it still has 8 bytes)");
    peal_source_list_clear(&sources);
    free(path);
    free(folder);
}

static void pipe_is_copied_once_and_read_often(void **state) {
    (void)state;
    peal_error err;
    int ends[2];
    char text[64], name[64];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "one\ntwo\n", 8), 8);
    close(ends[1]);
    snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
    peal_source_list sources;
    assert_ok(list(name, &sources, &err));
    close(ends[0]);
    const peal_source *source = &sources.sources[0];
    assert_true(peal_source_is_copy(source));
    assert_int_equal(source->size, 8);
    assert_int_equal(source->hash, peal_hash("one\ntwo\n", 8, 0));
    for (int i = 0; i < 2; i++) {
        assert_ok(read_all(source, text, &err));
        assert_string_equal(text, "one\ntwo\n");
    }
    peal_source_list_clear(&sources);
}

/* The host's standard input keeps its place and stays what it is. */
static void standard_input_is_left_alone(void **state) {
    (void)state;
    peal_error err;
    char text[64], *folder = test_folder(), *path = write_file(folder, "in.csv", "head\none\n");
    int kept = dup(STDIN_FILENO), fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && dup2(fd, STDIN_FILENO) >= 0);
    assert_int_equal(lseek(STDIN_FILENO, 5, SEEK_SET), 5);
    peal_source_list sources;
    assert_ok(list("-", &sources, &err));
    assert_false(peal_source_is_copy(&sources.sources[0]));
    assert_ok(read_all(&sources.sources[0], text, &err));
    assert_string_equal(text, "one\n");
    assert_int_equal(lseek(STDIN_FILENO, 0, SEEK_CUR), 5);
    peal_source_list_clear(&sources);
    close(fd);
    /* A socket cannot be opened anew. */
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(write(pair[1], "two\n", 4), 4);
    close(pair[1]);
    assert_true(dup2(pair[0], STDIN_FILENO) >= 0);
    assert_ok(list("/dev/stdin", &sources, &err));
    assert_ok(read_all(&sources.sources[0], text, &err));
    assert_string_equal(text, "two\n");
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
    struct stat info;
    assert_int_equal(fstat(STDIN_FILENO, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    peal_source_list_clear(&sources);
    close(pair[0]);
    if (kept >= 0) dup2(kept, STDIN_FILENO);
    if (kept >= 0) close(kept);
    free(path);
    free(folder);
}

static void stop_ends_the_wait(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    const atomic_int stop = 1;
    const char *name = path;
    const peal_source_options options = {.names = &name, .count = 1, .stop = &stop};
    peal_source_list sources;
    assert_int_equal(peal_source_list_make(&options, &sources, &err), PEAL_E_INTERRUPTED);
    assert_has(err.message, "interrupted while waiting for");
    free(path);
    free(folder);
}

/* A file of /proc says that it is empty. */
static void file_without_a_size_is_copied(void **state) {
    (void)state;
    peal_error err;
    char text[64];
    peal_source_list sources;
    assert_ok(list("/proc/self/comm", &sources, &err));
    assert_true(peal_source_is_copy(&sources.sources[0]));
    assert_ok(read_all(&sources.sources[0], text, &err));
    assert_true(strlen(text) > 1);
    peal_source_list_clear(&sources);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_file_is_named),
        cmocka_unit_test(overwritten_file_is_found_under_its_old_time),
        cmocka_unit_test(pipe_is_copied_once_and_read_often),
        cmocka_unit_test(standard_input_is_left_alone),
        cmocka_unit_test(stop_ends_the_wait),
        cmocka_unit_test(file_without_a_size_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
