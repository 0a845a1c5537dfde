/* Encodings: text that is not UTF-8 becomes UTF-8 on its way in. By iconv of the C library. */
#ifndef PEAL_ETL_CODEC_ENCODING_H
#define PEAL_ETL_CODEC_ENCODING_H

#include "etl/source/stream.h"

/* The stream's text, written in `encoding` (latin1, windows-1252, utf-16... any name that iconv knows), in UTF-8. Takes
 * `inner` over, even on failure. PEAL_E_USAGE if there is no such encoding; reading gives PEAL_E_DATA, with the byte,
 * for what is no text of it. `name` is for messages and is copied. */
peal_status peal_encoding_open(peal_stream *inner, const char *name, const char *encoding, peal_stream **out,
                               peal_error *err);

#endif
