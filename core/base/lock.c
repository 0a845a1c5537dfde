/* The descriptors of all locks stand in one list. Its mutex is held while one is opened and while peal_fork forks, so
 * that a child finds every descriptor of a lock in the list and closes it: it is alone, and its copy of the mutex is
 * held by its only thread. */
#include "core/base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct peal_lock {
    int fd;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER; /* of the list */
static int *list;
static size_t list_count, list_capacity;

static bool list_has_room(void) {
    if (list_count < list_capacity) return true;
    size_t capacity = list_capacity ? 2 * list_capacity : 16;
    int *longer = realloc(list, capacity * sizeof *list);
    if (!longer) return false;
    list = longer;
    list_capacity = capacity;
    return true;
}

static bool list_remove(int fd) {
    for (size_t i = 0; i < list_count; i++) {
        if (list[i] != fd) continue;
        list[i] = list[--list_count];
        return true;
    }
    return false;
}

pid_t peal_fork(void) {
    pthread_mutex_lock(&list_lock);
    pid_t pid = fork();
    int reason = errno;
    for (; pid == 0 && list_count > 0; list_count--) close(list[list_count - 1]);
    pthread_mutex_unlock(&list_lock);
    errno = reason;
    return pid;
}

/* 0, or the errno that says why the lock was not had. */
static int lock(int fd, peal_lock_kind kind, bool must) {
    const int operation = kind == PEAL_LOCK_SHARED ? LOCK_SH : LOCK_EX;
    while (flock(fd, operation | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        return errno == EWOULDBLOCK || must ? errno : 0;
    }
    return 0;
}

static bool still_stands(int fd, const char *path) {
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

int core__locked_open(const char *path, int flags, mode_t mode, peal_lock_kind kind, bool must) {
    pthread_mutex_lock(&list_lock);
    int fd = -1, reason = ENOMEM;
    if (list_has_room()) {
        fd = open(path, flags | O_CLOEXEC, mode);
        reason = errno;
    }
    if (fd >= 0) {
        reason = lock(fd, kind, must);
        if (reason == 0 && !still_stands(fd, path)) reason = ESTALE;
        if (reason == 0) {
            list[list_count++] = fd;
        } else {
            close(fd);
            fd = -1;
        }
    }
    pthread_mutex_unlock(&list_lock);
    errno = reason;
    return fd;
}

bool core__locked_close(int fd) {
    pthread_mutex_lock(&list_lock);
    bool closed = !list_remove(fd) || close(fd) == 0;
    pthread_mutex_unlock(&list_lock);
    return closed;
}

pid_t core__lock_holder(const char *path) {
    struct stat info;
    FILE *locks = stat(path, &info) == 0 ? fopen("/proc/locks", "re") : NULL;
    if (!locks) return 0;
    char line[256];
    pid_t holder = 0;
    while (fgets(line, sizeof line, locks)) {
        int pid;
        unsigned major_number, minor_number;
        unsigned long inode;
        if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &major_number, &minor_number, &inode) != 4) continue;
        if (pid <= 0 || inode != info.st_ino) continue;
        /* Some file systems show another device here than to stat: then the inode's number has to do. */
        bool same_device = major(info.st_dev) == major_number && minor(info.st_dev) == minor_number;
        if (same_device || !holder) holder = pid;
        if (same_device) break;
    }
    fclose(locks);
    return holder;
}

peal_status core__lock_busy(const char *what, const char *path, pid_t holder, peal_error *err) {
    if (holder <= 0) return peal_fail(err, PEAL_E_BUSY, "%s %s is in use by another job", what, path);
    return peal_fail(err, PEAL_E_BUSY, "%s %s is in use by another job (process %d)", what, path, (int)holder);
}

peal_status peal_lock_take(const char *path, peal_lock_kind kind, const char *what, peal_lock **out, peal_error *err) {
    *out = malloc(sizeof **out);
    if (!*out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a lock");
    int fd;
    do {
        fd = core__locked_open(path, O_RDONLY | O_NONBLOCK, 0, kind, false);
    } while (fd < 0 && errno == ESTALE); /* replaced in this instant: what stands there now is locked */
    (*out)->fd = fd;
    if (fd >= 0) return PEAL_OK;
    int reason = errno;
    free(*out);
    *out = NULL;
    if (reason == EWOULDBLOCK) return core__lock_busy(what, path, core__lock_holder(path), err);
    return peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot lock %s %s", what, path);
}

void peal_lock_release(peal_lock *lock) {
    if (lock) core__locked_close(lock->fd);
    free(lock);
}
