/* The texts of closed vocabularies and how often training rows hold them, on disk: what texts are fitted on and what
 * becomes of a chunk's codes.
 *
 * Each vocabulary's column is a run of entries in the order of (hash, bytes) of its texts as the pipeline's text steps
 * leave them. The runs of a column are merged to add counts up, and of the sums the best are kept: time is linear in
 * the entries, and memory does not depend on how many there are. One file holds all runs. */
#ifndef PEAL_ETL_TEXT_COUNTS_H
#define PEAL_ETL_TEXT_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/job/vocabulary.h"
#include "etl/pipeline/pipeline.h"

typedef struct peal_text_counts peal_text_counts;

/* Empty; the file is `path`. Both are borrowed: `read` tells which columns were read as texts, the pipeline the steps
 * before their encoders; it need not be fitted. */
peal_status peal_text_counts_new(const char *path, const peal_schema *read, const peal_pipeline *pipeline,
                                 peal_text_counts **out, peal_error *err);
/* The pipeline from now on, with the same steps before its encoders, as all values spoke for it. */
void peal_text_counts_use(peal_text_counts *counts, const peal_pipeline *pipeline);
/* Closes the file, which stays. NULL is allowed. */
void peal_text_counts_free(peal_text_counts *counts);

/* Adds a vocabulary, under its number. Any thread, for different vocabularies. */
peal_status peal_text_counts_add(peal_text_counts *counts, const peal_vocabulary *vocabulary, peal_error *err);

/* Adds up the column's counts over all vocabularies: `summary` gets the most frequent texts that its encoder asks for
 * (peal_transform.wants), equally frequent ones in the order of their bytes, and how many distinct ones there are. Any
 * thread. */
peal_status peal_text_counts_sum(const peal_text_counts *counts, size_t field, peal_summary *summary, peal_error *err);

/* What the texts of a column say of its type. */
typedef struct peal_text_votes {
    uint64_t numbers, missing, others;       /* rows; usual spellings of a missing value are `missing` */
    uint64_t bools;                          /* rows that are true or false */
    bool is_text;                            /* there are more others than a column of numbers may have */
    uint64_t dates, no_dates;                /* rows whose text is a date, or neither a date nor missing */
    uint64_t distinct_dates, date_word_rows; /* texts that are dates; rows of no_dates with one of the few words */
    size_t date_words;                       /* of them, PEAL_SPELLING_WORDS at most */
    char list_separator;                     /* between the members of texts that are lists; 0: they are none */
    uint64_t distinct_numbers;
    peal_digit_votes digits; /* of the numbers */
    unsigned not_times;      /* bits of those of peal_time_forms that some number is none of */
    bool few_whole;          /* all numbers are whole, there are few different ones, and they do not count */
    char other[40];          /* one of the others, cut */
    char spelling[8];
    peal_spelling_votes written; /* how numbers among the texts are written */
} peal_text_votes;
/* Adds the column's texts up, of a table of so many rows, until there are more than `others_most` rows with others, and
 * as many that are no dates and no numbers however written, and no lists. Any thread. */
peal_status peal_text_counts_vote(const peal_text_counts *counts, size_t field, uint64_t rows, uint64_t others_most,
                                  peal_text_votes *out, peal_error *err);
/* Whether the texts are dates: but for a few rows (PEAL_NO_DATES_SHARE times as many as a column of numbers may have
 * others), and for a few words that stand where there is no date, in fewer rows than dates. */
enum { PEAL_NO_DATES_SHARE = 10 };
bool peal_text_votes_are_dates(const peal_text_votes *votes, uint64_t others_most);
/* The moments of a column that was read as texts and holds numbers, or booleans, by the pipeline: of the training rows.
 * Texts are added in the order of their hashes. `read` tells of all rows what was no number. Any thread. */
peal_status peal_text_counts_moments(const peal_text_counts *counts, size_t field, peal_summary *summary,
                                     peal_text_votes *read, peal_error *err);

/* Shows all texts of the column to the encoder that learns from them (peal_transform.observe). Any thread. */
peal_status peal_text_counts_observe(const peal_text_counts *counts, size_t field, const peal_pipeline_step *encoder,
                                     peal_error *err);

/* What the fitted pipeline makes of the codes of one vocabulary. */
typedef struct peal_code_maps {
    peal_code_map *fields; /* [fields] each [codes of the field]; of what was not read as text there is none */
    int32_t *codes;        /* all of them, one behind the other */
    double *numbers;
    float *spread;
    size_t size; /* bytes of memory */
} peal_code_maps;
peal_status peal_text_counts_map(const peal_text_counts *counts, size_t vocabulary, peal_code_maps *out,
                                 peal_error *err);
void peal_code_maps_clear(peal_code_maps *maps);

#endif
