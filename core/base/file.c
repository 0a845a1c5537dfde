/* Reading whole files, and writing those that appear whole; folders are in folder.c. See file.h. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/lock.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "core/base/target.h"
#include "core/base/temporary.h"

enum { NAP_MS = 20, READER_MS = 60000 };

/* ---- reading ---- */

/* A FIFO would be waited for and a device need not end: only regular files are read. */
static peal_status open_regular(const char *path, int *fd, struct stat *info, peal_error *err) {
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", path);
    if (fstat(*fd, info) == 0 && S_ISREG(info->st_mode)) return PEAL_OK;
    close(*fd);
    return peal_fail(err, PEAL_E_FAILED, "%s is not a regular file", path);
}

peal_status peal_file_read(const char *path, peal_buffer *out, peal_error *err) {
    int fd;
    struct stat info;
    PEAL_TRY(open_regular(path, &fd, &info, err));
    /* Room for all of it and a byte more, so that its end is seen without growing again. */
    peal_status status = peal_buffer_reserve(out, (size_t)info.st_size + 1, err);
    while (status == PEAL_OK) {
        if (out->size == out->capacity) status = peal_buffer_reserve(out, 65536, err);
        if (status != PEAL_OK) break;
        ssize_t got = read(fd, out->data + out->size, out->capacity - out->size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", path);
        if (got <= 0) break;
        out->size += (size_t)got;
    }
    close(fd);
    return status;
}

peal_status peal_file_read_at(int fd, const char *path, void *bytes, size_t size, uint64_t offset, size_t *got,
                              peal_error *err) {
    for (*got = 0; *got < size;) {
        ssize_t more = pread(fd, (uint8_t *)bytes + *got, size - *got, (off_t)(offset + *got));
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", path);
        if (more == 0) break;
        *got += (size_t)more;
    }
    return PEAL_OK;
}

peal_status peal_map_open(const char *path, peal_map *out, peal_error *err) {
    *out = (peal_map){0};
    int fd;
    struct stat info;
    PEAL_TRY(open_regular(path, &fd, &info, err));
    if (info.st_size > 0) {
        void *memory = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED) {
            int reason = errno;
            close(fd);
            return peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot map %s", path);
        }
        out->data = memory;
        out->size = (size_t)info.st_size;
    }
    close(fd);
    return PEAL_OK;
}

void peal_map_close(peal_map *map) {
    if (map->data) munmap((void *)map->data, map->size);
    *map = (peal_map){0};
}

/* ---- writing ---- */

/* write(2), or pwrite(2) at a place that is not negative, that raises no signal: a reader that went away and a limit on
 * sizes are errors of this call, and no end of a program that uses the library. The signal goes to the thread that
 * writes, where it is held back and taken. */
static ssize_t write_quietly(int fd, const void *bytes, size_t size, off_t place) {
    sigset_t raised, before;
    sigemptyset(&raised);
    sigaddset(&raised, SIGPIPE);
    sigaddset(&raised, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &raised, &before);
    ssize_t done = place < 0 ? write(fd, bytes, size) : pwrite(fd, bytes, size, place);
    int reason = errno;
    if (done < 0 && (reason == EPIPE || reason == EFBIG)) {
        /* One that the caller had blocked may be another's: it stays. */
        const struct timespec now = {0};
        sigdelset(&raised, reason == EPIPE ? SIGXFSZ : SIGPIPE);
        if (!sigismember(&before, reason == EPIPE ? SIGPIPE : SIGXFSZ)) sigtimedwait(&raised, NULL, &now);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = reason;
    return done;
}

static peal_status write_failed(const char *path, int reason, peal_error *err) {
    struct rlimit limit;
    if (reason == EFBIG && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        return peal_fail(err, PEAL_E_FAILED,
                         "cannot write %s: it would be larger than the limit on file sizes, %ju bytes (ulimit -f)",
                         path, (uintmax_t)limit.rlim_cur);
    }
    return peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot write %s", path);
}

/* Returns when a special file takes some bytes without making its writer wait. */
static peal_status wait_for_room(const peal_out_file *file, peal_error *err) {
    struct pollfd room = {.fd = file->fd, .events = POLLOUT};
    while (poll(&room, 1, NAP_MS) == 0 || (room.revents == 0)) {
        if (peal_is_stopped(file->stop)) {
            return peal_fail(err, PEAL_E_INTERRUPTED, "stopped while %s took no more bytes", file->path);
        }
        room.revents = 0;
    }
    return PEAL_OK;
}

peal_status peal_out_file_write(peal_out_file *file, const void *bytes, size_t size, peal_error *err) {
    const uint8_t *at = bytes;
    while (size > 0) {
        /* What poll() calls room is a page of a pipe at least. */
        const size_t most = file->is_special && size > 4096 ? 4096 : size;
        if (file->is_special) PEAL_TRY(wait_for_room(file, err));
        ssize_t done = write_quietly(file->fd, at, most, -1);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return write_failed(file->path, done < 0 ? errno : EIO, err);
        at += done;
        size -= (size_t)done;
        file->size += (uint64_t)done;
    }
    return PEAL_OK;
}

peal_status peal_file_write_at(int fd, const char *path, const void *bytes, size_t size, uint64_t offset,
                               peal_error *err) {
    for (const uint8_t *at = bytes; size > 0;) {
        ssize_t done = write_quietly(fd, at, size, (off_t)offset);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return write_failed(path, done < 0 ? errno : EIO, err);
        at += done;
        offset += (uint64_t)done;
        size -= (size_t)done;
    }
    return PEAL_OK;
}

peal_status peal_out_file_open(const char *path, peal_out_file *out, peal_error *err) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    *out = (peal_out_file){.fd = -1};
    out->path = peal_strdup(path);
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    out->fd = open(path, flags, 0666);
    /* What a killed job left in a folder that was taken over is not written into: it may be mapped, or a link. */
    if (out->fd < 0 && errno == EEXIST && unlink(path) == 0) out->fd = open(path, flags, 0666);
    if (out->fd >= 0) return PEAL_OK;
    int reason = errno;
    free(out->path);
    out->path = NULL;
    return peal_fail_errno(err, core__unwritable(reason), reason, "cannot create %s", path);
}

