/* The identity of a file: what tells without reading it whether its content is still the one that was seen.
 *
 * A file whose size, inode, device, time of modification and time of change are all equal is taken to be the same. The
 * time of change (ctime) cannot be set by programs, so a file that was written to and given its old time of
 * modification back (touch -d) is found. What cannot be told: writing through a shared map that the system has not
 * noticed yet, a machine's clock that was set back to the very nanosecond, and bytes that were changed below the file
 * system. */
#ifndef PEAL_CORE_IDENTITY_H
#define PEAL_CORE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "core/base/status.h"

typedef struct peal_identity {
    uint64_t size, inode, device;
    int64_t mtime_ns, ctime_ns;
} peal_identity;

peal_identity peal_identity_of(const struct stat *info);

/* True if every change from now on will give the file another identity. A clock of files moves in ticks, so a file that
 * changed within the last one is waited for (some milliseconds). False where times cannot tell: a file system that
 * keeps whole seconds only, or the clock of another machine that is ahead. */
bool peal_identity_settle(const peal_identity *identity);

/* PEAL_E_DATA "<path> changed while it was <doing>..." if the open file `fd` has another identity than `was`. */
peal_status peal_identity_check(int fd, const char *path, const peal_identity *was, const char *doing, peal_error *err);

#endif
