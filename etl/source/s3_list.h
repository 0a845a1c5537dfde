/* Lists of S3: which objects a name means. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_S3_LIST_H
#define PEAL_ETL_SOURCE_S3_LIST_H

#include "etl/source/http.h"
#include "etl/source/s3_access.h"
#include "etl/source/s3_answer.h"
#include "etl/source/s3_names.h"

/* All objects whose keys can match `name`, page by page (`what`: as the user wrote it), sorted by key, with those that
 * do not match left out. PEAL_E_DATA names what the store answered, and a key that it told twice. */
peal_status source__s3_list(source__http_session *session, const source__s3_access *access, const char *what,
                            const source__s3_name *name, const peal_reporter *reporter, source__s3_listing *out,
                            peal_error *err);

/* Which objects of a folder are its data. */
typedef struct source__s3_choice {
    bool *taken;        /* [listing->count] */
    size_t taken_count; /* true ones */
    char *left_out;     /* "3 objects (a, b, c)"; NULL: there are none to tell of */
} source__s3_choice;
/* As of a folder of files: what is hidden, begins with "_" or is plainly no data is left out; of a folder of images,
 * all but those and what belongs to them. An object that only stands for a folder is no data either, and not told.
 * Of a glob and of an object all are taken. */
peal_status source__s3_choose(const source__s3_name *name, const source__s3_listing *listing, source__s3_choice *out,
                              peal_error *err);
void source__s3_choice_clear(source__s3_choice *choice);

#endif
