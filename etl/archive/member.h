/* What all kinds of archives share when they list their members. Private to this folder. */
#ifndef PEAL_ETL_ARCHIVE_MEMBER_H
#define PEAL_ETL_ARCHIVE_MEMBER_H

#include "core/base/text.h"
#include "etl/archive/archive.h"

/* Reads exactly `size` bytes from `offset` on. PEAL_E_DATA if the stream ends before; `what` is what is read, for the
 * message: "a tar header". */
peal_status archive__read(peal_stream *stream, const char *name, uint64_t offset, void *out, size_t size,
                          const char *what, peal_error *err);

/* Appends a member that is a regular file, with a copy of its path, or counts it as hidden. `member->path` is not
 * looked at. PEAL_E_DATA if there is a NUL in the path, which then could not be told from a shorter one. */
peal_status archive__member_add(peal_member_list *list, const char *name, const char *path, size_t length,
                                const peal_member *member, peal_error *err);

/* True if a file of this path is left out: it has no name, or a part of it begins with '.' or '_'. The parts "." and
 * ".." say where and hide nothing. */
bool archive__path_is_hidden(const char *path, size_t length);

/* PEAL_E_DATA if two members have one path. */
peal_status archive__members_check(const peal_member_list *list, const char *name, peal_error *err);

/* A path as a message shows it: its beginning, so that the rest of the message has room. Returns `out`. */
enum { ARCHIVE_SHOWN_MOST = 200, ARCHIVE_SHOWN_SIZE = ARCHIVE_SHOWN_MOST + PEAL_TEXT_CUT_EXTRA };
const char *archive__path_shown(const char *path, size_t length, char out[ARCHIVE_SHOWN_SIZE]);

#endif
