/* The formats of other programs: what reads them, and what writes them. To add one: a file with a `const
 * interchange__format` and its line in the table of interchange.c. Private to this folder. */
#ifndef PEAL_MODELS_READER_H
#define PEAL_MODELS_READER_H

#include "models/interchange/foreign.h"
#include "models/predict/predictor.h"

typedef struct interchange__format {
    const char *name;
    const char *documentation;
    /* Whether bytes that begin so are of the format. */
    bool (*recognise)(const uint8_t *bytes, size_t size);
    /* Reads a file into `out`, which is cleared by the caller, also after a failure. NULL: it is not read; then
     * `advice` says what to do instead. */
    peal_status (*read)(const uint8_t *bytes, size_t size, interchange__foreign *out, peal_error *err);
    const char *advice;
    /* Appends a model to `out`. PEAL_E_USAGE names what the format cannot say. NULL: it is not written. */
    peal_status (*write)(const peal_predictor *predictor, const peal_reporter *reporter, peal_buffer *out,
                         peal_error *err);
} interchange__format;

/* lightgbm_write.c */
peal_status interchange__lightgbm_write(const peal_predictor *predictor, const peal_reporter *reporter,
                                        peal_buffer *out, peal_error *err);

extern const interchange__format interchange__lightgbm, interchange__xgboost, interchange__xgboost_ubj;

#endif
