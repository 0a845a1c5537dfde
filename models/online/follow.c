/* Learns from a stream, window by window; see follow.h. */
#include "models/online/follow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/digest.h"
#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/stop.h"
#include "models/online/prequential.h"
#include "models/online/stream.h"
#include "models/online/windows.h"
#include "models/train/rounds.h"
#include "models/train/runaway.h"
#include "ops/optimizer/optimizer.h"

enum { GRACE_MS = 2000, WINDOW_ROWS = 10000, WINDOW_MOST = 1 << 26, STATE_NUMBERS = sizeof(models__prequential) / 8 };
_Static_assert(sizeof(models__prequential) % sizeof(double) == 0, "all of it is float64");

typedef struct follower {
    const peal_follow_options *options;
    peal_follow_result *result;
    peal_train_result trained; /* what the trainer fills in */
    models__trainer trainer;
    models__rounds rounds;
    models__stream stream;
    peal_applier *applier; /* for the columns of a window */
    models__slab slabs[2];
    models__psi *psi;
    models__windows *windows;
    models__window last;     /* that was read */
    double *scores, *labels; /* [window, scores], [window] of the rows that have a label */
    models__prequential now;
    size_t column_numbers;
    double *kept[2], *kept_columns[2]; /* `now` and what is known of the columns, in each state */
    uint64_t unpublished;              /* windows that are committed and not published */
    bool has_published;
    int64_t began;
} follower;

static const peal_reporter *reporter(const follower *self) {
    return self->options->train.reporter;
}

peal_follow_options peal_follow_default(void) {
    return (peal_follow_options){.train = peal_train_default(),
                                 .etl = peal_etl_default(),
                                 .window = WINDOW_ROWS,
                                 .fit_windows = 1,
                                 .publish = 1};
}

/* ---- the options ---- */

/* The first option that only a training on rows that are all there has; NULL: none was given. */
static const char *bounded_option(const peal_train_options *train) {
    return train->valid ? "valid" : train->patience ? "patience" : train->class_weight ? "class-weight" : NULL;
}

static peal_status check_schedule(const peal_train_options *train, peal_error *err) {
    const peal_schedule *schedule;
    peal_schedule_options options;
    if (!train->schedule) return PEAL_OK;
    PEAL_TRY(peal_schedule_parse(train->schedule, &schedule, &options, err));
    if (schedule->has_no_end && options.warmup == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "follow: the schedule '%s' goes by the training's end, which a stream has not; constant and "
                     "inverse do without",
                     train->schedule);
}

static peal_status check_options(const peal_follow_options *options, peal_error *err) {
    const char *bounded = bounded_option(&options->train);
    if (bounded) {
        return peal_fail(err, PEAL_E_USAGE,
                         "follow: %s is of a training whose rows are all there; a stream's are predicted before they "
                         "are learnt, and count alike",
                         bounded);
    }
    if (options->window == 0 || options->window > WINDOW_MOST) {
        return peal_fail(err, PEAL_E_USAGE, "window must be from 1 to %d rows", WINDOW_MOST);
    }
    if (options->fit_windows == 0 || options->publish == 0) {
        return peal_fail(err, PEAL_E_USAGE, "%s must be at least 1", options->publish ? "fit-windows" : "publish");
    }
    if (options->etl.on_bad_row == PEAL_BAD_ROWS_QUARANTINE || options->etl.on_bad_source != PEAL_BAD_ROWS_FAIL) {
        return peal_fail(
            err, PEAL_E_USAGE,
            "follow: a bad row can fail the job or be dropped (on-bad-row), a bad source can only fail it");
    }
    if (options->following.files && options->etl.source_count != 1) {
        return peal_fail(err, PEAL_E_USAGE, "%zu sources were named, but one file is followed (idle-seconds)",
                         options->etl.source_count);
    }
    for (size_t i = 0; i < options->etl.source_count; i++) {
        if (!peal_dataset_is(options->etl.sources[i])) continue;
        return peal_fail(err, PEAL_E_USAGE,
                         "follow: %s is a dataset, and no stream of raw rows; train on it without "
                         "follow",
                         options->etl.sources[i]);
    }
    return check_schedule(&options->train, err);
}

