/* Two jobs that begin at once: each makes its own temporary first and then looks for others. Whoever made it later
 * sees the other's, so at most one of the two goes on. One that sees another takes its own back and tries again after a
 * random time, because the other may have done the same; if there still is one after the last try, it is being made. */
#include "core/base/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/lock.h"
#include "core/base/target.h"

static const char mark[] = ".peal-tmp-";
enum { MARK_LENGTH = sizeof mark - 1, DIGITS = 16, NAME_MOST = 255 - MARK_LENGTH - DIGITS, TRIES = 9 };

/* Where a target's temporaries stand, and how their names begin. */
typedef struct place {
    char *folder, *name;
} place;

static void place_clear(place *at) {
    free(at->folder);
    free(at->name);
}

/* A name that leaves no room for the mark is cut, and told from others that begin alike by its hash. */
static bool place_of(const char *target, place *out) {
    const char *name = peal_path_name(target);
    const size_t length = strlen(name);
    out->folder = peal_path_folder(target);
    out->name = length <= NAME_MOST
                    ? peal_strdup(name)
                    : peal_sprintf("%.*s~%016" PRIx64, NAME_MOST - DIGITS - 1, name, peal_hash(name, length, 0));
    if (out->folder && out->name) return true;
    place_clear(out);
    return false;
}

/* True if `entry` is the name of a temporary of `name`; NULL: of any name. */
static bool is_temporary(const char *entry, const char *name) {
    const size_t length = strlen(entry);
    if (length <= MARK_LENGTH + DIGITS) return false;
    const size_t head = length - MARK_LENGTH - DIGITS;
    if (strncmp(entry + head, mark, MARK_LENGTH) != 0) return false;
    if (strspn(entry + head + MARK_LENGTH, "0123456789abcdef") != DIGITS) return false;
    return !name || (strlen(name) == head && strncmp(entry, name, head) == 0);
}

/* ---- looking for others ---- */

typedef struct others {
    const char *own;          /* is no other; may be NULL */
    core__temporary *adopted; /* takes the first folder that was left over; may be NULL */
    bool live;
    pid_t holder; /* of a live one, if it is known */
} others;

/* The lock of a temporary that its maker no longer holds; -1 if it is held, or not ours to judge. */
static int open_stale(const char *path, struct stat *info) {
    const int flags = O_NOFOLLOW | O_NONBLOCK;
    int fd = core__locked_open(path, O_RDWR | flags, 0, PEAL_LOCK_EXCLUSIVE, true);
    if (fd < 0 && errno == EISDIR) {
        fd = core__locked_open(path, O_RDONLY | O_DIRECTORY | flags, 0, PEAL_LOCK_EXCLUSIVE, true);
    }
    if (fd < 0) return -1;
    bool ours = fstat(fd, info) == 0 && info->st_uid == geteuid() && (S_ISREG(info->st_mode) || S_ISDIR(info->st_mode));
    if (ours) return fd;
    core__locked_close(fd);
    errno = EPERM;
    return -1;
}

static void look_at(char *path, others *found) {
    struct stat info;
    int fd = open_stale(path, &info);
    if (fd < 0) {
        if (errno == EWOULDBLOCK) {
            found->live = true;
            found->holder = core__lock_holder(path);
        }
        free(path);
        return;
    }
    core__temporary stale = {.path = path, .fd = fd};
    if (found->adopted && !found->adopted->path && S_ISDIR(info.st_mode)) {
        *found->adopted = (core__temporary){.path = path, .fd = fd, .is_adopted = true};
    } else {
        core__temporary_remove(&stale);
    }
}

/* Removes what is left over in `folder` and finds what is being made; `name` NULL: of any name. */
static void look_for_others(const char *folder_path, const char *name, others *found) {
    DIR *folder = opendir(folder_path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!is_temporary(entry->d_name, name)) continue;
        char *path = peal_path_join(folder_path, entry->d_name);
        const bool own = path && found->own && strcmp(path, found->own) == 0;
        const bool adopted = path && found->adopted && found->adopted->path && strcmp(path, found->adopted->path) == 0;
        if (path && !own && !adopted) {
            look_at(path, found);
        } else {
            free(path);
        }
    }
    if (folder) closedir(folder);
}

