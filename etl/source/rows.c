/* The header of a stream of rows. See rows.h. */
#include "etl/source/rows.h"

#include "etl/source/kind.h"

peal_status source__rows_begin(const source__row_column *columns, size_t count, peal_buffer *out, peal_error *err) {
    size_t extension = 4 + 4;
    for (size_t i = 0; i < count; i++) extension += 4 + 4 + strlen(columns[i].name);
    if (extension > INT32_MAX) return peal_fail(err, PEAL_E_DATA, "the names of the columns are too long");
    PEAL_TRY(peal_buffer_reserve(out, ROWS_HEADER_SIZE + extension, err));
    uint8_t *to = out->data + out->size;
    memcpy(to, ROWS_SIGNATURE, ROWS_SIGNATURE_SIZE);
    to = source__put32(to + ROWS_SIGNATURE_SIZE, 0);
    to = source__put32(to, (uint32_t)extension);
    memcpy(to, ROWS_MARK, 4);
    to = source__put32(to + 4, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(columns[i].name);
        to = source__put32(to, columns[i].type);
        to = source__put32(to, (uint32_t)length);
        memcpy(to, columns[i].name, length);
        to += length;
    }
    out->size += ROWS_HEADER_SIZE + extension;
    return PEAL_OK;
}

size_t source__rows_give(const peal_buffer *bytes, size_t *used, peal_source_meter *meter, uint8_t *out,
                         size_t capacity) {
    const size_t left = bytes->size - *used, got = left < capacity ? left : capacity;
    if (got == 0) return 0;
    memcpy(out, bytes->data + *used, got);
    *used += got;
    source__meter_note(meter, out, got);
    return got;
}
