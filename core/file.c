#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char temporary_mark[] = ".peal-tmp-";

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

/* A place that cannot be written to is the user's wish gone wrong; a full disk or a broken one is not. */
static peal_status unwritable(int reason) {
    bool place = reason == EACCES || reason == EPERM || reason == EROFS || reason == ENOENT || reason == ENOTDIR ||
                 reason == EISDIR || reason == ENAMETOOLONG;
    return place ? PEAL_E_USAGE : PEAL_E_FAILED;
}

/* ---- plain output ---- */

peal_status peal_out_file_open(const char *path, peal_out_file *out, peal_error *err) {
    *out = (peal_out_file){.fd = -1};
    out->path = peal_strdup(path);
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    out->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out->fd < 0) {
        int reason = errno;
        free(out->path);
        out->path = NULL;
        return peal_fail_errno(err, unwritable(reason), reason, "cannot create %s", path);
    }
    return PEAL_OK;
}

peal_status peal_out_file_write(peal_out_file *file, const void *bytes, size_t size, peal_error *err) {
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t done = write(file->fd, at, size);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0)
            return peal_fail_errno(err, PEAL_E_FAILED, done < 0 ? errno : EIO, "cannot write %s", file->path);
        at += done;
        size -= (size_t)done;
        file->size += (uint64_t)done;
    }
    return PEAL_OK;
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

/* ---- atomic output ---- */

struct peal_atomic_file {
    peal_out_file out;
    char *target;
    char *temporary;
};

peal_status peal_atomic_file_open(const char *path, peal_atomic_file **out, peal_error *err) {
    *out = NULL;
    peal_atomic_file *file = calloc(1, sizeof *file);
    if (!file) return peal_fail(err, PEAL_E_MEMORY, "no memory for a file");
    file->out.fd = -1;
    file->target = peal_strdup(path);
    file->temporary = peal_temporary_name(path);
    peal_status status = PEAL_OK;
    if (!file->target || !file->temporary) {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    } else if (peal_path_is_folder(path)) {
        status = peal_fail(err, PEAL_E_USAGE, "cannot write %s: it is a folder", path);
    } else {
        peal_remove_stale_temporaries(path);
        status = peal_out_file_open(file->temporary, &file->out, NULL);
        if (status != PEAL_OK) status = peal_fail_errno(err, status, errno, "cannot write %s", path);
    }
    if (status != PEAL_OK) {
        free(file->target);
        free(file->temporary);
        free(file);
        return status;
    }
    *out = file;
    return PEAL_OK;
}

peal_status peal_atomic_file_write(peal_atomic_file *file, const void *bytes, size_t size, peal_error *err) {
    return peal_out_file_write(&file->out, bytes, size, err);
}

uint64_t peal_atomic_file_size(const peal_atomic_file *file) {
    return file->out.size;
}

static void atomic_file_free(peal_atomic_file *file) {
    free(file->target);
    free(file->temporary);
    free(file);
}

peal_status peal_atomic_file_commit(peal_atomic_file *file, peal_error *err) {
    peal_status status = peal_out_file_close(&file->out, true, err);
    if (status == PEAL_OK && rename(file->temporary, file->target) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot put the finished file at %s", file->target);
    }
    if (status == PEAL_OK) {
        status = peal_sync_parent(file->target, err);
    } else {
        unlink(file->temporary);
    }
    atomic_file_free(file);
    return status;
}

void peal_atomic_file_abort(peal_atomic_file *file) {
    if (!file) return;
    peal_out_file_abandon(&file->out);
    unlink(file->temporary);
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

/* ---- folders ---- */

peal_status peal_folder_make(const char *path, peal_error *err) {
    char *copy = peal_strdup(path);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = PEAL_OK;
    for (char *at = copy + 1; status == PEAL_OK; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            status = peal_fail_errno(err, unwritable(errno), errno, "cannot make the folder %s", copy);
        }
        *at = kept;
        if (kept == '\0') break;
    }
    if (status == PEAL_OK && !peal_path_is_folder(path)) {
        status = peal_fail(err, PEAL_E_USAGE, "cannot make the folder %s: a file stands there", path);
    }
    free(copy);
    return status;
}

static peal_status folder_sync(const char *path, peal_error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open the folder %s", path);
    int result = fsync(fd);
    int reason = errno;
    close(fd);
    /* Some file systems cannot sync a folder; they say EINVAL and there is nothing more to be done there. */
    if (result != 0 && reason != EINVAL) {
        return peal_fail_errno(err, PEAL_E_FAILED, reason, "cannot flush the folder %s to the disk", path);
    }
    return PEAL_OK;
}

