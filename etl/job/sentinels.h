/* Numbers that stand for missing ones (-999, 9999, the -200 of sensors) and would be learnt from as numbers. Between
 * the first pass and the fit. */
#ifndef PEAL_ETL_JOB_SENTINELS_H
#define PEAL_ETL_JOB_SENTINELS_H

#include "etl/job/fit.h"

/* Puts the step `missing` before the others of each column of numbers that has such ones, has `impute` mark them, and
 * says so; of a label it only warns. A column is left alone that the user has given a type or steps. Costs reading a
 * part of the spills, or all of them where there are such numbers. */
peal_status peal_sentinels_find(const peal_fit_job *job, peal_error *err);

#endif
