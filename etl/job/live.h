/* A live source that is opened once: a pipe, a connection, or a file that is followed. Its beginning can be looked at
 * before its rows are read, so that a pipeline can be fitted on it and its format be found, and all of it is handed
 * out afterwards.
 *
 * Its *head* is a few lines at the beginning, which tell how all that follows is written (delimiter, header...). One
 * who goes on later gives the head that was kept and reads on elsewhere; so the same bytes are read in the same way. */
#ifndef PEAL_ETL_JOB_LIVE_H
#define PEAL_ETL_JOB_LIVE_H

#include "etl/job/etl.h"
#include "etl/job/scan.h"

typedef struct peal_live peal_live;

typedef struct peal_live_options {
    const char *source;       /* its name; one */
    const char *format;       /* name, or NULL: found by the head */
    const json_t *access;     /* options of the kinds of sources, or NULL; borrowed, as all is */
    peal_following following; /* without `files` only what comes bit by bit by itself is live; with `from` the head
                                 that was kept is given, too */
    const atomic_int *stop;   /* may be NULL */
    const peal_reporter *reporter;
} peal_live_options;

/* PEAL_E_USAGE if the source is none that comes bit by bit (a folder, a table of a database); *out is NULL then if
 * files are not followed. PEAL_E_DATA if it cannot be read, or is a file that is followed and compressed: such a one
 * has no lines that can be returned to. */
peal_status peal_live_open(const peal_live_options *options, peal_live **out, peal_error *err);
void peal_live_free(peal_live *live); /* NULL is allowed */

/* Reads the first lines, until they are `lines`, or the time is `until_ns` (peal_now_ns) and there are two, or 256 MB,
 * or the end. A line that ends within quotes is not the last one. The bytes belong to `live` and last until all is
 * handed out. */
peal_status peal_live_sample(peal_live *live, uint64_t lines, int64_t until_ns, const uint8_t **bytes, size_t *size,
                             peal_error *err);
/* The same of `windows` windows: the line that may stand above their rows, and `rows` rows each (0: no such end), or
 * what has come after `ms` milliseconds each (0: no such end). */
peal_status peal_live_sample_windows(peal_live *live, uint64_t rows, uint64_t ms, uint64_t windows,
                                     const uint8_t **bytes, size_t *size, peal_error *err);
/* The head, of the sample or as it was given. */
const peal_buffer *peal_live_head(const peal_live *live);
/* The same in hexadecimal digits, freed by the caller; NULL if there is no memory. */
char *peal_live_head_digits(const peal_live *live);
/* In the place of a sample: the head of what was read before, as such digits. The source's own bytes begin behind what
 * had been read. PEAL_E_DATA if they are no digits. */
peal_status peal_live_keep_head(peal_live *live, const char *digits, peal_error *err);

/* When it was opened (peal_now_ns), and how many bytes were read for the sample. */
int64_t peal_live_opened_ns(const peal_live *live);
uint64_t peal_live_sample_size(const peal_live *live);

/* For messages, as long as `live` is there. */
const char *peal_live_name(const peal_live *live);
/* The path under which a sample is known: the source's, without a codec's ending. */
const char *peal_live_sample_name(const peal_live *live);
/* Whether one can begin at a place again: true of a file. */
bool peal_live_can_return(const peal_live *live);

/* Plans and fits a pipeline, as `etl` says, on a sample, and saves it. `folder` is made, for spills, and removed. */
peal_status peal_live_fit(const peal_live *live, const peal_etl_options *etl, const uint8_t *bytes, size_t size,
                          const char *folder, json_t **pipeline, peal_error *err);

/* Hands all out, once, through a scan: the head, of which rows come only if it was not given, the rest of the sample,
 * and what comes. `options` say all but where the rows come from. PEAL_E_DATA if the format is none of text;
 * PEAL_E_USAGE if its options say an encoding, in which bytes have no places. */
peal_status peal_live_scan(peal_live *live, const peal_pipeline *pipeline, const peal_scan_options *options,
                           peal_scan **out, peal_error *err);
/* Where byte `offset` of what the scan reads, not of a head that was given, stands. While the scan is open. */
peal_place peal_live_place(const peal_live *live, uint64_t offset);

#endif
