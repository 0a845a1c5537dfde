/* Reading and writing of safetensors files. */
#include "models/predict/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/memory.h"
#include "core/base/seal.h"

enum { HEADER_MOST = 100 * 1000 * 1000 }; /* the limit of the safetensors package, of which ours is one */

static const struct {
    const char *name;
    size_t size;
} types[] = {[PEAL_TENSOR_FLOAT32] = {"F32", sizeof(float)},
             [PEAL_TENSOR_FLOAT64] = {"F64", sizeof(double)},
             [PEAL_TENSOR_UINT32] = {"U32", sizeof(uint32_t)},
             [PEAL_TENSOR_UINT8] = {"U8", 1}};
enum { TYPES = sizeof types / sizeof *types };

static size_t tensor_bytes(const peal_tensor *tensor) {
    return peal_tensor_count(tensor) * types[tensor->type].size;
}

/* ---- writing ---- */

/* The seal stands in the metadata, which comes first: what follows cannot be taken for it. NULL if there is no memory.
 */
static json_t *make_header(const json_t *metadata, const peal_tensor *tensors, size_t count) {
    char version[8];
    snprintf(version, sizeof version, "%d", PEAL_SAFETENSORS_VERSION);
    json_t *texts = json_pack("{s:s, s:s}", PEAL_SEAL_KEY, PEAL_SEAL_BLANK, "version", version);
    texts = peal_json_merge(texts, json_incref((json_t *)metadata));
    json_t *header = json_pack("{s:o}", "__metadata__", texts);
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const peal_tensor *tensor = &tensors[i];
        size_t end = offset + tensor_bytes(tensor);
        json_t *shape = tensor->rows ? json_pack("[I, I]", (json_int_t)tensor->rows, (json_int_t)tensor->width)
                                     : json_pack("[I]", (json_int_t)tensor->width);
        header = peal_json_set(header, tensor->name,
                               json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[tensor->type].name, "shape", shape,
                                         "data_offsets", (json_int_t)offset, (json_int_t)end));
        offset = end;
    }
    return header;
}

/* The header as text, padded so that the data begins at a cache line; the seal is blank. */
static peal_status header_text(const json_t *metadata, const peal_tensor *tensors, size_t count, const char *advice,
                               char **out, peal_error *err) {
    json_t *header = make_header(metadata, tensors, count);
    char *text;
    peal_status status = peal_json_dump(header, JSON_COMPACT, "the header of a safetensors file", &text, err);
    json_decref(header);
    PEAL_TRY(status);
    const size_t length = strlen(text), padded = peal_round_up(length + 8, PEAL_ALIGNMENT) - 8;
    char *longer = realloc(text, padded + 1);
    if (!longer || padded > HEADER_MOST) {
        free(longer ? longer : text);
        if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a header of %zu bytes", padded);
        return peal_fail(err, PEAL_E_USAGE,
                         "the header of a safetensors file would have %zu MB, but no reader takes more than %d MB: %s",
                         padded / 1000000, HEADER_MOST / 1000000, advice);
    }
    memset(longer + length, ' ', padded - length);
    longer[padded] = '\0';
    *out = longer;
    return PEAL_OK;
}

peal_status peal_safetensors_check_header(const json_t *metadata, const peal_tensor *tensors, size_t count,
                                          const char *advice, peal_error *err) {
    char *text;
    PEAL_TRY(header_text(metadata, tensors, count, advice, &text, err));
    free(text);
    return PEAL_OK;
}

/* Puts the checksum of all that will be written into the header. */
static peal_status seal_header(char *text, const peal_tensor *tensors, size_t count, peal_error *err) {
    const uint64_t size = strlen(text);
    peal_hasher *hasher = peal_hasher_new();
    if (!hasher) return peal_fail(err, PEAL_E_MEMORY, "no memory for a checksum");
    peal_hasher_update(hasher, &size, sizeof size);
    peal_hasher_update(hasher, text, size);
    for (size_t i = 0; i < count; i++) {
        peal_hasher_update(hasher, tensors[i].data, tensor_bytes(&tensors[i]));
    }
    char digits[PEAL_SEAL_SIZE + 1];
    peal_hash_text(peal_hasher_end(hasher), digits);
    peal_hasher_free(hasher);
    memcpy(text + peal_seal_find(text, size), digits, PEAL_SEAL_SIZE);
    return PEAL_OK;
}

