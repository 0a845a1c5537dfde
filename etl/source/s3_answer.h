/* What S3 answers, in XML: pages of lists, and errors. Private to this folder.
 *
 * expat reads the XML. A page that is not what it should be is PEAL_E_DATA; of an error all that can be read is taken.
 * Source: Amazon S3 API Reference, ListObjectsV2 and "Error responses". */
#ifndef PEAL_ETL_SOURCE_S3_ANSWER_H
#define PEAL_ETL_SOURCE_S3_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum { SOURCE__S3_KEYS_MOST = 10000000 }; /* that one name lists */

typedef struct source__s3_key {
    char *key;
    uint64_t size; /* bytes */
    char *etag;    /* with its quotes; NULL: none was told */
} source__s3_key;

typedef struct source__s3_listing {
    source__s3_key *keys; /* [count], in the order of the pages */
    size_t count, capacity;
    char *next; /* what the next page is asked for by; NULL: that was the last one */
} source__s3_listing;

/* Adds the keys of a page: `size` bytes of XML. `what` is for messages: what is listed. */
peal_status source__s3_listing_add(source__s3_listing *listing, const char *what, const void *xml, size_t size,
                                   peal_error *err);
void source__s3_listing_clear(source__s3_listing *listing);

/* Texts that are longer are cut; "" if it is not told. No control characters. */
typedef struct source__s3_error {
    char code[64], message[256], region[64], endpoint[128];
} source__s3_error;
/* Reads an error, of which perhaps only the beginning is there. */
void source__s3_error_read(const void *xml, size_t size, source__s3_error *out);

#endif