void peal_remove_stale_temporaries(const char *path) {
    place at;
    if (!place_of(path, &at)) return;
    look_for_others(at.folder, at.name, &(others){0});
    place_clear(&at);
}

void peal_remove_stale_in(const char *folder) {
    look_for_others(folder, NULL, &(others){0});
}

/* ---- making one ---- */

static uint64_t random_number(void) {
    uint64_t number = 0;
    while (getrandom(&number, sizeof number, 0) < 0 && errno == EINTR) {
    }
    return number;
}

/* One try; false, with errno. */
static bool make(const place *at, bool folder, core__temporary *out) {
    char *head = peal_path_join(at->folder, at->name);
    char *path = head ? peal_sprintf("%s%s%016" PRIx64, head, mark, random_number()) : NULL;
    free(head);
    *out = (core__temporary){.path = path, .fd = -1};
    errno = ENOMEM;
    if (!path) return false;
    if (!folder) {
        out->fd = core__locked_open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0666, PEAL_LOCK_EXCLUSIVE, false);
    } else if (mkdir(path, 0777) == 0) {
        out->fd = core__locked_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, PEAL_LOCK_EXCLUSIVE, false);
        if (out->fd < 0 && errno == ENOENT) errno = ESTALE; /* removed in between */
    }
    if (out->fd >= 0) return true;
    free(out->path);
    out->path = NULL;
    return false;
}

/* Longer after each try, so that one of many gets a time to itself. */
static void pause_at_random(int tries) {
    const struct timespec some = {.tv_nsec = 5000000 + (long)(random_number() % ((uint64_t)tries * 25000000))};
    nanosleep(&some, NULL);
}

/* True if no other job makes the target; *out is then this job's. */
static bool claim(const place *at, core__temporary_kind kind, core__temporary *out, others *found, int *reason) {
    *out = (core__temporary){.fd = -1};
    *found = (others){.adopted = kind == TEMPORARY_ADOPTED ? out : NULL};
    look_for_others(at->folder, at->name, found);
    *reason = 0;
    if (!found->live && !out->path && !make(at, kind != TEMPORARY_FILE, out)) *reason = errno;
    if (!found->live && out->path) {
        *found = (others){.own = out->path};
        look_for_others(at->folder, at->name, found);
        if (!found->live) return true;
    }
    if (out->is_adopted) {
        core__temporary_end(out); /* what a killed job left is for whoever goes on */
    } else if (out->path) {
        core__temporary_remove(out);
    }
    return false;
}

peal_status core__temporary_make(const char *target, core__temporary_kind kind, core__temporary *out, peal_error *err) {
    place at;
    others found = {0};
    int reason = 0;
    if (!place_of(target, &at)) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    bool claimed = false, taken = true;
    for (int i = 0; i < TRIES && taken && !claimed; i++) {
        if (i > 0) pause_at_random(i);
        claimed = claim(&at, kind, out, &found, &reason);
        /* Another job may have taken the new one for a leftover before it was locked. */
        taken = found.live || reason == EWOULDBLOCK || reason == ESTALE;
    }
    place_clear(&at);
    if (claimed) return PEAL_OK;
    if (taken) return core__lock_busy("the output", target, found.holder, err);
    return peal_fail_errno(err, core__unwritable(reason), reason, "cannot write %s", target);
}

bool core__temporary_end(core__temporary *temporary) {
    bool closed = core__locked_close(temporary->fd);
    free(temporary->path);
    *temporary = (core__temporary){.fd = -1};
    return closed;
}

void core__temporary_remove(core__temporary *temporary) {
    peal_remove_tree(temporary->path, NULL);
    core__temporary_end(temporary);
}