peal_status peal_sync_parent(const char *path, peal_error *err) {
    char *folder = peal_path_folder(path);
    if (!folder) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = folder_sync(folder, err);
    free(folder);
    return status;
}

peal_status peal_folder_commit(const char *staging, const char *target, peal_error *err) {
    PEAL_TRY(folder_sync(staging, err));
    if (rename(staging, target) != 0) {
        if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) {
            return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot put the finished folder at %s", target);
        }
        /* Something stands at the target: exchange the two in one step, then remove the old one. */
        if (renameat2(AT_FDCWD, staging, AT_FDCWD, target, RENAME_EXCHANGE) != 0) {
            return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot put the finished folder at %s", target);
        }
        PEAL_TRY(peal_remove_tree(staging, err));
    }
    return peal_sync_parent(target, err);
}

peal_status peal_remove_tree(const char *path, peal_error *err) {
    if (unlink(path) == 0 || errno == ENOENT) return PEAL_OK;
    if (errno != EISDIR && errno != EPERM) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot remove %s", path);
    }
    DIR *folder = opendir(path);
    if (!folder) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot remove %s", path);
    peal_status status = PEAL_OK;
    for (struct dirent *entry; status == PEAL_OK && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *child = peal_path_join(path, entry->d_name);
        status = child ? peal_remove_tree(child, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
        free(child);
    }
    closedir(folder);
    if (status == PEAL_OK && rmdir(path) != 0 && errno != ENOENT) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot remove the folder %s", path);
    }
    return status;
}

/* The process in whose temporary name `text` ends, 0 if it is no such name; *length is that of the part before. */
static pid_t owner_of(const char *text, size_t *length) {
    const char *mark = NULL;
    for (const char *at = text; (at = strstr(at, temporary_mark)); at++) mark = at;
    if (!mark) return 0;
    const char *digits = mark + sizeof temporary_mark - 1;
    char *end;
    long pid = strtol(digits, &end, 10);
    *length = (size_t)(mark - text);
    return end == digits || *end != '\0' || pid <= 0 ? 0 : (pid_t)pid;
}

/* Calls `each` for every "<name>.peal-tmp-<pid>" in the folder whose process is gone, until it returns true; `name`
 * NULL: any name. */
static void visit_stale(const char *folder_path, const char *name, bool (*each)(void *user, const char *stale),
                        void *user) {
    DIR *folder = folder_path ? opendir(folder_path) : NULL;
    bool enough = false;
    for (struct dirent *entry; folder && !enough && (entry = readdir(folder));) {
        size_t length;
        pid_t pid = owner_of(entry->d_name, &length);
        if (!pid || (name && (strlen(name) != length || strncmp(entry->d_name, name, length) != 0))) continue;
        if (kill(pid, 0) == 0 || errno != ESRCH) continue;
        char *stale = peal_path_join(folder_path, entry->d_name);
        if (stale) enough = each(user, stale);
        free(stale);
    }
    if (folder) closedir(folder);
}

static void visit_stale_beside(const char *path, bool (*each)(void *user, const char *stale), void *user) {
    char *folder = peal_path_folder(path);
    visit_stale(folder, peal_path_name(path), each, user);
    free(folder);
}

static bool remove_one(void *user, const char *stale) {
    (void)user;
    peal_remove_tree(stale, NULL);
    return false;
}

void peal_remove_stale_temporaries(const char *path) {
    visit_stale_beside(path, remove_one, NULL);
}

void peal_remove_stale_in(const char *folder) {
    visit_stale(folder, NULL, remove_one, NULL);
}

static bool rename_one(void *user, const char *stale) {
    return rename(stale, user) == 0;
}

char *peal_temporary_name(const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    return peal_sprintf("%.*s%s%d", (int)length, path, temporary_mark, (int)getpid());
}

peal_status peal_staging_make(const char *target, bool adopt, char **out, peal_error *err) {
    char *staging = *out = peal_temporary_name(target);
    if (!staging) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (adopt) visit_stale_beside(target, rename_one, staging);
    peal_remove_stale_temporaries(target);
    char *parent = peal_path_folder(staging);
    peal_status status = parent ? peal_folder_make(parent, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(parent);
    if (status == PEAL_OK && mkdir(staging, 0777) != 0 && errno != EEXIST) {
        status = peal_fail_errno(err, unwritable(errno), errno, "cannot write %s", target);
    }
    if (status != PEAL_OK) {
        free(staging);
        *out = NULL;
    }
    return status;
}

/* ---- paths ---- */

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
