/* One number of EXIF data: how an image is to be turned. What is damaged tells nothing, and the image stays as it is.
 * Source: Exif 2.3, 4.6.2 and 4.6.4 (tag 0x0112); TIFF 6.0. */
#include <string.h>

#include "etl/image/kind.h"

typedef struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool is_little;
} tiff;

static uint32_t number(const tiff *self, size_t at, size_t size) {
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | self->bytes[at + (self->is_little ? size - 1 - i : i)];
    }
    return value;
}

unsigned image__exif_orientation(const uint8_t *bytes, size_t size) {
    enum { HEADER = 8, ENTRY = 12, ORIENTATION = 0x0112, SHORT = 3 };
    if (size < HEADER || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0)) return 1;
    const tiff self = {.bytes = bytes, .size = size, .is_little = bytes[0] == 'I'};
    const size_t at = number(&self, 4, 4);
    if (at > size || size - at < 2) return 1;
    const size_t entries = number(&self, at, 2);
    for (size_t i = 0; i < entries && (i + 1) * ENTRY + 2 <= size - at; i++) {
        const size_t entry = at + 2 + i * ENTRY;
        if (number(&self, entry, 2) != ORIENTATION || number(&self, entry + 2, 2) != SHORT) continue;
        const unsigned orientation = number(&self, entry + 8, 2);
        return orientation >= 1 && orientation <= 8 ? orientation : 1;
    }
    return 1;
}
