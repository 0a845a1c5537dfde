/* Output that appears whole, replaced folders, locks, special files. */
#include "core/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/base/lock.h"
#include "tests/support.h"

static void read_back(const char *path, const char *expected) {
    peal_error err;
    peal_buffer text = {0};
    assert_ok(peal_file_read(path, &text, &err));
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    peal_buffer_clear(&text);
}

/* How many names in the folder are temporary ones. */
static int count_temporaries(const char *path) {
    DIR *folder = opendir(path);
    int count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += strstr(entry->d_name, ".peal-tmp-") != NULL;
    if (folder) closedir(folder);
    return count;
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
    assert_int_equal(count_temporaries(folder), 0);
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
    assert_int_equal(count_temporaries(folder), 1);
    peal_remove_stale_temporaries(path);
    assert_int_equal(count_temporaries(folder), 0);
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

/* A file whose name says "mine" is part of the folders of these tests. */
static peal_status judge(const char *folder, const char *const *names, size_t count, bool *belongs, peal_error *err) {
    (void)folder;
    (void)err;
    for (size_t i = 0; i < count; i++) belongs[i] = belongs[i] && strncmp(names[i], "mine", 4) == 0;
    return PEAL_OK;
}

static const peal_folder_kind kind = {.what = "a test's folder", .judge = judge};

static void put(const char *folder, const char *name) {
    peal_error err;
    char *path = peal_path_join(folder, name);
    assert_ok(peal_file_write_atomic(path, name, strlen(name), &err));
    free(path);
}

static bool holds(const char *folder, const char *name) {
    char *path = peal_path_join(folder, name);
    bool exists = peal_path_exists(path);
    free(path);
    return exists;
}

static void folder_is_exchanged_in_one_step(void **state) {
    (void)state;
    peal_error err;
    peal_staging *staging;
    char *folder = test_folder(), *target = test_path(folder, "t");
    for (int round = 0; round < 2; round++) {
        assert_ok(peal_folder_check(target, &kind, &err));
        assert_ok(peal_staging_make(target, NULL, &staging, &err));
        put(peal_staging_path(staging), round ? "mine-two" : "mine-one");
        assert_ok(peal_staging_commit(staging, &kind, &err));
        assert_int_equal(count_temporaries(folder), 0);
    }
    assert_false(holds(target, "mine-one"));
    assert_true(holds(target, "mine-two"));
    free(target);
    free(folder);
}

/* What came into the old folder while the new one was made is seen at the end too, and nothing is changed. */
static void foreign_files_are_never_replaced(void **state) {
    (void)state;
    peal_error err;
    peal_staging *staging;
    char *folder = test_folder(), *target = test_path(folder, "t"), *file = test_path(folder, "f");
    assert_ok(peal_staging_make(target, NULL, &staging, &err));
    put(peal_staging_path(staging), "mine-one");
    assert_ok(peal_staging_commit(staging, &kind, &err));
    assert_ok(peal_staging_make(target, NULL, &staging, &err));
    put(target, "note");
    assert_int_equal(peal_staging_commit(staging, &kind, &err), PEAL_E_USAGE);
    assert_has(err.message, "note");
    assert_has(err.message, target);
    assert_true(holds(target, "mine-one") && holds(target, "note"));
    assert_int_equal(peal_folder_check(target, &kind, &err), PEAL_E_USAGE);
    assert_int_equal(count_temporaries(folder), 0);
    put(folder, "f");
    assert_int_equal(peal_folder_check(file, &kind, &err), PEAL_E_USAGE);
    free(file);
    free(target);
    free(folder);
}

/* A name that looks like a part is none if it is a link or a folder. */
static void links_and_folders_are_foreign(void **state) {
    (void)state;
    peal_error err;
    for (int round = 0; round < 2; round++) {
        char *folder = test_folder(), *inside = test_path(folder, "mine");
        if (round) {
            assert_int_equal(symlink("/etc/passwd", inside), 0);
        } else {
            assert_ok(peal_folder_make(inside, &err));
        }
        assert_int_equal(peal_folder_check(folder, &kind, &err), PEAL_E_USAGE);
        free(inside);
        free(folder);
    }
}

static void one_output_has_one_maker(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "a"), *other = test_path(folder, "ab"), pid[32];
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    peal_atomic_file *file, *second;
    peal_staging *staging, *again;
    assert_ok(peal_atomic_file_open(path, &file, &err));
    assert_int_equal(peal_atomic_file_open(path, &second, &err), PEAL_E_BUSY);
    assert_has(err.message, path);
    assert_has(err.message, pid);
    assert_ok(peal_atomic_file_open(other, &second, &err));
    peal_atomic_file_abort(second);
    peal_remove_stale_in(folder);
    assert_int_equal(count_temporaries(folder), 1);
    assert_ok(peal_atomic_file_commit(file, &err));
    assert_ok(peal_staging_make(other, NULL, &staging, &err));
    assert_int_equal(peal_staging_make(other, "spill", &again, &err), PEAL_E_BUSY);
    peal_staging_abandon(staging, false);
    assert_int_equal(count_temporaries(folder), 0);
    free(other);
    free(path);
    free(folder);
}

