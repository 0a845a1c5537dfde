/* A wish to stop: a number that the caller owns and sets, from a signal handler or another thread, and that long work
 * looks at now and then. */
#ifndef PEAL_CORE_STOP_H
#define PEAL_CORE_STOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* True once `*stop` is not 0. NULL: nobody can wish to stop. */
static inline bool peal_is_stopped(const atomic_int *stop) {
    return stop && atomic_load(stop) != 0;
}

#endif
