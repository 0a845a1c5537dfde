/* Shared libraries that are loaded when the first source wants them. libcurl and libpq bring thirty others with them:
 * linked, every start of the program took three times as long. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_LIBRARY_H
#define PEAL_ETL_SOURCE_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

typedef struct source__symbol {
    const char *name; /* NULL ends the list */
    size_t offset;    /* of the pointer in `functions` */
} source__symbol;

typedef struct source__library {
    const char *file, *what; /* "libcurl.so.4", "sources of web servers" */
    const source__symbol *symbols;
    void *functions; /* a struct of pointers, which are set by the time it is loaded */
    pthread_mutex_t lock;
    bool is_loaded;
} source__library;

/* Loads it, once; it stays. PEAL_E_FAILED names what is missing. Any thread. */
peal_status source__library_load(source__library *library, peal_error *err);

#endif
