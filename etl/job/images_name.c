/* Where each image goes: the path that it has below the source that was named, or in its archive, with the suffix of
 * the kind that it becomes. No name leads out of the folder, and no two images go to one place. */
#include <stdlib.h>
#include <string.h>

#include "etl/job/images_work.h"

static const char *past_slashes(const char *path) {
    while (*path == '/') path++;
    return path;
}

/* `path` behind the folder `folder` [length], or NULL. */
static const char *below(const char *path, const char *folder, size_t length) {
    while (length > 1 && folder[length - 1] == '/') length--;
    if (length == 0 || strncmp(path, folder, length) != 0) return NULL;
    if (folder[length - 1] == '/') return past_slashes(path + length);
    return path[length] == '/' ? past_slashes(path + length) : NULL;
}

/* How much of a glob is a folder's name: all before the part with the first sign. */
static size_t fixed_length(const char *glob) {
    const size_t length = strcspn(glob, "*?[");
    size_t fixed = 0;
    for (size_t i = 0; i < length; i++) {
        if (glob[i] == '/') fixed = i + 1;
    }
    return fixed;
}

/* The part of a file's path that it keeps. */
static const char *kept_path(const peal_item *item, const peal_images_options *options) {
    if (item->member) return past_slashes(item->member->path);
    const char *path = item->source->path;
    for (size_t i = 0; i < options->source_count; i++) {
        const char *name = options->sources[i], *rest = NULL;
        if (peal_path_is_folder(name)) {
            rest = below(path, name, strlen(name));
        } else if (!peal_path_exists(name)) {
            const size_t fixed = fixed_length(name);
            rest = fixed ? below(path, name, fixed) : path[0] == '/' ? NULL : path;
        }
        if (rest && *rest) return rest;
    }
    return peal_path_name(path);
}

/* `path` without what says nothing ("." and empty parts), for the folder; NULL in *out if it leads out of it. */
static peal_status plain_path(const char *path, char **out, peal_error *err) {
    peal_buffer text = {0};
    bool leads_out = false;
    peal_status status = PEAL_OK;
    for (const char *at = past_slashes(path); *at && status == PEAL_OK && !leads_out;) {
        const size_t length = strcspn(at, "/");
        const bool is_dot = length == 1 && at[0] == '.';
        leads_out = length == 2 && at[0] == '.' && at[1] == '.';
        if (!is_dot && !leads_out) {
            if (text.size) status = peal_buffer_append(&text, "/", 1, err);
            if (status == PEAL_OK) status = peal_buffer_append(&text, at, length, err);
        }
        at = past_slashes(at + length);
    }
    *out = NULL;
    if (status == PEAL_OK && !leads_out && text.size) {
        *out = peal_strndup((const char *)text.data, text.size);
        if (!*out) status = peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    }
    peal_buffer_clear(&text);
    return status;
}

/* "a/0001.cls" of "a/0001.large.jpg": what stands beside an image has the same key. */
static char *label_path(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return peal_sprintf("%.*s.cls", (int)((size_t)(name - path) + strcspn(name, ".")), path);
}

static peal_status name_image(const peal_images_options *options, size_t kind, job__image *image, peal_error *err) {
    size_t stem;
    char *path = NULL;
    PEAL_TRY(plain_path(kept_path(image->item, options), &path, err));
    if (!path) {
        image->is_bad = true;
        image->reason = peal_strdup("its name leads out of the folder that is written");
        return image->reason ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for bad rows");
    }
    const size_t own = peal_image_kind_of_path(path, &stem);
    image->kind = kind == SIZE_MAX ? own : kind;
    if (image->kind == own) {
        image->file.path = path;
    } else {
        image->file.path = peal_sprintf("%.*s%s", (int)stem, path, peal_image_kind_suffix(image->kind));
        free(path);
    }
    if (image->file.path && image->item->label) image->label.path = label_path(image->file.path);
    const bool has_all = image->file.path && (!image->item->label || image->label.path);
    return has_all ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
}

/* ---- no two of one name ---- */

static int compare_paths(const void *a, const void *b) {
    const job__image *const *one = a, *const *other = b;
    const int order = strcmp((*one)->file.path, (*other)->file.path);
    return order ? order : (*one > *other) - (*one < *other);
}

static peal_status check_names(const job__images *images, peal_error *err) {
    const job__image **sorted;
    PEAL_TRY(peal_alloc_checked(&sorted, images->count + 1, sizeof *sorted, "a list of images", err));
    size_t count = 0;
    for (size_t i = 0; i < images->count; i++) {
        if (!images->all[i].is_bad) sorted[count++] = &images->all[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_paths);
    peal_status status = PEAL_OK;
    for (size_t i = 1; i < count && status == PEAL_OK; i++) {
        if (strcmp(sorted[i - 1]->file.path, sorted[i]->file.path) != 0) continue;
        char *one = peal_item_name(sorted[i - 1]->item), *other = peal_item_name(sorted[i]->item);
        status =
            peal_fail(err, PEAL_E_USAGE, "%s and %s would both be written to %s: write them to folders of their own",
                      one ? one : "?", other ? other : "?", sorted[i]->file.path);
        free(one);
        free(other);
    }
    free(sorted);
    return status;
}

static peal_status check_objects(const peal_object_list *objects, peal_error *err) {
    for (size_t i = 0; i < objects->count; i++) {
        const peal_object *object = &objects->objects[i];
        if (object->items.count) continue;
        return peal_fail(err, PEAL_E_DATA,
                         "%s is no image: images are files and members of archives named .jpg, .jpeg or .png",
                         object->name);
    }
    return PEAL_OK;
}

peal_status job__images_name(const peal_object_list *objects, const peal_images_options *options, size_t kind,
                             job__images *out, peal_error *err) {
    *out = (job__images){0};
    PEAL_TRY(check_objects(objects, err));
    PEAL_TRY(peal_zeroed_checked(&out->all, objects->item_count + 1, sizeof *out->all, "a list of images", err));
    for (size_t i = 0; i < objects->item_count; i++) {
        job__image *image = &out->all[out->count++];
        image->item = &objects->items[i];
        image->file.from = peal_item_identity(image->item);
        if (image->item->label) image->label.from = peal_item_identity(image->item->label);
        PEAL_TRY(name_image(options, kind, image, err));
    }
    return check_names(out, err);
}

void job__images_clear(job__images *images) {
    for (size_t i = 0; i < images->count; i++) {
        free(images->all[i].file.path);
        free(images->all[i].label.path);
        free(images->all[i].reason);
        free(images->all[i].warning);
    }
    free(images->all);
    *images = (job__images){0};
}
