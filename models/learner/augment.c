/* What the user wants of augmentation, and whether it can be had of these features; see augment.h. */
#include "models/learner/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/spelling.h"

enum { ONE = 1 << 16, PARTS_OF_DEGREE = 64, OPTIONS_MOST = 16, NAME_MOST = 64 };

#define AT(field) offsetof(models__augment_wish, field)

const peal_augment_option peal_augment_options[] = {
    {"flip", NULL, true, 1, 1, AT(flip), "half of the rows are mirrored, left and right exchanged"},
    {"vflip", NULL, true, 1, 1, AT(vflip), "half of the rows are mirrored, top and bottom exchanged"},
    {"shift", "N", true, 1, 4096, AT(shift), "moved by up to N pixels each way; what comes in is black"},
    {"crop", "N", true, 1, 4096, AT(crop), "a part that is up to N pixels narrower, made as large as the image was"},
    {"rotate", "D", false, 0, 180, AT(rotate), "turned by up to D degrees each way; what comes in is black"},
    {"jitter", "X", false, 0, 1, AT(jitter), "brightness, contrast and saturation, each by up to the share X"},
    {"brightness", "X", false, 0, 1, AT(brightness), "darker or brighter by up to the share X (jitter's)"},
    {"contrast", "X", false, 0, 1, AT(contrast), "nearer to or farther from the image's mean (jitter's)"},
    {"saturation", "X", false, 0, 1, AT(saturation), "colours paler or stronger (jitter's)"},
    {"hue", "X", false, 0, 0.5, AT(hue), "colours turned by up to X of their circle (0)"},
    {"width", "N", true, 1, PEAL_IMAGE_SIDE_MOST, AT(width),
     "of the images in pixels, where the input does not say it, as IDX and NumPy"},
    {"channels", "N", true, 1, 3, AT(channels), "of them (1), beside width"},
    {.name = NULL},
};

static const peal_augment_option *find_option(const char *name) {
    const peal_augment_option *option = peal_augment_options;
    while (option->name && strcmp(option->name, name) != 0) option++;
    return option->name ? option : NULL;
}

static peal_status unknown_name(const char *name, peal_error *err) {
    const char *names[OPTIONS_MOST];
    char hint[PEAL_HINT_SIZE];
    size_t count = 0;
    for (; peal_augment_options[count].name; count++) names[count] = peal_augment_options[count].name;
    _Static_assert(sizeof peal_augment_options / sizeof *peal_augment_options <= OPTIONS_MOST, "all names have room");
    return peal_fail(err, PEAL_E_USAGE, "augment knows no '%s'%s", name, peal_did_you_mean(name, names, count, hint));
}

/* NAME or NAME=VALUE. */
static peal_status parse_word(const char *word, models__augment_wish *out, peal_error *err) {
    char name[NAME_MOST];
    const size_t length = strcspn(word, "=");
    const char *value = word[length] ? word + length + 1 : NULL;
    peal_snprintf(name, sizeof name, "%.*s", (int)(length < NAME_MOST ? length : NAME_MOST - 1), word);
    const peal_augment_option *option = find_option(name);
    double number = 1;
    if (!option) return unknown_name(name, err);
    double *to = (double *)(void *)((uint8_t *)out + option->offset);
    if (*to > 0) return peal_fail(err, PEAL_E_USAGE, "augment: '%s' stands there twice", name);
    if (!option->argument && value) return peal_fail(err, PEAL_E_USAGE, "augment: '%s' takes no value", name);
    const bool is_number = !option->argument || (value && peal_number_parse(value, strlen(value), &number));
    const bool fits = is_number && number >= option->least && number <= option->most &&
                      (!option->is_whole || number == floor(number));
    if (fits) {
        *to = number;
        return PEAL_OK;
    }
    return peal_fail(err, PEAL_E_USAGE, "augment: '%s' wants a %snumber from %g to %g, as in %s=%g", name,
                     option->is_whole ? "whole " : "", option->least, option->most, name, option->is_whole ? 2 : 0.1);
}

