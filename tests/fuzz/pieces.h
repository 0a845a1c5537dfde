/* What the fuzz targets of zstd, bzip2 and xz have in common. */
#ifndef PEAL_TESTS_FUZZ_PIECES_H
#define PEAL_TESTS_FUZZ_PIECES_H

#include "etl/codec/codec.h"

/* Decodes data at once and in pieces; aborts unless both agree on the bytes and on whether there is an error. */
void fuzz_in_pieces(const peal_codec *codec, const uint8_t *data, size_t size);

#endif
