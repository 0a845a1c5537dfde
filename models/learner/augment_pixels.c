/* Pixels moved, turned and recoloured, in whole numbers; see augment.h. */
#include <string.h>

#include "models/learner/augment.h"

enum { BITS = 16, ONE = 1 << BITS, PARTS_OF_CIRCLE = 360 * 64 };

/* ---- angles ---- */

/* Sine and cosine of an angle in 64ths of a degree, by their series: of sums and products of doubles alone, so that no
 * mathematical library decides a bit. As fractions of 2^16. */
static void turn(int32_t angle, int64_t *sine, int64_t *cosine) {
    const double pi = 3.14159265358979323846;
    const double x = (double)angle * (2 * pi / PARTS_OF_CIRCLE);
    double term = 1, sums[2] = {1, 0}; /* of even powers and of odd ones */
    for (int k = 1; k < 40; k++) {
        term *= x / k;
        sums[k % 2] += (k / 2) % 2 ? -term : term;
    }
    *cosine = (int64_t)(sums[0] * ONE + (sums[0] < 0 ? -0.5 : 0.5));
    *sine = (int64_t)(sums[1] * ONE + (sums[1] < 0 ? -0.5 : 0.5));
}

/* ---- moving ---- */

/* Whole pixels: rows are copied, perhaps from right to left. */
static void move_whole(const peal_image_shape *shape, const models__motion *motion, const uint8_t *in, uint8_t *out) {
    const int64_t width = shape->width, height = shape->height, channels = shape->channels;
    const int64_t begin = motion->shift_x > 0 ? motion->shift_x : 0;
    const int64_t end = motion->shift_x < 0 ? width + motion->shift_x : width;
    memset(out, 0, peal_image_size(shape));
    for (int64_t y = 0; y < height; y++) {
        const int64_t seen = y - motion->shift_y, from_y = motion->vflip ? height - 1 - seen : seen;
        if (seen < 0 || seen >= height) continue;
        const uint8_t *from = in + from_y * width * channels;
        uint8_t *to = out + y * width * channels;
        if (!motion->flip) {
            memcpy(to + begin * channels, from + (begin - motion->shift_x) * channels,
                   (size_t)((end - begin) * channels));
            continue;
        }
        for (int64_t x = begin; x < end; x++) {
            const uint8_t *pixel = from + (width - 1 - (x - motion->shift_x)) * channels;
            for (int64_t c = 0; c < channels; c++) to[x * channels + c] = pixel[c];
        }
    }
}

/* A pixel's channels between four others, at (x, y) in 65536ths; 0 where it lies outside. */
static void sample(const peal_image_shape *shape, const uint8_t *in, int64_t x, int64_t y, uint8_t *out) {
    const int64_t left = x >> BITS, top = y >> BITS; /* also below 0: towards the lesser number */
    const uint64_t right_part = (uint64_t)x & (ONE - 1), lower_part = (uint64_t)y & (ONE - 1);
    for (uint32_t c = 0; c < shape->channels; c++) {
        uint64_t sum = UINT64_C(1) << (2 * BITS - 1);
        for (int64_t corner = 0; corner < 4; corner++) {
            const int64_t at_x = left + corner % 2, at_y = top + corner / 2;
            if (at_x < 0 || at_y < 0 || at_x >= shape->width || at_y >= shape->height) continue;
            const uint64_t weight =
                (corner % 2 ? right_part : ONE - right_part) * (corner / 2 ? lower_part : ONE - lower_part);
            sum += weight * in[((size_t)at_y * shape->width + (size_t)at_x) * shape->channels + c];
        }
        out[c] = (uint8_t)(sum >> (2 * BITS));
    }
}

/* Where each pixel comes from is a linear map about the image's middle; steps are of half pixels, for the middle may
 * lie between two. */
static void move_between(const peal_image_shape *shape, const models__motion *motion, const uint8_t *in, uint8_t *out) {
    const int64_t width = shape->width, height = shape->height;
    const int64_t part = ((width - motion->crop) << BITS) / width; /* of the image that is seen */
    const int64_t off_x = ((int64_t)motion->part_x * 2 - motion->crop) * (ONE / 2);
    const int64_t off_y = ((int64_t)motion->part_y * 2 - motion->crop) * (ONE / 2) * height / width;
    int64_t sine, cosine;
    turn(motion->angle, &sine, &cosine);
    const int64_t along = (part * cosine) >> BITS, across = (part * sine) >> BITS;
    for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x++) {
            int64_t u = 2 * (x - motion->shift_x) - (width - 1), v = 2 * (y - motion->shift_y) - (height - 1);
            if (motion->flip) u = -u;
            if (motion->vflip) v = -v;
            const int64_t from_x = ((width - 1) * ONE + along * u + across * v) / 2 + off_x;
            const int64_t from_y = ((height - 1) * ONE - across * u + along * v) / 2 + off_y;
            sample(shape, in, from_x, from_y, out + (size_t)(y * width + x) * shape->channels);
        }
    }
}

