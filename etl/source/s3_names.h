/* Names of objects in S3 and stores like it, and the URLs behind them. Private to this folder.
 *
 *   s3://bucket/key                       one object
 *   s3://bucket/folder/                   all whose keys begin with "folder/"; s3://bucket/: all there are
 *   s3://bucket/part-*.csv.gz             those that match: *, ? and [] as in names of files, which pass no slash
 *
 * A key stands in a name as it is, without the %20 of URLs. */
#ifndef PEAL_ETL_SOURCE_S3_NAMES_H
#define PEAL_ETL_SOURCE_S3_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/memory.h"
#include "core/base/status.h"

enum { SOURCE__BUCKET_MOST = 63, SOURCE__KEY_MOST = 1024 }; /* bytes */

typedef enum source__s3_meaning {
    SOURCE__S3_OBJECT,
    SOURCE__S3_FOLDER,
    SOURCE__S3_GLOB,
} source__s3_meaning;

typedef struct source__s3_name {
    char bucket[SOURCE__BUCKET_MOST + 1];
    const char *key; /* within the name: a key, what keys begin with, or a pattern */
    source__s3_meaning meaning;
} source__s3_name;

bool source__is_s3(const char *name);
/* PEAL_E_USAGE if the name is none. `out` borrows from `name`. */
peal_status source__s3_name_read(const char *name, source__s3_name *out, peal_error *err);
/* Bytes of the key that every key meant by the name begins with: all of a folder's, those before a glob's first mark.
 */
size_t source__s3_fixed(const source__s3_name *name);
/* True if a key that begins so is meant by the name; nothing is hidden from an object's or folder's. */
bool source__s3_matches(const source__s3_name *name, const char *key);

/* "https://BUCKET.s3.REGION.amazonaws.com" if `endpoint` is NULL (with the bucket in the path where it cannot be a
 * host's name), else ENDPOINT/BUCKET; no slash at its end. Freed by the caller; NULL: no memory. */
char *source__s3_bucket_url(const char *endpoint, const char *region, const char *bucket);
/* Appends `text` with all bytes but letters, digits and "-._~" as %XX, and slashes too unless `is_path`. Source: RFC
 * 3986, section 2, as Signature Version 4 of Amazon wants it. */
peal_status source__s3_encode(const char *text, bool is_path, peal_buffer *out, peal_error *err);
/* Replaces %XX and "+" by what they stand for, in place. False if that is none, or a NUL. */
bool source__s3_decode(char *text);

#endif
