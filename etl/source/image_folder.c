/* Finds images in a tree of folders; see image_folder.h. */
#include "etl/source/image_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/source/beside.h"
#include "etl/source/source.h"

enum { DEPTH_MOST = 32 }; /* of folders in folders: a link may lead round */

typedef struct folder {
    const char *path;
    struct dirent **entries;
    int count;
} folder;

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.' && entry->d_name[0] != '_';
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static peal_status folder_open(folder *self, const char *path, peal_error *err) {
    self->path = path;
    self->count = scandir(path, &self->entries, is_shown, by_name);
    if (self->count >= 0) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_DATA, errno, "cannot open the folder %s", path);
}

static void folder_close(folder *self) {
    for (int i = 0; i < self->count; i++) free(self->entries[i]);
    free(self->entries);
}

/* ---- names ---- */

/* Up to the first point: what is of one key stands together in the folder's order. */
static bool same_key(const char *a, const char *b) {
    const size_t length = strcspn(a, ".");
    return length == strcspn(b, ".") && memcmp(a, b, length) == 0;
}

static bool has_image_of_key(const folder *self, int at) {
    const char *name = self->entries[at]->d_name;
    int i = at;
    while (i > 0 && same_key(name, self->entries[i - 1]->d_name)) i--;
    for (; i < self->count && same_key(name, self->entries[i]->d_name); i++) {
        if (source__is_image_name(self->entries[i]->d_name)) return true;
    }
    return false;
}

static bool is_label(const folder *self, int at) {
    return source__may_be_label(self->entries[at]->d_name) && has_image_of_key(self, at);
}

/* A label whose image is missing, where others of its kind have theirs: no data of another sort. */
static bool is_orphan(const folder *self, int at) {
    const char *name = self->entries[at]->d_name, *ending = strrchr(name, '.');
    if (!source__may_be_label(name)) return false;
    for (int i = 0; i < self->count; i++) {
        const char *other = strrchr(self->entries[i]->d_name, '.');
        if (i != at && other && strcasecmp(other, ending) == 0 && is_label(self, i)) return true;
    }
    return false;
}

/* ---- the walk ---- */

static void leave_out(source__image_walk *self, const char *name) {
    const size_t used = strlen(self->names), size = strlen(name), most = sizeof self->names - sizeof ", ...";
    if (self->left_out++ && used + size + 2 > most) {
        if (used < most && self->names[used - 1] != '.') strcat(self->names, ", ...");
        return;
    }
    peal_snprintf(self->names + used, sizeof self->names - used, "%s%s", used ? ", " : "", name);
}

/* *path is freed by the caller, also after a failure. */
static peal_status look(const folder *self, int at, char **path, struct stat *info, peal_error *err) {
    *path = peal_path_join(self->path, self->entries[at]->d_name);
    if (!*path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    return stat(*path, info) == 0 ? PEAL_OK : peal_fail_errno(err, PEAL_E_DATA, errno, "cannot look at %s", *path);
}

static peal_status walk(source__image_walk *self, const char *path, unsigned depth, peal_error *err);

static peal_status take_entry(source__image_walk *self, const folder *in, int at, bool folders, unsigned depth,
                              peal_error *err) {
    const char *name = in->entries[at]->d_name;
    struct stat info;
    char *path;
    peal_error why = {0};
    peal_status status = look(in, at, &path, &info, &why);
    if (status != PEAL_OK) {
        if (path && status == PEAL_E_DATA) {
            status = folders ? PEAL_OK : self->miss(self->user, path, &why, err); /* once, though it comes twice */
        } else if (err) {
            *err = why;
        }
    } else if (folders) {
        if (S_ISDIR(info.st_mode)) status = walk(self, path, depth + 1, err);
    } else if (S_ISREG(info.st_mode) && (source__is_image_name(name) || is_label(in, at))) {
        self->images += source__is_image_name(name);
        status = self->take(self->user, path, &info, err);
    } else if (!S_ISDIR(info.st_mode)) {
        leave_out(self, name);
    }
    free(path);
    return status;
}

static peal_status walk(source__image_walk *self, const char *path, unsigned depth, peal_error *err) {
    folder in;
    if (depth > DEPTH_MOST) {
        return peal_fail(err, PEAL_E_DATA, "%s: more than %d folders within each other", path, DEPTH_MOST);
    }
    PEAL_TRY(folder_open(&in, path, err));
    peal_status status = PEAL_OK;
    for (int folders = 0; folders < 2; folders++) {
        for (int i = 0; i < in.count && status == PEAL_OK; i++) {
            const bool known = in.entries[i]->d_type == DT_REG || in.entries[i]->d_type == DT_DIR;
            if (known && (in.entries[i]->d_type == DT_DIR) != (folders == 1)) continue;
            status = take_entry(self, &in, i, folders == 1, depth, err);
        }
    }
    folder_close(&in);
    return status;
}

/* True if one of the files is data that is read in another way. */
static peal_status has_other_data(const folder *in, bool *out, peal_error *err) {
    *out = false;
    for (int i = 0; i < in->count && !*out; i++) {
        struct stat info;
        char *path;
        const char *name = in->entries[i]->d_name;
        if (source__is_image_name(name) || peal_source_is_beside_data(name) || is_label(in, i) || is_orphan(in, i)) {
            continue;
        }
        /* What cannot be looked at tells nothing, and is told by the walk. */
        const peal_status status = look(in, i, &path, &info, err);
        *out = status == PEAL_OK && !S_ISDIR(info.st_mode);
        free(path);
        if (status != PEAL_OK && status != PEAL_E_DATA) return status;
    }
    return PEAL_OK;
}

peal_status source__walk_images(source__image_walk *self, const char *path, peal_error *err) {
    folder in;
    bool other;
    self->images = self->left_out = 0;
    self->names[0] = '\0';
    PEAL_TRY(folder_open(&in, path, err));
    const peal_status status = has_other_data(&in, &other, err);
    folder_close(&in);
    PEAL_TRY(status);
    return other ? PEAL_OK : walk(self, path, 0, err);
}
