/* safetensors files: named tensors of float32, float64, uint32 or bytes with a JSON header. Models and checkpoints are
 * such files.
 *
 * Source: the format's description in the README of the safetensors project, section "Format": 8 bytes little-endian
 * header size, the header (a JSON object: name -> {"dtype", "shape", "data_offsets"}, and "__metadata__" of texts),
 * then the data without gaps. What Peal writes is sealed (core/base/seal.h): the metadata holds "xxh3", the XXH3 of the
 * whole file, so every byte is under a checksum. */
#ifndef PEAL_MODELS_SAFETENSORS_H
#define PEAL_MODELS_SAFETENSORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/file.h"
#include "core/base/status.h"
#include "models/net/tensor.h"

enum { PEAL_SAFETENSORS_VERSION = 3 };

/* Every reader of the format takes a header of up to 100 MB. PEAL_E_USAGE if that of such a file would be larger;
 * `advice` says what to do about it. */
peal_status peal_safetensors_check_header(const json_t *metadata, const peal_tensor *tensors, size_t count,
                                          const char *advice, peal_error *err);
/* Writes whole or not at all. `metadata`: an object whose values are texts (NULL: "no memory"); version and seal are
 * added to the file, not to it. */
peal_status peal_safetensors_write(const char *path, const json_t *metadata, const peal_tensor *tensors, size_t count,
                                   peal_error *err);
/* The same into a file that the caller has begun and commits. */
peal_status peal_safetensors_put(peal_atomic_file *file, const json_t *metadata, const peal_tensor *tensors,
                                 size_t count, peal_error *err);

typedef struct peal_safetensors peal_safetensors;
/* Reads and checks. PEAL_E_DATA names the file and what is wrong. A file whose kind begins with "peal" must be of
 * version PEAL_SAFETENSORS_VERSION and sealed; one of another program need not. */
peal_status peal_safetensors_open(const char *path, peal_safetensors **out, peal_error *err);
/* The same for bytes that the caller keeps. */
peal_status peal_safetensors_parse(const uint8_t *bytes, size_t size, const char *name, peal_safetensors **out,
                                   peal_error *err);
void peal_safetensors_close(peal_safetensors *file);
/* A text of the metadata, or NULL. */
const char *peal_safetensors_metadata(const peal_safetensors *file, const char *key);
size_t peal_safetensors_count(const peal_safetensors *file);
/* Tensor `index`, in the order of the header; data points into its bytes. */
const peal_tensor *peal_safetensors_at(const peal_safetensors *file, size_t index);
/* The tensor called `name`, or NULL. */
const peal_tensor *peal_safetensors_find(const peal_safetensors *file, const char *name);

#endif
