/* Rotation: which file is which, whatever its name, and which of a folder's files had a name before the one that has it
 * now. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_ROTATED_H
#define PEAL_ETL_SOURCE_ROTATED_H

#include "etl/source/source.h"

/* A file of a stream that follows a name, or the same one from its beginning again. */
typedef struct source__part {
    uint64_t begin; /* byte of the stream at which it begins */
    peal_place place;
} source__part;

struct stat;
/* Whether it is the file that `place` is in, or one that has got its inode since. */
bool source__is_file(const struct stat *info, const peal_place *place);
/* When an open file was made; 0: the file system does not say. */
int64_t source__born_ns(int fd);
/* Whether the open file is the one that `place` is in. */
bool source__is_same(int fd, const peal_place *place);

/* Opens for reading, without waiting for who writes to a FIFO; -1, and errno. */
int source__open_file(int folder, const char *name);
/* Opens the file of the path's folder that `place` is in, whatever its name; -1 if there is none. *name is the
 * caller's. */
int source__open_renamed(const char *path, const peal_place *place, char **name);
/* Opens the file that had the name `path` next after the last of the parts; -1, and errno, if there is none. *name is
 * what it is called if it has lost that name, too, since (the caller's); else NULL.
 *
 * Where the last part is app.log.3 by now, it is the first that was made after it of app.log.1, app.log.2...: of files
 * whose names are its own but for the digits behind what it shares with `path`. So the files of another log are none
 * (other-2.log.1 beside other-1.log.3), nor are copies (app.log.1.bak). Where its name does not tell that, the file
 * that has the name now is taken for the next. */
int source__open_next(const char *path, const source__part *parts, size_t part_count, char **name);

#endif