peal_status peal_follow_check(const peal_follow_options *options, peal_error *err) {
    models__trainer trainer = {.options = &options->train, .training = {.is_stream = true}};
    PEAL_TRY(check_options(options, err));
    const peal_status parsed = models__trainer_parse(&trainer, err);
    peal_predictor_free(trainer.init);
    PEAL_TRY(parsed);
    if (!options->train.init) PEAL_TRY(peal_pipeline_check_plan(&options->etl.plan, err));
    if (!options->train.init && !options->etl.plan.label) {
        return peal_fail(err, PEAL_E_USAGE, "follow: which column is to be predicted? (label)");
    }
    if (options->train.run_dir && !options->train.resume) PEAL_TRY(models__run_check(&trainer, err));
    return models__check_out(options->train.out, err);
}

/* ---- the pipeline ---- */

static peal_status check_columns(const follower *self, peal_error *err) {
    const peal_pipeline *pipeline = self->trainer.data.pipeline;
    const size_t refused = pipeline->weight != SIZE_MAX ? pipeline->weight : pipeline->query;
    if (pipeline->label == SIZE_MAX) return peal_fail(err, PEAL_E_USAGE, "follow: the pipeline has no label");
    if (refused == SIZE_MAX) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "follow: column '%s' %s, which cannot be learnt from a stream",
                     pipeline->schema.fields[refused].name,
                     refused == pipeline->weight ? "tells what rows count" : "tells the rows' queries");
}

