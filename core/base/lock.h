/* Locks on files and folders: one job per output.
 *
 * A lock is an flock on a descriptor, so it ends with its process, however that ends. A child of `peal_fork` does not
 * hold it. On a file system that knows no such locks (some network file systems) a lock is granted all the same: it
 * excludes nobody there. */
#ifndef PEAL_CORE_LOCK_H
#define PEAL_CORE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/status.h"

typedef struct peal_lock peal_lock;
typedef enum peal_lock_kind { PEAL_LOCK_SHARED, PEAL_LOCK_EXCLUSIVE } peal_lock_kind;

/* Locks the file or folder at `path`, which exists. PEAL_E_BUSY, at once, if another job holds it: the message names
 * `what` ("the run folder"), the path and the process. */
peal_status peal_lock_take(const char *path, peal_lock_kind kind, const char *what, peal_lock **out, peal_error *err);
/* NULL is allowed. */
void peal_lock_release(peal_lock *lock);

/* fork(), with all locks let go in the child: each process of Peal's is made by it. */
pid_t peal_fork(void);

/* ---- inside core ---- */

/* Opens `path` and locks the descriptor; a child of peal_fork closes it. -1 and errno: EWOULDBLOCK if another holds the
 * lock, ESTALE if meanwhile something else stands at `path`. `must` makes it fail too where there are no locks. */
int core__locked_open(const char *path, int flags, mode_t mode, peal_lock_kind kind, bool must);
/* Closes such a descriptor; -1 is allowed. False, with errno, if the system says that something was not written. */
bool core__locked_close(int fd);
/* The process that holds a lock on what stands at `path`; 0 if it is not known. */
pid_t core__lock_holder(const char *path);
/* PEAL_E_BUSY: "WHAT PATH is in use by another job (process N)"; `holder` 0: not known. */
peal_status core__lock_busy(const char *what, const char *path, pid_t holder, peal_error *err);

#endif
