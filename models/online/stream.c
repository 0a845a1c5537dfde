/* Opens a stream, fits its pipeline, and keeps both in the run folder; see stream.h. */
#include "models/online/stream.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/machine.h"
#include "core/base/seal.h"
#include "etl/dataset/dataset.h"
#include "etl/job/first.h"

enum { VERSION = 1, HEAD_LINES = 100 };
static const char kind[] = "peal-stream", file_name[] = "stream.json";

static const char *source_of(const models__stream *self) {
    return self->options->etl.sources[0];
}

/* ---- the source ---- */

static peal_status open_live(models__stream *self, const peal_place *from, peal_error *err) {
    const peal_etl_options *etl = &self->options->etl;
    peal_live_options live = {.source = source_of(self),
                              .format = etl->format,
                              .access = etl->access,
                              .following = self->options->following,
                              .stop = etl->stop,
                              .reporter = etl->reporter};
    live.following.from = from;
    return etl->source_count == 1 ? peal_live_open(&live, &self->live, err) : PEAL_OK;
}

/* A few lines, which tell how all are written. */
static peal_status find_head(const models__stream *self, peal_error *err) {
    const uint8_t *bytes;
    size_t size;
    const uint64_t lines = self->options->window < HEAD_LINES ? self->options->window + 1 : HEAD_LINES;
    return peal_live_sample(self->live, lines, INT64_MAX, &bytes, &size, err);
}

/* ---- the pipeline ---- */

static peal_status sample(models__stream *self, const uint8_t **bytes, size_t *size, peal_error *err) {
    const peal_follow_options *options = self->options;
    if (self->fit_lines) return peal_live_sample(self->live, self->fit_lines, INT64_MAX, bytes, size, err);
    return peal_live_sample_windows(self->live, options->window, options->window_ms, options->fit_windows, bytes, size,
                                    err);
}

static peal_status fit_live(models__stream *self, const char *folder, peal_error *err) {
    const uint8_t *bytes;
    size_t size;
    PEAL_TRY(sample(self, &bytes, &size, err));
    return peal_live_fit(self->live, &self->options->etl, bytes, size, folder, &self->pipeline, err);
}

static peal_status take_pipeline(models__stream *self, const char *path, peal_error *err) {
    peal_dataset *dataset;
    PEAL_TRY(peal_dataset_open(path, &dataset, err));
    self->pipeline = json_deep_copy(peal_dataset_pipeline(dataset));
    peal_dataset_close(dataset);
    return self->pipeline ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
}

/* By an ordinary ETL job over the first rows, whose dataset is gone behind it. */
static peal_status fit_files(models__stream *self, const char *text, const char *dataset, peal_error *err) {
    peal_etl_options etl = self->options->etl;
    peal_etl_result result;
    /* A header may stand above the rows. */
    if (!self->fit_lines) self->fit_lines = self->options->window * self->options->fit_windows + 1;
    PEAL_TRY(peal_first_rows(&etl, &self->fit_lines, text, &etl.format, err));
    etl.sources = &text;
    etl.source_count = 1;
    etl.out = dataset;
    etl.access = NULL;
    etl.resume = false;
    PEAL_TRY(peal_etl(&etl, &result, err));
    return take_pipeline(self, dataset, err);
}

static peal_status fit_in(models__stream *self, const char *folder, peal_error *err) {
    char *text = peal_path_join(folder, "text"), *work = peal_path_join(folder, "work");
    peal_status status = PEAL_OK;
    if (!text || !work) {
        status = peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    } else {
        status = self->live ? fit_live(self, work, err) : fit_files(self, text, work, err);
    }
    free(text);
    free(work);
    if (status != PEAL_OK) {
        peal_error_context(err, "fitting the pipeline on the first rows of %s", source_of(self));
        return status;
    }
    peal_report(self->options->etl.reporter, PEAL_EVENT_NOTE,
                "the pipeline is fitted on the first rows, and stays as it is");
    return PEAL_OK;
}

/* What it needs of the disk lies in the run folder, or among the temporary files, and is gone afterwards, with what a
 * killed job left of it. */
