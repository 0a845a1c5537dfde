/* `peal etl`: makes a dataset of files, or images of images. */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/spec.h"
#include "etl/job/grow.h"
#include "etl/job/images.h"
#include "tools/command.h"
#include "tools/display.h"
#include "tools/explain.h"

static json_t *splits_json(const peal_etl_result *result) {
    json_t *splits = json_object();
    for (int i = 0; i < PEAL_SPLITS; i++) {
        if (!result->split_rows[i]) continue;
        splits = peal_json_set(splits, peal_split_names[i], json_integer((json_int_t)result->split_rows[i]));
    }
    return splits;
}

/* NULL if there is no memory. */
static json_t *result_json(const peal_etl_result *result) {
    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:f, s:I, s:b}", "rows", peal_etl_rows_save(result), "sources_left_out",
                     (json_int_t)result->sources_left_out, "splits", splits_json(result), "stages",
                     peal_stage_times_save(&result->times), "connections", tools_usage_json(&result->usage), "seconds",
                     (double)result->times.wall * 1e-9, "threads", (json_int_t)result->times.threads, "up_to_date",
                     result->up_to_date);
}

static void say_result(const tools_options *options, const peal_etl_result *result) {
    char verdict[256];
    tools_say_rows(result->rows_in, result->rows_used, result->rows_dropped, result->rows_quarantined);
    if (result->sources_left_out) {
        tools_say("sources: %llu left out", (unsigned long long)result->sources_left_out);
    }
    if (result->up_to_date) {
        tools_say("dataset: %s is complete and up to date", options->out);
        return;
    }
    tools_say("dataset: %s (%llu train, %llu valid, %llu test rows) in %.2f s", options->out,
              (unsigned long long)result->split_rows[PEAL_SPLIT_TRAIN],
              (unsigned long long)result->split_rows[PEAL_SPLIT_VALID],
              (unsigned long long)result->split_rows[PEAL_SPLIT_TEST], (double)result->times.wall * 1e-9);
    tools_say("%s", peal_stage_verdict(&result->times, verdict));
}

/* ---- images ---- */

/* What shapes a dataset means nothing to images, and the other way round. */
static peal_status check_options(const tools_options *options, bool images, peal_error *err) {
    const struct {
        const char *name;
        bool given, is_of_images;
    } all[] = {{"label", options->label, false},
               {"weight", options->weight, false},
               {"offset", options->offset, false},
               {"exposure", options->exposure, false},
               {"format", options->format, false},
               {"task", options->task, false},
               {"type", options->types, false},
               {"drop", options->drop, false},
               {"null", options->nulls, false},
               {"like", options->like, false},
               {"explain", options->explain, false},
               {"on-bad-source", options->on_bad_source, false},
               {"image-format", options->image_format, true},
               {"quality", options->quality > 0, true}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].given || all[i].is_of_images == images) continue;
        return peal_fail(err, PEAL_E_USAGE,
                         images ? "--%s is of datasets, not of --to images" : "--%s wants --to images", all[i].name);
    }
    const char *reading = images ? json_object_iter_key(json_object_iter(options->reading)) : NULL;
    return reading ? peal_fail(err, PEAL_E_USAGE, "--%s is of text, not of --to images", reading) : PEAL_OK;
}

static void say_images(const tools_options *options, const peal_images_result *result) {
    tools_say_rows(result->rows_in, result->rows_used, result->rows_dropped, result->rows_quarantined);
    if (result->up_to_date) {
        tools_say("images: %s is complete and up to date", options->out);
        return;
    }
    if (result->rows_kept) {
        tools_say("%llu of them were written by the job that was stopped", (unsigned long long)result->rows_kept);
    }
    tools_say("images: %s (%llu, %llu bytes) in %.2f s", options->out, (unsigned long long)result->rows_used,
              (unsigned long long)result->bytes, (double)result->wall_ns * 1e-9);
}

/* NULL if there is no memory. */
static json_t *images_json(const peal_images_result *result) {
    return json_pack("{s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:f, s:I, s:b}", "rows", "in", (json_int_t)result->rows_in,
                     "used", (json_int_t)result->rows_used, "dropped", (json_int_t)result->rows_dropped, "quarantined",
                     (json_int_t)result->rows_quarantined, "kept", (json_int_t)result->rows_kept, "bytes",
                     (json_int_t)result->bytes, "seconds", (double)result->wall_ns * 1e-9, "threads",
                     (json_int_t)result->threads, "up_to_date", result->up_to_date);
}

static peal_status run_images(const tools_options *options, peal_error *err) {
    peal_images_result result;
    peal_images_options images = peal_images_default();
    PEAL_TRY(tools_need_sources(options, err));
    images.sources = (const char *const *)options->sources;
    images.source_count = options->source_count;
    images.access = options->access;
    images.out = options->out;
    images.transforms = options->transforms;
    images.kind = options->image_format;
    if (options->quality) images.quality = options->quality > 101 ? 101 : (unsigned)options->quality; /* is refused */
    images.threads = options->threads;
    images.processes = options->processes;
    images.resume = options->resume;
    images.stop = &tools_stop;
    images.reporter = tools_display_reporter();
    PEAL_TRY(tools_bad_rows(options, &images.on_bad_row, err));
    PEAL_TRY(peal_images_write(&images, &result, err));
    say_images(options, &result);
    return options->json ? tools_print_json(images_json(&result), err) : PEAL_OK;
}

