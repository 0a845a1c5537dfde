/* JPEG and PNG: what decodes has the shape that was promised; it is decoded whole and for a smaller size, and made
 * small; it is encoded again. The first byte chooses. Large images are left out: they would cost time and show nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "etl/image/encode.h"
#include "etl/image/image.h"
#include "tests/fuzz/fuzz.h"

enum { PIXELS_MOST = 1 << 18 };

static void use(peal_image *image, peal_image *spare, uint8_t choice) {
    unsigned sum = 0;
    const size_t size = peal_image_size(&image->shape);
    for (size_t i = 0; i < size; i++) sum += image->pixels[i];
    if (sum == 1) return; /* every pixel is looked at */
    if (peal_image_resize(image, 1 + choice % 9, 1 + choice / 9 % 5, spare, NULL) != PEAL_OK) abort();
    peal_image_swap(image, spare);
    if (peal_image_turn(image, 1 + choice % 8, spare, NULL) != PEAL_OK) abort();
    if (peal_image_recolour(spare, choice & 1 ? 1 : 3, image, NULL) != PEAL_OK) abort();
}

/* As a PNG it is itself; as a JPEG it has its shape. */
static void encode(const peal_image *image, uint8_t choice) {
    peal_image again = {0}, spare = {0};
    peal_buffer bytes = {0};
    char warning[PEAL_IMAGE_WARNING];
    const peal_image_wish whole = {0};
    const bool is_exact = choice % 2 == 1;
    if (peal_image_encode(image, is_exact, 1 + choice % 100, &bytes, NULL) != PEAL_OK) abort();
    if (peal_image_decode(bytes.data, bytes.size, &whole, &again, &spare, warning, NULL) != PEAL_OK) abort();
    if (memcmp(&again.shape, &image->shape, sizeof again.shape) != 0) abort();
    if (is_exact && memcmp(again.pixels, image->pixels, peal_image_size(&image->shape)) != 0) abort();
    peal_buffer_clear(&bytes);
    peal_image_clear(&again);
    peal_image_clear(&spare);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    peal_image image = {0}, spare = {0};
    peal_image_shape shape;
    char warning[PEAL_IMAGE_WARNING];
    if (size == 0) return 0;
    const uint8_t choice = data[0];
    const peal_image_wish wish = {choice & 7, choice & 7};
    if (peal_image_look(data + 1, size - 1, &shape, NULL) != PEAL_OK) return 0;
    if ((uint64_t)shape.width * shape.height > PIXELS_MOST) return 0;
    if (peal_image_decode(data + 1, size - 1, &wish, &image, &spare, warning, NULL) == PEAL_OK) {
        if (image.shape.channels != shape.channels || image.shape.width > shape.width) abort();
        if ((choice & 7) == 0 && (image.shape.width != shape.width || image.shape.height != shape.height)) abort();
        encode(&image, choice);
        use(&image, &spare, choice);
    }
    peal_image_clear(&image);
    peal_image_clear(&spare);
    return 0;
}
