/* Items: small objects of which each is one row, such as images: a file, or a member of an archive. A format that reads
 * such (peal_format.gathers) gets many at once, names and no bytes; its threads open them. Whatever lists objects (a
 * folder, an archive, one day a bucket) gives such a format its input thereby. */
#ifndef PEAL_ETL_ARCHIVE_ITEM_H
#define PEAL_ETL_ARCHIVE_ITEM_H

#include "core/base/memory.h"
#include "etl/archive/archive.h"

typedef struct peal_item {
    const peal_source *source;
    const peal_archive *archive; /* that the source is; NULL: none */
    const peal_member *member;   /* of the archive, which the item is */
    const struct peal_item
        *label; /* what stands beside it and says what it is: its .cls, .json or .txt; NULL: nothing */
} peal_item;

/* A run of items in the order of their rows. */
typedef struct peal_items {
    const peal_item *items;
    size_t count;
    size_t first;         /* index of items[0] in: */
    const peal_item *all; /* those of the whole job, for a survey */
    size_t all_count;
} peal_items;

/* The path within the archive, or of the file. */
const char *peal_item_path(const peal_item *item);
/* "photos/a.jpg", "a.zip/b.jpg"; freed by the caller, NULL if there is no memory. */
char *peal_item_name(const peal_item *item);
/* Its bytes, from the beginning. Any thread. PEAL_E_DATA if the file is no longer what it was when it was listed. */
peal_status peal_item_open(const peal_item *item, peal_stream **out, peal_error *err);
/* All bytes of an item, in place of what `out` held. PEAL_E_DATA also if there are more than `most`. */
peal_status peal_item_read(const peal_item *item, size_t most, peal_buffer *out, peal_error *err);
/* The same of a stream, which is read to its end and stays the caller's; `name` is for messages. */
peal_status peal_stream_read_all(peal_stream *stream, const char *name, size_t most, peal_buffer *out, peal_error *err);

#endif
