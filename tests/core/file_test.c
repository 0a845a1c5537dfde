#include "core/file.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/support.h"

static void read_back(const char *path, const char *expected) {
    peal_error err;
    peal_buffer text = {0};
    assert_ok(peal_file_read(path, &text, &err));
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    peal_buffer_clear(&text);
}

static void atomic_file_appears_whole_or_not_at_all(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "a");
    peal_atomic_file *file;
    assert_ok(peal_atomic_file_open(path, &file, &err));
    assert_ok(peal_atomic_file_write(file, "new", 3, &err));
    assert_false(peal_path_exists(path));
    assert_ok(peal_atomic_file_commit(file, &err));
    read_back(path, "new");
    assert_ok(peal_atomic_file_open(path, &file, &err));
    assert_ok(peal_atomic_file_write(file, "newer", 5, &err));
    read_back(path, "new");
    peal_atomic_file_abort(file);
    read_back(path, "new");
    char *temporary = peal_temporary_name(path);
    assert_false(peal_path_exists(temporary));
    free(temporary);
    free(path);
    free(folder);
}

/* A process killed between write and rename leaves the old file, and the next job removes what it left. */
static void killed_writer_leaves_the_old_file(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "a");
    assert_ok(peal_file_write_atomic(path, "old", 3, &err));
    pid_t pid = fork();
    if (pid == 0) {
        peal_atomic_file *file;
        if (peal_atomic_file_open(path, &file, NULL) == PEAL_OK) peal_atomic_file_write(file, "torn", 4, NULL);
        raise(SIGKILL);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    read_back(path, "old");
    char *stale = NULL;
    assert_true(asprintf(&stale, "%s.peal-tmp-%d", path, (int)pid) > 0);
    assert_true(peal_path_exists(stale));
    peal_remove_stale_temporaries(path);
    assert_false(peal_path_exists(stale));
    free(stale);
    free(path);
    free(folder);
}

static void unwritable_place_is_the_users_mistake(void **state) {
    (void)state;
    peal_error err;
    peal_atomic_file *file;
    char *folder = test_folder(), *path = test_path(folder, "no/such/folder/a");
    assert_int_equal(peal_atomic_file_open(path, &file, &err), PEAL_E_USAGE);
    assert_has(err.message, "no/such/folder/a");
    assert_int_equal(peal_atomic_file_open(folder, &file, &err), PEAL_E_USAGE);
    free(path);
    free(folder);
}

static void folder_is_exchanged_in_one_step(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *target = test_path(folder, "t"), *staging;
    for (int round = 0; round < 2; round++) {
        assert_ok(peal_staging_make(target, false, &staging, &err));
        char *file = peal_path_join(staging, round ? "two" : "one");
        assert_ok(peal_file_write_atomic(file, "x", 1, &err));
        assert_ok(peal_folder_commit(staging, target, &err));
        assert_false(peal_path_exists(staging));
        free(file);
        free(staging);
    }
    char *one = peal_path_join(target, "one"), *two = peal_path_join(target, "two");
    assert_false(peal_path_exists(one));
    assert_true(peal_path_exists(two));
    free(one);
    free(two);
    free(target);
    free(folder);
}

static void map_of_an_empty_file_is_empty(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "a");
    peal_map map;
    assert_ok(peal_file_write_atomic(path, "", 0, &err));
    assert_ok(peal_map_open(path, &map, &err));
    assert_int_equal(map.size, 0);
    peal_map_close(&map);
    assert_int_equal(peal_map_open(folder, &map, &err), PEAL_E_FAILED);
    free(path);
    free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(atomic_file_appears_whole_or_not_at_all), cmocka_unit_test(killed_writer_leaves_the_old_file),
        cmocka_unit_test(unwritable_place_is_the_users_mistake),   cmocka_unit_test(folder_is_exchanged_in_one_step),
        cmocka_unit_test(map_of_an_empty_file_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
