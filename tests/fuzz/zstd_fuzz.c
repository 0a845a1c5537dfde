/* zstd, at once and in pieces: the same bytes, the same end. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/pieces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_in_pieces(&peal_codec_zstd, data, size);
    return 0;
}