void peal_out_file_start_writeback(peal_out_file *file) {
    sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

peal_status peal_out_file_close(peal_out_file *file, bool sync, peal_error *err) {
    peal_status status = PEAL_OK;
    if (sync && fsync(file->fd) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot flush %s to the disk", file->path);
    }
    if (close(file->fd) != 0 && status == PEAL_OK) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot close %s", file->path);
    }
    file->fd = -1;
    free(file->path);
    file->path = NULL;
    return status;
}

void peal_out_file_abandon(peal_out_file *file) {
    if (file->path && file->fd >= 0) close(file->fd);
    free(file->path);
    *file = (peal_out_file){.fd = -1};
}

peal_status peal_file_append(const char *path, const void *bytes, size_t size, peal_error *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    struct stat info;
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot write %s", path);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return peal_fail(err, PEAL_E_FAILED, "cannot write %s: it is not a regular file", path);
    }
    peal_out_file out = {.fd = fd, .path = (char *)path};
    peal_status status = peal_out_file_write(&out, bytes, size, err);
    if (status != PEAL_OK && out.size > 0 && ftruncate(fd, info.st_size) != 0) {
        peal_error_context(err, "%s ends in the middle of a line", path);
    }
    close(fd);
    return status;
}

/* ---- output that appears whole, or goes to a special file ---- */

struct peal_atomic_file {
    peal_out_file out;         /* its path is the target's, for messages */
    char *target;              /* what it is renamed to */
    core__temporary temporary; /* path NULL: written in place */
};

static peal_status open_descriptor(const char *path, int descriptor, peal_out_file *out, peal_error *err) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) == O_RDONLY) {
        return peal_fail(err, PEAL_E_USAGE, "cannot write %s: it is open for reading only", path);
    }
    out->fd = flags < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (out->fd < 0) return peal_fail_errno(err, PEAL_E_USAGE, errno, "cannot write %s", path);
    struct stat info;
    out->is_special = fstat(out->fd, &info) == 0 && !S_ISREG(info.st_mode);
    return PEAL_OK;
}

/* A FIFO is opened once somebody reads from it: who gives a `stop` is made to wait for that. */
static peal_status open_special(const char *path, peal_out_file *out, peal_error *err) {
    const int64_t deadline = peal_now_ns() + (int64_t)READER_MS * 1000000;
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
    for (;;) {
        out->fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat info;
        const bool lacks_reader = out->fd < 0 && errno == ENXIO && stat(path, &info) == 0 && S_ISFIFO(info.st_mode);
        if (!lacks_reader) break;
        if (peal_is_stopped(out->stop))
            return peal_fail(err, PEAL_E_INTERRUPTED, "stopped: nobody reads from %s", path);
        if (!out->stop || peal_now_ns() > deadline) {
            return peal_fail(err, PEAL_E_FAILED, "cannot write %s: nobody reads from it", path);
        }
        nanosleep(&nap, NULL);
    }
    if (out->fd < 0) return peal_fail_errno(err, core__unwritable(errno), errno, "cannot write %s", path);
    fcntl(out->fd, F_SETFL, fcntl(out->fd, F_GETFL) & ~O_NONBLOCK);
    out->is_special = true;
    return PEAL_OK;
}