peal_status models__augment_parse(const char *text, models__augment_wish *out, peal_error *err) {
    *out = (models__augment_wish){.brightness = -1, .contrast = -1, .saturation = -1};
    if (!*text) return peal_fail(err, PEAL_E_USAGE, "augment: nothing is named, as in flip,shift=2");
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        char *word = peal_strndup(at, length);
        if (!word) return peal_fail(err, PEAL_E_MEMORY, "no memory for an option");
        const peal_status status = parse_word(word, out, err);
        free(word);
        PEAL_TRY(status);
        at += length;
        if (!*at) break;
    }
    if (out->channels == 2) return peal_fail(err, PEAL_E_USAGE, "augment: images have 1 or 3 channels");
    return PEAL_OK;
}

/* ---- the image that the features are ---- */

/* The column whose bytes the features are, all of them; NULL: they are not. */
static const peal_pipeline_column *find_image(const peal_pipeline *pipeline, const peal_shape *shape) {
    const peal_pipeline_column *found = NULL;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_field *field = &pipeline->schema.fields[i];
        const bool is_bytes = field->type == PEAL_TYPE_FIXED_LIST && field->item == PEAL_TYPE_UINT8;
        if (is_bytes && pipeline->columns[i].role == PEAL_ROLE_FEATURE && field->width == shape->features) {
            found = &pipeline->columns[i];
        }
    }
    return shape->bytes ? found : NULL;
}

static peal_status find_shape(const models__augment_wish *wish, const peal_pipeline *pipeline,
                              const peal_shape *features, peal_image_shape *out, peal_error *err) {
    const peal_pipeline_column *column = find_image(pipeline, features);
    if (!column) {
        return peal_fail(err, PEAL_E_USAGE, "augment is of images, as bytes: the features of this dataset are none");
    }
    if (column->recipe) {
        *out = column->recipe->shape;
        if ((wish->width > 0 && wish->width != out->width) || (wish->channels > 0 && wish->channels != out->channels)) {
            return peal_fail(err, PEAL_E_USAGE,
                             "augment: the images are %u wide with %u channel%s: leave width and channels out",
                             out->width, out->channels, out->channels == 1 ? "" : "s");
        }
        return PEAL_OK;
    }
    if (wish->width == 0) {
        return peal_fail(err, PEAL_E_USAGE,
                         "augment: the features are %u bytes, whose width is not known: say it, as in width=28",
                         features->features);
    }
    out->width = (uint32_t)wish->width;
    out->channels = wish->channels > 0 ? (uint32_t)wish->channels : 1;
    out->height = features->features / (out->width * out->channels);
    if (peal_image_size(out) == features->features) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "augment: %u bytes are no image that is %u wide with %u channel%s",
                     features->features, out->width, out->channels, out->channels == 1 ? "" : "s");
}

static uint32_t share(double own, double jitter) {
    return (uint32_t)lround((own < 0 ? jitter : own) * ONE);
}

peal_status models__augment_fit(const models__augment_wish *wish, const peal_pipeline *pipeline, models__augment *out,
                                peal_error *err) {
    peal_shape shape;
    *out = (models__augment){0};
    PEAL_TRY(peal_pipeline_shape(pipeline, &shape, err));
    const peal_status status = find_shape(wish, pipeline, &shape, &out->shape, err);
    free(shape.vocabularies);
    PEAL_TRY(status);
    out->flip = wish->flip > 0;
    out->vflip = wish->vflip > 0;
    out->shift = (uint32_t)wish->shift;
    out->crop = (uint32_t)wish->crop;
    out->rotate = (uint32_t)lround(wish->rotate * PARTS_OF_DEGREE);
    out->brightness = share(wish->brightness, wish->jitter);
    out->contrast = share(wish->contrast, wish->jitter);
    out->saturation = share(wish->saturation, wish->jitter);
    out->hue = (uint32_t)lround(wish->hue * 360 * PARTS_OF_DEGREE);
    if (out->shift >= out->shape.width || out->shift >= out->shape.height || out->crop >= out->shape.width) {
        return peal_fail(err, PEAL_E_USAGE, "augment: shift and crop must be below the images' sides, %u x %u",
                         out->shape.width, out->shape.height);
    }
    if (out->shape.channels == 1 && (wish->saturation > 0 || out->hue)) {
        return peal_fail(err, PEAL_E_USAGE, "augment: saturation and hue are of colours, and the images are grey");
    }
    return peal_alloc_checked(&out->scratch, peal_image_size(&out->shape), 1, "an image", err);
}

void models__augment_clear(models__augment *self) {
    free(self->scratch);
    *self = (models__augment){0};
}
