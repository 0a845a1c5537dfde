/* Folders: made, prepared beside their target, put there in one step, and removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/lock.h"
#include "core/base/target.h"
#include "core/base/temporary.h"
#include "core/base/text.h"

peal_status peal_folder_make(const char *path, peal_error *err) {
    char *copy = peal_strdup(path);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status = PEAL_OK;
    for (char *at = copy + 1; status == PEAL_OK; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            status = peal_fail_errno(err, core__unwritable(errno), errno, "cannot make the folder %s", copy);
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

/* ---- removing ---- */

/* Removes what `name` in an open folder names; a link is removed, never followed. False, with errno. */
static bool remove_at(int folder, const char *name) {
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT) return true;
    if (errno != EISDIR && errno != EPERM) return false;
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list) {
        if (fd >= 0) close(fd);
        return false;
    }
    bool removed = true;
    for (struct dirent *entry; removed && (entry = readdir(list));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        removed = remove_at(dirfd(list), entry->d_name);
    }
    int reason = errno;
    closedir(list);
    errno = reason;
    return removed && (unlinkat(folder, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

peal_status peal_remove_tree(const char *path, peal_error *err) {
    if (remove_at(AT_FDCWD, path)) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot remove %s", path);
}

/* ---- what a folder holds ---- */

/* The entries of a folder. */
typedef struct entries {
    char **names;
    bool *belongs; /* to what the folder is: only such are ever removed */
    size_t count;
} entries;

static void entries_clear(entries *all) {
    for (size_t i = 0; i < all->count; i++) free(all->names[i]);
    free(all->names);
    free(all->belongs);
    *all = (entries){0};
}

static peal_status list_entries(const char *path, entries *all, peal_error *err) {
    *all = (entries){0};
    DIR *folder = opendir(path);
    if (!folder) return peal_fail_errno(err, core__unwritable(errno), errno, "cannot read the folder %s", path);
    bool enough = true;
    for (struct dirent *entry; enough && (entry = readdir(folder));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char **names = realloc(all->names, (all->count + 1) * sizeof *names);
        if (names) all->names = names;
        char *name = names ? peal_strdup(entry->d_name) : NULL;
        if (name) all->names[all->count++] = name;
        enough = name != NULL;
    }
    closedir(folder);
    all->belongs = calloc(all->count + 1, sizeof *all->belongs);
    if (enough && all->belongs) return PEAL_OK;
    entries_clear(all);
    return peal_fail(err, PEAL_E_MEMORY, "no memory for the names in a folder");
}

/* Special files and links belong to nothing that Peal makes, folders to few kinds. */
static void leave_regular_files(const char *path, bool has_folders, entries *all) {
    for (size_t i = 0; i < all->count; i++) {
        struct stat info;
        char *file = all->belongs[i] ? peal_path_join(path, all->names[i]) : NULL;
        all->belongs[i] =
            file && lstat(file, &info) == 0 && (S_ISREG(info.st_mode) || (has_folders && S_ISDIR(info.st_mode)));
        free(file);
    }
}

/* Names some of what does not belong. */
static peal_status foreign(const char *shown, const entries *all, const char *what, peal_error *err) {
    enum { NAMED_MOST = 3 };
    char *named[NAMED_MOST] = {0};
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (all->belongs[i]) continue;
        if (count < NAMED_MOST) named[count] = peal_text_printable(all->names[i], strlen(all->names[i]));
        count++;
    }
    char more[40] = "";
    if (count > NAMED_MOST) snprintf(more, sizeof more, " and %zu more", count - NAMED_MOST);
    const char *first = named[0] ? named[0] : "?";
    peal_fail(err, PEAL_E_USAGE, "%s will not be replaced or removed: it holds what is no part of %s (%s%s%s%s%s%s)",
              shown, what, first, named[1] ? ", " : "", named[1] ? named[1] : "", named[2] ? ", " : "",
              named[2] ? named[2] : "", more);
    for (size_t i = 0; i < NAMED_MOST; i++) free(named[i]);
    return PEAL_E_USAGE;
}

/* Lists the folder and checks that all in it belongs to what `kind` makes; `shown` is its name for people. */
static peal_status check_folder(const char *path, const char *shown, const peal_folder_kind *kind, entries *all,
                                peal_error *err) {
    PEAL_TRY(list_entries(path, all, err));
    peal_status status = PEAL_OK;
    if (all->count > 0) {
        memset(all->belongs, 1, all->count);
        leave_regular_files(path, kind->has_folders, all);
        status = kind->judge(path, (const char *const *)all->names, all->count, all->belongs, err);
    }
    for (size_t i = 0; status == PEAL_OK && i < all->count; i++) {
        if (!all->belongs[i]) status = foreign(shown, all, kind->what, err);
    }
    if (status != PEAL_OK) entries_clear(all);
    return status;
}

peal_status peal_folder_check(const char *target, const peal_folder_kind *kind, peal_error *err) {
    core__target found;
    PEAL_TRY(core__target_find(target, &found, err));
    peal_status status = PEAL_OK;
    if (found.descriptor >= 0) {
        status = peal_fail(err, PEAL_E_USAGE, "cannot write %s: it is not a folder", target);
    } else if (peal_path_is_folder(found.path)) {
        entries all;
        status = check_folder(found.path, target, kind, &all, err);
        if (status == PEAL_OK) entries_clear(&all);
    } else if (peal_path_exists(found.path)) {
        status = peal_fail(err, PEAL_E_USAGE, "%s exists and is a file, not %s", target, kind->what);
    }
    free(found.path);
    return status;
}

/* ---- a folder that is prepared ---- */

struct peal_staging {
    char *target;
    core__temporary temporary;
    peal_lock *replaced; /* on the folder that stands at the target, if there is one */
};

static void staging_free(peal_staging *staging) {
    peal_lock_release(staging->replaced);
    free(staging->target);
    free(staging);
}

/* Of what a killed job left only `keep` is taken over. */
static peal_status remove_all_but(const char *path, const char *keep, peal_error *err) {
    entries all;
    PEAL_TRY(list_entries(path, &all, err));
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < all.count && status == PEAL_OK; i++) {
        if (keep && strcmp(all.names[i], keep) == 0) continue;
        char *child = peal_path_join(path, all.names[i]);
        status = child ? peal_remove_tree(child, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
        free(child);
    }
    entries_clear(&all);
    return status;
}

static peal_status staging_begin(peal_staging *staging, const char *keep, peal_error *err) {
    char *parent = peal_path_folder(staging->target);
    peal_status status = parent ? peal_folder_make(parent, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    free(parent);
    PEAL_TRY(status);
    const core__temporary_kind kind = keep ? TEMPORARY_ADOPTED : TEMPORARY_FOLDER;
    PEAL_TRY(core__temporary_make(staging->target, kind, &staging->temporary, err));
    if (peal_path_is_folder(staging->target)) {
        PEAL_TRY(peal_lock_take(staging->target, PEAL_LOCK_EXCLUSIVE, "the folder", &staging->replaced, err));
    }
    return remove_all_but(staging->temporary.path, keep, err);
}

peal_status peal_staging_make(const char *target, const char *keep, peal_staging **out, peal_error *err) {
    *out = NULL;
    core__target found;
    PEAL_TRY(core__target_find(target, &found, err));
    peal_staging *staging = calloc(1, sizeof *staging);
    if (!staging) {
        free(found.path);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a folder");
    }
    staging->target = found.path;
    peal_status status = staging_begin(staging, keep, err);
    if (status != PEAL_OK) {
        peal_staging_abandon(staging, staging->temporary.is_adopted);
        return status;
    }
    *out = staging;
    return PEAL_OK;
}

const char *peal_staging_path(const peal_staging *staging) {
    return staging->temporary.path;
}

void peal_staging_abandon(peal_staging *staging, bool keep) {
    if (!staging) return;
    if (staging->temporary.path && keep) {
        core__temporary_end(&staging->temporary);
    } else if (staging->temporary.path) {
        core__temporary_remove(&staging->temporary);
    }
    staging_free(staging);
}

/* A name beside the target that no later job takes for a leftover; freed by the caller. */
static char *name_aside(const peal_staging *staging) {
    return peal_sprintf("%s.replaced-%d", staging->target, (int)getpid());
}

/* Puts the staging folder at the target, and what stands there at the staging folder's name. */
static peal_status exchange(const peal_staging *staging, peal_error *err) {
    const char *path = staging->temporary.path, *target = staging->target;
    if (renameat2(AT_FDCWD, path, AT_FDCWD, target, RENAME_EXCHANGE) == 0) return PEAL_OK;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) {
        return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot put the finished folder at %s", target);
    }
    /* A file system that cannot exchange: in three steps. A kill between them leaves both folders, the old one aside.
     */
    char *aside = name_aside(staging);
    peal_status status = PEAL_OK;
    if (!aside) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (rename(target, aside) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot move %s aside", target);
    } else if (rename(path, target) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot put the finished folder at %s", target);
        rename(aside, target);
    } else if (rename(aside, path) != 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "the folder that was replaced stays at %s", aside);
    }
    free(aside);
    return status;
}

