/* What size and channels the images of a job have: told by some of them, spread evenly over all, so that a folder of a
 * million does not have to be read twice. */
#include <stdlib.h>

#include "etl/format/image.h"
#include "etl/image/crew.h"

enum { LOOKED_AT_MOST = 1000, HEAD_SIZE = 1 << 17 };

typedef struct size_notes {
    peal_image_shape first;
    bool one_size, one_kind;
    uint32_t least_width, least_height, most_width, most_height;
    size_t count;
} size_notes;

static void note(size_notes *self, const peal_image_shape *shape) {
    if (self->count++ == 0) {
        *self = (size_notes){.first = *shape,
                             .one_size = true,
                             .one_kind = true,
                             .least_width = shape->width,
                             .least_height = shape->height,
                             .most_width = shape->width,
                             .most_height = shape->height,
                             .count = 1};
    }
    self->one_size = self->one_size && shape->width == self->first.width && shape->height == self->first.height;
    self->one_kind = self->one_kind && shape->channels == self->first.channels;
    if (shape->width < self->least_width) self->least_width = shape->width;
    if (shape->width > self->most_width) self->most_width = shape->width;
    if (shape->height < self->least_height) self->least_height = shape->height;
    if (shape->height > self->most_height) self->most_height = shape->height;
}

/* The beginning of a large file, if that tells; else all of it. */
static peal_status look_at_item(const peal_item *item, peal_buffer *bytes, peal_image_shape *out, peal_error *err) {
    peal_stream *stream;
    bytes->size = 0;
    PEAL_TRY(peal_buffer_reserve(bytes, HEAD_SIZE, err));
    PEAL_TRY(peal_item_open(item, &stream, err));
    const peal_status status = peal_stream_fill(stream, bytes->data, HEAD_SIZE, &bytes->size, err);
    peal_stream_close(stream);
    PEAL_TRY(status);
    if (bytes->size == HEAD_SIZE && peal_image_look(bytes->data, bytes->size, out, NULL) != PEAL_OK) {
        PEAL_TRY(peal_item_read(item, PEAL_IMAGE_BYTES_MOST, bytes, err));
    }
    return peal_image_look(bytes->data, bytes->size, out, err);
}

/* What is no image is a bad row when it is read, and tells nothing here. */
static peal_status take_look(size_notes *self, peal_status status, const peal_image_shape *shape) {
    if (status == PEAL_OK) note(self, shape);
    return status == PEAL_E_DATA ? PEAL_OK : status;
}

/* Of `count` items those that are looked at: the i-th of `looks`. */
static const peal_item *item_to_look_at(const peal_items *items, size_t i, size_t looks) {
    return &items->all[(size_t)((uint64_t)i * items->all_count / looks)];
}

static size_t looks_at(const peal_items *items) {
    return items->all_count < LOOKED_AT_MOST ? items->all_count : LOOKED_AT_MOST;
}

static peal_status look_at_items(const peal_items *items, size_notes *out, peal_buffer *bytes, peal_error *err) {
    for (size_t i = 0; i < looks_at(items); i++) {
        peal_image_shape shape;
        PEAL_TRY(take_look(out, look_at_item(item_to_look_at(items, i, looks_at(items)), bytes, &shape, err), &shape));
    }
    return PEAL_OK;
}

/* ---- by processes ---- */

enum { LOOKS_AT_ONCE = 32 };

typedef struct told_look {
    peal_status status;
    peal_error why;
    peal_image_shape shape;
} told_look;

_Static_assert(LOOKS_AT_ONCE * sizeof(told_look) <= PEAL_IMAGE_LOOK_BYTES, "a result has room");

static peal_status tell_looks(peal_call *call, peal_error *err) {
    const peal_image_span *span = call->argument;
    const peal_items *items = span->shared[0];
    told_look *looks = call->result;
    peal_buffer bytes = {0};
    (void)err;
    for (size_t i = 0; i < span->count; i++) {
        const peal_item *item = item_to_look_at(items, span->first + i, looks_at(items));
        looks[i].status = look_at_item(item, &bytes, &looks[i].shape, &looks[i].why);
    }
    call->result_size = span->count * sizeof *looks;
    peal_buffer_clear(&bytes);
    return PEAL_OK;
}

