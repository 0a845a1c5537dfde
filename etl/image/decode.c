/* The kinds of images, and what is the same for all of them: how they are turned. See image.h. */
#include <string.h>

#include "etl/image/decoder.h"

static const image__decoder *const decoders[] = {&image__jpeg, &image__png};

static const image__decoder *find(const uint8_t *head, size_t size) {
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        if (decoders[i]->recognise(head, size)) return decoders[i];
    }
    return NULL;
}

bool peal_image_is_one(const uint8_t *head, size_t size) {
    return find(head, size) != NULL;
}

static peal_status find_decoder(const uint8_t *bytes, size_t size, const image__decoder **out, peal_error *err) {
    *out = find(bytes, size);
    if (*out) return PEAL_OK;
    if (size == 0) return peal_fail(err, PEAL_E_DATA, "the file is empty");
    return peal_fail(err, PEAL_E_DATA, "its bytes (%02x %02x ...) are those of no JPEG or PNG image", bytes[0],
                     size > 1 ? bytes[1] : 0);
}

peal_status peal_image_look(const uint8_t *bytes, size_t size, peal_image_shape *out, peal_error *err) {
    const image__decoder *decoder;
    image__told told = {.orientation = 1};
    PEAL_TRY(find_decoder(bytes, size, &decoder, err));
    PEAL_TRY(decoder->look(bytes, size, out, &told, err));
    *out = peal_image_turned(out, told.orientation);
    return PEAL_OK;
}

/* The wish for an image that is turned, in terms of its stored pixels. */
static peal_status stored_wish(const image__decoder *decoder, const uint8_t *bytes, size_t size, peal_image_wish *wish,
                               peal_error *err) {
    peal_image_shape shape;
    image__told told = {.orientation = 1};
    if (wish->least_width == 0 || wish->least_height == 0) return PEAL_OK;
    PEAL_TRY(decoder->look(bytes, size, &shape, &told, err));
    if (told.orientation >= 5) *wish = (peal_image_wish){wish->least_height, wish->least_width};
    return PEAL_OK;
}

peal_status peal_image_decode(const uint8_t *bytes, size_t size, const peal_image_wish *wish, peal_image *out,
                              peal_image *spare, char warning[PEAL_IMAGE_WARNING], peal_error *err) {
    const image__decoder *decoder;
    image__told told = {.orientation = 1};
    peal_image_wish stored = *wish;
    warning[0] = '\0';
    PEAL_TRY(find_decoder(bytes, size, &decoder, err));
    PEAL_TRY(stored_wish(decoder, bytes, size, &stored, err));
    PEAL_TRY(decoder->decode(bytes, size, &stored, out, spare, &told, err));
    memcpy(warning, told.warning, PEAL_IMAGE_WARNING);
    if (told.orientation == 1) return PEAL_OK;
    PEAL_TRY(peal_image_turn(out, told.orientation, spare, err));
    peal_image_swap(out, spare);
    return PEAL_OK;
}
