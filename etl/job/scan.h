/* A scan: raw rows of some sources, or of a text in memory, through a fitted pipeline, one table after another. How
 * prediction and evaluation read what no dataset was made of. The sources may be of any format: the pipeline knows
 * names and types.
 *
 * The caller's thread reads blocks into a small ring of slots and hands the rows out in order; the threads of a pool
 * parse the blocks, apply the pipeline and do the caller's work. While the caller's thread has nothing to hand out, it
 * does the same. What a pipe has brought is handed out before more of it is waited for: of a source, a block at a time;
 * of a stream that can tell whether it would wait, as many as are there. */
#ifndef PEAL_ETL_SCAN_H
#define PEAL_ETL_SCAN_H

#include "core/base/status.h"
#include "etl/job/ingest.h"
#include "etl/pipeline/pipeline.h"
#include "etl/table/table.h"

typedef struct peal_scan peal_scan;
typedef struct peal_scan_rows peal_scan_rows;

typedef struct peal_scan_options {
    const char *const *sources;
    size_t source_count;
    const char *format;       /* name, or NULL: found */
    const json_t *reading;    /* options of the format, or NULL */
    const json_t *access;     /* options of the kinds of sources, or NULL */
    const char *const *nulls; /* spellings of a missing value besides the pipeline's */
    size_t null_count;
    const atomic_int *stop;        /* not 0: stop waiting for a source with PEAL_E_INTERRUPTED; may be NULL */
    const peal_reporter *reporter; /* may be NULL */
    const char *text; /* instead of sources: lines of raw text without a header, columns in the pipeline's order */
    size_t text_size;
    peal_following following; /* of the sources: how those are read that have no end */
    peal_stream *stream;     /* instead of sources: plain bytes that the caller has opened; taken over, even on failure.
                                `format` is given then, and a header that comes again is passed over */
    const char *stream_name; /* for messages; outlives the scan */
    uint64_t passed_over;    /* bytes at the stream's beginning, whole rows: only how they are written counts */
    peal_apply_for purpose;  /* what the rows are for */
    bool label_required;     /* a row without a label is bad; else the column may even be absent */
    peal_bad_rows on_bad_row;
    bool go_on; /* a source that cannot be read is left out from where it fails on, and told; else it fails the scan */
    size_t threads; /* the caller's among them; 0: as many as there are CPUs. The rows do not depend on it */
    /* What is done with rows on the thread that made them, before they are handed out; may be NULL. Of one slot one
     * call at a time. */
    peal_status (*work)(void *user, const peal_scan_rows *rows, peal_error *err);
    void *user; /* of `work` */
} peal_scan_options;

/* A run of rows in the order of the source. */
struct peal_scan_rows {
    size_t slot;                  /* that they are in: below peal_scan_slots */
    peal_table table;             /* the good ones, as the pipeline makes them */
    const peal_bad_row *bad_rows; /* [bad_count] those that are not good, each behind so many good ones (`before`) */
    size_t bad_count;
    const char *source;      /* its name, for messages */
    const peal_items *items; /* of an input that is many: the rows, good and bad, are these from: */
    size_t first_item;       /* ; NULL: it is one */
    const peal_column *raw; /* the good ones as they came, indexed like the pipeline's schema; what no purpose needs has
                               no values. NULL: nobody has them */
    const peal_dictionary *label_texts; /* of the label, as the source spells them; NULL if it is no text */
    const peal_block *block;            /* that they were parsed from: where in the input they stand */
    bool ended;                         /* there are no more: the rest is empty */
    bool late;                          /* there are none yet, and the time is over: the rest is empty */
};

/* `pipeline` outlives the scan. */
peal_status peal_scan_open(const peal_pipeline *pipeline, const peal_scan_options *options, peal_scan **out,
                           peal_error *err);
/* Whether one of the sources can be read once only, as its bytes come. */
bool peal_scan_is_live(const peal_scan *scan);
/* How many runs of rows may be in memory at once. */
size_t peal_scan_slots(const peal_scan *scan);
/* The next rows, in the order of the sources; they last until the next call. PEAL_E_DATA names a bad row, if such fail
 * the job. */
peal_status peal_scan_next(peal_scan *scan, peal_scan_rows *out, peal_error *err);
/* The same, of a scan of a stream; but waits for rows no longer than until `until_ns` (peal_now_ns). */
peal_status peal_scan_next_until(peal_scan *scan, int64_t until_ns, peal_scan_rows *out, peal_error *err);
/* Texts met so far that a column of categories does not know, the name of the first such column and that text, cut. */
uint64_t peal_scan_unknown(const peal_scan *scan, const char **column, const char **text);
/* Texts met so far whose reading may be wrong, as a date's in another order, the same of the first one, and what is
 * said of it (peal_transform.doubt). */
uint64_t peal_scan_doubtful(const peal_scan *scan, const char **column, const char **text, const char **doubt);
/* Sources left out so far. */
uint64_t peal_scan_left_out(const peal_scan *scan);
void peal_scan_close(peal_scan *scan);

#endif
