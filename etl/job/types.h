/* Types over the whole data: after the first pass the values of all rows decide what each column is.
 *
 * A column is numbers if all its values but spellings of a missing one are; also if at most one in 1,000 is not (in a
 * smaller table, at most one): then those rows are bad. Else it is text. The first pass reads a column as numbers if a
 * sample speaks for it, else as text, which loses nothing: a text that turns out to be a number need not be read again.
 * What was read as numbers and is text, and what was read as text and has rows that are bad, costs one more pass.
 * Texts that are numbers in another way of writing (etl/format/spelling.h), or but for a few words that stand where
 * there is none, become numbers in the pipeline. */
#ifndef PEAL_ETL_JOB_TYPES_H
#define PEAL_ETL_JOB_TYPES_H

#include "etl/job/ingest.h"

/* What a column of numbers holds besides, for what is said of it at the end. */
typedef struct peal_odd_values {
    const char *object; /* the name of what holds the first value that is no plain number; NULL: it is not known */
    uint64_t line;
    char text[40];                    /* that value, cut */
    uint64_t others;                  /* rows with such a value, of a column that was read as numbers; else 0 */
    uint64_t marked;                  /* rows with a number within marks, of texts that became numbers */
    char marked_text[PEAL_WORD_SIZE]; /* one of them, cut */
} peal_odd_values;

typedef struct peal_types_job {
    const peal_object_list *objects;
    const peal_ingested *ingested;
    const peal_schema *read;       /* as it was ingested */
    const peal_pipeline *pipeline; /* as it was planned to read them */
    size_t label;                  /* SIZE_MAX: none */
    bool prefers_number;           /* see peal_plan_options */
    const peal_guess *guesses;     /* [fields] what the survey saw, for notes */
    const size_t *guess_objects;   /* [fields] in which object */
    peal_odd_values *odd;          /* [fields] all 0 before the first decision; they stay for the next one */
    peal_executor *executor;
    const peal_reporter *reporter;
} peal_types_job;

/* What all values speak for: the schema of the columns. `again`: some must be read again, with these types; all are
 * settled but those of them that were read as numbers and are text, which are then decided anew. Says what a person
 * might not expect. The caller clears `out` after success. */
peal_status peal_types_decide(const peal_types_job *job, peal_schema *out, bool *again, peal_error *err);

/* PEAL_E_DATA names the first row that is bad for its value's type, of a column that keeps its type; PEAL_OK if there
 * is none. For jobs that fail at a bad row. */
peal_status peal_types_check_faults(const peal_types_job *job, const peal_schema *decided, peal_error *err);

#endif
