#include "models/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/file.h"
#include "core/memory.h"

enum { HEADER_MOST = 100 << 20 };

static size_t tensor_floats(const peal_tensor *tensor) {
    return (tensor->rows ? tensor->rows : 1) * tensor->width;
}

/* ---- writing ---- */

static json_t *make_header(const json_t *metadata, const peal_tensor *tensors, size_t count) {
    json_t *header = json_object(), *texts = json_copy((json_t *)metadata);
    peal_hasher *hasher = peal_hasher_new();
    for (size_t i = 0; hasher && i < count; i++)
        peal_hasher_update(hasher, tensors[i].data, tensor_floats(&tensors[i]) * 4);
    char hash[17] = "";
    if (hasher) peal_hash_text(peal_hasher_end(hasher), hash);
    peal_hasher_free(hasher);
    json_object_set_new(texts, "xxh3", json_string(hash));
    json_object_set_new(header, "__metadata__", texts);
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const peal_tensor *tensor = &tensors[i];
        size_t end = offset + tensor_floats(tensor) * 4;
        json_t *shape = tensor->rows ? json_pack("[I, I]", (json_int_t)tensor->rows, (json_int_t)tensor->width)
                                     : json_pack("[I]", (json_int_t)tensor->width);
        json_object_set_new(header, tensor->name,
                            json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                                      (json_int_t)offset, (json_int_t)end));
        offset = end;
    }
    return header;
}

peal_status peal_safetensors_put(peal_atomic_file *file, const json_t *metadata, const peal_tensor *tensors,
                                 size_t count, peal_error *err) {
    json_t *header = make_header(metadata, tensors, count);
    char *text = json_dumps(header, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(header);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a safetensors file's header");
    static const char blanks[64] = "                                                               ";
    size_t length = strlen(text);
    uint64_t padded = peal_round_up(length + 8, 64) - 8; /* the data begins at a cache line */
    peal_status status = peal_atomic_file_write(file, &padded, sizeof padded, err);
    if (status == PEAL_OK) status = peal_atomic_file_write(file, text, length, err);
    if (status == PEAL_OK) status = peal_atomic_file_write(file, blanks, padded - length, err);
    for (size_t i = 0; i < count && status == PEAL_OK; i++) {
        status = peal_atomic_file_write(file, tensors[i].data, tensor_floats(&tensors[i]) * 4, err);
    }
    free(text);
    return status;
}

peal_status peal_safetensors_write(const char *path, const json_t *metadata, const peal_tensor *tensors, size_t count,
                                   peal_error *err) {
    peal_atomic_file *file;
    PEAL_TRY(peal_atomic_file_open(path, &file, err));
    peal_status status = peal_safetensors_put(file, metadata, tensors, count, err);
    if (status == PEAL_OK) return peal_atomic_file_commit(file, err);
    peal_atomic_file_abort(file);
    return status;
}

/* ---- reading ---- */

struct peal_safetensors {
    char *name;
    peal_buffer own; /* the bytes, if the caller does not keep them */
    json_t *header;
    peal_tensor *tensors;
    size_t count;
};

static peal_status damaged(const peal_safetensors *file, peal_error *err, const char *what) {
    return peal_fail(err, PEAL_E_DATA, "%s is not a whole safetensors file: %s", file->name, what);
}

static peal_status read_tensor(peal_safetensors *file, const char *name, const json_t *entry, const uint8_t *data,
                               size_t size, size_t *expected, peal_error *err) {
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    if (!dtype || json_array_size(offsets) != 2 || !json_is_array(shape)) return damaged(file, err, "a tensor's entry");
    if (strcmp(dtype, "F32") != 0 || json_array_size(shape) == 0 || json_array_size(shape) > 2) {
        return peal_fail(err, PEAL_E_DATA, "%s: tensor '%s' is no float32 vector or matrix", file->name, name);
    }
    json_int_t begin = json_integer_value(json_array_get(offsets, 0)),
               end = json_integer_value(json_array_get(offsets, 1));
    json_int_t first = json_integer_value(json_array_get(shape, 0)), bytes;
    json_int_t width = json_array_size(shape) == 2 ? json_integer_value(json_array_get(shape, 1)) : first;
    json_int_t rows = json_array_size(shape) == 2 ? first : 0;
    if (begin < 0 || end < begin || (uint64_t)end > size || (uint64_t)begin != *expected || begin % 4 != 0 ||
        width < 0 || rows < 0 || __builtin_mul_overflow(rows ? rows : 1, width, &bytes) ||
        __builtin_mul_overflow(bytes, 4, &bytes) || bytes != end - begin ||
        (json_array_size(shape) == 2 && rows == 0)) {
        return damaged(file, err, "a tensor lies outside of the data or does not fit its shape");
    }
    *expected = (size_t)end;
    file->tensors[file->count++] = (peal_tensor){
        .name = name,
        .data = (const float *)(const void *)(data + begin),
        .rows = (size_t)rows,
        .width = (size_t)width,
    };
    return PEAL_OK;
}

static peal_status check_hash(const peal_safetensors *file, const uint8_t *data, size_t size, peal_error *err) {
    const char *expected = peal_safetensors_metadata(file, "xxh3");
    char found[17];
    if (!expected) return PEAL_OK; /* written by another program */
    peal_hash_text(peal_hash(data, size, 0), found);
    if (strcmp(found, expected) == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s is damaged: the checksum of its tensors is %s, its header says %s",
                     file->name, found, expected);
}

static peal_status parse(peal_safetensors *file, const uint8_t *bytes, size_t size, peal_error *err) {
    uint64_t header_size;
    if (size < 8) return damaged(file, err, "it has less than 8 bytes");
    memcpy(&header_size, bytes, sizeof header_size);
    if (header_size > HEADER_MOST || header_size > size - 8) return damaged(file, err, "its header is cut short");
    if (header_size % 4 != 0) return damaged(file, err, "its tensors are not aligned");
    json_error_t problem;
    file->header = json_loadb((const char *)bytes + 8, (size_t)header_size, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(file->header)) return damaged(file, err, "its header is no JSON object");
    const uint8_t *data = bytes + 8 + header_size;
    size_t data_size = size - 8 - (size_t)header_size, expected = 0;
    PEAL_TRY(peal_alloc_checked(&file->tensors, json_object_size(file->header), sizeof *file->tensors, "tensors", err));
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) continue;
        PEAL_TRY(read_tensor(file, name, entry, data, data_size, &expected, err));
    }
    if (expected != data_size) return damaged(file, err, "there is more or less data than its header says");
    return check_hash(file, data, data_size, err);
}

