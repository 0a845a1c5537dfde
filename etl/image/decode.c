/* The kinds of images, and what is the same for all of them: how they are turned, and how they are told by their names.
 * See image.h and encode.h. */
#include <string.h>
#include <strings.h>

#include "etl/image/kind.h"

static const image__kind *const kinds[] = {&image__jpeg, &image__png};

static const image__kind *find(const uint8_t *head, size_t size) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i]->recognise(head, size)) return kinds[i];
    }
    return NULL;
}

bool peal_image_is_one(const uint8_t *head, size_t size) {
    return find(head, size) != NULL;
}

static peal_status find_kind(const uint8_t *bytes, size_t size, const image__kind **out, peal_error *err) {
    *out = find(bytes, size);
    if (*out) return PEAL_OK;
    if (size == 0) return peal_fail(err, PEAL_E_DATA, "the file is empty");
    return peal_fail(err, PEAL_E_DATA, "its bytes (%02x %02x ...) are those of no JPEG or PNG image", bytes[0],
                     size > 1 ? bytes[1] : 0);
}

peal_status peal_image_look(const uint8_t *bytes, size_t size, peal_image_shape *out, peal_error *err) {
    const image__kind *kind;
    image__told told = {.orientation = 1};
    PEAL_TRY(find_kind(bytes, size, &kind, err));
    PEAL_TRY(kind->look(bytes, size, out, &told, err));
    *out = peal_image_turned(out, told.orientation);
    return PEAL_OK;
}

/* The wish for an image that is turned, in terms of its stored pixels. */
static peal_status stored_wish(const image__kind *kind, const uint8_t *bytes, size_t size, peal_image_wish *wish,
                               peal_error *err) {
    peal_image_shape shape;
    image__told told = {.orientation = 1};
    if (wish->least_width == 0 || wish->least_height == 0) return PEAL_OK;
    PEAL_TRY(kind->look(bytes, size, &shape, &told, err));
    if (told.orientation >= 5) *wish = (peal_image_wish){wish->least_height, wish->least_width};
    return PEAL_OK;
}

peal_status peal_image_decode(const uint8_t *bytes, size_t size, const peal_image_wish *wish, peal_image *out,
                              peal_image *spare, char warning[PEAL_IMAGE_WARNING], peal_error *err) {
    const image__kind *kind;
    image__told told = {.orientation = 1};
    peal_image_wish stored = *wish;
    warning[0] = '\0';
    PEAL_TRY(find_kind(bytes, size, &kind, err));
    PEAL_TRY(stored_wish(kind, bytes, size, &stored, err));
    PEAL_TRY(kind->decode(bytes, size, &stored, out, spare, &told, err));
    memcpy(warning, told.warning, PEAL_IMAGE_WARNING);
    if (told.orientation == 1) return PEAL_OK;
    PEAL_TRY(peal_image_turn(out, told.orientation, spare, err));
    peal_image_swap(out, spare);
    return PEAL_OK;
}

/* ---- encoding ---- */

size_t peal_image_kind_count(void) {
    return sizeof kinds / sizeof *kinds;
}

const char *peal_image_kind_name(size_t kind) {
    return kinds[kind]->name;
}

const char *peal_image_kind_suffix(size_t kind) {
    return kinds[kind]->suffixes[0];
}

size_t peal_image_kind_of_path(const char *path, size_t *stem) {
    const size_t length = strlen(path);
    for (size_t i = 0; i < peal_image_kind_count(); i++) {
        for (const char *const *suffix = kinds[i]->suffixes; *suffix; suffix++) {
            const size_t size = strlen(*suffix);
            if (length <= size || strcasecmp(path + length - size, *suffix) != 0) continue;
            *stem = length - size;
            return i;
        }
    }
    return SIZE_MAX;
}

peal_status peal_image_encode(const peal_image *image, size_t kind, unsigned quality, peal_buffer *out,
                              peal_error *err) {
    out->size = 0;
    return kinds[kind]->encode(image, quality, out, err);
}
