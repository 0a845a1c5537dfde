/* Each check is a sentence that a person can act on; none changes the model. */
#include "models/train/verdict.h"

#include <math.h>

#include "core/base/event.h"
#include "models/train/leak.h"

/* A tenth of all that was gained and a hundredth of what is left, in the last third of the epochs: the training was
 * ended too early. Not where the best epoch came before that: it has not fallen since. */
static void warn_of_falling_loss(const models__trainer *trainer) {
    const models__course *course = &trainer->course;
    const double gained = course->first_loss - course->last_loss, lately = course->later_loss - course->last_loss;
    const peal_train_result *result = trainer->result;
    if (!trainer->learner->judges_epochs) return; /* it says so itself */
    if (trainer->learner->has_no_end && !trainer->data.valid_count) return;
    if (trainer->training.last_epoch < 3 || result->epochs < trainer->training.last_epoch) return;
    if (result->best_epoch <= trainer->training.last_epoch * 2 / 3) return;
    if (!(lately > gained / 10) || !(lately > course->last_loss / 100)) return;
    peal_report(trainer->options->reporter, PEAL_EVENT_WARNING,
                "the loss still falls: %.4g at two thirds of the epochs, %.4g at the end; more epochs would help "
                "(epochs)",
                course->later_loss, course->last_loss);
}

/* Drawn rows give each tree without a split another value, so the loss may well have changed. */
static bool is_constant(const models__trainer *trainer) {
    return trainer->learner->is_constant && trainer->learner->is_constant(trainer->best);
}

/* A training in which nothing was learnt, or that made it worse, of learners that a smaller step would help. */
static void warn_of_no_gain(const models__trainer *trainer) {
    const models__course *course = &trainer->course;
    if (is_constant(trainer)) {
        peal_report(trainer->options->reporter, PEAL_EVENT_WARNING,
                    "no split was made in any tree, so the model makes no difference between rows: fewer rows or less "
                    "gain may have to be enough (min_rows, min_hessian, min_gain), or more rows be drawn for a tree "
                    "(rows), or no column tells the label");
        return;
    }
    const double rise = course->last_loss - course->first_loss;
    if (!trainer->learner->has_no_end || trainer->result->epochs < 2 || trainer->data.valid_count) return;
    if (rise == 0) {
        peal_report(trainer->options->reporter, PEAL_EVENT_WARNING,
                    "the loss has not changed, %.4g from the first round to the last: no split was made; fewer rows or "
                    "less gain may have to be enough (min_rows, min_hessian, min_gain), or no column tells the label",
                    course->last_loss);
    } else if (rise > 0 && rise > fabs(course->first_loss) / 2) {
        peal_report(trainer->options->reporter, PEAL_EVENT_WARNING,
                    "the loss rose from %.4g in the first round to %.4g in the last: a smaller rate would help (rate)",
                    course->first_loss, course->last_loss);
    }
}

models__held models__held_out(const models__trainer *trainer) {
    return (models__held){.labels = trainer->data.valid_labels,
                          .weights = trainer->data.valid_weights,
                          .rows = trainer->data.valid_count,
                          .metrics = &trainer->result->valid};
}

static bool labels_are_the_same(const models__held *held) {
    for (uint64_t row = 1; row < held->rows; row++) {
        if (held->labels[row] != held->labels[0]) return false;
    }
    return true;
}

/* The loss of a number, as the trainer judges models. */
static double loss_of_saying(const models__trainer *trainer, double number, double label) {
    if (trainer->learner->valid_loss) return trainer->learner->valid_loss(trainer->self, &number, &label, NULL, 1);
    const double difference = (label - number) / trainer->data.shape.label_deviation;
    return difference * difference / 2;
}

double models__loss_of_the_mean(const models__trainer *trainer, const models__held *held) {
    const peal_shape *shape = &trainer->data.shape;
    double count = 0;
    for (uint64_t row = 0; row < held->rows; row++) count += models__held_weight(held, row);
    if (shape->classes == 0) {
        double mean = 0, loss = 0;
        for (uint64_t row = 0; row < held->rows; row++) {
            mean += models__held_weight(held, row) * held->labels[row] / count;
        }
        for (uint64_t row = 0; row < held->rows; row++) {
            loss += models__held_weight(held, row) * loss_of_saying(trainer, mean, held->labels[row]);
        }
        return loss / count;
    }
    double entropy = 0;
    for (uint32_t class = 0; class < shape->classes; class ++) {
        double share = 0;
        for (uint64_t row = 0; row < held->rows; row++) {
            if (held->labels[row] == class) share += models__held_weight(held, row);
        }
        if (share > 0) entropy -= share / count * log(share / count);
    }
    return entropy;
}

static void warn_of_worthless_model(const models__trainer *trainer, const models__held *held) {
    if (held->metrics->is_order) return;                 /* there is no number that all rows could be said to be */
    if (held->rows == 0 || is_constant(trainer)) return; /* that has been told, with what to do about it */
    if (labels_are_the_same(held)) {
        peal_report(trainer->options->reporter, PEAL_EVENT_WARNING,
                    "the label is the same in all %llu held-out rows: they cannot show what the model is worth",
                    (unsigned long long)held->rows);
        return;
    }
    const double loss = held->metrics->loss, plain = models__loss_of_the_mean(trainer, held);
    if (loss < 0.99 * plain) return; /* less than a hundredth is chance */
    peal_report(
        trainer->options->reporter, PEAL_EVENT_WARNING,
        "on the held-out rows the model is %s better than %s (loss %.4g, that %.4g): these columns may not tell "
        "the label, or more rows are needed",
        loss < plain ? "hardly" : "no",
        trainer->data.shape.classes ? "always saying how frequent the classes are" : "always saying the mean", loss,
        plain);
}

/* A net that could learn the rows by heart, and nothing held out to end it in time. */
static void warn_of_luck(const models__trainer *trainer) {
    enum { PARAMETERS_PER_ROW = 20 };
    const uint64_t parameters = models__parameters(trainer);
    if (!trainer->spec.hidden_count || trainer->data.valid_count ||
        trainer->training.last_epoch < trainer->training.epochs)
        return;
    if (parameters < PARAMETERS_PER_ROW * trainer->data.train_count) return;
    peal_report(trainer->options->reporter, PEAL_EVENT_WARNING,
                "%llu parameters for %llu rows: another seed would give another model; a linear one would be steadier, "
                "held-out rows (valid) would show what it is worth",
                (unsigned long long)parameters, (unsigned long long)trainer->data.train_count);
}

void models__warn(const models__trainer *trainer, const models__held *held) {
    warn_of_falling_loss(trainer);
    warn_of_no_gain(trainer);
    warn_of_worthless_model(trainer, held);
    warn_of_luck(trainer);
    models__warn_of_leaks(trainer);
}