/* Of what a killed job prepared only what is asked for is taken over. */
static void staging_folder_is_adopted(void **state) {
    (void)state;
    peal_error err;
    peal_staging *staging;
    char *folder = test_folder(), *target = test_path(folder, "t");
    pid_t pid = fork();
    if (pid == 0) {
        if (peal_staging_make(target, NULL, &staging, NULL) == PEAL_OK) {
            put(peal_staging_path(staging), "spill");
            put(peal_staging_path(staging), "torn");
        }
        raise(SIGKILL);
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(count_temporaries(folder), 1);
    assert_ok(peal_staging_make(target, "spill", &staging, &err));
    assert_true(holds(peal_staging_path(staging), "spill"));
    assert_false(holds(peal_staging_path(staging), "torn"));
    peal_staging_abandon(staging, true);
    assert_ok(peal_staging_make(target, NULL, &staging, &err));
    assert_false(holds(peal_staging_path(staging), "spill"));
    peal_staging_abandon(staging, false);
    assert_int_equal(count_temporaries(folder), 0);
    free(target);
    free(folder);
}

/* A child of peal_fork that lives on does not keep an output or a lock from others. */
static void forked_child_holds_no_lock(void **state) {
    (void)state;
    peal_error err;
    peal_lock *lock;
    char *folder = test_folder(), *path = test_path(folder, "a");
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    assert_ok(peal_lock_take(folder, PEAL_LOCK_EXCLUSIVE, "the folder", &lock, &err));
    pid_t middle = fork();
    if (middle == 0) { /* holds the output, forks one that lives on, and dies */
        peal_atomic_file *file;
        char byte = peal_atomic_file_open(path, &file, NULL) == PEAL_OK;
        if (peal_fork() == 0) {
            if (write(ready[1], &byte, 1) == 1) pause();
            _exit(0);
        }
        raise(SIGKILL);
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    waitpid(middle, NULL, 0);
    peal_remove_stale_temporaries(path);
    assert_int_equal(count_temporaries(folder), 0);
    peal_lock *second;
    assert_int_equal(peal_lock_take(folder, PEAL_LOCK_SHARED, "the folder", &second, &err), PEAL_E_BUSY);
    peal_lock_release(lock);
    pid_t child = peal_fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    assert_ok(peal_lock_take(folder, PEAL_LOCK_SHARED, "the folder", &lock, &err));
    assert_ok(peal_lock_take(folder, PEAL_LOCK_SHARED, "the folder", &second, &err));
    peal_lock_release(lock);
    peal_lock_release(second);
    close(ready[0]);
    close(ready[1]);
    free(path);
    free(folder);
}

static void link_stays_and_what_it_names_is_replaced(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *link = test_path(folder, "link"), *target = test_path(folder, "target");
    struct stat info;
    assert_int_equal(symlink("target", link), 0);
    for (int round = 0; round < 2; round++) {
        assert_ok(peal_file_write_atomic(link, "x", 1, &err));
        assert_int_equal(lstat(link, &info), 0);
        assert_true(S_ISLNK(info.st_mode));
        assert_int_equal(lstat(target, &info), 0);
        assert_true(S_ISREG(info.st_mode));
    }
    free(link);
    free(target);
    free(folder);
}

static void special_file_is_written_in_place(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *fifo = test_path(folder, "fifo"), text[8] = "";
    atomic_int stop = 1;
    peal_atomic_file *file;
    struct stat info;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(peal_atomic_file_open(fifo, &file, &err), PEAL_E_FAILED);
    assert_has(err.message, "nobody reads");
    assert_int_equal(peal_atomic_file_open_stoppable(fifo, &stop, &file, &err), PEAL_E_INTERRUPTED);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK);
    assert_ok(peal_file_write_atomic(fifo, "words", 5, &err));
    assert_int_equal(read(reader, text, sizeof text), 5);
    assert_int_equal(lstat(fifo, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    /* One that reads no more: the wait for it ends by `stop`, and its end is an error and no signal. */
    static const char many[1 << 20];
    signal(SIGPIPE, SIG_DFL);
    assert_ok(peal_atomic_file_open_stoppable(fifo, &stop, &file, &err));
    assert_int_equal(peal_atomic_file_write(file, many, sizeof many, &err), PEAL_E_INTERRUPTED);
    close(reader);
    assert_int_equal(peal_atomic_file_write(file, many, sizeof many, &err), PEAL_E_FAILED);
    peal_atomic_file_abort(file);
    assert_true(peal_path_exists(fifo));
    assert_int_equal(count_temporaries(folder), 0);
    free(fifo);
    free(folder);
}

/* /dev/fd/N goes to where that descriptor stands. */
static void descriptor_is_written_at_its_offset(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "a"), name[32];
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "head ", 5), 5);
    snprintf(name, sizeof name, "/dev/fd/%d", fd);
    assert_ok(peal_file_write_atomic(name, "tail", 4, &err));
    close(fd);
    read_back(path, "head tail");
    assert_int_equal(peal_file_write_atomic(name, "tail", 4, &err), PEAL_E_USAGE);
    free(path);
    free(folder);
}

