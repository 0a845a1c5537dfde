/* Augmentation: what is done to the pixels of a row, at random, each time that it is trained on. The dataset and
 * predictions know nothing of it. What is drawn is a function of (seed, epoch, number of the row), so it depends
 * neither on workers nor on partitions, and nothing of it is state; all arithmetic is of whole numbers.
 *
 *   augment.c         what the user wants: the table of options, and whether the features are an image
 *   augment_pixels.c  pixels moved, turned and recoloured */
#ifndef PEAL_MODELS_AUGMENT_H
#define PEAL_MODELS_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/philox.h"
#include "core/base/status.h"
#include "etl/image/image.h"
#include "etl/pipeline/pipeline.h"

/* An option of the text "flip,shift=2,jitter=0.1". */
typedef struct peal_augment_option {
    const char *name;     /* NULL ends the table */
    const char *argument; /* NULL: it takes no value */
    bool is_whole;
    double least, most;
    size_t offset; /* of a double in models__augment_wish */
    const char *documentation;
} peal_augment_option;
extern const peal_augment_option peal_augment_options[];

/* 0: not wished; brightness, contrast and saturation negative: as jitter says. */
typedef struct models__augment_wish {
    double flip, vflip, shift, crop, rotate, jitter, brightness, contrast, saturation, hue, width, channels;
} models__augment_wish;

/* What is done to the images of one dataset. Shares are fractions of 2^16, angles 64ths of a degree, hues 64ths of a
 * degree of the circle of colours. */
typedef struct models__augment {
    peal_image_shape shape;
    bool flip, vflip;
    uint32_t shift, crop, rotate;
    uint32_t brightness, contrast, saturation, hue;
    uint8_t *scratch; /* an image */
} models__augment;

/* PEAL_E_USAGE, with the nearest right name, for what cannot be, whatever the data. */
peal_status models__augment_parse(const char *text, models__augment_wish *out, peal_error *err);
/* PEAL_E_USAGE if the features of the pipeline's output are not the bytes of one image each, whose width is known. The
 * caller clears `out`, also on failure. */
peal_status models__augment_fit(const models__augment_wish *wish, const peal_pipeline *pipeline, models__augment *out,
                                peal_error *err);
void models__augment_clear(models__augment *self);

/* Row `row`'s pixels [height][width][channels], in place. `self` has the one scratch image of a process. */
void models__augment_row(const models__augment *self, uint64_t seed, uint32_t epoch, uint32_t row, uint8_t *pixels);

/* ---- for the tests ---- */

/* How an image moves: its part of `crop` pixels less in width, `part_x` and `part_y` of them to the left and above (in
 * pixels of the width), is made as large as the image was, turned by `angle` 64ths of a degree clockwise and moved to
 * the right and down. What comes in from outside is 0. */
typedef struct models__motion {
    bool flip, vflip;
    uint32_t crop, part_x, part_y;
    int32_t angle, shift_x, shift_y;
} models__motion;
void models__augment_move(const peal_image_shape *shape, const models__motion *motion, const uint8_t *in, uint8_t *out);

/* Factors of 2^16, the hue in 64ths of a degree; brightness first, then contrast around the mean, saturation, hue. */
typedef struct models__recolouring {
    int32_t brightness, contrast, saturation, hue;
} models__recolouring;
void models__augment_recolour(const peal_image_shape *shape, const models__recolouring *change, uint8_t *pixels);

#endif
