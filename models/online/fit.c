/* An ETL job over the first rows, whose dataset is gone behind it; see fit.h. */
#include "models/online/fit.h"

#include <stdlib.h>
#include <unistd.h>

#include "etl/dataset/dataset.h"

static peal_status take_pipeline(const char *path, json_t **pipeline, peal_error *err) {
    peal_dataset *dataset;
    PEAL_TRY(peal_dataset_open(path, &dataset, err));
    *pipeline = json_deep_copy(peal_dataset_pipeline(dataset));
    peal_dataset_close(dataset);
    return *pipeline ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
}

static peal_status fit_on(const peal_etl_options *options, size_t rows, const char *text, const char *dataset,
                          peal_first *first, json_t **pipeline, peal_error *err) {
    peal_etl_options etl = *options;
    peal_etl_result result;
    PEAL_TRY(peal_first_rows(options, rows, text, first, err));
    etl.sources = &text;
    etl.source_count = 1;
    etl.out = dataset;
    etl.format = first->format;
    etl.access = NULL;
    etl.resume = false;
    peal_status status = peal_etl(&etl, &result, err);
    if (status == PEAL_OK) status = take_pipeline(dataset, pipeline, err);
    if (status != PEAL_OK) {
        peal_error_context(err, "fitting the pipeline on the first rows of %s", options->sources[0]);
        return status;
    }
    peal_report(options->reporter, PEAL_EVENT_NOTE, "the pipeline is fitted on the first %llu rows, and stays as it is",
                (unsigned long long)result.rows_used);
    return PEAL_OK;
}

peal_status models__fit_pipeline(const peal_etl_options *etl, size_t rows, const char *folder, peal_first *first,
                                 json_t **pipeline, peal_error *err) {
    peal_staging *staging = NULL;
    char *target = folder ? peal_path_join(folder, "first-rows")
                          : peal_sprintf("%s/peal-follow-%d", peal_temporary_folder(), (int)getpid());
    char *text = NULL, *dataset = NULL;
    peal_status status =
        target ? peal_staging_make(target, NULL, &staging, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) {
        text = peal_path_join(peal_staging_path(staging), "text");
        dataset = peal_path_join(peal_staging_path(staging), "dataset");
        status = text && dataset ? fit_on(etl, rows, text, dataset, first, pipeline, err)
                                 : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    }
    peal_staging_abandon(staging, false);
    free(target);
    free(text);
    free(dataset);
    return status;
}