static peal_status put_file(peal_atomic_file *file, const char *header, const peal_tensor *tensors, size_t count,
                            peal_error *err) {
    const uint64_t size = strlen(header);
    PEAL_TRY(peal_atomic_file_write(file, &size, sizeof size, err));
    PEAL_TRY(peal_atomic_file_write(file, header, size, err));
    for (size_t i = 0; i < count; i++) {
        PEAL_TRY(peal_atomic_file_write(file, tensors[i].data, tensor_bytes(&tensors[i]), err));
    }
    return PEAL_OK;
}

peal_status peal_safetensors_put(peal_atomic_file *file, const json_t *metadata, const peal_tensor *tensors,
                                 size_t count, peal_error *err) {
    char *header;
    PEAL_TRY(header_text(metadata, tensors, count, "its metadata is too large", &header, err));
    peal_status status = seal_header(header, tensors, count, err);
    if (status == PEAL_OK) status = put_file(file, header, tensors, count, err);
    free(header);
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
    size_t type = 0;
    while (type < TYPES && strcmp(dtype, types[type].name) != 0) type++;
    if (type == TYPES || json_array_size(shape) == 0 || json_array_size(shape) > 2) {
        return peal_fail(err, PEAL_E_DATA, "%s: tensor '%s' is no vector or matrix of F32, F64, U32 or U8", file->name,
                         name);
    }
    const json_int_t item = (json_int_t)types[type].size;
    json_int_t begin = json_integer_value(json_array_get(offsets, 0)),
               end = json_integer_value(json_array_get(offsets, 1));
    json_int_t first = json_integer_value(json_array_get(shape, 0)), bytes;
    json_int_t width = json_array_size(shape) == 2 ? json_integer_value(json_array_get(shape, 1)) : first;
    json_int_t rows = json_array_size(shape) == 2 ? first : 0;
    if (begin < 0 || end < begin || (uint64_t)end > size || (uint64_t)begin != *expected || begin % item != 0 ||
        width < 0 || rows < 0 || __builtin_mul_overflow(rows ? rows : 1, width, &bytes) ||
        __builtin_mul_overflow(bytes, item, &bytes) || bytes != end - begin ||
        (json_array_size(shape) == 2 && rows == 0)) {
        return damaged(file, err, "a tensor lies outside of the data or does not fit its shape");
    }
    *expected = (size_t)end;
    file->tensors[file->count++] = (peal_tensor){
        .name = name,
        .type = (peal_tensor_type)type,
        .data = data + begin,
        .rows = (size_t)rows,
        .width = (size_t)width,
    };
    return PEAL_OK;
}

/* Version and seal of a file that is Peal's, or says so; a seal is never passed over. */
static peal_status check_seal(const peal_safetensors *file, const uint8_t *bytes, size_t size, size_t header_size,
                              peal_error *err) {
    static const char own[] = "peal ";
    const char *kind = peal_safetensors_metadata(file, "kind"), *version = peal_safetensors_metadata(file, "version");
    const bool is_own = kind && strncmp(kind, own, sizeof own - 1) == 0;
    if (!is_own && !peal_safetensors_metadata(file, PEAL_SEAL_KEY)) return PEAL_OK; /* written by another program */
    char wanted[8];
    snprintf(wanted, sizeof wanted, "%d", PEAL_SAFETENSORS_VERSION);
    if (!version || strcmp(version, wanted) != 0) {
        return peal_seal_wrong_version(file->name, version ? version : "1", PEAL_SAFETENSORS_VERSION, err);
    }
    return peal_seal_check(file->name, bytes, size, 8, header_size, err);
}

static peal_status parse(peal_safetensors *file, const uint8_t *bytes, size_t size, peal_error *err) {
    uint64_t header_size;
    if (size < 8) return damaged(file, err, "it has less than 8 bytes");
    memcpy(&header_size, bytes, sizeof header_size);
    if (header_size > HEADER_MOST || header_size > size - 8) return damaged(file, err, "its header is cut short");
    if (header_size % 4 != 0) return damaged(file, err, "its tensors are not aligned");
    /* Texts with NUL are refused: what is taken from the metadata are C strings. */
    file->header = json_loadb((const char *)bytes + 8, (size_t)header_size, JSON_REJECT_DUPLICATES, NULL);
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
    return check_seal(file, bytes, size, (size_t)header_size, err);
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
    return peal_tensor_find(file->tensors, file->count, name);
}
