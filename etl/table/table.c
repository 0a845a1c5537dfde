#include "etl/table/table.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [PEAL_TYPE_UINT8] = {"uint8", 1}, [PEAL_TYPE_INT8] = {"int8", 1},       [PEAL_TYPE_INT16] = {"int16", 2},
    [PEAL_TYPE_INT32] = {"int32", 4}, [PEAL_TYPE_FLOAT32] = {"float32", 4}, [PEAL_TYPE_FLOAT64] = {"float64", 8},
};

size_t peal_type_size(peal_type type) {
    return types[type].size;
}

const char *peal_type_name(peal_type type) {
    return types[type].name;
}

const peal_column *peal_table_find(const peal_table *table, const char *name) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, name) == 0) return &table->columns[i];
    }
    return NULL;
}
