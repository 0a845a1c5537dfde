/* A scan: raw rows of some sources, or of a text in memory, through a fitted pipeline, one table after another. How
 * prediction and evaluation read what no dataset was made of. */
#ifndef PEAL_ETL_SCAN_H
#define PEAL_ETL_SCAN_H

#include "core/base/status.h"
#include "etl/job/ingest.h"
#include "etl/pipeline/pipeline.h"
#include "etl/table/table.h"

typedef struct peal_scan peal_scan;

typedef struct peal_scan_options {
    const char *const *sources;
    size_t source_count;
    const atomic_int *stop;        /* not 0: stop waiting for a source with PEAL_E_INTERRUPTED; may be NULL */
    const peal_reporter *reporter; /* may be NULL */
    const char *text; /* instead of sources: lines of raw text without a header, columns in the pipeline's order */
    size_t text_size;
    bool label_required;      /* a row without a label is bad; else the column may even be absent */
    peal_bad_rows on_bad_row; /* quarantine is not offered here and counts as drop */
} peal_scan_options;

/* `pipeline` outlives the scan. */
peal_status peal_scan_open(const peal_pipeline *pipeline, const peal_scan_options *options, peal_scan **out,
                           peal_error *err);
/* The next rows, in the order of the sources; *table has no rows at the end. It lasts until the next call. */
peal_status peal_scan_next(peal_scan *scan, peal_table *table, peal_error *err);
/* Rows met so far: those handed out and those dropped. */
void peal_scan_rows(const peal_scan *scan, uint64_t *used, uint64_t *dropped);
/* The texts of the label among the rows handed out last, as the source spells them; NULL if it is no text. */
const peal_dictionary *peal_scan_label_texts(const peal_scan *scan);
void peal_scan_close(peal_scan *scan);

#endif
