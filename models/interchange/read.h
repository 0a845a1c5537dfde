/* From a file's bytes to a model. Private to this folder and its tests. */
#ifndef PEAL_MODELS_READ_H
#define PEAL_MODELS_READ_H

#include "models/interchange/build.h"
#include "models/interchange/interchange.h"

/* Of the options only names of columns are asked for. `out` is cleared by the caller, also after a failure. */
peal_status interchange__read(const uint8_t *bytes, size_t size, const peal_import_options *options,
                              interchange__built *out, peal_import_result *result, peal_error *err);

#endif
