/* Checks the name of an output and follows its links to what will be replaced; see target.h. */
#include "core/base/target.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"

enum { LINKS_MOST = 40 }; /* as many as Linux follows */

peal_status core__unwritable(int error_number) {
    switch (error_number) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case ENXIO:
        return PEAL_E_USAGE;
    default:
        return PEAL_E_FAILED;
    }
}

static bool same_place(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

peal_status peal_output_check(const char *path, peal_error *err) {
    if (*path == '\0') return peal_fail(err, PEAL_E_USAGE, "cannot write to '': the name is empty");
    if (strcmp(path, "-") == 0) {
        return peal_fail(err, PEAL_E_USAGE,
                         "cannot write to '-': only predictions go to standard output (./- is a file)");
    }
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    size_t begin = length;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    const char *name = path + begin;
    if (begin == length) return peal_fail(err, PEAL_E_USAGE, "cannot write to %s: it is the root folder", path);
    if (name[0] == '.' && (length - begin == 1 || (length - begin == 2 && name[1] == '.'))) {
        return peal_fail(err, PEAL_E_USAGE, "cannot write to %s: output needs a name of its own, not '%.*s'", path,
                         (int)(length - begin), name);
    }
    if (same_place(path, ".") || same_place(path, "/")) {
        return peal_fail(err, PEAL_E_USAGE, "cannot write to %s: it is the current folder or the root", path);
    }
    return PEAL_OK;
}

/* The number of the process's own descriptor that the path names, -1 if it names none. */
static int descriptor_of(const char *path) {
    char own[48];
    snprintf(own, sizeof own, "/proc/%d/fd/", (int)getpid());
    const char *const folders[] = {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", own};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        size_t length = strlen(folders[i]);
        if (strncmp(path, folders[i], length) != 0) continue;
        char *end;
        errno = 0;
        long number = strtol(path + length, &end, 10);
        if (end != path + length && *end == '\0' && errno == 0 && number >= 0 && number <= INT_MAX) return (int)number;
    }
    return -1;
}

/* Replaces *path, which is a symbolic link, by what it says; false, with errno, if it cannot be read. */
static bool follow(char **path) {
    char text[PATH_MAX];
    ssize_t size = readlink(*path, text, sizeof text - 1);
    if (size < 0) return false;
    text[size] = '\0';
    char *folder = peal_path_folder(*path);
    char *next = text[0] == '/' ? peal_strdup(text) : folder ? peal_path_join(folder, text) : NULL;
    free(folder);
    free(*path);
    *path = next;
    errno = ENOMEM;
    return next != NULL;
}

static peal_status resolve(const char *path, core__target *out, peal_error *err) {
    struct stat info;
    for (int links = 0; links <= LINKS_MOST; links++) {
        out->descriptor = descriptor_of(out->path);
        if (out->descriptor >= 0) return PEAL_OK;
        if (lstat(out->path, &info) != 0) {
            if (errno == ENOENT) return PEAL_OK;
            return peal_fail_errno(err, core__unwritable(errno), errno, "cannot write %s", path);
        }
        if (!S_ISLNK(info.st_mode)) return PEAL_OK;
        if (!follow(&out->path)) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot follow %s", path);
    }
    return peal_fail_errno(err, PEAL_E_USAGE, ELOOP, "cannot write %s", path);
}

peal_status core__target_find(const char *path, core__target *out, peal_error *err) {
    PEAL_TRY(peal_output_check(path, err));
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    *out = (core__target){.path = peal_strndup(path, length), .descriptor = -1};
    if (!out->path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = resolve(path, out, err);
    if (status == PEAL_OK) return PEAL_OK;
    free(out->path);
    out->path = NULL;
    return status;
}
