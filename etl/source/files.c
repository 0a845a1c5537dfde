/* Files, folders, globs, pipes and standard input: what the system names. Folders and globs are expanded, and what can
 * be read once only is copied (copy.c). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/source/beside.h"
#include "etl/source/copy.h"
#include "etl/source/image_folder.h"
#include "etl/source/kind.h"
#include "etl/source/live.h"

static peal_status add_file(source__making *self, const char *path, const struct stat *info, peal_error *err) {
    return source__add(
        self,
        &(peal_source){
            .path = peal_strdup(path), .fd = -1, .size = (uint64_t)info->st_size, .identity = peal_identity_of(info)},
        err);
}

/* ---- what can be read once only ---- */

static peal_status check_first_time(const source__making *self, const char *path, const peal_identity *identity,
                                    peal_error *err) {
    for (size_t i = 0; i < self->list->count; i++) {
        const peal_source *other = &self->list->sources[i];
        if ((!peal_source_is_copy(other) && !other->live) || other->identity.inode != identity->inode ||
            other->identity.device != identity->device) {
            continue;
        }
        return peal_fail(err, PEAL_E_USAGE, "%s and %s are the same pipe, which can be read only once",
                         peal_source_name(other), path);
    }
    return PEAL_OK;
}

/* A pipe holds 64 KB unless it is asked for more: fewer and larger pieces are faster. It stays as it is where that is
 * not granted. */
static void widen(int fd, const struct stat *info) {
    enum { PIPE_BYTES = 1 << 20 };
    if (fd >= 0 && S_ISFIFO(info->st_mode)) (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
}

/* A list's ways with what is live, for one of its sources. */
static void make_live(const source__making *self, peal_source *source) {
    source->live = true;
    source->following = self->options->following;
    source->stop = self->options->stop;
    source->reporter = self->options->reporter;
}

peal_status source__add_once(source__making *self, const char *path, int fd, const struct stat *info, peal_error *err) {
    peal_source source = {.path = peal_strdup(path), .fd = -1, .identity = peal_identity_of(info)};
    peal_status status = source.path ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK && !S_ISCHR(info->st_mode)) status = check_first_time(self, path, &source.identity, err);
    if (status == PEAL_OK && self->options->live) {
        make_live(self, &source);
        source.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        widen(source.fd, info);
        if (source.fd >= 0) return source__add(self, &source, err);
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", peal_source_name(&source));
    }
    if (status == PEAL_OK) status = source__copy(fd, self->options, &source, err);
    if (status == PEAL_OK) return source__add(self, &source, err);
    free(source.path);
    return status;
}

/* Whether a file is read on as it grows, in this list. */
static bool is_followed(const source__making *self) {
    return self->options->live && self->options->following.files;
}

/* A regular file, by its name (`fd` is -1) or from byte `begin` on by its descriptor, which is taken over. */
static peal_status add_followed(source__making *self, const char *path, int fd, uint64_t begin, const struct stat *info,
                                peal_error *err) {
    peal_source source = {.path = peal_strdup(path), .fd = fd, .begin = begin, .identity = peal_identity_of(info)};
    make_live(self, &source);
    source.is_followed = true;
    return source__add(self, &source, err);
}

/* Standard input, through a descriptor of our own. One that does not block where there can be one: a pipe is opened
 * anew, of a socket there is only the host's own. A file is read in place, from where the host has come. */
static peal_status add_standard_input(source__making *self, peal_error *err) {
    struct stat info;
    if (fstat(STDIN_FILENO, &info) != 0) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read standard input");
    }
    const off_t at = S_ISREG(info.st_mode) ? lseek(STDIN_FILENO, 0, SEEK_CUR) : -1;
    int fd = at < 0 ? open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0) fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read standard input");
    if (at >= 0 && is_followed(self)) return add_followed(self, "-", fd, (uint64_t)at, &info, err);
    if (at >= 0) {
        const uint64_t begin = (uint64_t)at, end = (uint64_t)info.st_size;
        return source__add(self,
                           &(peal_source){.path = peal_strdup("-"),
                                          .fd = fd,
                                          .begin = begin,
                                          .size = end > begin ? end - begin : 0,
                                          .identity = peal_identity_of(&info)},
                           err);
    }
    peal_status status = source__add_once(self, "-", fd, &info, err);
    close(fd);
    return status;
}

/* A FIFO is opened without waiting for its writer, and a file of /proc, which says that it is empty, is a pipe in this.
 */