/* ---- datasets that grow ---- */

static peal_status check_following(const tools_options *options, bool images, peal_error *err) {
    if (options->follow && images) return peal_fail(err, PEAL_E_USAGE, "--follow is of rows, not of --to images");
    if (options->follow) return PEAL_OK;
    if (options->window) return peal_fail(err, PEAL_E_USAGE, "--window is of sources that are followed (--follow)");
    if (options->fit_windows) {
        return peal_fail(err, PEAL_E_USAGE, "--fit-windows is of sources that are followed (--follow)");
    }
    peal_following following;
    return tools_following(options, &following, err);
}

static void say_growth(const tools_options *options, const peal_grow_result *result) {
    tools_say_rows(result->rows_in, result->rows_used, result->rows_dropped, result->rows_quarantined);
    const double seconds = (double)result->wall_ns * 1e-9;
    tools_say("dataset: %s (%llu window%s, %llu of them new) in %.2f s, %.0f new rows/s", options->out,
              (unsigned long long)result->windows, result->windows == 1 ? "" : "s",
              (unsigned long long)result->new_windows, seconds, (double)result->new_rows / seconds);
}

/* NULL if there is no memory. */
static json_t *growth_json(const peal_grow_result *result) {
    return json_pack("{s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:f}", "rows", "in", (json_int_t)result->rows_in,
                     "used", (json_int_t)result->rows_used, "dropped", (json_int_t)result->rows_dropped, "quarantined",
                     (json_int_t)result->rows_quarantined, "windows", (json_int_t)result->windows, "new_windows",
                     (json_int_t)result->new_windows, "new_rows", (json_int_t)result->new_rows, "unknown_values",
                     (json_int_t)result->unknown, "seconds", (double)result->wall_ns * 1e-9);
}

static peal_status run_follow(const tools_options *options, peal_error *err) {
    peal_grow_options grow = {.fit_windows = options->fit_windows ? options->fit_windows : 1};
    peal_following following;
    tools_arrays arrays = {0};
    peal_grow_result result = {0};
    PEAL_TRY(tools_following(options, &following, err));
    grow.has_idle = following.has_idle;
    grow.idle_ms = following.idle_ms;
    if (options->window) {
        PEAL_TRY(tools_window(options->window, &grow.window_rows, &grow.window_ms, err));
    } else {
        grow.window_rows = PEAL_WINDOW_ROWS;
    }
    peal_status status = tools_etl_options(options, &grow.etl, &arrays, err);
    if (status == PEAL_OK) status = peal_grow(&grow, &result, err);
    tools_arrays_clear(&arrays);
    if (result.windows > 0) say_growth(options, &result);
    if (status != PEAL_OK) return status;
    return options->json ? tools_print_json(growth_json(&result), err) : PEAL_OK;
}

/* ---- all ---- */

static peal_status run_dataset(const tools_options *options, peal_error *err) {
    peal_etl_options etl;
    tools_arrays arrays = {0};
    peal_etl_result result;
    peal_status status = tools_etl_options(options, &etl, &arrays, err);
    if (status == PEAL_OK) status = peal_etl(&etl, &result, err);
    tools_arrays_clear(&arrays);
    if (status != PEAL_OK) return status;
    say_result(options, &result);
    if (options->json) return tools_print_json(result_json(&result), err);
    if (options->explain && !result.up_to_date) tools_explain(&result);
    return PEAL_OK;
}

static peal_status run(const tools_options *options, peal_error *err) {
    static const char *const forms[] = {"dataset", "images"};
    size_t form = 0;
    if (options->to) PEAL_TRY(peal_spec_choose("form (--to)", options->to, forms, 2, &form, err));
    PEAL_TRY(check_options(options, form == 1, err));
    PEAL_TRY(check_following(options, form == 1, err));
    if (options->follow) return run_follow(options, err);
    return form == 1 ? run_images(options, err) : run_dataset(options, err);
}

const tools_command tools_command_etl = {
    .name = "etl",
    .usage = "SOURCE... --out DATASET [options]",
    .documentation =
        "Turns files (tables as text, JSON Lines, Arrow, NumPy, LIBSVM, VW, IDX, images; plain, compressed or in "
        "archives) into a dataset: a folder of Arrow shards and a manifest. "
        "A SOURCE is a file, a folder, a glob, a URL (see 'peal help sources') or - for standard input. With --to "
        "images "
        "each image of folders and archives goes through the transforms of images (resize, crop, grey...) and is "
        "written "
        "again, as JPEG or PNG under the path that it had, into a folder that appears whole or not at all. With "
        "--follow one source is read on as its rows come (a file that grows, a pipe, tcp://HOST:PORT, unix:PATH), and "
        "the dataset grows by a shard a window; --resume goes on behind the last one.",
    .bit = FOR_ETL,
    .run = run,
};