peal_status peal_safetensors_parse(const uint8_t *bytes, size_t size, const char *name, peal_safetensors **out,
                                   peal_error *err) {
    *out = NULL;
    peal_safetensors *file = calloc(1, sizeof *file);
    if (!file) return peal_fail(err, PEAL_E_MEMORY, "no memory for a safetensors file");
    file->name = peal_strdup(name);
    peal_status status = file->name ? parse(file, bytes, size, err) : peal_fail(err, PEAL_E_MEMORY, "no memory");
    if (status != PEAL_OK) {
        peal_safetensors_close(file);
        return status;
    }
    *out = file;
    return PEAL_OK;
}

peal_status peal_safetensors_open(const char *path, peal_safetensors **out, peal_error *err) {
    *out = NULL;
    peal_buffer bytes = {0};
    peal_status status = peal_file_read(path, &bytes, err);
    if (status == PEAL_E_FAILED && err) err->status = PEAL_E_DATA;
    if (status == PEAL_E_FAILED) status = PEAL_E_DATA;
    if (status == PEAL_OK) status = peal_safetensors_parse(bytes.data, bytes.size, path, out, err);
    if (status != PEAL_OK) {
        peal_buffer_clear(&bytes);
        return status;
    }
    (*out)->own = bytes;
    return PEAL_OK;
}

void peal_safetensors_close(peal_safetensors *file) {
    if (!file) return;
    json_decref(file->header);
    free(file->tensors);
    free(file->name);
    peal_buffer_clear(&file->own);
    free(file);
}

const char *peal_safetensors_metadata(const peal_safetensors *file, const char *key) {
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

size_t peal_safetensors_count(const peal_safetensors *file) {
    return file->count;
}

const peal_tensor *peal_safetensors_at(const peal_safetensors *file, size_t index) {
    return &file->tensors[index];
}

const peal_tensor *peal_safetensors_find(const peal_safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    }
    return NULL;
}
