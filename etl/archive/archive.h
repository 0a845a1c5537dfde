/* Archives: objects in an object. An archive lists its members, the regular files in it, and opens each as a stream of
 * its plain bytes.
 *
 * How it is used: peal_archive_recognise with the first bytes of an object tells the kind, `list` the members; `open`
 * takes a fresh stream of the same object for each member that is read, on any thread.
 *
 * To add one: a file with a `const peal_archive`, and a line in the table of archive.c. */
#ifndef PEAL_ETL_ARCHIVE_ARCHIVE_H
#define PEAL_ETL_ARCHIVE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "etl/source/stream.h"

enum { PEAL_ARCHIVE_HEAD_SIZE = 512 }; /* bytes of an object's beginning that tell its kind */

typedef struct peal_member {
    char *path;           /* as it stands in the archive; for messages only: nothing is ever written under it */
    uint64_t begin, size; /* its stored bytes: where in the archive they begin, and how many there are */
    uint64_t plain_size;  /* bytes */
    uint32_t crc32;       /* of the plain bytes; 0 in a kind of archive that keeps none */
    int method;           /* how the bytes are stored, by the archive's own number */
    /* Of a member that was listed from afar (peal_stream.is_far): its own header is at `begin`, and is read when it is
     * opened; its bytes stand behind it and end at `limit` at the latest; `record` is where the list found it. */
    uint64_t limit; /* 0: of all others */
    uint64_t record;
} peal_member;

/* In the archive's order. Zero-initialise it. Its memory is bounded by the size of the archive's directory (of a tar
 * archive: of its headers). */
typedef struct peal_member_list {
    peal_member *members;
    size_t count, capacity;
    size_t hidden;  /* files that are left out for their names: a part of it begins with '.' or '_', or it is empty */
    size_t special; /* links, devices and the like, which are left out too */
    bool lacks_end; /* it ends behind a whole member, without the mark that its kind ends with: there may have been more
                     */
} peal_member_list;

void peal_member_list_clear(peal_member_list *list);

typedef struct peal_archive {
    const char *name;
    const char *documentation;
    const char *suffix; /* of file names, ".zip" */
    bool has_directory; /* from afar `list` reads that and little more, however large the archive is */
    /* True if an object that begins with `head` (PEAL_ARCHIVE_HEAD_SIZE bytes, or all there are) is of this kind. */
    bool (*recognise)(const uint8_t *head, size_t size);
    /* Fills `out`, which is empty before, and stays so on failure, with the members that are regular files. `stream`
     * stays the caller's; it must have read_at and know its size. `name` is the archive's, for messages. PEAL_E_DATA,
     * with the byte, if the archive is damaged, cut short or of a sort that cannot be read, or if two members have one
     * name: which of them holds is for whoever made it to say. */
    peal_status (*list)(peal_stream *stream, const char *name, peal_member_list *out, peal_error *err);
    /* The plain bytes of a member. Takes `inner`, a stream like that of `list`, over, even on failure. `name`, which is
     * copied, is the member's for messages: "a.zip/part.csv". What is read in order is checked against what the archive
     * promises, at its last byte at the latest; what is read at an offset (read_at, where bytes are stored as they are)
     * is not. */
    peal_status (*open)(peal_stream *inner, const char *name, const peal_member *member, peal_stream **out,
                        peal_error *err);
} peal_archive;

extern const peal_archive peal_archive_zip;
extern const peal_archive peal_archive_tar;
extern const peal_archive *const peal_archives[]; /* ends with NULL */

/* The kind of an object that begins with `head`; NULL if it is no archive. */
const peal_archive *peal_archive_recognise(const uint8_t *head, size_t size);
/* PEAL_E_DATA if an object that is no archive, and begins with `head`, has a name that promises one: it is damaged, or
 * the last part of a split one. */
peal_status peal_archive_check_name(const char *name, const uint8_t *head, size_t size, peal_error *err);

#endif
