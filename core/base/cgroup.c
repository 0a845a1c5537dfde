/* CPU and memory limits of control groups, of both versions; see cgroup.h. */
#include "core/base/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 1024 };

/* Whether a comma-separated list holds a word. */
static bool holds(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, ","), at += *at == ',') {
        if (strcspn(at, ",") == length && strncmp(at, word, length) == 0) return true;
    }
    return false;
}

/* The folder of this process's group for a controller ("" for version 2) in `out`, and the length of the mount point's
 * part in *root; false if there is none. A line of /proc/self/cgroup is ID:CONTROLLERS:PATH. */
static bool group_folder(const char *controller, char out[PATH_ROOM], size_t *root) {
    static const char mount[] = "/sys/fs/cgroup";
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file) return false;
    char line[PATH_ROOM - 64];
    bool found = false;
    while (!found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path++ = '\0';
        controllers++;
        found = *controller ? holds(controllers, controller) : strncmp(line, "0:", 2) == 0 && *controllers == '\0';
        if (!found) continue;
        int length = snprintf(out, PATH_ROOM, "%s%s%s", mount, *controller ? "/" : "", controller);
        *root = (size_t)length;
        snprintf(out + length, PATH_ROOM - (size_t)length, "%s", path);
        /* In a container the path may be the host's, and the mount shows the group itself. */
        if (access(out, F_OK) != 0) out[length] = '\0';
    }
    fclose(file);
    return found && access(out, F_OK) == 0;
}

/* Goes to the parent group; false at the mount point. */
static bool go_up(char folder[PATH_ROOM], size_t root) {
    char *slash = strrchr(folder, '/');
    if (!slash || (size_t)(slash - folder) < root) return false;
    *slash = '\0';
    return true;
}

/* Reads up to two words of a small file in a folder; returns how many. */
static int read_words(const char *folder, const char *name, char first[64], char second[64]) {
    char path[PATH_ROOM + 64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int count = fscanf(file, "%63s %63s", first, second);
    fclose(file);
    return count < 0 ? 0 : count;
}

/* The number behind a key in a file of lines "KEY NUMBER"; 0 if it is not there. */
static uint64_t read_key(const char *folder, const char *name, const char *key) {
    char path[PATH_ROOM + 64], line[256];
    unsigned long long number = 0;
    const size_t length = strlen(key);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) != 0 || line[length] != ' ') continue;
        number = strtoull(line + length, NULL, 10);
        break;
    }
    fclose(file);
    return number;
}

/* ---- CPUs ---- */

static size_t quota_cpus(const char *quota, const char *period) {
    long long quota_us = atoll(quota), period_us = atoll(period);
    if (quota_us <= 0 || period_us <= 0) return SIZE_MAX; /* "max" or -1: no limit */
    return (size_t)((quota_us + period_us - 1) / period_us);
}

size_t core__cgroup_cpus(void) {
    char folder[PATH_ROOM], quota[64], period[64], rest[64];
    size_t root, least = SIZE_MAX;
    if (group_folder("", folder, &root)) {
        do {
            if (read_words(folder, "cpu.max", quota, period) != 2) continue;
            size_t cpus = quota_cpus(quota, period);
            if (cpus < least) least = cpus;
        } while (go_up(folder, root));
    }
    if (group_folder("cpu", folder, &root)) {
        do {
            if (read_words(folder, "cpu.cfs_quota_us", quota, rest) < 1) continue;
            if (read_words(folder, "cpu.cfs_period_us", period, rest) < 1) continue;
            size_t cpus = quota_cpus(quota, period);
            if (cpus < least) least = cpus;
        } while (go_up(folder, root));
    }
    return least;
}

/* ---- memory ---- */

/* The names by which a version calls things. */
typedef struct memory_files {
    const char *controller, *limit, *usage, *inactive, *events;
} memory_files;

static const memory_files versions[] = {
    {"", "memory.max", "memory.current", "inactive_file", "memory.events"},
    {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "memory.oom_control"},
};

static uint64_t left_in(const char *folder, const memory_files *files, uint64_t *limit) {
    char word[64], rest[64];
    if (read_words(folder, files->limit, word, rest) < 1 || strcmp(word, "max") == 0) return UINT64_MAX;
    *limit = strtoull(word, NULL, 10);
    if (*limit >= (uint64_t)1 << 62) return UINT64_MAX; /* how version 1 says that there is none */
    if (read_words(folder, files->usage, word, rest) < 1) return UINT64_MAX;
    uint64_t used = strtoull(word, NULL, 10), inactive = read_key(folder, "memory.stat", files->inactive);
    used -= inactive < used ? inactive : used;
    return *limit > used ? *limit - used : 0;
}

uint64_t core__cgroup_memory(uint64_t *limit) {
    char folder[PATH_ROOM];
    size_t root;
    uint64_t least = UINT64_MAX;
    *limit = UINT64_MAX;
    for (size_t v = 0; v < 2; v++) {
        if (!group_folder(versions[v].controller, folder, &root)) continue;
        do {
            uint64_t here_limit, here = left_in(folder, &versions[v], &here_limit);
            if (here >= least) continue;
            least = here;
            *limit = here_limit;
        } while (go_up(folder, root));
    }
    return least;
}

uint64_t core__cgroup_oom_kills(void) {
    char folder[PATH_ROOM];
    size_t root;
    uint64_t kills = 0;
    for (size_t v = 0; v < 2; v++) {
        if (group_folder(versions[v].controller, folder, &root))
            kills += read_key(folder, versions[v].events, "oom_kill");
    }
    return kills;
}
