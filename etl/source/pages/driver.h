/* The process of a browser's driver (chromedriver), which starts the browser, and the guard over both. Private to this
 * folder.
 *
 *   Peal --- life (a pipe) ---> guard ---> driver ---> browser ---> its own processes
 *
 * When Peal closes its end of the pipe, or dies, the guard kills all that is below it, whatever groups or sessions
 * these have made, and removes their folder: it is where orphans go (PR_SET_CHILD_SUBREAPER). */
#ifndef PEAL_ETL_SOURCE_PAGES_DRIVER_H
#define PEAL_ETL_SOURCE_PAGES_DRIVER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "core/base/status.h"

typedef struct pages__driver {
    pid_t guard;   /* 0: none runs */
    int life;      /* the writing end, or -1 */
    unsigned port; /* of 127.0.0.1, where the driver listens */
    char *folder;  /* of the browser, in the folder for temporary files */
} pages__driver;

/* Starts one and waits until it listens, for 30 s at most. PEAL_E_FAILED names what is missing; PEAL_E_DATA: it ended,
 * or hung, and may not do so the next time. */
peal_status pages__driver_start(pages__driver *out, const atomic_int *stop, peal_error *err);
/* Ends it with all that it has started; none is left when this returns. A driver that does not run is no error. */
void pages__driver_stop(pages__driver *driver);

#endif
