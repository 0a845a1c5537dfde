/* A library to preload: kills the process with SIGKILL in place of its PEAL_KILL_AT-th call that changes files, counted
 * from the first file that is opened whose path holds PEAL_KILL_FROM. With PEAL_KILL_AT unset the calls are only
 * counted, and printed to the file PEAL_KILL_LOG at the end. Forked children are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pid_t owner;
static long calls, kill_at;
static const char *from;
static int counting;

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("PEAL_KILL_AT");
    owner = getpid();
    kill_at = at ? atol(at) : 0;
    from = getenv("PEAL_KILL_FROM");
}

__attribute__((destructor)) static void end(void) {
    const char *log = getenv("PEAL_KILL_LOG");
    FILE *file = log && getpid() == owner ? fopen(log, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld\n", calls);
    fclose(file);
}

static void count(const char *path) {
    if (getpid() != owner) return;
    if (path && from && strstr(path, from)) counting = 1;
    if (counting && ++calls == kill_at) kill(owner, SIGKILL);
}

#define NEXT(type, name) \
    static type next;    \
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, name)

typedef int (*open_call)(const char *, int, ...);
#define OPEN(symbol)                                              \
    int symbol(const char *path, int flags, ...) {                \
        NEXT(open_call, #symbol);                                 \
        va_list args;                                             \
        va_start(args, flags);                                    \
        mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0; \
        va_end(args);                                             \
        count(path);                                              \
        return next(path, flags, mode);                           \
    }
OPEN(open)
OPEN(open64)

typedef int (*path_call)(const char *);
typedef int (*fd_call)(int);
typedef int (*rename_call)(const char *, const char *);
typedef int (*renameat2_call)(int, const char *, int, const char *, unsigned);
typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);

int unlink(const char *path) {
    NEXT(path_call, "unlink");
    count(path);
    return next(path);
}
int fsync(int fd) {
    NEXT(fd_call, "fsync");
    count(NULL);
    return next(fd);
}
int fdatasync(int fd) {
    NEXT(fd_call, "fdatasync");
    count(NULL);
    return next(fd);
}
int close(int fd) {
    NEXT(fd_call, "close");
    count(NULL);
    return next(fd);
}
int rename(const char *old, const char *new) {
    NEXT(rename_call, "rename");
    count(new);
    return next(old, new);
}
int renameat2(int old_fd, const char *old, int new_fd, const char *new, unsigned flags) {
    NEXT(renameat2_call, "renameat2");
    count(new);
    return next(old_fd, old, new_fd, new, flags);
}
ssize_t write(int fd, const void *bytes, size_t size) {
    NEXT(write_call, "write");
    count(NULL);
    return next(fd, bytes, size);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset) {
    NEXT(pwrite_call, "pwrite");
    count(NULL);
    return next(fd, bytes, size, offset);
}