/* Gives the staging folder, which now holds what stood at the target, a name that is never taken for a leftover. */
static peal_status set_aside(peal_staging *staging, const char *why, peal_error *err) {
    char *aside = name_aside(staging);
    const bool moved = aside && rename(staging->temporary.path, aside) == 0;
    peal_fail(err, PEAL_E_FAILED, "%s: the folder that stood at %s is kept as %s", why, staging->target,
              moved ? aside : staging->temporary.path);
    free(aside);
    core__temporary_end(&staging->temporary);
    return PEAL_E_FAILED;
}

/* Removes the folder that was replaced, entry by entry as it was checked. */
static peal_status remove_replaced(peal_staging *staging, const peal_folder_kind *kind, const entries *all,
                                   peal_error *err) {
    const char *path = staging->temporary.path;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (size_t i = 0; folder >= 0 && i < all->count; i++) {
        if (kind->has_folders) {
            remove_at(folder, all->names[i]);
        } else {
            unlinkat(folder, all->names[i], 0);
        }
    }
    if (folder >= 0) close(folder);
    return rmdir(path) == 0 ? PEAL_OK
                            : set_aside(staging, "the new folder is whole, but the old one is not empty", err);
}

/* What stands at the target is looked at again once nobody can find it there by its name. */
static peal_status replace(peal_staging *staging, const peal_folder_kind *kind, peal_error *err) {
    PEAL_TRY(exchange(staging, err));
    entries all;
    peal_status status = check_folder(staging->temporary.path, staging->target, kind, &all, err);
    if (status != PEAL_OK) {
        if (exchange(staging, NULL) == PEAL_OK) return status;
        return set_aside(staging, "it holds what is no part of what was to be replaced", err);
    }
    status = remove_replaced(staging, kind, &all, err);
    entries_clear(&all);
    return status;
}

static peal_status put_at_target(peal_staging *staging, const peal_folder_kind *kind, peal_error *err) {
    PEAL_TRY(folder_sync(staging->temporary.path, err));
    if (rename(staging->temporary.path, staging->target) != 0) {
        if (errno != ENOTEMPTY && errno != EEXIST) {
            return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot put the finished folder at %s", staging->target);
        }
        PEAL_TRY(replace(staging, kind, err));
    }
    return peal_sync_parent(staging->target, err);
}

peal_status peal_staging_commit(peal_staging *staging, const peal_folder_kind *kind, peal_error *err) {
    peal_status status = put_at_target(staging, kind, err);
    peal_staging_abandon(staging, status == PEAL_OK);
    return status;
}
