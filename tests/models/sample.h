/* A small dataset, model and checkpoint for tests that damage them: made once, the same each time. */
#ifndef PEAL_TESTS_MODELS_SAMPLE_H
#define PEAL_TESTS_MODELS_SAMPLE_H

#include "core/base/memory.h"
#include "models/train/train.h"

typedef struct sample {
    char *folder;     /* all below lies in it */
    char *dataset;    /* a folder of one shard */
    char *model;      /* a model file */
    char *run;        /* a run folder with one checkpoint, of the first of two epochs */
    char *checkpoint; /* its path */
    peal_buffer manifest_bytes, model_bytes, checkpoint_bytes, shard_bytes;
} sample;

enum { SAMPLE_ROWS = 48 };
/* The rows as text without a header. */
extern const char *const sample_rows[3];

/* Makes all of it in a new folder; ends the program if that fails. */
void sample_make(sample *out);
void sample_clear(sample *self);
/* The options of the training; with `resume` it goes on from the checkpoint. */
peal_train_options sample_options(const sample *self, bool resume);
/* Writes bytes over a file, quickly: no fsync. */
void sample_write(const char *path, const void *bytes, size_t size);
/* Puts a new seal into a text (or safetensors bytes) in which one stands already. */
void sample_seal(void *bytes, size_t size);

/* What a model predicts of three rows, as a hash; 0 if a score is not finite. */
uint64_t sample_predict(const char *name, const uint8_t *bytes, size_t size, peal_status *status, peal_error *err);
/* What a step of training on the dataset makes of the parameters, as a hash. */
uint64_t sample_step(const char *dataset, peal_status *status, peal_error *err);
/* The SHA-256 of the model that a resumed training ends in, as a hash. The checkpoint is put back. */
uint64_t sample_resume(const sample *self, peal_status *status, peal_error *err);

#endif
