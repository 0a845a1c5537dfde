/* Files that have lost the name under which they were followed; see rotated.h. */
#include "etl/source/rotated.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"

/* ---- which file it is ---- */

bool source__is_file(const struct stat *info, const peal_place *place) {
    return info->st_ino == place->inode && info->st_dev == place->device;
}

int64_t source__born_ns(int fd) {
    struct statx more;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &more) != 0 || !(more.stx_mask & STATX_BTIME)) return 0;
    return more.stx_btime.tv_sec * 1000000000 + more.stx_btime.tv_nsec;
}

bool source__is_same(int fd, const peal_place *place) {
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && source__is_file(&info, place) &&
           source__born_ns(fd) == place->born_ns;
}

int source__open_file(int folder, const char *name) {
    return openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

/* ---- files of a folder ---- */

/* An open file. Files of a name follow one another in the order in which they were made, or, where the file system does
 * not tell that, were written to last. */
typedef struct rotated {
    int fd; /* -1: there is none */
    char *name;
    peal_place place;
    int64_t turn_ns;
} rotated;

static void close_file(rotated *file) {
    if (file->fd >= 0) close(file->fd);
    free(file->name);
    *file = (rotated){.fd = -1};
}

/* Takes `fd` over, if it is one; of what is no file nothing is left, as if it were not there (errno). What is told is
 * of the open file, for its name may be another one's by now. */
static rotated look(int fd, const char *name) {
    struct stat info;
    rotated file = {.fd = fd};
    if (fd < 0) return file;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || !(file.name = peal_strdup(name))) {
        close_file(&file);
        errno = ENOENT;
        return file;
    }
    file.place = (peal_place){.device = info.st_dev, .inode = info.st_ino, .born_ns = source__born_ns(fd)};
    file.turn_ns = file.place.born_ns ? file.place.born_ns : info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    return file;
}

/* ---- by its inode ---- */

/* The file in the open folder that `place` is in, and its name; false if there is none. `flags`: of fstatat, whether a
 * link to it will do. */
static bool find_file(DIR *entries, const peal_place *place, int flags, rotated *out) {
    *out = (rotated){.fd = -1};
    rewinddir(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        struct stat info;
        if (fstatat(dirfd(entries), entry->d_name, &info, flags) != 0) continue;
        if (!source__is_file(&info, place)) continue;
        *out = look(source__open_file(dirfd(entries), entry->d_name), entry->d_name);
        if (out->fd >= 0 && source__is_same(out->fd, place)) return true;
        close_file(out);
    }
    return false;
}

int source__open_renamed(const char *path, const peal_place *place, char **name) {
    char *folder = peal_path_folder(path);
    DIR *entries = folder ? opendir(folder) : NULL;
    rotated file = {.fd = -1};
    if (entries && find_file(entries, place, 0, &file)) *name = peal_path_join(folder, file.name);
    const int fd = file.fd;
    file.fd = -1; /* it is the caller's */
    close_file(&file);
    if (entries) closedir(entries);
    free(folder);
    return fd;
}

/* ---- by its turn ---- */

static bool is_part(const rotated *file, const source__part *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const peal_place *place = &parts[i].place;
        if (place->inode == file->place.inode && place->device == file->place.device &&
            place->born_ns == file->place.born_ns)
            return true;
    }
    return false;
}

/* How much `old`, a name that a file called `name` got, shares with that; 0 if less than all before its last point. */
static size_t shared_size(const char *name, const char *old) {
    const char *point = strrchr(name, '.');
    const size_t least = point && point > name ? (size_t)(point - name) : strlen(name);
    size_t size = 0;
    while (name[size] && name[size] == old[size]) size++;
    return size < least ? 0 : size;
}

static bool differ_in_digits(const char *a, const char *b) {
    for (; *a == *b || (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)); a++, b++) {
        if (!*a) return true;
        if (!isdigit((unsigned char)*a)) continue;
        while (isdigit((unsigned char)a[1])) a++;
        while (isdigit((unsigned char)b[1])) b++;
    }
    return false;
}

/* Whether `a` had the name before `b`. Of two that were made in one tick of the clock it is the one whose number is
 * nearer to that of `last`, behind which both were: numbers may go up (dates) or down (.1 becomes .2). */
static bool is_before(const rotated *a, const rotated *b, const char *last) {
    if (a->turn_ns != b->turn_ns) return a->turn_ns < b->turn_ns;
    return (strverscmp(a->name, b->name) < 0) == (strverscmp(a->name, last) > 0);
}

/* `named` is what has the name now, if anything has. */
static rotated find_next(DIR *entries, const char *name, const rotated *last, const rotated *named,
                         const source__part *parts, size_t part_count) {
    rotated best = {.fd = -1};
    const size_t shared = shared_size(name, last->name);
    rewinddir(entries);
    for (struct dirent *entry; shared && (entry = readdir(entries));) {
        struct stat info;
        if (strncmp(entry->d_name, name, shared) != 0) continue;
        if (!differ_in_digits(entry->d_name + shared, last->name + shared)) continue;
        if (fstatat(dirfd(entries), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) continue;
        rotated file = look(source__open_file(dirfd(entries), entry->d_name), entry->d_name);
        const bool is_next =
            file.fd >= 0 && file.turn_ns >= last->turn_ns && !is_part(&file, parts, part_count) &&
            (named->fd < 0 || (file.turn_ns <= named->turn_ns && !source__is_same(file.fd, &named->place))) &&
            (best.fd < 0 || is_before(&file, &best, last->name));
        if (is_next) {
            close_file(&best);
            best = file;
        } else {
            close_file(&file);
        }
    }
    return best;
}

int source__open_next(const char *path, const source__part *parts, size_t part_count, char **name) {
    char *folder = peal_path_folder(path);
    DIR *entries = folder ? opendir(folder) : NULL;
    rotated last = {.fd = -1}, next = {.fd = -1};
    rotated named = look(source__open_file(AT_FDCWD, path), path);
    const int problem = errno;
    *name = NULL;
    if (entries && find_file(entries, &parts[part_count - 1].place, AT_SYMLINK_NOFOLLOW, &last)) {
        next = find_next(entries, peal_path_name(path), &last, &named, parts, part_count);
    }
    if (next.fd >= 0) *name = peal_path_join(folder, next.name);
    rotated *found = next.fd >= 0 ? &next : &named;
    const int fd = found->fd;
    found->fd = -1; /* it is the caller's */
    close_file(&next);
    close_file(&last);
    close_file(&named);
    if (entries) closedir(entries);
    free(folder);
    errno = problem;
    return fd;
}
