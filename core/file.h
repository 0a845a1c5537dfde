/* Files and folders: whole reads, and output that appears whole or not at all.
 *
 * An atomic file is written under a temporary name beside its target, flushed, fsynced, renamed over the target, and
 * the parent folder is fsynced. A folder is committed in the same way by `peal_folder_commit`. A temporary name ends in
 * ".peal-tmp-<pid>", so that a later job can tell and remove what a killed one left. */
#ifndef PEAL_CORE_FILE_H
#define PEAL_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/status.h"

/* Appends the whole file at `path` to `out`. */
peal_status peal_file_read(const char *path, peal_buffer *out, peal_error *err);

/* A read-only map of a whole file. An empty file maps to {NULL, 0}. */
typedef struct peal_map {
    const uint8_t *data;
    size_t size;
} peal_map;
peal_status peal_map_open(const char *path, peal_map *out, peal_error *err);
void peal_map_close(peal_map *map);

typedef struct peal_atomic_file peal_atomic_file;
/* Begins a file that will stand at `path`. PEAL_E_FAILED names the path and the system's reason. */
peal_status peal_atomic_file_open(const char *path, peal_atomic_file **out, peal_error *err);
peal_status peal_atomic_file_write(peal_atomic_file *file, const void *bytes, size_t size, peal_error *err);
/* Bytes written so far. */
uint64_t peal_atomic_file_size(const peal_atomic_file *file);
/* fsync, rename, fsync of the folder. Frees `file` whatever happens; on failure nothing is left. */
peal_status peal_atomic_file_commit(peal_atomic_file *file, peal_error *err);
/* Removes what was written and frees. NULL is allowed. */
void peal_atomic_file_abort(peal_atomic_file *file);
/* The three calls in one. */
peal_status peal_file_write_atomic(const char *path, const void *bytes, size_t size, peal_error *err);

/* A plain file for output inside a folder that is itself committed later. Writes go straight to the system. */
typedef struct peal_out_file {
    int fd;
    uint64_t size; /* bytes written so far */
    char *path;
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
/* Puts the finished folder `staging` at `target`: fsync of the folder, rename (a folder that stands at `target` is
 * exchanged and removed), fsync of the parent. */
peal_status peal_folder_commit(const char *staging, const char *target, peal_error *err);
/* Removes a file or a folder with all in it; what is not there is no error. */
peal_status peal_remove_tree(const char *path, peal_error *err);
/* Removes what killed jobs left beside `path`: names "<name>.peal-tmp-<pid>" whose process is gone. */
void peal_remove_stale_temporaries(const char *path);
/* The same for all names in a folder. */
void peal_remove_stale_in(const char *folder);
/* "<path>.peal-tmp-<pid of this process>", to be freed by the caller. */
char *peal_temporary_name(const char *path);
/* Makes the folder in which `target` is prepared, a temporary name beside it, and removes what killed jobs left there;
 * with `adopt` what one of them left becomes this job's. *out is freed by the caller. */
peal_status peal_staging_make(const char *target, bool adopt, char **out, peal_error *err);
/* fsync of the folder that holds `path`. */
peal_status peal_sync_parent(const char *path, peal_error *err);

/* folder/name, to be freed by the caller. */
char *peal_path_join(const char *folder, const char *name);
/* The part after the last slash. */
const char *peal_path_name(const char *path);
/* The folder of `path` ("." if it has none), to be freed by the caller. */
char *peal_path_folder(const char *path);
bool peal_path_exists(const char *path);
bool peal_path_is_folder(const char *path);

#endif