static void limit_on_sizes_is_an_error_and_no_signal(void **state) {
    (void)state;
    peal_error err;
    char *folder = test_folder(), *path = test_path(folder, "a");
    pid_t pid = fork();
    if (pid == 0) {
        const struct rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
        static const char many[4096];
        signal(SIGXFSZ, SIG_DFL);
        setrlimit(RLIMIT_FSIZE, &limit);
        peal_status status = peal_file_write_atomic(path, many, sizeof many, &err);
        bool said = status == PEAL_E_FAILED && strstr(err.message, "1000 bytes") && strstr(err.message, path);
        status = peal_file_append(path, many, sizeof many, &err);
        int fd = open(path, O_WRONLY);
        peal_status at_a_place = peal_file_write_at(fd, path, many, sizeof many, 500, &err);
        if (ftruncate(fd, 0) != 0) _exit(2);
        _exit(said && status == PEAL_E_FAILED && at_a_place == PEAL_E_FAILED ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(count_temporaries(folder), 0);
    read_back(path, "");
    free(path);
    free(folder);
}

static void names_that_no_output_can_have_are_refused(void **state) {
    (void)state;
    peal_error err;
    static const char *const bad[] = {"", ".", "..", "a/.", "a/..", "a/./", "/", "//"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        peal_atomic_file *file;
        peal_staging *staging;
        assert_int_equal(peal_output_check(bad[i], &err), PEAL_E_USAGE);
        assert_int_equal(peal_atomic_file_open(bad[i], &file, &err), PEAL_E_USAGE);
        assert_int_equal(peal_staging_make(bad[i], NULL, &staging, &err), PEAL_E_USAGE);
    }
    assert_ok(peal_output_check("...", &err));
    assert_ok(peal_output_check("a/", &err));
}

/* A name of the greatest length leaves no room for a temporary one's mark. */
static void long_names_work(void **state) {
    (void)state;
    peal_error err;
    char name[257], *folder = test_folder();
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, "x", 1, &err));
    read_back(path, "x");
    free(path);
    name[255] = 'n';
    name[256] = '\0';
    path = test_path(folder, name);
    assert_int_equal(peal_file_write_atomic(path, "x", 1, &err), PEAL_E_USAGE);
    free(path);
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
        cmocka_unit_test(atomic_file_appears_whole_or_not_at_all),
        cmocka_unit_test(killed_writer_leaves_the_old_file),
        cmocka_unit_test(unwritable_place_is_the_users_mistake),
        cmocka_unit_test(folder_is_exchanged_in_one_step),
        cmocka_unit_test(foreign_files_are_never_replaced),
        cmocka_unit_test(links_and_folders_are_foreign),
        cmocka_unit_test(one_output_has_one_maker),
        cmocka_unit_test(staging_folder_is_adopted),
        cmocka_unit_test(forked_child_holds_no_lock),
        cmocka_unit_test(link_stays_and_what_it_names_is_replaced),
        cmocka_unit_test(special_file_is_written_in_place),
        cmocka_unit_test(descriptor_is_written_at_its_offset),
        cmocka_unit_test(limit_on_sizes_is_an_error_and_no_signal),
        cmocka_unit_test(names_that_no_output_can_have_are_refused),
        cmocka_unit_test(long_names_work),
        cmocka_unit_test(map_of_an_empty_file_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
