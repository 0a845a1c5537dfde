/* Which columns arrays are: one of one dimension is a column, bytes of more are one column of images, and all else is a
 * column an item. See npy.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etl/format/npy.h"

void npy__arrays_clear(npy__arrays *arrays) {
    for (size_t i = 0; i < arrays->count; i++) {
        npy__array *array = &arrays->arrays[i];
        peal_stream_close(array->stream);
        peal_buffer_clear(&array->whole);
        free(array->name);
        free(array->column);
    }
    free(arrays->arrays);
    peal_schema_clear(&arrays->columns);
    peal_stream_close(arrays->stream);
    *arrays = (npy__arrays){0};
}

static bool is_image(const npy__array *array) {
    if (array->kind != 'u' || array->size != 1 || array->dimensions < 2) return false;
    return array->dimensions > 2 || array->width > NPY_FLAT_MOST;
}

/* "x (60000, 28, 28), y (60000,)": all arrays with their shapes. */
static void list_shapes(const npy__arrays *arrays, char text[PEAL_ERROR_MESSAGE_SIZE / 2]) {
    char shape[NPY_SHAPE_TEXT];
    size_t used = 0;
    *text = '\0';
    for (size_t i = 0; i < arrays->count && used < PEAL_ERROR_MESSAGE_SIZE / 2; i++) {
        used += (size_t)snprintf(text + used, PEAL_ERROR_MESSAGE_SIZE / 2 - used, "%s%.60s %s", i ? ", " : "",
                                 arrays->arrays[i].name, npy__shape_text(&arrays->arrays[i], shape));
    }
}

static peal_status check_lengths(const npy__arrays *arrays, peal_error *err) {
    for (size_t i = 1; i < arrays->count; i++) {
        if (arrays->arrays[i].rows == arrays->arrays[0].rows) continue;
        char shapes[PEAL_ERROR_MESSAGE_SIZE / 2];
        list_shapes(arrays, shapes);
        return peal_fail(err, PEAL_E_DATA,
                         "%s: its arrays are of different lengths: %s; name those that belong together (arrays A+B)",
                         arrays->name, shapes);
    }
    return PEAL_OK;
}

static peal_status add_column(npy__arrays *arrays, const npy__array *array, const char *name, peal_error *err) {
    peal_schema *schema = &arrays->columns;
    peal_error problem;
    const peal_status status = peal_schema_add(schema, name, strlen(name), PEAL_TYPE_FLOAT64, &problem);
    if (status != PEAL_OK) return peal_fail(err, status, "%s: %s", arrays->name, problem.message);
    peal_field *field = &schema->fields[schema->count - 1];
    field->settled = field->decided = true;
    if (array->kind == 'b') field->type = PEAL_TYPE_BOOL;
    if (array->kind == 'S' || array->kind == 'U') field->type = PEAL_TYPE_DICTIONARY;
    if (!is_image(array)) return PEAL_OK;
    field->type = PEAL_TYPE_FIXED_LIST;
    field->item = PEAL_TYPE_UINT8;
    field->width = (uint32_t)array->width;
    return PEAL_OK;
}

static peal_status add_columns(npy__arrays *arrays, npy__array *array, const char *one, const char *several,
                               peal_error *err) {
    const bool is_one = array->dimensions == 1 || is_image(array);
    array->first = arrays->columns.count;
    array->column_count = is_one ? 1 : (size_t)array->width;
    if (array->width == 0 || array->column_count > NPY_COLUMNS_MOST - arrays->columns.count) {
        char shape[NPY_SHAPE_TEXT];
        return peal_fail(err, PEAL_E_DATA, "%s: an array of shape %s makes %llu columns; 1 to %d were expected",
                         arrays->name, npy__shape_text(array, shape), (unsigned long long)array->width,
                         NPY_COLUMNS_MOST);
    }
    if (is_one) return add_column(arrays, array, one, err);
    for (size_t i = 0; i < array->column_count; i++) {
        char *name = peal_sprintf("%s%zu", several, i + 1);
        if (!name) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
        const peal_status status = add_column(arrays, array, name, err);
        free(name);
        PEAL_TRY(status);
    }
    return PEAL_OK;
}

/* A member's columns are called as it is, or as the option says; the only images are "image". */
static peal_status add_member(npy__arrays *arrays, npy__array *array, size_t images, peal_error *err) {
    const char *base = array->column ? array->column : images == 1 && is_image(array) ? "image" : array->name;
    char *several = peal_sprintf("%s_", base);
    if (!several) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    const peal_status status = add_columns(arrays, array, base, several, err);
    free(several);
    return status;
}

peal_status npy__columns_make(npy__arrays *arrays, peal_error *err) {
    PEAL_TRY(check_lengths(arrays, err));
    size_t images = 0;
    for (size_t i = 0; i < arrays->count; i++) images += is_image(&arrays->arrays[i]);
    for (size_t i = 0; i < arrays->count; i++) {
        npy__array *array = &arrays->arrays[i];
        if (array->name) {
            PEAL_TRY(add_member(arrays, array, images, err));
        } else {
            PEAL_TRY(add_columns(arrays, array, array->dimensions == 1 ? "value" : "image", "c", err));
        }
    }
    return PEAL_OK;
}
