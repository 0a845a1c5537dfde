/* The memory of foreign trees, and their names; see foreign.h. */
#include "models/interchange/foreign.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/utf8.h"

peal_status interchange__foreign_reserve(interchange__foreign *foreign, size_t features, size_t outputs,
                                         peal_error *err) {
    foreign->outputs = outputs;
    foreign->feature_count = features;
    /* So that what is empty has a place, too. */
    PEAL_TRY(peal_buffer_reserve(&foreign->nodes, sizeof(interchange__node), err));
    PEAL_TRY(peal_buffer_reserve(&foreign->values, sizeof(double), err));
    PEAL_TRY(peal_buffer_reserve(&foreign->members, sizeof(uint32_t), err));
    PEAL_TRY(peal_zeroed_checked(&foreign->base, outputs, sizeof(double), "a model", err));
    return peal_zeroed_checked(&foreign->features, features, sizeof *foreign->features, "a model", err);
}

peal_status interchange__foreign_name(interchange__foreign *foreign, size_t index, const char *name, size_t length,
                                      peal_error *err) {
    if (length == 0 || memchr(name, '\0', length) || peal_utf8_error(name, length) != length) {
        return peal_fail(err, PEAL_E_DATA, "feature %zu has no name that is a text of UTF-8", index);
    }
    foreign->features[index].name = peal_strndup(name, length);
    return foreign->features[index].name ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a name");
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

peal_status interchange__foreign_check_names(const interchange__foreign *foreign, peal_error *err) {
    const char **names;
    PEAL_TRY(peal_alloc_checked(&names, foreign->feature_count, sizeof *names, "names", err));
    for (size_t i = 0; i < foreign->feature_count; i++) names[i] = foreign->features[i].name;
    qsort(names, foreign->feature_count, sizeof *names, by_text);
    peal_status status = PEAL_OK;
    for (size_t i = 1; i < foreign->feature_count && status == PEAL_OK; i++) {
        if (strcmp(names[i], names[i - 1]) != 0) continue;
        status = peal_fail(err, PEAL_E_DATA, "two features are called '%s'", names[i]);
    }
    free(names);
    return status;
}

double interchange__above(double x) {
    return nextafter(x, (double)INFINITY);
}

void interchange__foreign_clear(interchange__foreign *foreign) {
    for (size_t i = 0; foreign->features && i < foreign->feature_count; i++) {
        free(foreign->features[i].name);
        json_decref(foreign->features[i].texts);
    }
    free(foreign->features);
    free(foreign->base);
    peal_buffer_clear(&foreign->gains);
    peal_buffer_clear(&foreign->rows);
    peal_buffer_clear(&foreign->covers);
    peal_buffer_clear(&foreign->trees);
    peal_buffer_clear(&foreign->nodes);
    peal_buffer_clear(&foreign->values);
    peal_buffer_clear(&foreign->members);
    *foreign = (interchange__foreign){0};
}
