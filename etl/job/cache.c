/* Finds the folder of the cache and checks that it is private; see cache.h. */
#include "etl/job/cache.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"

/* The home folder as the system knows it; NULL if it knows none. */
static char *home_of_user(void) {
    struct passwd entry, *found = NULL;
    char text[4096];
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) != 0 || !found) return NULL;
    return found->pw_dir && found->pw_dir[0] == '/' ? peal_strdup(found->pw_dir) : NULL;
}

static char *choose(void) {
    const char *own = getenv("PEAL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own) return peal_strdup(own);
    if (xdg && *xdg == '/') return peal_path_join(xdg, "peal");
    char *folder = home && *home == '/' ? peal_strdup(home) : home_of_user();
    char *path = folder ? peal_path_join(folder, ".cache/peal") : NULL;
    free(folder);
    return path;
}

/* NULL, or why the folder cannot be used. */
static char *check(const char *path) {
    struct stat info;
    peal_error problem = {0};
    char *parent = peal_path_folder(path);
    if (parent && stat(path, &info) != 0 && peal_folder_make(parent, &problem) == PEAL_OK) mkdir(path, 0700);
    free(parent);
    if (problem.message[0]) return peal_strdup(problem.message);
    if (stat(path, &info) != 0) return peal_sprintf("the cache folder %s cannot be made: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode)) return peal_sprintf("the cache folder %s is a file", path);
    if (info.st_uid != geteuid()) return peal_sprintf("the cache folder %s belongs to another user", path);
    if (info.st_mode & 022) return peal_sprintf("others can write to the cache folder %s", path);
    if (access(path, W_OK | X_OK) != 0) return peal_sprintf("the cache folder %s cannot be written to", path);
    return NULL;
}

char *peal_cache_folder(char **why) {
    char *path = choose();
    *why = path ? check(path) : peal_strdup("there is no home folder for a cache");
    if (!*why) return path;
    free(path);
    return NULL;
}
