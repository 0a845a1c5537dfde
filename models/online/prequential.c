/* Sums over predictions that were made before their rows were learnt; see prequential.h. */
#include "models/online/prequential.h"

#include <math.h>

#include "core/base/json.h"

static const double FADING = 0.99, DELTA = 0.002, RISE = 1.1, DEVIATIONS = 4;

void models__prequential_init(models__prequential *self) {
    *self = (models__prequential){.lowest = 1, .adwin = {.delta = DELTA}};
}

static bool is_count(double value) {
    return value >= 0 && value < 9e15 && floor(value) == value;
}

static bool are_halves(const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!is_count(values[i]) || values[i] > UINT32_MAX) return false;
    }
    return true;
}

bool models__prequential_is_whole(const models__prequential *self) {
    return is_count(self->windows) && is_count(self->rows) && is_count(self->learnt) && is_count(self->steps) &&
           is_count(self->dropped) && are_halves(self->fingerprint, 2) &&
           are_halves(self->position, sizeof self->position / sizeof *self->position) && self->learnt <= self->rows &&
           models__adwin_is_whole(&self->adwin);
}

static void to_halves(uint64_t value, double halves[2]) {
    halves[0] = (double)(value >> 32);
    halves[1] = (double)(uint32_t)value;
}

static uint64_t from_halves(const double halves[2]) {
    return (uint64_t)halves[0] << 32 | (uint64_t)halves[1];
}

void models__prequential_stand(models__prequential *self, const models__window *window) {
    const peal_place *place = &window->after.place;
    self->windows = (double)window->number;
    self->dropped = (double)window->dropped;
    to_halves(window->fingerprint, self->fingerprint);
    to_halves(place->device, self->position);
    to_halves(place->inode, self->position + 2);
    to_halves((uint64_t)place->born_ns, self->position + 4);
    to_halves(place->offset, self->position + 6);
    to_halves(place->before_size, self->position + 8);
    to_halves(place->before_hash, self->position + 10);
    to_halves(window->after.line, self->position + 12);
}

models__window models__prequential_window(const models__prequential *self) {
    const double *at = self->position;
    return (models__window){.number = (uint64_t)self->windows,
                            .fingerprint = from_halves(self->fingerprint),
                            .used = (uint64_t)self->rows,
                            .dropped = (uint64_t)self->dropped,
                            .after = {.place = {.device = from_halves(at),
                                                .inode = from_halves(at + 2),
                                                .born_ns = (int64_t)from_halves(at + 4),
                                                .offset = from_halves(at + 6),
                                                .before_size = from_halves(at + 8),
                                                .before_hash = from_halves(at + 10)},
                                      .line = from_halves(at + 12)}};
}

double models__bounded_loss(const peal_shape *shape, const double *scores, double label) {
    const double loss =
        shape->classes ? 1 - scores[(size_t)label] : fabs(scores[0] - label) / (DEVIATIONS * shape->label_deviation);
    return loss >= 0 ? fmin(loss, 1) : isnan(loss) ? 1 : 0;
}

static void fade(models__sums *sums) {
    sums->rows *= FADING;
    sums->loss *= FADING;
    sums->right *= FADING;
    sums->squares *= FADING;
    sums->absolutes *= FADING;
}

static void add_metrics(models__sums *sums, const peal_metrics *metrics) {
    const double rows = (double)metrics->rows;
    sums->rows += rows;
    sums->loss += rows * metrics->loss;
    if (metrics->classes) {
        sums->right += rows * metrics->accuracy;
    } else {
        sums->squares += rows * metrics->rmse * metrics->rmse;
        sums->absolutes += rows * metrics->mae;
    }
}

bool models__prequential_add(models__prequential *self, const peal_shape *shape, const double *scores,
                             const double *labels, const peal_metrics *metrics, models__adwin_change *risen) {
    const size_t width = peal_shape_scores(shape);
    bool has_cut = false;
    fade(&self->faded);
    add_metrics(&self->all, metrics);
    add_metrics(&self->faded, metrics);
    for (uint64_t i = 0; i < metrics->rows; i++) {
        models__adwin_change change;
        const double loss = models__bounded_loss(shape, scores + i * width, labels[i]);
        if (models__adwin_add(&self->adwin, loss, &change)) has_cut = has_cut || change.after > change.before;
    }
    const double mean = models__adwin_mean(&self->adwin);
    const bool has_risen = has_cut && mean > RISE * self->lowest;
    *risen = (models__adwin_change){self->lowest, mean};
    if (has_risen || mean < self->lowest) self->lowest = mean;
    return has_risen;
}

json_t *models__sums_save(const models__sums *sums, const peal_shape *shape) {
    json_t *saved = json_pack("{s:o}", "loss", peal_json_real(sums->loss / sums->rows));
    if (shape->classes) return peal_json_set(saved, "accuracy", peal_json_real(sums->right / sums->rows));
    saved = peal_json_set(saved, "rmse", peal_json_real(sqrt(sums->squares / sums->rows)));
    return peal_json_set(saved, "mae", peal_json_real(sums->absolutes / sums->rows));
}