static peal_status take_pipeline(follower *self, peal_error *err) {
    models__data *data = &self->trainer.data;
    json_t *given = NULL;
    if (self->trainer.init) {
        given = peal_predictor_save_pipeline(self->trainer.init);
        if (!given) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    }
    const peal_status status = models__stream_begin(self->options, given, &self->stream, err);
    json_decref(given);
    PEAL_TRY(status);
    data->own_saved = json_incref(self->stream.pipeline);
    data->pipeline_saved = data->own_saved;
    PEAL_TRY(peal_pipeline_load(data->own_saved, &data->pipeline, err));
    PEAL_TRY(check_columns(self, err));
    PEAL_TRY(peal_pipeline_shape(data->pipeline, &data->shape, err));
    PEAL_TRY(peal_model_check_label(self->trainer.spec.kind, &data->shape, err));
    if (data->shape.classes || self->options->train.label_smoothing == 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the label is a number: label-smoothing is of classes");
}

/* ---- memory ---- */

static peal_status make_windows(follower *self, peal_error *err) {
    models__data *data = &self->trainer.data;
    const size_t rows = self->options->window;
    PEAL_TRY(peal_applier_new(data->pipeline, PEAL_APPLY_EVAL, &self->applier, err));
    for (size_t i = 0; i < 2; i++) {
        PEAL_TRY(models__slab_new(peal_applier_schema(self->applier), rows, &self->slabs[i], err));
        PEAL_TRY(peal_rows_of(&self->slabs[i].table, &data->windows[i], err));
    }
    data->rows = data->valid_rows = data->windows[0];
    data->train_count = data->valid_count = rows;
    PEAL_TRY(peal_alloc_checked(&data->train_list, rows, sizeof *data->train_list, "a window", err));
    PEAL_TRY(peal_alloc_checked(&data->valid_list, rows, sizeof *data->valid_list, "a window", err));
    for (size_t i = 0; i < rows; i++) data->valid_list[i] = (uint32_t)i;
    PEAL_TRY(peal_alloc_checked(&self->labels, rows, sizeof(double), "a window", err));
    PEAL_TRY(
        peal_alloc_checked(&self->scores, rows, peal_shape_scores(&data->shape) * sizeof(double), "a window", err));
    data->weight_unit = 1;
    PEAL_TRY(models__psi_new(data->pipeline, rows, self->options->fit_windows, &self->psi, err));
    models__psi_state(self->psi, &self->column_numbers);
    return PEAL_OK;
}

/* What is committed beside the learner's tensors. */
static void lay_out(void *user, peal_layout *layout) {
    follower *self = user;
    for (size_t i = 0; i < 2; i++) {
        self->kept[i] = peal_layout_take(layout, PEAL_OWNER_STATE, i, "stream", PEAL_TENSOR_FLOAT64, STATE_NUMBERS);
        self->kept_columns[i] =
            peal_layout_take(layout, PEAL_OWNER_STATE, i, "stream.columns", PEAL_TENSOR_FLOAT64, self->column_numbers);
    }
}

/* The part of the job that peal_train has not. NULL if there is no memory. */
static json_t *describe(const follower *self) {
    uint64_t hash;
    char text[17];
    if (peal_json_hash(self->trainer.data.pipeline_saved, 0, &hash, NULL) != PEAL_OK) return NULL;
    peal_hash_text(hash, text);
    return json_pack("{s:I, s:I, s:I, s:s}", "window", (json_int_t)self->options->window, "window_ms",
                     (json_int_t)self->options->window_ms, "fit_windows", (json_int_t)self->options->fit_windows,
                     "pipeline", text);
}

static peal_status prepare(follower *self, peal_error *err) {
    models__trainer *trainer = &self->trainer;
    PEAL_TRY(models__trainer_parse(trainer, err));
    PEAL_TRY(take_pipeline(self, err));
    PEAL_TRY(make_windows(self, err));
    trainer->lay_out = lay_out;
    trainer->lay_out_user = self;
    trainer->last_epoch = UINT32_MAX;
    trainer->stream = describe(self);
    if (!trainer->stream) return peal_fail(err, PEAL_E_MEMORY, "no memory for the job's description");
    PEAL_TRY(models__trainer_prepare(trainer, err));
    self->trained.partitions = trainer->training.partitions;
    self->trained.workers = trainer->training.workers;
    models__prequential_init(&self->now);
    return models__rounds_init(&self->rounds, err);
}

/* ---- what is committed ---- */

static void keep(const follower *self) {
    const int state = self->trainer.committed;
    size_t count;
    const double *columns = models__psi_state(self->psi, &count);
    memcpy(self->kept[state], &self->now, sizeof self->now);
    if (count) memcpy(self->kept_columns[state], columns, count * sizeof *columns);
}

/* The newest version takes its place. Whoever has the old one open reads that on. */
static peal_status publish(follower *self, peal_error *err) {
    models__trainer *trainer = &self->trainer;
    peal_atomic_file *out;
    trainer->learner->fill(trainer->self, trainer->committed, trainer->best);
    keep(self);
    PEAL_TRY(models__run_checkpoint(trainer, &self->rounds.progress, err));
    json_t *job = json_copy(trainer->job);
    job = peal_json_set(job, "version", json_integer((json_int_t)self->now.windows));
    job = peal_json_set(job, "rows", json_integer((json_int_t)self->now.rows));
    peal_status status =
        job ? models__open_out(trainer->options->out, &out, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a job");
    if (status == PEAL_OK) {
        status = models__trainer_write_as(trainer, job, out, err);
        if (status == PEAL_OK) {
            status = peal_atomic_file_commit(out, err);
        } else {
            peal_atomic_file_abort(out);
        }
    }
    json_decref(job);
    self->has_published = self->has_published || status == PEAL_OK;
    if (status == PEAL_OK) self->unpublished = 0;
    return status;
}

static peal_status open_windows(follower *self, const models__window *behind, peal_error *err) {
    const models__windows_options options = {.reading = &self->options->etl,
                                             .pipeline = self->trainer.data.pipeline,
                                             .rows = self->options->window,
                                             .ms = self->options->window_ms,
                                             .live = self->stream.live,
                                             .ends = self->stream.ends,
                                             .end_count = self->stream.end_count,
                                             .behind = behind,
                                             .psi = self->psi};
    return models__windows_open(&options, &self->windows, err);
}

/* The source is read on where the checkpoint says that it stood. */
static peal_status go_on(follower *self, peal_error *err) {
    const models__window behind = models__prequential_window(&self->now);
    size_t count;
    double *columns = models__psi_state(self->psi, &count);
    if (count) memcpy(columns, self->kept_columns[self->trainer.committed], count * sizeof *columns);
    if (!models__psi_is_whole(self->psi)) {
        return peal_fail(err, PEAL_E_DATA, "the checkpoint in %s tells nonsense of the columns",
                         self->options->train.run_dir);
    }
    PEAL_TRY(models__stream_go_on(&self->stream, &behind.after, err));
    return open_windows(self, &behind, err);
}

/* Reads the windows again that the checkpoint holds: they must be the same. The last one may have been what was left of
 * the sources, to which more has been added since; windows end there from now on. */
static peal_status pass_over(follower *self, peal_error *err) {
    const models__prequential *now = &self->now;
    const models__window wanted = models__prequential_window(now);
    models__window window = {0};
    size_t count;
    PEAL_TRY(models__stream_add_end(&self->stream, wanted.used, err));
    PEAL_TRY(open_windows(self, NULL, err));
    while (window.number < wanted.number && window.used < wanted.used && !window.ended) {
        PEAL_TRY(models__windows_next(self->windows, &self->slabs[0], &window, err));
    }
    if (window.number != wanted.number || window.fingerprint != wanted.fingerprint) {
        return peal_fail(err, PEAL_E_DATA,
                         "cannot resume: the first %.0f rows of the source are no longer those that the run has "
                         "learnt; to go on from its model with what is there now, give it as init, without resume",
                         now->rows);
    }
    const double *columns = models__psi_state(self->psi, &count); /* which has looked at them anew */
    if (count && memcmp(columns, self->kept_columns[self->trainer.committed], count * sizeof *columns) != 0) {
        return peal_fail(err, PEAL_E_DATA, "cannot resume: columns of the source that are not learnt have changed");
    }
    return models__stream_keep_ends(&self->stream, err);
}

/* Of a run that has no checkpoint yet. */
static peal_status begin_anew(follower *self, peal_error *err) {
    if (self->stream.is_recalled) PEAL_TRY(models__stream_go_on(&self->stream, NULL, err));
    PEAL_TRY(models__stream_keep(&self->stream, err));
    return open_windows(self, NULL, err);
}

static peal_status check_resume(const follower *self, peal_error *err) {
    const models__trainer *trainer = &self->trainer;
    if (self->stream.live && !peal_live_can_return(self->stream.live)) {
        return peal_fail(err, PEAL_E_USAGE,
                         "cannot resume: a pipe gives its rows once, and nobody knows which of them are gone; to go on "
                         "from the model in %s with what comes now, give it as init, without resume",
                         trainer->options->out);
    }
    if (!models__prequential_is_whole(&self->now) || self->now.windows != (double)self->rounds.progress.epoch) {
        return peal_fail(err, PEAL_E_DATA, "the checkpoint in %s tells nonsense of the stream",
                         trainer->options->run_dir);
    }
    if (self->stream.is_recalled || !self->options->window_ms) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "cannot resume: the run folder %s lacks stream.json, and windows of a time do not come again",
                     trainer->options->run_dir);
}

static peal_status begin_or_resume(follower *self, peal_error *err) {
    models__trainer *trainer = &self->trainer;
    PEAL_TRY(models__run_begin(trainer, &self->rounds.progress, err));
    if (self->rounds.progress.epoch == 0) return begin_anew(self, err);
    memcpy(&self->now, self->kept[trainer->committed], sizeof self->now);
    PEAL_TRY(check_resume(self, err));
    if (self->stream.is_recalled) return go_on(self, err);
    return pass_over(self, err);
}

/* ---- a window ---- */

/* Finds the rows that have a label (and an offset, if there is one); tells the workers. */
static void present(follower *self, uint32_t slab) {
    models__trainer *trainer = &self->trainer;
    const peal_shape *shape = &trainer->data.shape;
    const models__slab *rows = &self->slabs[slab];
    size_t learnt = 0;
    for (size_t row = 0; row < rows->rows; row++) {
        const double label = peal_shape_label(shape, &rows->table, row);
        if (!isfinite(label) || !isfinite(peal_shape_offset(shape, &rows->table, row))) continue;
        self->labels[learnt] = label;
        trainer->data.train_list[learnt++] = (uint32_t)row;
    }
    *trainer->shared.present = (models__present){.slab = slab, .rows = rows->rows, .learnt = learnt};
    models__take_present(trainer);
}

/* Test: all rows are predicted by the committed model. */
static peal_status predict(follower *self, peal_metrics *metrics, models__adwin_change *risen, bool *has_risen,
                           peal_error *err) {
    models__trainer *trainer = &self->trainer;
    const peal_shape *shape = &trainer->data.shape;
    const size_t width = peal_shape_scores(shape), count = (size_t)trainer->training.row_count;
    PEAL_TRY(models__rounds_score(&self->rounds, err));
    for (size_t i = 0; i < count; i++) {
        const double *scores = trainer->shared.valid_scores + trainer->data.train_list[i] * width;
        memcpy(self->scores + i * width, scores, width * sizeof *scores);
    }
    PEAL_TRY(peal_metrics_compute(self->scores, width, self->labels, NULL, count, shape->classes,
                                  shape->label_deviation, metrics, err));
    *has_risen = count > 0 && models__prequential_add(&self->now, shape, self->scores, self->labels, metrics, risen);
    trainer->result->valid = *metrics;
    return PEAL_OK;
}

/* Then train. */
static peal_status learn(follower *self, peal_error *err) {
    models__trainer *trainer = &self->trainer;
    models__rounds *rounds = &self->rounds;
    const size_t passes = trainer->training.epochs, done = (size_t)self->now.windows;
    for (size_t pass = 0; pass < passes && trainer->training.row_count > 0; pass++) {
        rounds->progress.epoch = done * passes + pass;
        rounds->before = (uint64_t)self->now.steps;
        PEAL_TRY(models__rounds_epoch(rounds, err));
        self->now.steps += (double)trainer->training.steps;
        if (!models__state_is_finite(trainer) || (trainer->learner->loss && !isfinite(rounds->progress.train_loss))) {
            return models__ran_away(trainer, done, err);
        }
        models__rounds_next_epoch(rounds);
    }
    return PEAL_OK;
}

static void commit(follower *self, const models__window *window, const peal_metrics *metrics) {
    models__progress *progress = &self->rounds.progress;
    models__prequential_stand(&self->now, window);
    self->now.rows += (double)self->trainer.shared.present->rows;
    self->now.learnt += (double)self->trainer.shared.present->learnt;
    progress->epoch = progress->best_epoch = (size_t)window->number;
    progress->best_loss = metrics->loss;
    self->unpublished++;
}

/* ---- what is said ---- */

static void say_window(const follower *self, const peal_metrics *metrics) {
    const models__sums *all = &self->now.all;
    const models__present *present = self->trainer.shared.present;
    char text[160] = ", none of which has a label that is known", unknown[48] = "";
    const unsigned long long rows = present->rows, left_out = present->rows - present->learnt;
    if (metrics->rows && metrics->classes) {
        peal_snprintf(text, sizeof text, ": loss %.4g, accuracy %.4f (so far %.4g, %.4f)", metrics->loss,
                      metrics->accuracy, all->loss / all->rows, all->right / all->rows);
    } else if (metrics->rows) {
        peal_snprintf(text, sizeof text, ": loss %.4g, rmse %.6g (so far %.4g, %.6g)", metrics->loss, metrics->rmse,
                      all->loss / all->rows, sqrt(all->squares / all->rows));
    }
    if (metrics->rows && left_out) peal_snprintf(unknown, sizeof unknown, "; %llu without a known label", left_out);
    peal_report(reporter(self), PEAL_EVENT_METRIC, "window %.0f: %llu rows%s%s", self->now.windows, rows, text,
                unknown);
}

/* Columns that have moved in this window and not in the one before, in words; *moved has the PSI of all that have. */
static bool say_columns(const follower *self, json_t **moved) {
    enum { NAMED = 5 };
    size_t found = 0;
    *moved = json_object();
    for (size_t i = 0; i < models__psi_columns(self->psi); i++) {
        bool is_new;
        const double value = models__psi_value(self->psi, i);
        if (!models__psi_has_moved(self->psi, i, &is_new)) continue;
        *moved = peal_json_set(*moved, models__psi_name(self->psi, i), json_real(value));
        if (!is_new || ++found > NAMED) continue;
        peal_report(reporter(self), PEAL_EVENT_WARNING, "window %.0f: column '%s' has moved (PSI %.2f)",
                    self->now.windows, models__psi_name(self->psi, i), value);
    }
    if (found > NAMED) {
        peal_report(reporter(self), PEAL_EVENT_WARNING, "window %.0f: %zu more columns have moved", self->now.windows,
                    found - NAMED);
    }
    return found > 0;
}

static void say_loss(const follower *self, const models__adwin_change *risen) {
    const bool classes = self->trainer.data.shape.classes > 0;
    const double unit = classes ? 1 : 4; /* see models__bounded_loss */
    peal_report(reporter(self), PEAL_EVENT_WARNING, "window %.0f: the loss (%s) has risen from %.3g to %.3g",
                self->now.windows, classes ? "1 - probability of the label" : "error in deviations of the label",
                unit * risen->before, unit * risen->after);
}

static peal_status tell(follower *self, const peal_metrics *metrics, const models__adwin_change *risen, bool has_risen,
                        peal_error *err) {
    const peal_shape *shape = &self->trainer.data.shape;
    const models__present *present = self->trainer.shared.present;
    json_t *moved;
    say_window(self, metrics);
    if (has_risen) say_loss(self, risen);
    const bool has_moved = say_columns(self, &moved);
    self->result->drifts += has_risen || has_moved;
    json_t *line = json_pack("{s:I, s:I, s:I}", "window", (json_int_t)self->now.windows, "rows",
                             (json_int_t)present->rows, "learnt", (json_int_t)present->learnt);
    if (metrics->rows) {
        line = peal_json_set(line, "metrics", peal_metrics_save(metrics));
        line = peal_json_set(line, "all", models__sums_save(&self->now.all, shape));
        line = peal_json_set(line, "faded", models__sums_save(&self->now.faded, shape));
        line = peal_json_set(line, "adwin_rows", json_integer((json_int_t)self->now.adwin.count));
    }
    if (has_risen) {
        json_t *loss = json_pack("{s:f, s:f}", "before", risen->before, "after", risen->after);
        line = peal_json_set(line, "loss_has_risen", loss);
    }
    line = peal_json_set(line, "moved", moved);
    const peal_status status = models__run_metrics(&self->trainer, line, err);
    json_decref(line);
    return status;
}

/* ---- the stream ---- */

static bool is_to_halt(void *user) {
    const follower *self = user;
    return peal_is_stopped(self->options->train.stop);
}

/* Workers halt only if all is to end, which rounds see. */
static peal_status halted(void *user, peal_error *err) {
    (void)user, (void)err;
    return PEAL_OK;
}

static void report_rows(void *user, uint64_t rows) {
    const follower *self = user;
    peal_report_progress(reporter(self), "learning", "rows", (uint64_t)self->now.rows + rows, 0);
}

/* The transaction. */
static peal_status one_window(follower *self, const models__window *window, uint32_t slab, peal_error *err) {
    peal_metrics metrics = {0};
    models__adwin_change risen;
    bool has_risen;
    self->rounds.supervisor.epoch = (size_t)window->number - 1;
    present(self, slab);
    PEAL_TRY(predict(self, &metrics, &risen, &has_risen, err));
    PEAL_TRY(learn(self, err));
    commit(self, window, &metrics);
    PEAL_TRY(tell(self, &metrics, &risen, has_risen, err));
    return self->unpublished >= self->options->publish ? publish(self, err) : PEAL_OK;
}

static peal_status all_windows(follower *self, peal_error *err) {
    models__window *window = &self->last;
    for (uint32_t slab = 0; !window->ended; slab = 1 - slab) {
        const peal_status status = models__windows_next(self->windows, &self->slabs[slab], window, err);
        if (status == PEAL_E_INTERRUPTED && self->unpublished) PEAL_TRY(publish(self, err));
        if (status == PEAL_E_INTERRUPTED) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
        PEAL_TRY(status);
        if (self->slabs[slab].rows > 0) PEAL_TRY(one_window(self, window, slab, err));
    }
    if (self->now.windows == 0) return peal_fail(err, PEAL_E_DATA, "the stream has no rows");
    return self->unpublished || !self->has_published ? publish(self, err) : PEAL_OK;
}

static void fill_result(follower *self) {
    const models__prequential *now = &self->now;
    peal_follow_result *result = self->result;
    result->rows_used = self->last.used;
    result->rows_dropped = self->last.dropped;
    result->rows_in = self->last.used + self->last.dropped;
    result->learnt = (uint64_t)now->learnt;
    result->windows = (uint64_t)now->windows;
    result->has_metrics = now->all.rows > 0;
    result->classes = self->trainer.data.shape.classes;
    if (result->has_metrics) {
        result->loss = now->all.loss / now->all.rows;
        result->accuracy = now->all.right / now->all.rows;
        result->rmse = sqrt(now->all.squares / now->all.rows);
        result->mae = now->all.absolutes / now->all.rows;
    }
    const double seconds = (double)(peal_now_ns() - self->began) * 1e-9;
    result->rows_per_second = seconds > 0 ? (double)result->rows_used / seconds : 0;
    result->partitions = self->trained.partitions;
    result->workers = self->trained.workers;
    result->deaths = self->trained.deaths;
}

static peal_status run(follower *self, peal_error *err) {
    PEAL_TRY(prepare(self, err));
    PEAL_TRY(begin_or_resume(self, err));
    self->began = peal_now_ns();
    peal_status status = models__rounds_fork(&self->rounds, err);
    if (status == PEAL_OK) status = all_windows(self, err);
    models__rounds_end(&self->rounds, status == PEAL_OK ? GRACE_MS : 0);
    if (status == PEAL_OK) fill_result(self);
    return status == PEAL_OK ? peal_sha256_file(self->options->train.out, self->result->model_sha256, err) : status;
}

static void clear(follower *self) {
    models__windows_close(self->windows);
    models__rounds_clear(&self->rounds);
    models__trainer_clear(&self->trainer);
    models__psi_free(self->psi);
    for (size_t i = 0; i < 2; i++) models__slab_free(&self->slabs[i]);
    peal_applier_free(self->applier);
    models__stream_clear(&self->stream);
    free(self->scores);
    free(self->labels);
    free(self);
}

static peal_status follow(const peal_follow_options *options, peal_follow_result *result, peal_error *err) {
    follower *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for a stream");
    self->options = options;
    self->result = result;
    self->trainer =
        (models__trainer){.options = &options->train, .result = &self->trained, .training = {.is_stream = true}};
    self->rounds = (models__rounds){
        .trainer = &self->trainer, .user = self, .is_to_halt = is_to_halt, .halted = halted, .report = report_rows};
    const peal_status status = run(self, err);
    clear(self);
    return status;
}

peal_status peal_follow(const peal_follow_options *options, peal_follow_result *result, peal_error *err) {
    const peal_train_options *train = &options->train;
    *result = (peal_follow_result){0};
    if (!train->out) return peal_fail(err, PEAL_E_USAGE, "no model file was named to write to (out)");
    PEAL_TRY(peal_output_check(train->out, err));
    PEAL_TRY(peal_follow_check(options, err));
    const bool makes_run_dir = train->run_dir && !peal_path_exists(train->run_dir);
    peal_lock *run_folder = NULL;
    if (train->run_dir) PEAL_TRY(models__run_lock(train->run_dir, &run_folder, err));
    const peal_status status = follow(options, result, err);
    if (status != PEAL_OK && makes_run_dir) rmdir(train->run_dir); /* if nothing came into it */
    peal_lock_release(run_folder);
    return status;
}
