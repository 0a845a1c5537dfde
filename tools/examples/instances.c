/* Several models of one dataset at a time, each learnt in a process of its own; the best on rows held out is named. One
 * that crashes or hangs costs its own instance and no other. The models do not depend on the number of processes.
 *
 * usage: instances DATASET FOLDER PROCESSES [MODEL...]       (models as for peal train --model) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peal.h"

/* Filled before the processes are forked, which see it as it is then. */
typedef struct plan {
    const char *dataset, *folder;
    char **models;
    size_t count;
} plan;

typedef struct outcome {
    double loss;
    char model_sha256[65];
} outcome;

static plan all;
static outcome best;
static size_t best_index;

/* In a process: one model. Its own workers are one, for the instances are what fills the CPUs. */
static peal_status train_one(peal_call *call, peal_error *err) {
    char out[4096];
    peal_train_result trained;
    peal_train_options options = peal_train_default();
    snprintf(out, sizeof out, "%s/%llu.safetensors", all.folder, (unsigned long long)call->index);
    options.dataset = all.dataset;
    options.model = all.models[call->index];
    options.out = out;
    options.valid = "0.2";
    options.workers = 1;
    PEAL_TRY(peal_train(&options, &trained, err));
    outcome *result = call->result;
    result->loss = trained.valid.loss;
    memcpy(result->model_sha256, trained.model_sha256, sizeof result->model_sha256);
    call->result_size = sizeof *result;
    return PEAL_OK;
}

/* Here, in order. */
static peal_status show(void *user, size_t index, const void *bytes, size_t size, peal_error *err) {
    (void)user, (void)size, (void)err;
    outcome result;
    memcpy(&result, bytes, sizeof result);
    printf("%zu.safetensors  loss %.6f  %.12s  %s\n", index, result.loss, result.model_sha256, all.models[index]);
    if (index == 0 || result.loss < best.loss) {
        best = result;
        best_index = index;
    }
    return PEAL_OK;
}

int main(int count, char **words) {
    static char *usual[] = {"softmax:l2=0.01", "softmax:l2=0.0001", "mlp:hidden=16", "trees:rounds=20"};
    if (count < 4) return fprintf(stderr, "usage: instances DATASET FOLDER PROCESSES [MODEL...]\n"), 2;
    peal_error err;
    peal_process_pool *pool;
    peal_process_pool_options options = peal_process_pool_default();
    const peal_process_map work = {.task = train_one, .consume = show};
    options.processes = strtoul(words[3], NULL, 10);
    all = (plan){words[1], words[2], count > 4 ? words + 4 : usual, count > 4 ? (size_t)count - 4 : 4};
    peal_status status = peal_process_pool_new(&options, &pool, &err);
    if (status == PEAL_OK) status = peal_process_pool_map(pool, all.count, 0, &work, &err);
    if (status != PEAL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    peal_process_pool_free(pool);
    printf("best: %zu.safetensors\n", best_index);
    return 0;
}
