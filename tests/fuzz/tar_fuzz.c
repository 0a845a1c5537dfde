/* tar archives: headers, extended headers, and the members' bytes. Each input is run as it is, and with the checksums
 * of its headers set right, without which few changes would come through. */
#include <stdio.h>

#include "tests/fuzz/archive.h"
#include "tests/fuzz/fuzz.h"

enum { BLOCK = 512, CHECKSUM = 148, CHECKSUM_SIZE = 8, MAGIC = 257 };

static void seal(uint8_t *block) {
    unsigned sum = 0;
    char text[16];
    memset(block + CHECKSUM, ' ', CHECKSUM_SIZE);
    for (size_t i = 0; i < BLOCK; i++) sum += block[i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(block + CHECKSUM, text, CHECKSUM_SIZE - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    archive_run(&peal_archive_tar, data, size);
    uint8_t *sealed = malloc(size + 1);
    if (!sealed) abort();
    if (size > 0) memcpy(sealed, data, size);
    for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
        if (memcmp(sealed + at + MAGIC, "ustar", 5) == 0) seal(sealed + at);
    }
    archive_run(&peal_archive_tar, sealed, size);
    free(sealed);
    return 0;
}