static peal_status fit(models__stream *self, peal_error *err) {
    peal_staging *staging = NULL;
    const char *folder = self->options->train.run_dir;
    char *target = folder ? peal_path_join(folder, "first-rows")
                          : peal_sprintf("%s/peal-follow-%d", peal_temporary_folder(), (int)getpid());
    peal_status status =
        target ? peal_staging_make(target, NULL, &staging, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    if (status == PEAL_OK) status = fit_in(self, peal_staging_path(staging), err);
    peal_staging_abandon(staging, false);
    free(target);
    return status;
}

/* ---- the run folder ---- */

static peal_status take_kept(models__stream *self, const json_t *kept, const char *path, peal_error *err) {
    json_t *name = peal_json_path(source_of(self));
    const json_t *saved = json_object_get(kept, "source");
    const bool same = name && json_equal(name, saved);
    json_decref(name);
    if (!same) {
        return peal_fail(err, PEAL_E_USAGE, "the run in %s follows %s, not %s: give that name",
                         self->options->train.run_dir,
                         json_is_string(saved) ? json_string_value(saved) : "another file", source_of(self));
    }
    const char *head = json_string_value(json_object_get(kept, "head"));
    const json_t *pipeline = json_object_get(kept, "pipeline");
    if (!head || !json_is_object(pipeline)) return peal_fail(err, PEAL_E_DATA, "%s does not tell the stream", path);
    self->head = peal_strdup(head);
    self->pipeline = json_deep_copy(pipeline);
    self->is_recalled = true;
    return self->head && self->pipeline ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
}

/* Of a run on sources that end. */
static peal_status take_ends(models__stream *self, const json_t *kept, const char *path, peal_error *err) {
    const json_t *lines = json_object_get(kept, "fit_lines"), *ends = json_object_get(kept, "ends"), *end;
    size_t i;
    bool is_right = json_is_integer(lines) && json_integer_value(lines) >= 0 && json_is_array(ends);
    uint64_t before = 0;
    json_array_foreach(ends, i, end) {
        is_right = is_right && json_is_integer(end) && json_integer_value(end) > (json_int_t)before;
        before = (uint64_t)json_integer_value(end);
        if (is_right) PEAL_TRY(models__stream_add_end(self, before, err));
    }
    self->fit_lines = (size_t)json_integer_value(lines);
    return is_right ? PEAL_OK : peal_fail(err, PEAL_E_DATA, "%s does not tell the stream", path);
}

static peal_status recall(models__stream *self, peal_error *err) {
    const peal_train_options *train = &self->options->train;
    if (!train->resume || !train->run_dir) return PEAL_OK;
    char *path = peal_path_join(train->run_dir, file_name);
    json_t *kept = NULL;
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    peal_status status =
        peal_path_exists(path) ? peal_seal_read(path, "a run's stream", kind, VERSION, &kept, err) : PEAL_OK;
    if (status == PEAL_OK && json_object_get(kept, "ends")) {
        status = take_ends(self, kept, path, err);
    } else if (status == PEAL_OK && kept && self->options->following.files) {
        status = take_kept(self, kept, path, err);
    }
    json_decref(kept);
    free(path);
    return status;
}

/* Takes `kept` over. */
static peal_status keep(const models__stream *self, json_t *kept, peal_error *err) {
    char *path = peal_path_join(self->options->train.run_dir, file_name);
    const peal_status status =
        path && kept ? peal_seal_write(path, kept, err) : peal_fail(err, PEAL_E_MEMORY, "no memory for a run's stream");
    json_decref(kept);
    free(path);
    return status;
}

peal_status models__stream_add_end(models__stream *stream, uint64_t rows, peal_error *err) {
    if (stream->end_count && stream->ends[stream->end_count - 1] == rows) return PEAL_OK;
    uint64_t *longer = realloc(stream->ends, (stream->end_count + 1) * sizeof *longer);
    if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for a run's stream");
    stream->ends = longer;
    longer[stream->end_count++] = rows;
    return PEAL_OK;
}

peal_status models__stream_keep_ends(const models__stream *stream, peal_error *err) {
    if (!stream->options->train.run_dir) return PEAL_OK;
    json_t *ends = json_array();
    for (size_t i = 0; i < stream->end_count; i++) {
        ends = peal_json_append(ends, json_integer((json_int_t)stream->ends[i]));
    }
    return keep(stream,
                json_pack("{s:s, s:i, s:I, s:o}", "kind", kind, "version", VERSION, "fit_lines",
                          (json_int_t)stream->fit_lines, "ends", ends),
                err);
}

peal_status models__stream_keep(const models__stream *stream, peal_error *err) {
    if (!stream->options->train.run_dir) return PEAL_OK;
    if (!stream->live) return models__stream_keep_ends(stream, err);
    if (!peal_live_can_return(stream->live)) return PEAL_OK;
    char *head = peal_live_head_digits(stream->live);
    if (!head) return peal_fail(err, PEAL_E_MEMORY, "no memory for a run's stream");
    const peal_status status =
        keep(stream,
             json_pack("{s:s, s:i, s:o, s:s, s:O}", "kind", kind, "version", VERSION, "source",
                       peal_json_path(source_of(stream)), "head", head, "pipeline", stream->pipeline),
             err);
    free(head);
    return status;
}

/* ---- what is told of in the header ---- */

peal_status models__stream_begin(const peal_follow_options *options, const json_t *given, models__stream *out,
                                 peal_error *err) {
    *out = (models__stream){.options = options};
    PEAL_TRY(recall(out, err));
    if (out->is_recalled) return PEAL_OK;
    PEAL_TRY(open_live(out, NULL, err));
    if (!out->live && options->window_ms) {
        return peal_fail(
            err, PEAL_E_USAGE,
            "%s: a window of a time is of one source that comes bit by bit: a pipe, a connection, or a file "
            "that is followed (idle-seconds)",
            source_of(out));
    }
    if (!given) return fit(out, err);
    out->pipeline = json_deep_copy(given);
    if (!out->pipeline) return peal_fail(err, PEAL_E_MEMORY, "no memory for a pipeline");
    return out->live ? find_head(out, err) : PEAL_OK;
}

peal_status models__stream_go_on(models__stream *stream, const peal_position *from, peal_error *err) {
    PEAL_TRY(open_live(stream, from ? &from->place : NULL, err));
    if (!from) return find_head(stream, err);
    if (!stream->live || !peal_live_can_return(stream->live)) {
        return peal_fail(err, PEAL_E_USAGE, "cannot resume: a file was followed, and %s is none now",
                         source_of(stream));
    }
    return peal_live_keep_head(stream->live, stream->head, err);
}

void models__stream_clear(models__stream *stream) {
    peal_live_free(stream->live);
    json_decref(stream->pipeline);
    free(stream->head);
    free(stream->ends);
    *stream = (models__stream){0};
}
