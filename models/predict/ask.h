/* Many questions to a model about the same kept rows, asked on several threads. Private to this folder. */
#ifndef PEAL_MODELS_ASK_H
#define PEAL_MODELS_ASK_H

#include "models/predict/explain.h"
#include "models/predict/kept.h"

/* PEAL_E_USAGE if the model has no columns to be asked about, or the options are out of bounds. */
peal_status models__explain_check(const peal_predictor *predictor, const peal_explain_options *options,
                                  peal_error *err);

/* What a thread has for itself. */
typedef struct models__asker models__asker;

typedef struct models__questions {
    peal_predictor *predictor;
    const models__kept *kept;
    const peal_predict_options *options; /* threads, stop and reporter */
    const char *stage;                   /* for progress */
    size_t count;
    /* Answers question `index`, on any thread, by models__ask. */
    peal_status (*answer)(void *user, models__asker *asker, size_t index, peal_error *err);
    void *user;
} models__questions;

/* All answers; PEAL_E_INTERRUPTED if they are to stop. */
peal_status models__ask_all(const models__questions *questions, peal_error *err);

/* Scores of all kept rows with one column swapped, as `consume` gets them: run by run, in order. */
peal_status models__ask(models__asker *asker, const models__swap *swap,
                        void (*consume)(void *user, const double *scores, size_t first, size_t rows), void *user,
                        peal_error *err);
/* Room for an order of the kept rows, the asker's own: [rows]. */
uint32_t *models__asker_order(models__asker *asker);
/* And for their scores: [rows, width]. */
double *models__asker_scores(models__asker *asker);

#endif
