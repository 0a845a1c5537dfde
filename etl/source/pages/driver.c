/* Drivers and their guards; see driver.h. */
#include "etl/source/pages/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/lock.h"
#include "core/base/machine.h"
#include "core/base/stop.h"

#define DRIVER "chromedriver"
enum { WAIT_MS = 50, START_MS = 30000, END_MS = 10000, MISSING = 127, CHILDREN_MOST = 4096, FOLDER_MOST = 40 };
#define MS INT64_C(1000000)

/* ---- the guard, a process of its own. It comes from a process with threads: it calls what is safe after fork ---- */

/* Kills each child there is, once; false if there is none. */
static bool kill_children(void) {
    char path[64], text[CHILDREN_MOST];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) close(fd);
    if (size <= 0) return false;
    text[size] = '\0';
    for (char *at = text, *end; *at; at = end) {
        const long pid = strtol(at, &end, 10);
        if (end == at) break;
        if (pid > 1) kill((pid_t)pid, SIGKILL);
    }
    return true;
}

/* Orphans become the guard's children, so that each of them is met in the end. */
static void kill_all(pid_t driver) {
    const int64_t until = peal_now_ns() + END_MS * MS;
    kill(-driver, SIGKILL);
    while (peal_now_ns() < until) {
        (void)kill_children();
        const pid_t ended = waitpid(-1, NULL, WNOHANG);
        if (ended < 0 && errno == ECHILD) return;
        if (ended <= 0) poll(NULL, 0, 5);
    }
}

/* Never returns. What the driver says goes into a file of the folder: a pipe would end it when nobody reads any more.
 */
static void run_driver(const char *folder, const char *log) {
    const int none = open("/dev/null", O_RDONLY), output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (none < 0 || output < 0 || dup2(none, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(MISSING);
    if (setenv("TMPDIR", folder, 1) != 0 || setenv("HOME", folder, 1) != 0) _exit(MISSING);
    (void)unsetenv("DISPLAY");
    execlp(DRIVER, DRIVER, "--port=0", (char *)NULL);
    _exit(MISSING);
}

/* Waits until Peal's end of the pipe is closed, or the driver has ended. Returns the status of exit. */
static int watch(pid_t driver, int life) {
    for (;;) {
        struct pollfd closed = {.fd = life, .events = POLLIN};
        int status;
        if (poll(&closed, 1, WAIT_MS) > 0) return 0;
        if (waitpid(driver, &status, WNOHANG) == driver) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
}

/* Never returns. */
static void run_guard(const char *folder, const char *log, int life) {
    sigset_t none;
    setpgid(0, 0); /* Ctrl-C is Peal's */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (dup2(life, 0) != 0) _exit(MISSING);
    close_range(1, ~0u, 0); /* files of the job end with the job */
    const pid_t driver = fork();
    if (driver == 0) run_driver(folder, log);
    const int code = driver > 0 ? watch(driver, 0) : MISSING;
    if (driver > 0) kill_all(driver);
    (void)peal_remove_tree(folder, NULL);
    _exit(code);
}

/* ---- Peal's side ---- */

static peal_status make_folder(pages__driver *self, peal_error *err) {
    const char *folder = peal_temporary_folder();
    if (strlen(folder) > FOLDER_MOST) folder = "/tmp"; /* Chromium's sockets stand in it, whose names are short */
    self->folder = peal_path_join(folder, "peal-browser-XXXXXX");
    if (!self->folder) return peal_fail(err, PEAL_E_MEMORY, "no memory for a browser");
    if (mkdtemp(self->folder)) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a folder in %s", folder);
}

static peal_status spawn(pages__driver *self, const char *log, peal_error *err) {
    int life[2];
    if (pipe2(life, O_CLOEXEC) != 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a pipe");
    self->guard = peal_fork();
    if (self->guard == 0) run_guard(self->folder, log, life[0]);
    const int reason = errno;
    close(life[0]);
    self->life = life[1];
    if (self->guard > 0) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot start a process");
}

/* "ChromeDriver was started successfully on port 43739." */
static bool find_port(const char *text, unsigned *out) {
    static const char words[] = "started successfully on port ";
    const char *at = strstr(text, words);
    return at && sscanf(at + sizeof words - 1, "%u.", out) == 1 && *out > 0 && *out < 65536;
}

static peal_status not_started(int status, const char *said, peal_error *err) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == MISSING) {
        return peal_fail(err, PEAL_E_FAILED,
                         "browsers want " DRIVER ", which is not installed (Debian: chromium, chromium-driver)");
    }
    return peal_fail(err, PEAL_E_DATA, DRIVER " did not start: %.200s", *said ? said : "it said nothing");
}

/* Looks at what the driver has said until it tells its port. */
static peal_status wait_for_port(pages__driver *self, const char *log, const atomic_int *stop, peal_error *err) {
    const int64_t until = peal_now_ns() + START_MS * MS;
    char text[2048] = "";
    int status = 0;
    while (peal_now_ns() < until && self->guard > 0) {
        if (peal_is_stopped(stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while a browser starts");
        poll(NULL, 0, WAIT_MS);
        const int fd = open(log, O_RDONLY | O_CLOEXEC);
        const ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        if (fd >= 0) close(fd);
        if (size > 0) text[size] = '\0';
        if (find_port(text, &self->port)) return PEAL_OK;
        if (waitpid(self->guard, &status, WNOHANG) == self->guard) self->guard = 0;
    }
    return not_started(status, text, err);
}

static peal_status start(pages__driver *self, const atomic_int *stop, peal_error *err) {
    PEAL_TRY(make_folder(self, err));
    char *log = peal_path_join(self->folder, "driver.log");
    if (!log) return peal_fail(err, PEAL_E_MEMORY, "no memory for a browser");
    peal_status status = spawn(self, log, err);
    if (status == PEAL_OK) status = wait_for_port(self, log, stop, err);
    free(log);
    return status;
}

peal_status pages__driver_start(pages__driver *out, const atomic_int *stop, peal_error *err) {
    *out = (pages__driver){.life = -1};
    const peal_status status = start(out, stop, err);
    if (status != PEAL_OK) pages__driver_stop(out);
    return status;
}

void pages__driver_stop(pages__driver *self) {
    const int64_t until = peal_now_ns() + 2 * END_MS * MS;
    if (self->life >= 0) close(self->life);
    bool ended = self->guard <= 0;
    while (!ended && peal_now_ns() < until) {
        const pid_t pid = waitpid(self->guard, NULL, WNOHANG);
        ended = pid == self->guard || (pid < 0 && errno == ECHILD);
        if (!ended) poll(NULL, 0, 5);
    }
    if (!ended) {
        kill(self->guard, SIGKILL);
        (void)waitpid(self->guard, NULL, 0);
    }
    if (self->folder) (void)peal_remove_tree(self->folder, NULL); /* where there was no guard to do it */
    free(self->folder);
    *self = (pages__driver){.life = -1};
}
