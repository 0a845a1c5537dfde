/* The worker's side: it works at partitions, makes segments of the new state and scores validation rows, as it is told.
 */
#include <string.h>

#include "models/train/trainer.h"

/* ---- validation ---- */

static void score_rows(models__trainer *trainer, const void *model, uint64_t at, uint64_t end) {
    const models__data *data = &trainer->data;
    const size_t width = peal_shape_scores(&data->shape);
    for (; at < end; at += PEAL_PREDICT_BATCH) {
        const peal_batch batch = {.rows = data->valid_rows,
                                  .order = data->valid_list + at,
                                  .count = end - at < PEAL_PREDICT_BATCH ? (size_t)(end - at) : PEAL_PREDICT_BATCH};
        trainer->learner->score(model, trainer->scratch, &batch, trainer->shared.valid_scores + at * width);
    }
}

static peal_status make_scratch(models__trainer *trainer, const void *model, peal_error *err) {
    const peal_learner *learner = trainer->learner;
    if (trainer->scratch) learner->scratch_free(trainer->scratch);
    trainer->scratch = NULL;
    return learner->scratch_new ? learner->scratch_new(model, &trainer->scratch, err) : PEAL_OK;
}

peal_status models__score_valid(models__trainer *trainer, const void *model, peal_error *err) {
    PEAL_TRY(make_scratch(trainer, model, err));
    score_rows(trainer, model, 0, trainer->data.valid_count);
    return PEAL_OK;
}

/* The committed state as a model of this worker's own: made once for all chunks of a validation. */
static peal_status take_model(models__trainer *trainer, const models__order *order) {
    const peal_learner *learner = trainer->learner;
    if (trainer->scored == order->stamp) return PEAL_OK;
    if (!trainer->scored_model) {
        PEAL_TRY(learner->model_new(trainer->data.pipeline, &trainer->spec, NULL, 0, &trainer->scored_model, NULL));
        PEAL_TRY(make_scratch(trainer, trainer->scored_model, NULL));
    }
    learner->fill(trainer->self, (int)order->committed, trainer->scored_model);
    trainer->scored = order->stamp;
    return PEAL_OK;
}

static peal_status score_chunk(models__trainer *trainer, const models__order *order) {
    const uint64_t begin = order->task * PEAL_SCORE_CHUNK, count = trainer->data.valid_count;
    const uint64_t end = count - begin < PEAL_SCORE_CHUNK ? count : begin + PEAL_SCORE_CHUNK;
    const peal_learner *learner = trainer->learner;
    if (learner->score_valid) {
        const size_t width = peal_shape_scores(&trainer->data.shape);
        learner->score_valid(trainer->self, (int)order->committed, begin, end,
                             trainer->shared.valid_scores + begin * width);
        return PEAL_OK;
    }
    PEAL_TRY(take_model(trainer, order));
    score_rows(trainer, trainer->scored_model, begin, end);
    return PEAL_OK;
}

/* ---- orders ---- */

void models__take_present(models__trainer *trainer) {
    const models__present *present = trainer->shared.present;
    if (!present) return;
    peal_training *training = &trainer->training;
    trainer->data.rows = trainer->data.valid_rows = trainer->data.windows[present->slab];
    trainer->data.valid_count = present->rows;
    training->rows = training->valid_rows = trainer->data.rows;
    training->row_count = present->learnt;
    training->valid_count = present->rows;
    training->steps = peal_steps_of(training, training->step_rows);
}

static models__answer obey(models__trainer *trainer, size_t rank, uint32_t kind, const models__order *order) {
    const peal_learner *learner = trainer->learner;
    const peal_round round = {.epoch = order->epoch,
                              .before = order->before,
                              .first = order->first,
                              .end = order->end,
                              .committed = (int)order->committed,
                              .phase = order->phase};
    const peal_work work = {.round = &round,
                            .rank = rank,
                            .partition = order->task,
                            .from = order->from,
                            .beat = &trainer->shared.beats[rank],
                            .control = trainer->shared.control,
                            .comm = trainer->shared.comm};
    models__answer answer = {0};
    size_t reached = 0;
    peal_status status;
    switch ((models__duty_kind)kind) {
    case MODELS__WORK:
        reached = learner->work(trainer->self, &work);
        break;
    case MODELS__COMBINE:
        learner->combine(trainer->self, &round, order->task);
        break;
    case MODELS__TOGETHER:
        status = learner->together(trainer->self, &work, &reached);
        answer.failed = status == PEAL_E_MEMORY ? MODELS__NO_MEMORY : status != PEAL_OK;
        break;
    case MODELS__SCORE:
        answer.failed = score_chunk(trainer, order) != PEAL_OK;
        break;
    }
    answer.reached = reached;
    peal_work_beat(&work, UINT32_MAX);
    return answer;
}

void models__worker(void *user, peal_worker *self) {
    models__trainer *trainer = user;
    peal_message message;
    trainer->scratch = NULL; /* the parent's */
    peal_graph_use_one_thread();
    if (trainer->learner->flushes_tiny) peal_arithmetic_flush_tiny();
    while (peal_worker_receive(self, &message)) {
        models__order order;
        memcpy(&order, message.values, sizeof order);
        models__take_present(trainer); /* written before the order was sent */
        const models__answer answer = obey(trainer, peal_worker_rank(self), message.kind, &order);
        peal_message reply = {.kind = message.kind};
        memcpy(reply.values, &answer, sizeof answer);
        peal_worker_reply(self, &reply);
    }
}