void models__augment_move(const peal_image_shape *shape, const models__motion *motion, const uint8_t *in,
                          uint8_t *out) {
    if (motion->crop == 0 && motion->angle == 0) {
        move_whole(shape, motion, in, out);
    } else {
        move_between(shape, motion, in, out);
    }
}

/* ---- colours ---- */

static uint8_t bounded(int64_t value) {
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* value * factor / 2^16, rounded. */
static int64_t scaled(int64_t value, int64_t factor) {
    return (value * factor + ONE / 2) >> BITS;
}

/* By the luma of ITU-R 601. */
static int64_t luma(const uint8_t *pixel) {
    return (19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + ONE / 2) >> BITS;
}

static void scale_all(uint8_t *pixels, size_t size, int64_t about, int64_t factor) {
    uint8_t becomes[256];
    for (int64_t v = 0; v < 256; v++) becomes[v] = bounded(about + scaled(v - about, factor));
    for (size_t i = 0; i < size; i++) pixels[i] = becomes[pixels[i]];
}

static int64_t mean_luma(const peal_image_shape *shape, const uint8_t *pixels) {
    const int64_t count = (int64_t)shape->width * shape->height;
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) sum += shape->channels == 3 ? luma(pixels + 3 * i) : pixels[i];
    return (sum + count / 2) / count;
}

static void saturate(uint8_t *pixels, size_t count, int64_t factor) {
    for (size_t i = 0; i < count; i++, pixels += 3) {
        const int64_t grey = luma(pixels);
        for (size_t c = 0; c < 3; c++) pixels[c] = bounded(grey + scaled(pixels[c] - grey, factor));
    }
}

/* Source: the matrix of hueRotate in W3C Filter Effects, feColorMatrix; in thousandths. */
static void turn_hue(uint8_t *pixels, size_t count, int32_t angle) {
    static const int64_t still[3][3] = {{213, 715, 72}, {213, 715, 72}, {213, 715, 72}};
    static const int64_t of_cosine[3][3] = {{787, -715, -72}, {-213, 285, -72}, {-213, -715, 928}};
    static const int64_t of_sine[3][3] = {{-213, -715, 928}, {143, 140, -283}, {-787, 715, 72}};
    int64_t sine, cosine, matrix[3][3];
    turn(angle, &sine, &cosine);
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 3; c++) {
            matrix[r][c] = (still[r][c] * ONE + of_cosine[r][c] * cosine + of_sine[r][c] * sine) / 1000;
        }
    }
    for (size_t i = 0; i < count; i++, pixels += 3) {
        const int64_t red = pixels[0], green = pixels[1], blue = pixels[2];
        for (int r = 0; r < 3; r++) {
            const int64_t sum = matrix[r][0] * red + matrix[r][1] * green + matrix[r][2] * blue;
            pixels[r] = bounded((sum + ONE / 2) >> BITS);
        }
    }
}

void models__augment_recolour(const peal_image_shape *shape, const models__recolouring *change, uint8_t *pixels) {
    const size_t size = peal_image_size(shape), count = size / shape->channels;
    if (change->brightness != ONE) scale_all(pixels, size, 0, change->brightness);
    if (change->contrast != ONE) scale_all(pixels, size, mean_luma(shape, pixels), change->contrast);
    if (shape->channels == 3 && change->saturation != ONE) saturate(pixels, count, change->saturation);
    if (shape->channels == 3 && change->hue != 0) turn_hue(pixels, count, change->hue);
}

/* ---- a row ---- */

/* From -most to most. */
static int32_t draw(peal_philox *random, uint32_t most) {
    return most ? (int32_t)peal_philox_below(random, 2 * most + 1) - (int32_t)most : 0;
}

static bool toss(peal_philox *random, bool wanted) {
    return wanted && peal_philox_below(random, 2) == 1;
}

static models__motion draw_motion(const models__augment *self, peal_philox *random) {
    models__motion motion = {.flip = toss(random, self->flip), .vflip = toss(random, self->vflip)};
    if (self->crop) {
        motion.crop = peal_philox_below(random, self->crop + 1);
        motion.part_x = peal_philox_below(random, motion.crop + 1);
        motion.part_y = peal_philox_below(random, motion.crop + 1);
    }
    motion.angle = draw(random, self->rotate);
    motion.shift_x = draw(random, self->shift);
    motion.shift_y = draw(random, self->shift);
    return motion;
}

void models__augment_row(const models__augment *self, uint64_t seed, uint32_t epoch, uint32_t row, uint8_t *pixels) {
    peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_AUGMENT, epoch, 0, row);
    const models__motion motion = draw_motion(self, &random);
    if (self->flip || self->vflip || self->shift || self->crop || self->rotate) {
        models__augment_move(&self->shape, &motion, pixels, self->scratch);
        memcpy(pixels, self->scratch, peal_image_size(&self->shape));
    }
    models__recolouring change;
    change.brightness = ONE + draw(&random, self->brightness);
    change.contrast = ONE + draw(&random, self->contrast);
    change.saturation = ONE + draw(&random, self->saturation);
    change.hue = draw(&random, self->hue);
    models__augment_recolour(&self->shape, &change, pixels);
}
