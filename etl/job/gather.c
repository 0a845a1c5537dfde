/* Runs of small objects become inputs; see gather.h.
 *
 * A key is a path up to the first point of its last part, as in WebDataset's shards: "a/0001" of "a/0001.jpg" and of
 * "a/0001.cls". What is of one key stands together, for lists are sorted and shards are written so. */
#include "etl/job/gather.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ITEMS_MOST = 2048 }; /* of an input: what is read again where a job that was killed goes on */

const peal_format *job__gathering_format(void) {
    size_t i = 0;
    while (!peal_formats[i]->gathers) i++;
    return peal_formats[i];
}

static bool has_suffix(const char *path, const char *suffix) {
    const size_t length = strlen(path), size = strlen(suffix);
    return length > size && strcasecmp(path + length - size, suffix) == 0;
}

bool job__is_gathered(const char *path) {
    const char *const *suffixes = job__gathering_format()->suffixes;
    for (; *suffixes; suffixes++) {
        if (has_suffix(path, *suffixes)) return true;
    }
    return false;
}

static const char *path_of(const peal_object *object) {
    return object->member ? object->member->path : object->source->path;
}

static bool is_row(const peal_object *object) {
    return !object->source->live && job__is_gathered(path_of(object));
}

static size_t key_length(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *point = strchr(name, '.');
    return point ? (size_t)(point - path) : strlen(path);
}

static bool same_key(const peal_object *a, const peal_object *b) {
    const char *one = path_of(a), *other = path_of(b);
    const size_t length = key_length(one);
    const bool same_place = a->archive ? a->source == b->source : !b->archive;
    return same_place && length == key_length(other) && memcmp(one, other, length) == 0;
}

/* True of "a/0001.jpg": the key and nothing but an ending. Others of the key, as "a/0001.seg.png", are further fields
 * of a sample. */
static bool is_plain_of_key(const char *path) {
    return !strchr(path + key_length(path) + 1, '.');
}

/* Which of two files beside an image tells its label: 0 is none, and the least of others the first to be asked. */
static unsigned label_rank(const char *path) {
    static const char *const suffixes[] = {".cls", ".json", ".txt"};
    for (unsigned i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (has_suffix(path, suffixes[i])) return i + 1;
    }
    return 0;
}

bool job__may_be_label(const char *path) {
    return label_rank(path) > 0;
}

/* ---- one key ---- */

typedef struct gathering {
    peal_object_list *list;
    bool all_images; /* each image is a row */
    size_t kept;     /* objects that were looked at and stay */
    size_t left_out; /* that stand beside rows and say nothing; the first one's name: */
    const char *first;
    size_t fields; /* images that are further fields of a row's sample; the first one's name: */
    const char *first_field;
} gathering;

static peal_item item_of(const peal_object *object) {
    return (peal_item){.source = object->source, .archive = object->archive, .member = object->member};
}

/* Adds a row to the input that is under way, or to a new one. */
static void add_row(gathering *self, const peal_object *object, const peal_item *label) {
    peal_object_list *list = self->list;
    peal_object *last = self->kept ? &list->objects[self->kept - 1] : NULL;
    peal_item *item = &list->items[list->item_count];
    *item = item_of(object);
    item->label = label;
    const bool goes_on = last && last->items.count > 0 && last->items.count < ITEMS_MOST &&
                         last->archive == object->archive && (!object->archive || last->source == object->source);
    if (goes_on) {
        last->items.count++;
    } else {
        peal_object made = {.source = object->source, .archive = object->archive};
        made.items = (peal_items){.items = item, .count = 1, .first = list->item_count};
        list->objects[self->kept++] = made;
    }
    list->item_count++;
}

/* The objects from `begin` to `end`, which have one key. Those that stay move forward, never beyond `begin`. */
static void gather_key(gathering *self, size_t begin, size_t end) {
    peal_object_list *list = self->list;
    size_t rows = 0, plain = 0, best = SIZE_MAX;
    unsigned best_rank = 0;
    for (size_t i = begin; i < end; i++) {
        const unsigned rank = label_rank(path_of(&list->objects[i]));
        rows += is_row(&list->objects[i]);
        plain += is_row(&list->objects[i]) && is_plain_of_key(path_of(&list->objects[i]));
        if (rank && (!best_rank || rank < best_rank)) {
            best = i;
            best_rank = rank;
        }
    }
    const peal_item *label = NULL;
    if (rows && best_rank) {
        list->labels[list->label_count] = item_of(&list->objects[best]);
        label = &list->labels[list->label_count++];
    }
    const bool has_fields = label && plain && !self->all_images;
    for (size_t i = begin; i < end; i++) {
        const peal_object object = list->objects[i];
        if (is_row(&object) && has_fields && !is_plain_of_key(path_of(&object))) {
            if (self->fields++ == 0) self->first_field = path_of(&object);
        } else if (is_row(&object)) {
            add_row(self, &object, label);
        } else if (rows == 0 && !(object.archive && label_rank(path_of(&object)))) {
            list->objects[self->kept++] = object;
        } else if (rows == 0 || i != best) { /* of an archive a label whose image is missing, too */
            if (self->left_out++ == 0) self->first = path_of(&object);
        }
    }
}

static size_t count_rows(const peal_object_list *list) {
    size_t rows = 0;
    for (size_t i = 0; i < list->count; i++) rows += is_row(&list->objects[i]);
    return rows;
}

peal_status job__gather(peal_object_list *list, bool all_images, const peal_reporter *reporter, peal_error *err) {
    if (list->format && !list->format->gathers) return PEAL_OK;
    const size_t rows = count_rows(list);
    gathering self = {.list = list, .all_images = all_images};
    if (rows == 0) return PEAL_OK;
    PEAL_TRY(peal_zeroed_checked(&list->items, rows, sizeof *list->items, "a list of images", err));
    PEAL_TRY(peal_zeroed_checked(&list->labels, list->count, sizeof *list->labels, "a list of images", err));
    for (size_t begin = 0, end; begin < list->count; begin = end) {
        for (end = begin + 1; end < list->count && same_key(&list->objects[begin], &list->objects[end]);) end++;
        gather_key(&self, begin, end);
    }
    list->count = self.kept;
    for (size_t i = 0; i < list->count; i++) {
        list->objects[i].items.all = list->items;
        list->objects[i].items.all_count = list->item_count;
    }
    if (self.fields) {
        peal_report(reporter, PEAL_EVENT_NOTE, "left out: %zu image%s beside the one of a sample (%s%s)", self.fields,
                    self.fields == 1 ? "" : "s", self.first_field, self.fields == 1 ? "" : "...");
    }
    if (self.left_out) {
        peal_report(reporter, PEAL_EVENT_NOTE, "left out: %zu file%s beside images that tell%s no label (%s%s)",
                    self.left_out, self.left_out == 1 ? "" : "s", self.left_out == 1 ? "s" : "", self.first,
                    self.left_out == 1 ? "" : "...");
    }
    return PEAL_OK;
}