static peal_status add_special(source__making *self, const char *path, peal_error *err) {
    struct stat info;
    char byte;
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot open %s", path);
    peal_status status;
    if (fstat(fd, &info) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot look at %s", path);
    } else if (S_ISREG(info.st_mode) && (info.st_size > 0 || pread(fd, &byte, 1, 0) <= 0)) {
        status = add_file(self, path, &info, err);
    } else {
        status = source__add_once(self, path, fd, &info, err);
    }
    close(fd);
    return status;
}

/* ---- folders and globs ---- */

typedef enum left_kind { LEFT_FOLDER, LEFT_FIFO, LEFT_SOCKET, LEFT_DEVICE, LEFT_FILE, LEFT_KINDS } left_kind;

/* What a folder or glob has beside regular files. */
typedef struct left_out {
    size_t counts[LEFT_KINDS];
    char *names[LEFT_KINDS]; /* the first few, with ", " between them */
} left_out;

enum { NAMES_MOST = 5 };

static peal_status leave_out(left_out *left, const char *name, mode_t mode, peal_error *err) {
    const left_kind kind = S_ISREG(mode)    ? LEFT_FILE
                           : S_ISDIR(mode)  ? LEFT_FOLDER
                           : S_ISFIFO(mode) ? LEFT_FIFO
                           : S_ISSOCK(mode) ? LEFT_SOCKET
                                            : LEFT_DEVICE;
    const size_t count = left->counts[kind]++;
    if (count > NAMES_MOST) return PEAL_OK;
    char *names =
        count == 0 ? peal_strdup(name) : peal_sprintf("%s, %s", left->names[kind], count < NAMES_MOST ? name : "...");
    if (!names) return peal_fail(err, PEAL_E_MEMORY, "no memory for names");
    free(left->names[kind]);
    left->names[kind] = names;
    return PEAL_OK;
}

/* "2 folders (a, b), 1 FIFO (c)"; NULL if there is nothing. Freed by the caller. */
static char *left_out_text(const left_out *left) {
    static const char *const kinds[LEFT_KINDS] = {"folder", "FIFO", "socket", "device", "file"};
    char *text = NULL;
    for (int i = 0; i < LEFT_KINDS; i++) {
        if (left->counts[i] == 0) continue;
        char *longer = peal_sprintf("%s%s%zu %s%s (%s)", text ? text : "", text ? ", " : "", left->counts[i], kinds[i],
                                    left->counts[i] == 1 ? "" : "s", left->names[i]);
        free(text);
        text = longer;
    }
    return text;
}

/* `what` as in "the folder X". */
static peal_status tell_left_out(const source__making *self, const char *what, left_out *left, size_t taken,
                                 peal_error *err) {
    char *text = left_out_text(left);
    for (int i = 0; i < LEFT_KINDS; i++) free(left->names[i]);
    peal_status status = PEAL_OK;
    if (taken == 0) {
        status = peal_fail(err, PEAL_E_DATA, "%s has no files%s%s", what, text ? "; left out: " : "", text ? text : "");
    } else if (text) {
        peal_report(self->options->reporter, PEAL_EVENT_NOTE, "%s: left out: %s", what, text);
    }
    free(text);
    return status;
}

/* What cannot be looked at is left out alone, if bad sources are. */
static peal_status miss(void *user, const char *path, const peal_error *why, peal_error *err) {
    source__making *self = user;
    if (self->options->go_on) {
        return peal_source_leave_out(self->list, path, why->message, self->options->reporter, err);
    }
    if (err) *err = *why;
    return why->status;
}

