/* Augmentation: pixels move as a slow plain version says, colours stay in bounds, and what is drawn depends on seed,
 * epoch and row alone. */
#include "models/learner/augment.h"

#include <math.h>

#include "tests/support.h"

enum { ONE = 1 << 16, WIDTH = 7, HEIGHT = 5, PIXELS = WIDTH * HEIGHT };

static void fill(uint8_t *pixels, size_t size) {
    for (size_t i = 0; i < size; i++) pixels[i] = (uint8_t)(i * 37 + i * i % 11);
}

/* Whole pixels by the definition: each pixel is asked where it comes from. */
static uint8_t moved(const uint8_t *in, const models__motion *motion, int x, int y, int channels, int c) {
    int from_x = x - motion->shift_x, from_y = y - motion->shift_y;
    if (from_x < 0 || from_y < 0 || from_x >= WIDTH || from_y >= HEIGHT) return 0;
    if (motion->flip) from_x = WIDTH - 1 - from_x;
    if (motion->vflip) from_y = HEIGHT - 1 - from_y;
    return in[(from_y * WIDTH + from_x) * channels + c];
}

static void whole_moves_are_exact(void **state) {
    (void)state;
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        const peal_image_shape shape = {WIDTH, HEIGHT, channels};
        uint8_t in[PIXELS * 3], out[PIXELS * 3];
        fill(in, sizeof in);
        for (int trial = 0; trial < 4 * 9 * 7; trial++) {
            const models__motion motion = {
                .flip = trial % 2, .vflip = trial / 2 % 2, .shift_x = trial / 4 % 9 - 4, .shift_y = trial / 36 - 3};
            models__augment_move(&shape, &motion, in, out);
            for (int i = 0; i < PIXELS * (int)channels; i++) {
                const int pixel = i / (int)channels, c = i % (int)channels;
                assert_int_equal(out[i], moved(in, &motion, pixel % WIDTH, pixel / WIDTH, (int)channels, c));
            }
        }
    }
}

static double at(const uint8_t *in, long x, long y) {
    return x < 0 || y < 0 || x >= WIDTH || y >= HEIGHT ? 0 : in[y * WIDTH + x];
}

/* Bilinear, in doubles. */
static double between(const uint8_t *in, double x, double y) {
    const double left = floor(x), top = floor(y), u = x - left, v = y - top;
    const long i = (long)left, j = (long)top;
    return (1 - v) * ((1 - u) * at(in, i, j) + u * at(in, i + 1, j)) +
           v * ((1 - u) * at(in, i, j + 1) + u * at(in, i + 1, j + 1));
}

static void moves_between_pixels_are_bilinear(void **state) {
    (void)state;
    const peal_image_shape shape = {WIDTH, HEIGHT, 1};
    uint8_t in[PIXELS], out[PIXELS];
    for (int i = 0; i < PIXELS; i++) in[i] = (uint8_t)(20 + 3 * i); /* smooth: a 65536th of a pixel changes little */
    for (int trial = 1; trial < 200; trial++) {
        const models__motion motion = {.flip = trial % 2,
                                       .crop = (uint32_t)(trial % 3),
                                       .part_x = (uint32_t)(trial % 3 > 1),
                                       .part_y = (uint32_t)(trial % 3 > 0),
                                       .angle = (trial * 997) % (360 * 64) - 180 * 64,
                                       .shift_x = trial % 5 - 2,
                                       .shift_y = trial % 4 - 1};
        const double angle = motion.angle / 64.0 * acos(-1) / 180, part = (double)(WIDTH - (int)motion.crop) / WIDTH;
        models__augment_move(&shape, &motion, in, out);
        for (int i = 0; i < PIXELS; i++) {
            double u = i % WIDTH - motion.shift_x - (WIDTH - 1) / 2.0;
            const double v = i / WIDTH - motion.shift_y - (HEIGHT - 1) / 2.0;
            if (motion.flip) u = -u;
            const double x =
                (WIDTH - 1) / 2.0 + part * (cos(angle) * u + sin(angle) * v) + (motion.part_x - motion.crop / 2.0);
            const double y = (HEIGHT - 1) / 2.0 + part * (-sin(angle) * u + cos(angle) * v) +
                             (motion.part_y - motion.crop / 2.0) * HEIGHT / WIDTH;
            if (fabs(out[i] - between(in, x, y)) > 0.6) {
                fail_msg("trial %d, pixel %d: %d and not %g", trial, i, out[i], between(in, x, y));
            }
        }
    }
}

/* Clockwise: what was on the left is above. A full part turned by nothing is the image. */
static void a_quarter_turn_is_exact(void **state) {
    (void)state;
    const peal_image_shape shape = {3, 3, 1};
    const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, turned[] = {7, 4, 1, 8, 5, 2, 9, 6, 3};
    const models__motion quarter = {.angle = 90 * 64}, back = {.angle = -270 * 64};
    uint8_t out[9];
    models__augment_move(&shape, &quarter, in, out);
    assert_memory_equal(out, turned, sizeof out);
    models__augment_move(&shape, &back, in, out);
    assert_memory_equal(out, turned, sizeof out);
}

