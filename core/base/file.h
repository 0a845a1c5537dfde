/* Files and folders: whole reads, and output that appears whole or not at all.
 *
 * An atomic file is written under a temporary name beside its target, flushed, fsynced, renamed over the target, and
 * the parent folder is fsynced. A folder is prepared and put in place in the same way (`peal_staging`). A symbolic link
 * stays, what it points to is replaced. A special file (a device, a FIFO, /dev/stdout, /dev/fd/N) is written in place.
 *
 * A temporary name ends in ".peal-tmp-<16 random hexadecimal digits>". Its maker holds a lock on it, so a later job
 * can tell and remove what a killed one left, and a second job on the same output is refused with PEAL_E_BUSY. */
#ifndef PEAL_CORE_FILE_H
#define PEAL_CORE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/memory.h"
#include "core/base/status.h"

/* Appends the whole file at `path` to `out`. */
peal_status peal_file_read(const char *path, peal_buffer *out, peal_error *err);

/* Reads `size` bytes from `offset` of an open file, which stays where it stands; *got is less only at the file's end.
 * `path` is for messages, here and below. */
peal_status peal_file_read_at(int fd, const char *path, void *bytes, size_t size, uint64_t offset, size_t *got,
                              peal_error *err);

/* A read-only map of a whole file. An empty file maps to {NULL, 0}. */
typedef struct peal_map {
    const uint8_t *data;
    size_t size;
} peal_map;
peal_status peal_map_open(const char *path, peal_map *out, peal_error *err);
void peal_map_close(peal_map *map);

/* Refuses a name that no output can have: empty, ending in "." or "..", the root or the current folder. */
peal_status peal_output_check(const char *path, peal_error *err);

typedef struct peal_atomic_file peal_atomic_file;
/* Begins a file that will stand at `path`. PEAL_E_FAILED names the path and the system's reason; PEAL_E_BUSY: another
 * job is making it. */
peal_status peal_atomic_file_open(const char *path, peal_atomic_file **out, peal_error *err);
/* The same; a FIFO is waited for until somebody reads from it, and a special file until it takes bytes, but only until
 * `*stop` is not 0 (PEAL_E_INTERRUPTED) and, for a reader, a minute. */
peal_status peal_atomic_file_open_stoppable(const char *path, const atomic_int *stop, peal_atomic_file **out,
                                            peal_error *err);
/* True if it is a special file, which takes what is written at once. */
bool peal_atomic_file_is_in_place(const peal_atomic_file *file);
peal_status peal_atomic_file_write(peal_atomic_file *file, const void *bytes, size_t size, peal_error *err);
/* fsync, rename, fsync of the folder. Frees `file` whatever happens; on failure nothing is left. */
peal_status peal_atomic_file_commit(peal_atomic_file *file, peal_error *err);
/* Removes what was written and frees. NULL is allowed. */
void peal_atomic_file_abort(peal_atomic_file *file);
/* The three calls in one. */
peal_status peal_file_write_atomic(const char *path, const void *bytes, size_t size, peal_error *err);
/* Appends to a regular file, which is made if it is not there; what does not go in whole is taken back. */
peal_status peal_file_append(const char *path, const void *bytes, size_t size, peal_error *err);

/* Writes at `offset` of an open file, which stays where it stands. Any thread. Raises no signal either. */
peal_status peal_file_write_at(int fd, const char *path, const void *bytes, size_t size, uint64_t offset,
                               peal_error *err);

/* A new file for output inside a folder that is itself put in place later; one that stands there is removed. Writes go
 * straight to the system, and a failed one raises no signal (SIGPIPE, SIGXFSZ). */
typedef struct peal_out_file {
    int fd;
    uint64_t size; /* bytes written so far */
    char *path;
    bool is_special;        /* a write may have to wait for a reader */
    const atomic_int *stop; /* ends such a wait if not 0; may be NULL */
} peal_out_file;
peal_status peal_out_file_open(const char *path, peal_out_file *out, peal_error *err);
peal_status peal_out_file_write(peal_out_file *file, const void *bytes, size_t size, peal_error *err);
/* Closes, with fsync first if `sync`. */
peal_status peal_out_file_close(peal_out_file *file, bool sync, peal_error *err);
/* Starts writing what is dirty to the disk without waiting, so that a later fsync finds little to do. */
void peal_out_file_start_writeback(peal_out_file *file);
void peal_out_file_abandon(peal_out_file *file);

/* Makes `path` and its missing parents. */
peal_status peal_folder_make(const char *path, peal_error *err);
/* Removes a file or a folder of Peal's own with all in it; links are not followed; what is not there is no error. */
peal_status peal_remove_tree(const char *path, peal_error *err);

/* What a kind of folder may hold: only a folder that is wholly of the kind, or empty, is ever replaced. */
typedef struct peal_folder_kind {
    const char *what; /* "a dataset", for messages */
    bool has_folders; /* folders in it may belong to it, too; `judge` looks into them */
    /* Leaves belongs[i] true for the names that are part of it; it comes true for regular files, and folders if it may
     * have any. */
    peal_status (*judge)(const char *folder, const char *const *names, size_t count, bool *belongs, peal_error *err);
} peal_folder_kind;
/* PEAL_E_USAGE names what is in the way if `target` may not be replaced by a folder of the kind. */
peal_status peal_folder_check(const char *target, const peal_folder_kind *kind, peal_error *err);

/* A folder under a temporary name beside the place where it will stand. */
typedef struct peal_staging peal_staging;
/* Makes it, and removes what killed jobs left there; what one of them left under the name `keep` in its own folder
 * becomes this job's (NULL: nothing does). PEAL_E_BUSY: another job makes the same folder, or holds a lock on it. */
peal_status peal_staging_make(const char *target, const char *keep, peal_staging **out, peal_error *err);
const char *peal_staging_path(const peal_staging *staging);
/* Puts it at its target: fsync of the folder, rename (a folder that stands there is exchanged, checked again as by
 * peal_folder_check, and removed), fsync of the parent. Frees whatever happens; on failure nothing is left. */
peal_status peal_staging_commit(peal_staging *staging, const peal_folder_kind *kind, peal_error *err);
/* Removes it, or leaves it to a later job, and frees. NULL is allowed. */
void peal_staging_abandon(peal_staging *staging, bool keep);

/* Removes what killed jobs left beside `path` in making it. */
void peal_remove_stale_temporaries(const char *path);
/* The same for all names in a folder. */
void peal_remove_stale_in(const char *folder);
/* fsync of the folder that holds `path`. */
peal_status peal_sync_parent(const char *path, peal_error *err);

/* Where files go that no one keeps: $TMPDIR, else /tmp. */
const char *peal_temporary_folder(void);
/* folder/name, to be freed by the caller. */
char *peal_path_join(const char *folder, const char *name);
/* The part after the last slash. */
const char *peal_path_name(const char *path);
/* The folder of `path` ("." if it has none), to be freed by the caller. */
char *peal_path_folder(const char *path);
bool peal_path_exists(const char *path);
bool peal_path_is_folder(const char *path);
bool peal_path_is_regular(const char *path);

#endif