/* Takes regular files only. A link that leads nowhere is an error: its file was meant to be here. */
static peal_status add_found(source__making *self, const char *path, const char *name, left_out *left,
                             peal_error *err) {
    struct stat info;
    if (stat(path, &info) != 0) {
        peal_error why;
        peal_fail_errno(&why, PEAL_E_DATA, errno, "cannot look at %s", path);
        return miss(self, path, &why, err);
    }
    return S_ISREG(info.st_mode) ? add_file(self, path, &info, err) : leave_out(left, name, info.st_mode, err);
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static peal_status add_data_folder(source__making *self, const char *path, peal_error *err) {
    struct dirent **entries;
    int count = scandir(path, &entries, is_shown, by_name);
    if (count < 0) return peal_fail_errno(err, PEAL_E_DATA, errno, "cannot open the folder %s", path);
    const size_t before = self->list->count;
    left_out left = {0};
    char *what = peal_sprintf("the folder %s", path);
    peal_status status = what ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    for (int i = 0; i < count; i++) {
        char *child = status == PEAL_OK ? peal_path_join(path, entries[i]->d_name) : NULL;
        if (status == PEAL_OK && !child) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
        if (status == PEAL_OK && peal_source_is_beside_data(entries[i]->d_name)) {
            status = leave_out(&left, entries[i]->d_name, S_IFREG, err);
        } else if (status == PEAL_OK) {
            status = add_found(self, child, entries[i]->d_name, &left, err);
        }
        free(child);
        free(entries[i]);
    }
    free(entries);
    peal_status told =
        tell_left_out(self, what ? what : path, &left, self->list->count - before, status == PEAL_OK ? err : NULL);
    free(what);
    return status == PEAL_OK ? told : status;
}

static peal_status take_image(void *user, const char *path, const struct stat *info, peal_error *err) {
    return add_file(user, path, info, err);
}

static peal_status add_folder(source__making *self, const char *path, peal_error *err) {
    source__image_walk walk = {.take = take_image, .miss = miss, .user = self};
    PEAL_TRY(source__walk_images(&walk, path, err));
    if (walk.images == 0) return add_data_folder(self, path, err);
    if (walk.left_out) {
        peal_report(self->options->reporter, PEAL_EVENT_NOTE,
                    "the folder %s: left out: %zu file%s beside the images (%s)", path, walk.left_out,
                    walk.left_out == 1 ? "" : "s", walk.names);
    }
    return PEAL_OK;
}

static peal_status add_glob(source__making *self, const char *pattern, peal_error *err) {
    glob_t found;
    int result = glob(pattern, GLOB_ERR, NULL, &found); /* a folder that cannot be read is not passed over */
    if (result == GLOB_NOMATCH) return peal_fail(err, PEAL_E_DATA, "no file matches '%s'", pattern);
    if (result != 0) return peal_fail_errno(err, PEAL_E_DATA, errno, "cannot look up '%s'", pattern);
    const size_t before = self->list->count;
    left_out left = {0};
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < found.gl_pathc && status == PEAL_OK; i++) {
        status = add_found(self, found.gl_pathv[i], found.gl_pathv[i], &left, err);
    }
    globfree(&found);
    peal_status told = tell_left_out(self, pattern, &left, self->list->count - before, status == PEAL_OK ? err : NULL);
    return status == PEAL_OK ? told : status;
}

/* ---- the two kinds ---- */

static bool is_standard_input(const char *name) {
    return strcmp(name, "-") == 0 || strcmp(name, "/dev/stdin") == 0;
}

static peal_status list_standard_input(source__making *self, const char *name, peal_error *err) {
    (void)name;
    return add_standard_input(self, err);
}

static bool is_any(const char *name) {
    (void)name;
    return true;
}

static peal_status list_named(source__making *self, const char *name, peal_error *err) {
    struct stat info = {0};
    if (stat(name, &info) != 0) {
        /* Between two files of a name there may be none; the one that was read has another one by then. */
        if (errno == ENOENT && is_followed(self) && self->options->following.from) {
            return add_followed(self, name, -1, 0, &info, err);
        }
        if (errno != ENOENT) return peal_fail_errno(err, PEAL_E_DATA, errno, "cannot look at %s", name);
        if (strpbrk(name, "*?[")) return add_glob(self, name, err);
        return peal_fail(err, PEAL_E_DATA, "no such file: %s", name);
    }
    if (S_ISDIR(info.st_mode)) return add_folder(self, name, err);
    if (S_ISREG(info.st_mode) && is_followed(self)) return add_followed(self, name, -1, 0, &info, err);
    return S_ISREG(info.st_mode) && info.st_size > 0 ? add_file(self, name, &info, err) : add_special(self, name, err);
}

static const peal_option no_options[] = {{.name = NULL}};

const peal_source_kind peal_source_standard_input = {
    .name = "-",
    .documentation =
        "standard input: a pipe is copied once, a file is read in place; with follow either is read as it comes",
    .options = no_options,
    .recognise = is_standard_input,
    .list = list_standard_input,
    .comes_once = true,
};

const peal_source_kind peal_source_files = {
    .name = "files",
    .documentation =
        "a file, a folder (its files, sorted by name; of images the whole tree), a glob, a pipe or device; "
        "with follow a file is read on as it grows, and the next one when it is rotated",
    .options = no_options,
    .recognise = is_any,
    .list = list_named,
};
