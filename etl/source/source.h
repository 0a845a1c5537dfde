/* Sources: where bytes come from. Files, folders (their regular files, sorted by name; what is hidden, begins with "_"
 * or is plainly no data, such as README.md, is left out and named), trees of images (all of them), globs, "-",
 * connections (tcp, unix), objects of web servers and of S3, tables and queries of databases, pages of web sites. What
 * tells one kind from another stands in its row of the table (kind.h).
 *
 * A regular file is opened by its name, as often as a job wants. What is no regular file (a pipe, a FIFO, a device,
 * standard input) gives its bytes once: it is opened once and copied into a file without a name, which all later reads
 * use. Nothing of the host's is changed: standard input stays where it is and what it is, unless it is a pipe, whose
 * bytes are taken. */
#ifndef PEAL_ETL_SOURCE_SOURCE_H
#define PEAL_ETL_SOURCE_SOURCE_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/base/identity.h"
#include "core/base/status.h"

typedef struct peal_source_kind peal_source_kind;

/* Where in a file something stands. */
typedef struct peal_place {
    uint64_t device, inode; /* the file; 0, both: none, for the bytes came through a pipe or a socket */
    int64_t born_ns;        /* when it was made, for inodes are used again; 0: the file system does not say */
    uint64_t offset;        /* byte of the file, or of what came */
    /* Of the bytes before it, as they were: how many, and their XXH3. A file that was written anew has others. */
    uint64_t before_size, before_hash;
} peal_place;

/* How sources are read that have no end of their own. */
typedef struct peal_following {
    bool files;             /* regular files are read on as they grow (follow.h), so they are live, too */
    bool has_idle;          /* a live source ends when nothing has come for `idle_ms`; without it a file never ends */
    uint64_t idle_ms;       /* 0: at the first moment at which nothing is there */
    const peal_place *from; /* of a file that is followed: where; NULL: at its beginning. Outlives the list */
} peal_following;

typedef struct peal_source {
    const peal_source_kind *kind;
    char *path;             /* as it was named or found; standard input is "-" */
    int fd;                 /* what is read in place of the path: the copy, or standard input; -1: nothing */
    uint64_t begin, size;   /* bytes: where in `fd` it begins (0 of a path), and how many there are; 0 also if only its
                               end will tell, which a stream of it then says */
    peal_identity identity; /* of the file that is read; of a copy: of what it was made from */
    /* What tells two contents apart: the version where its kind gives one; else the hash where there is one, for a copy
     * has no identity of its own and of some files the times tell too little; else the identity. */
    char *version; /* as the server tells it; NULL: it has none */
    bool hashed;
    uint64_t hash;                 /* XXH3 of the bytes */
    bool is_summed;                /* its bytes are checked as a whole, by whoever reads them all in order */
    bool live;                     /* a pipe or socket that is read as its bytes come, once; it has no size */
    bool is_followed;              /* a live one that is a file */
    peal_following following;      /* of a live one, as the next two: */
    const atomic_int *stop;        /* ends waiting */
    const peal_reporter *reporter; /* is told what becomes of a file that is followed */
    void *own;                     /* its kind's */
    char *bad;                     /* while a list is made: why it cannot be read */
} peal_source;

/* Something that was named, and could not be read: it is left out of the job, which goes on. */
typedef struct peal_left_out {
    char *path, *reason;
} peal_left_out;

/* In the order in which their rows count. */
typedef struct peal_source_list {
    peal_source *sources;
    size_t count, capacity;
    peal_left_out *left_out; /* what could not be listed (of options that go on then) */
    size_t left_out_count;
    void **sessions; /* of the kinds, by their place in the table */
} peal_source_list;

typedef struct peal_source_options {
    const char *const *names;
    size_t count;
    const json_t *access;          /* options of the kinds of sources (kind.h), or NULL; borrowed */
    bool go_on;                    /* what cannot be listed is left out and noted in the list; without it, it fails */
    bool sparing;                  /* what is listed may not be read at all: few bytes are fetched before it is */
    bool live;                     /* pipes are not copied: they will be read once only, in order */
    peal_following following;      /* of live ones */
    bool by_processes;             /* other processes, which have no connections, will read members of archives */
    bool all_images;               /* those of a sample that are no row, too: each will become an image again */
    bool identify;                 /* the sources will be compared later: makes sure that their identities can tell */
    const atomic_int *stop;        /* not 0: stop waiting with PEAL_E_INTERRUPTED; may be NULL */
    const peal_reporter *reporter; /* is told what folders and globs leave out; may be NULL */
} peal_source_options;

/* PEAL_E_USAGE if `access` holds what is no option of any kind of source, or a value that one cannot have. */
peal_status peal_source_check_access(const json_t *access, peal_error *err);
/* PEAL_E_USAGE if one of the names cannot be right, whatever is out there. */
peal_status peal_source_check_names(const char *const *names, size_t count, peal_error *err);

/* Expands what the user named, and copies what can be read once only: that waits for whoever writes it, until the end
 * of the bytes or `stop`. Names and options are checked first. PEAL_E_DATA if something is not there or matches
 * nothing. The options outlive the list. */
peal_status peal_source_list_make(const peal_source_options *options, peal_source_list *out, peal_error *err);
void peal_source_list_clear(peal_source_list *list);
/* Notes down, and tells, that something is left out; `reason` is copied. */
peal_status peal_source_leave_out(peal_source_list *list, const char *path, const char *reason,
                                  const peal_reporter *reporter, peal_error *err);

/* PEAL_E_USAGE if one of the sources `names` is the file or folder `out`, or a folder or glob that reads it. */
peal_status peal_source_check_output(const char *const *names, size_t count, const char *out, peal_error *err);

/* Copies the bytes of `from` (the source's own, decoded) into a file without a name and has the source read from it, as
 * of a pipe. PEAL_E_FAILED if the disk has too little room. Takes `from` over. */
struct peal_stream;
peal_status peal_source_unpack(peal_source *source, struct peal_stream *from, const peal_source_options *options,
                               peal_error *err);

/* How connections to servers were used while bytes were wanted from them. */
typedef struct peal_source_usage {
    size_t connections; /* at once, at most; 0: no source wants any */
    double seconds;     /* for so long something was wanted */
    double receiving;   /* connections on which bytes could come, on average: not held up by who reads them */
    double short_of;    /* part of that time, 0 to 1, in which an object waited for a connection to be free */
} peal_source_usage;
/* Of a list that was made and, perhaps, read since. Any thread. */
void peal_source_list_usage(const peal_source_list *list, peal_source_usage *out);
/* A list of one source: a copy of `bytes`, in a file without a name. `path` says in messages what they are of. */
peal_status peal_source_list_of_bytes(const char *path, const void *bytes, size_t size, peal_source_list *out,
                                      peal_error *err);
/* Whether what this name stands for gives its bytes once: a pipe, a connection, standard input, a device. */
bool peal_source_comes_once(const char *name);

/* True of the name of a file that is no data: marks and checksums that other programs leave, and texts and pictures for
 * people. A picture may be a row all the same. */
bool peal_source_is_beside_data(const char *name);
/* For messages: its path, or "standard input". */
const char *peal_source_name(const peal_source *source);
/* True if the source is read from a copy. */
bool peal_source_is_copy(const peal_source *source);
extern const peal_source_kind *const peal_source_kinds[]; /* ends with NULL */

/* XXH3 of the bytes as they are now. */
peal_status peal_source_hash(const peal_source *source, const atomic_int *stop, uint64_t *out, peal_error *err);

#endif