static peal_status take_looks(void *user, size_t first, size_t count, const void *result, size_t size,
                              peal_error *err) {
    const told_look *looks = result;
    (void)first;
    (void)size;
    for (size_t i = 0; i < count; i++) {
        const peal_status status = take_look(user, looks[i].status, &looks[i].shape);
        if (status != PEAL_OK && err) *err = looks[i].why;
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* It will be a bad row. */
static peal_status pass_over(void *user, size_t row, const char *reason, peal_error *err) {
    (void)user;
    (void)row;
    (void)reason;
    (void)err;
    return PEAL_OK;
}

static peal_status look_apart(peal_image_crew *crew, const peal_items *items, size_notes *out, peal_error *err) {
    const peal_image_work apart = {
        .task = tell_looks, .shared = {items}, .consume = take_looks, .crashed = pass_over, .user = out};
    const size_t looks = looks_at(items);
    for (size_t first = 0; first < looks; first += LOOKS_AT_ONCE) {
        const size_t count = looks - first < LOOKS_AT_ONCE ? looks - first : LOOKS_AT_ONCE;
        PEAL_TRY(peal_image_crew_run(crew, &apart, first, count, err));
    }
    return PEAL_OK;
}

static peal_status look_at(const peal_survey *what, const peal_input *input, size_notes *out, peal_error *err) {
    peal_buffer bytes = {0};
    peal_status status;
    if (input->items) {
        status =
            what->crew ? look_apart(what->crew, input->items, out, err) : look_at_items(input->items, out, &bytes, err);
    } else {
        status = peal_stream_read_all(input->stream, input->name, PEAL_IMAGE_BYTES_MOST, &bytes, err);
        peal_image_shape shape;
        if (status == PEAL_OK) {
            status = take_look(out, peal_image_look(bytes.data, bytes.size, &shape, err), &shape);
        }
    }
    peal_buffer_clear(&bytes);
    if (status != PEAL_OK || out->count > 0) return status;
    return peal_fail(err, PEAL_E_DATA, "%s: not one image in it can be decoded", input->name);
}

static void tell(const peal_survey *what, const peal_input *input, const size_notes *sizes) {
    const size_t all = input->items ? input->items->all_count : 1;
    const char *kind = !sizes->one_kind ? "some grey, some in colour" : sizes->first.channels == 1 ? "grey" : "colour";
    char looked[64] = "";
    if (sizes->count < all) peal_snprintf(looked, sizeof looked, " of which %zu were looked at", sizes->count);
    if (sizes->one_size) {
        peal_report(what->reporter, PEAL_EVENT_NOTE, "images: %zu%s, %u x %u, %s", all, looked, sizes->first.width,
                    sizes->first.height, kind);
        return;
    }
    peal_report(what->reporter, PEAL_EVENT_NOTE,
                "images: %zu%s, from %u x %u to %u x %u, %s; made alike by 'resize' (64 x 64, unless one is named)",
                all, looked, sizes->least_width, sizes->least_height, sizes->most_width, sizes->most_height, kind);
}

static peal_status add_columns(const size_notes *sizes, peal_found *out, peal_error *err) {
    peal_schema *schema = &out->schema;
    PEAL_TRY(peal_schema_add(schema, "image", 5, PEAL_TYPE_FIXED_LIST, err));
    PEAL_TRY(peal_schema_add(schema, "label", 5, PEAL_TYPE_DICTIONARY, err));
    peal_field *image = &schema->fields[0];
    image->item = PEAL_TYPE_UINT8;
    image->width = 1; /* until the pipeline's steps tell it */
    image->is_image = true;
    image->image.channels = sizes->one_kind ? sizes->first.channels : 3;
    if (sizes->one_size) {
        image->image.width = sizes->first.width;
        image->image.height = sizes->first.height;
    }
    for (size_t i = 0; i < schema->count; i++) schema->fields[i].settled = schema->fields[i].decided = true;
    out->label = "label";
    return peal_alloc_checked(&out->guesses, schema->count, sizeof *out->guesses, "columns", err);
}

peal_status image__survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                          peal_error *err) {
    (void)options;
    size_notes sizes = {0};
    *out = (peal_found){0};
    peal_status status = look_at(what, input, &sizes, err);
    if (status == PEAL_OK) status = add_columns(&sizes, out, err);
    if (status == PEAL_OK) tell(what, input, &sizes);
    peal_stream_close(input->stream);
    peal_stream_close(input->labels);
    if (status != PEAL_OK) peal_found_clear(out);
    return status;
}
