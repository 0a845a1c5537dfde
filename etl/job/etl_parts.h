/* Parts of the ETL job that a job which follows its source shares. Private to this folder. */
#ifndef PEAL_ETL_JOB_ETL_PARTS_H
#define PEAL_ETL_JOB_ETL_PARTS_H

#include "etl/job/etl.h"
#include "etl/job/objects.h"

/* PEAL_E_USAGE if a wish can be no right one, whatever the input. */
peal_status job__check_wishes(const peal_etl_options *options, peal_error *err);
/* The job as JSON: equal jobs make equal datasets of equal inputs. */
peal_status job__describe(const peal_etl_options *options, json_t **out, peal_error *err);
/* Plans and fits a pipeline on all rows of `objects`, which are taken over, even on failure, and saves it. `folder` is
 * for spills; the caller removes it. */
peal_status job__fit_sample(const peal_etl_options *options, peal_object_list *objects, const char *folder,
                            json_t **pipeline, peal_error *err);

#endif
