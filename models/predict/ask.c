/* Asks a model the same of kept rows again and again, on a pool of threads; see ask.h. */
#include "models/predict/ask.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/stop.h"
#include "core/thread/executor.h"
#include "models/predict/lane.h"

peal_explain_options peal_explain_default(void) {
    return (peal_explain_options){.rows_most = 100000, .seed = 1, .repeats = 5, .values_most = 20};
}

peal_status models__explain_check(const peal_predictor *predictor, const peal_explain_options *options,
                                  peal_error *err) {
    const peal_pipeline *pipeline = peal_predictor_pipeline(predictor);
    if (options->rows_most < 1 || options->rows_most > 1000000000) {
        return peal_fail(err, PEAL_E_USAGE, "rows to keep must be from 1 to 1,000,000,000, not %zu",
                         options->rows_most);
    }
    if (options->repeats < 1 || options->repeats > 1000000) {
        return peal_fail(err, PEAL_E_USAGE, "permutations must be from 1 to 1,000,000, not %zu", options->repeats);
    }
    if (options->values_most < 2) {
        return peal_fail(err, PEAL_E_USAGE, "values of a column must be 2 or more, not %zu", options->values_most);
    }
    if (pipeline->byte_features) {
        return peal_fail(err, PEAL_E_USAGE, "the model takes images or bytes, which have no columns to ask about");
    }
    if (pipeline->indices == SIZE_MAX) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the model takes sparse features, which have no columns to ask about");
}

enum { ROWS_AT_ONCE = 1024 };

struct models__asker {
    const models__questions *questions;
    models__lanes *lanes;
    size_t lane;
    atomic_bool busy;
    bool has_view;
    models__kept_view view;
    uint32_t *order; /* NULL: not wanted yet */
    double *scores;  /* the same */
};

typedef struct asking {
    const models__questions *questions;
    models__lanes lanes;
    models__asker *askers; /* [count]: as many as there are threads */
    size_t count;
} asking;

peal_status models__ask(models__asker *asker, const models__swap *swap,
                        void (*consume)(void *user, const double *scores, size_t first, size_t rows), void *user,
                        peal_error *err) {
    const models__questions *questions = asker->questions;
    const models__kept *kept = questions->kept;
    models__lane *lane = &asker->lanes->lanes[asker->lane];
    for (size_t first = 0; first < kept->rows; first += ROWS_AT_ONCE) {
        const size_t left = kept->rows - first, rows = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        if (peal_is_stopped(questions->options->stop)) {
            return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while %s", questions->stage);
        }
        PEAL_TRY(models__kept_look(kept, swap, first, rows, &asker->view, err));
        PEAL_TRY(models__lane_run(asker->lanes, asker->lane, &asker->view.table, err));
        consume(user, lane->scores, first, rows);
    }
    return PEAL_OK;
}

uint32_t *models__asker_order(models__asker *asker) {
    return asker->order;
}

double *models__asker_scores(models__asker *asker) {
    return asker->scores;
}

static peal_status get_ready(models__asker *asker, peal_error *err) {
    const models__kept *kept = asker->questions->kept;
    if (asker->has_view) return PEAL_OK;
    asker->has_view = true;
    PEAL_TRY(peal_alloc_checked(&asker->order, kept->rows, sizeof *asker->order, "an order of rows", err));
    PEAL_TRY(
        peal_alloc_checked(&asker->scores, kept->rows, asker->lanes->width * sizeof *asker->scores, "scores", err));
    return models__kept_view_init(&asker->view, kept, err);
}

/* No more tasks run at once than there are askers, so one is free. */
static models__asker *claim(asking *self) {
    for (size_t i = 0;; i = (i + 1) % self->count) {
        if (!atomic_exchange(&self->askers[i].busy, true)) return &self->askers[i];
    }
}

static peal_status work(void *user, size_t index, peal_error *err) {
    asking *self = user;
    models__asker *asker = claim(self);
    peal_status status = get_ready(asker, err);
    if (status == PEAL_OK) status = self->questions->answer(self->questions->user, asker, index, err);
    atomic_store(&asker->busy, false);
    return status;
}

static void tell(void *user, size_t done, size_t total) {
    const asking *self = user;
    peal_report_progress(self->questions->options->reporter, self->questions->stage, "questions", done, total);
}

static peal_status run(asking *self, peal_error *err) {
    const peal_map_work map = {.work = work, .progress = tell, .user = self};
    peal_executor *executor;
    for (size_t i = 0; i < self->count; i++) {
        self->askers[i].questions = self->questions;
        self->askers[i].lanes = &self->lanes;
        self->askers[i].lane = i;
    }
    PEAL_TRY(peal_executor_new(self->count, &executor, err));
    const peal_status status = peal_executor_map(executor, self->questions->count, 0, &map, err);
    peal_executor_free(executor);
    return status;
}

peal_status models__ask_all(const models__questions *questions, peal_error *err) {
    const size_t wanted = questions->options->threads;
    asking self = {.questions = questions, .count = wanted ? wanted : peal_machine_cpus()};
    if (self.count > questions->count) self.count = questions->count;
    PEAL_TRY(peal_alloc_checked(&self.askers, self.count, sizeof *self.askers, "threads", err));
    peal_status status = models__predictor_lanes(questions->predictor, self.count, &self.lanes, err);
    if (status == PEAL_OK) status = run(&self, err);
    models__lanes_clear(&self.lanes);
    for (size_t i = 0; i < self.count; i++) {
        models__kept_view_clear(&self.askers[i].view);
        free(self.askers[i].order);
        free(self.askers[i].scores);
    }
    free(self.askers);
    return status;
}
