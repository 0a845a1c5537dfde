/* Kinds of sources: each tells which names are its own, lists what stands behind a name, and opens it. The table stands
 * in source.c; the first kind that recognises a name has it.
 *
 * To add one: a file with a `const peal_source_kind`, and a line in the table. What a kind needs for a whole list (a
 * connection, a thread) is its session: begun when the first name of the kind is met, ended with the list. How many
 * objects it reads from at once is its own affair: `open` does not wait, streams may. */
#ifndef PEAL_ETL_SOURCE_KIND_H
#define PEAL_ETL_SOURCE_KIND_H

#include "core/base/option.h"
#include "etl/source/source.h"
#include "etl/source/stream.h"

/* A list under way. */
typedef struct source__making {
    const peal_source_options *options;
    peal_source_list *list;
    const peal_source_kind *kind; /* of the name that is being listed */
    void *session;                /* its own */
} source__making;

struct peal_source_kind {
    const char *name, *documentation;
    const peal_option *options; /* its own, of all that are in peal_source_options.access; ends with a NULL name */
    /* True if what the user named is of this kind. */
    bool (*recognise)(const char *name);
    /* PEAL_E_USAGE if the name cannot be right, whatever is out there: no work has begun. NULL: any can. */
    peal_status (*check)(const char *name, peal_error *err);
    /* PEAL_E_USAGE if its options, each of which is right alone, do not go together. NULL: they always do. */
    peal_status (*check_options)(const json_t *access, peal_error *err);
    /* NULL, both: it needs no session. `options` outlive it. */
    peal_status (*begin)(const peal_source_options *options, void **session, peal_error *err);
    void (*end)(void *session);
    /* Adds what is behind the name, by source__add. */
    peal_status (*list)(source__making *making, const char *name, peal_error *err);
    /* Looks at all of its sources together when every name is listed: fills in size and version, or source->bad.
     * NULL: `list` has. */
    peal_status (*look)(source__making *making, peal_error *err);
    /* The bytes of a source that is not read from a descriptor. NULL: its path is opened as a file. Any thread. */
    peal_status (*open)(const peal_source *source, peal_source_meter *meter, peal_stream **out, peal_error *err);
    /* How the session's connections were used. NULL: it has none to tell of. Any thread. */
    void (*usage)(void *session, peal_source_usage *out);
    /* Frees source->own. NULL: there is none. */
    void (*forget)(peal_source *source);
    /* The file of this machine that a name reads, which must not be an output, if it is not the name itself. Freed by
     * the caller. NULL: there is none. */
    char *(*file)(const char *name);
    bool comes_once; /* its bytes do, whatever the name; of other kinds the file that a name stands for tells */
};

extern const peal_source_kind peal_source_files, peal_source_standard_input, peal_source_tcp, peal_source_unix,
    peal_source_http, peal_source_s3, peal_source_sqlite, peal_source_postgresql, peal_source_pages;

/* Puts `source` into the list, whose kind it gets. Takes it over, also on failure. */
peal_status source__add(source__making *making, peal_source *source, peal_error *err);

/* Notes bytes that a stream has read; `meter` may be NULL. */
static inline void source__meter_note(peal_source_meter *meter, const uint8_t *bytes, size_t size) {
    if (!meter) return;
    atomic_fetch_add_explicit(&meter->bytes, size, memory_order_relaxed);
    if (meter->hasher) peal_hasher_update(meter->hasher, bytes, size);
}

/* A new file without a name in the folder for temporary files, which is gone when its descriptor is closed; -1. */
int source__open_unnamed(void);

#endif