static void colours_change_as_they_should(void **state) {
    (void)state;
    const peal_image_shape grey = {2, 2, 1}, colour = {1, 2, 3};
    const models__recolouring none = {ONE, ONE, ONE, 0}, darker = {ONE / 2, ONE, ONE, 0}, flat = {ONE, 0, ONE, 0},
                              steep = {ONE, 2 * ONE, ONE, 0}, pale = {ONE, ONE, 0, 0},
                              around = {ONE, ONE, ONE, 360 * 64};
    const uint8_t in[] = {0, 100, 200, 255}, rgb[] = {200, 40, 90, 10, 220, 30};
    uint8_t out[6];
#define CHECK(shape, from, change, ...)                      \
    do {                                                     \
        const uint8_t expected[] = {__VA_ARGS__};            \
        memcpy(out, from, sizeof from);                      \
        models__augment_recolour(&(shape), &(change), out);  \
        assert_memory_equal(out, expected, sizeof expected); \
    } while (0)
    CHECK(grey, in, none, 0, 100, 200, 255);
    CHECK(grey, in, darker, 0, 50, 100, 128);
    CHECK(grey, in, flat, 139, 139, 139, 139); /* 138.75, the mean */
    CHECK(grey, in, steep, 0, 61, 255, 255);
    CHECK(grey, in, pale, 0, 100, 200, 255);
    CHECK(colour, rgb, none, 200, 40, 90, 10, 220, 30);
    CHECK(colour, rgb, pale, 94, 94, 94, 136, 136, 136);
    CHECK(colour, rgb, around, 200, 40, 90, 10, 220, 30);
    const models__recolouring third = {ONE, ONE, ONE, 120 * 64};
    memcpy(out, rgb, sizeof rgb);
    models__augment_recolour(&colour, &third, out);
    assert_true(out[1] > out[0] && out[1] > out[2]); /* red has become green, */
    assert_true(out[5] > out[3] && out[5] > out[4]); /* and green blue */
}

static void draws_are_by_seed_epoch_and_row(void **state) {
    (void)state;
    uint8_t scratch[PIXELS], in[PIXELS], first[PIXELS], again[PIXELS];
    const models__augment self = {.shape = {WIDTH, HEIGHT, 1},
                                  .flip = true,
                                  .shift = 2,
                                  .rotate = 15 * 64,
                                  .brightness = ONE / 4,
                                  .scratch = scratch};
    fill(in, sizeof in);
    memcpy(first, in, sizeof in);
    models__augment_row(&self, 1, 2, 3, first);
    for (uint32_t trial = 0; trial < 4; trial++) {
        memcpy(again, in, sizeof in);
        models__augment_row(&self, 1 + (trial == 1), 2 + (trial == 2), 3 + (trial == 3), again);
        assert_int_equal(memcmp(first, again, sizeof first) == 0, trial == 0);
    }
    /* All shifts occur, none is beyond its bound: a bright row and column tell where they have gone. */
    const models__augment shifting = {.shape = {WIDTH, HEIGHT, 1}, .shift = 2, .scratch = scratch};
    unsigned seen_x = 0, seen_y = 0;
    for (uint32_t row = 0; row < 400; row++) {
        memset(again, 0, sizeof again);
        again[2 * WIDTH + 3] = 255;
        models__augment_row(&shifting, 7, 0, row, again);
        size_t where = 0;
        while (where < PIXELS && again[where] == 0) where++;
        assert_in_range(where, 0, PIXELS - 1);
        assert_in_range(where % WIDTH, 1, 5);
        seen_x |= 1u << (where % WIDTH);
        seen_y |= 1u << (where / WIDTH);
    }
    assert_int_equal(seen_x, 0x3e);
    assert_int_equal(seen_y, 0x1f);
}

static void wishes_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *reason;
    } wrong[] = {{"", "nothing is named"},
                 {"flop", "did you mean 'flip'"},
                 {"flip,", "knows no ''"},
                 {"flip=2", "takes no value"},
                 {"shift", "wants a whole number from 1"},
                 {"shift=1.5", "wants a whole number"},
                 {"shift=0", "from 1 to"},
                 {"shift=1,shift=2", "twice"},
                 {"rotate=181", "from 0 to 180"},
                 {"jitter=x", "wants a number"},
                 {"hue=0.6", "from 0 to 0.5"},
                 {"channels=2", "1 or 3 channels"}};
    models__augment_wish wish;
    peal_error err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(models__augment_parse(wrong[i].text, &wish, &err), PEAL_E_USAGE);
        assert_has(err.message, wrong[i].reason);
    }
    assert_ok(models__augment_parse("flip,shift=2,jitter=0.5,brightness=0.1", &wish, &err));
    assert_true(wish.flip == 1 && wish.shift == 2 && wish.jitter == 0.5 && wish.brightness == 0.1 && wish.contrast < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_moves_are_exact),           cmocka_unit_test(moves_between_pixels_are_bilinear),
        cmocka_unit_test(a_quarter_turn_is_exact),         cmocka_unit_test(colours_change_as_they_should),
        cmocka_unit_test(draws_are_by_seed_epoch_and_row), cmocka_unit_test(wishes_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