/* Opens what is written under a temporary name, or in place. */
static peal_status open_target(peal_atomic_file *file, const char *path, int descriptor, peal_error *err) {
    struct stat info;
    if (descriptor >= 0) return open_descriptor(path, descriptor, &file->out, err);
    const bool exists = stat(file->target, &info) == 0;
    if (!exists && errno != ENOENT)
        return peal_fail_errno(err, core__unwritable(errno), errno, "cannot write %s", path);
    if ((exists && S_ISDIR(info.st_mode)) || path[strlen(path) - 1] == '/') {
        return peal_fail(err, PEAL_E_USAGE, "cannot write %s: it is a folder", path);
    }
    if (exists && S_ISBLK(info.st_mode)) return peal_fail(err, PEAL_E_USAGE, "cannot write %s: it is a disk", path);
    if (exists && !S_ISREG(info.st_mode)) return open_special(file->target, &file->out, err);
    PEAL_TRY(core__temporary_make(file->target, TEMPORARY_FILE, &file->temporary, err));
    file->out.fd = file->temporary.fd;
    /* Who could not read the file before cannot read it afterwards; its owner can, to tell what a killed job left. */
    if (exists && fchmod(file->out.fd, (info.st_mode & 0777) | S_IRUSR | S_IWUSR) != 0) {
        peal_status status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot set who may read %s", path);
        core__temporary_remove(&file->temporary);
        return status;
    }
    return PEAL_OK;
}

static void atomic_file_free(peal_atomic_file *file) {
    free(file->out.path);
    free(file->target);
    free(file);
}

peal_status peal_atomic_file_open_stoppable(const char *path, const atomic_int *stop, peal_atomic_file **out,
                                            peal_error *err) {
    *out = NULL;
    core__target target;
    PEAL_TRY(core__target_find(path, &target, err));
    peal_atomic_file *file = calloc(1, sizeof *file);
    char *shown = file ? peal_strdup(path) : NULL;
    if (!shown) {
        free(file);
        free(target.path);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a file");
    }
    file->target = target.path;
    file->out = (peal_out_file){.fd = -1, .path = shown, .stop = stop};
    peal_status status = open_target(file, path, target.descriptor, err);
    if (status != PEAL_OK) {
        atomic_file_free(file);
        return status;
    }
    *out = file;
    return PEAL_OK;
}

peal_status peal_atomic_file_open(const char *path, peal_atomic_file **out, peal_error *err) {
    return peal_atomic_file_open_stoppable(path, NULL, out, err);
}

peal_status peal_atomic_file_write(peal_atomic_file *file, const void *bytes, size_t size, peal_error *err) {
    return peal_out_file_write(&file->out, bytes, size, err);
}

bool peal_atomic_file_is_in_place(const peal_atomic_file *file) {
    return file->temporary.path == NULL;
}

static peal_status commit_in_place(peal_atomic_file *file, peal_error *err) {
    if (close(file->out.fd) == 0) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot close %s", file->out.path);
}

static peal_status commit_by_rename(peal_atomic_file *file, peal_error *err) {
    if (fsync(file->out.fd) != 0) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot flush %s to the disk", file->out.path);
    }
    if (rename(file->temporary.path, file->target) != 0) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot put the finished file at %s", file->out.path);
    }
    peal_status status = peal_sync_parent(file->target, err);
    if (!core__temporary_end(&file->temporary) && status == PEAL_OK) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot close %s", file->out.path);
    }
    return status;
}

peal_status peal_atomic_file_commit(peal_atomic_file *file, peal_error *err) {
    const bool in_place = peal_atomic_file_is_in_place(file);
    peal_status status = in_place ? commit_in_place(file, err) : commit_by_rename(file, err);
    if (file->temporary.path) core__temporary_remove(&file->temporary);
    atomic_file_free(file);
    return status;
}

void peal_atomic_file_abort(peal_atomic_file *file) {
    if (!file) return;
    if (peal_atomic_file_is_in_place(file)) {
        close(file->out.fd);
    } else {
        core__temporary_remove(&file->temporary);
    }
    atomic_file_free(file);
}

peal_status peal_file_write_atomic(const char *path, const void *bytes, size_t size, peal_error *err) {
    peal_atomic_file *file;
    PEAL_TRY(peal_atomic_file_open(path, &file, err));
    peal_status status = peal_atomic_file_write(file, bytes, size, err);
    if (status != PEAL_OK) {
        peal_atomic_file_abort(file);
        return status;
    }
    return peal_atomic_file_commit(file, err);
}

/* ---- paths ---- */

const char *peal_temporary_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

char *peal_path_join(const char *folder, const char *name) {
    size_t length = strlen(folder);
    return peal_sprintf("%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/", name);
}

const char *peal_path_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *peal_path_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return peal_strdup(".");
    if (slash == path) return peal_strdup("/");
    return peal_strndup(path, (size_t)(slash - path));
}

bool peal_path_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool peal_path_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool peal_path_is_regular(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}
