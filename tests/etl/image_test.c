/* Images against what Pillow makes of the same files: PNG to the byte, JPEG to within 1; resizing to the byte; damage
 * by name. The files are told of in tests/README.md. */
#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/image/encode.h"
#include "etl/image/image.h"
#include "tests/support.h"

typedef struct file {
    uint8_t *bytes;
    size_t size;
} file;

static file read_file(const char *name, const char *ending) {
    char path[200];
    file self = {0};
    snprintf(path, sizeof path, "tests/data/images/%s%s", name, ending);
    FILE *in = fopen(path, "rb");
    if (!in) fail_msg("%s is not there", path);
    self.bytes = malloc(1 << 20);
    self.size = fread(self.bytes, 1, 1 << 20, in);
    fclose(in);
    return self;
}

static peal_status decode(const char *name, const char *ending, const peal_image_wish *wish, peal_image *out,
                          char *warning, peal_error *err) {
    file in = read_file(name, ending);
    peal_image spare = {0};
    const peal_status status = peal_image_decode(in.bytes, in.size, wish, out, &spare, warning, err);
    peal_image_clear(&spare);
    free(in.bytes);
    return status;
}

/* The pixels are those of NAME.pixels, but for `most` in each value. */
static void assert_pixels(const peal_image *image, const char *name, int most) {
    file expected = read_file(name, ".pixels");
    if (peal_image_size(&image->shape) != expected.size) {
        fail_msg("%s: %zu bytes in place of %zu", name, peal_image_size(&image->shape), expected.size);
    }
    for (size_t i = 0; i < expected.size; i++) {
        const int difference = image->pixels[i] - expected.bytes[i];
        if (difference > most || difference < -most) {
            fail_msg("%s: byte %zu is %d and should be %d", name, i, image->pixels[i], expected.bytes[i]);
        }
    }
    free(expected.bytes);
}

static void check(const char *name, const char *ending, int most) {
    peal_error err;
    peal_image image = {0};
    char warning[PEAL_IMAGE_WARNING];
    const peal_image_wish whole = {0};
    peal_image_shape shape;
    assert_ok(decode(name, ending, &whole, &image, warning, &err));
    assert_string_equal(warning, "");
    assert_pixels(&image, name, most);
    file in = read_file(name, ending);
    assert_ok(peal_image_look(in.bytes, in.size, &shape, &err));
    free(in.bytes);
    assert_memory_equal(&shape, &image.shape, sizeof shape);
    peal_image_clear(&image);
}

static void png_of_all_kinds_are_as_pillow_reads_them(void **state) {
    (void)state;
    static const char *const names[] = {"grey1",        "grey2",    "grey4",    "grey8",    "grey16",   "rgb8",
                                        "rgb16",        "palette1", "palette2", "palette4", "palette8", "grey_alpha8",
                                        "grey_alpha16", "rgba8",    "rgba16",   NULL};
    for (size_t i = 0; names[i]; i++) {
        char interlaced[40];
        snprintf(interlaced, sizeof interlaced, "%s_i", names[i]);
        check(names[i], ".png", 0);
        check(interlaced, ".png", 0);
    }
    check("grey_trns", ".png", 0);
    check("rgb_trns", ".png", 0);
    check("palette_trns", ".png", 0);
}

static void jpeg_is_within_one_of_pillow(void **state) {
    (void)state;
    check("colour", ".jpg", 1);
    check("grey", ".jpg", 1);
    check("progressive", ".jpg", 1);
    check("cmyk", ".jpg", 1);
}

static void images_are_turned_as_exif_says(void **state) {
    (void)state;
    for (int i = 2; i <= 8; i++) {
        char name[20];
        snprintf(name, sizeof name, "turned%d", i);
        check(name, ".jpg", 1);
    }
    check("turned_little", ".jpg", 1);
    check("turned_png", ".png", 0);
}

static void a_jpeg_comes_in_the_least_scale_that_will_do(void **state) {
    (void)state;
    const struct {
        const char *name;
        peal_image_wish wish;
        uint32_t width, height;
    } cases[] = {
        {"colour", {0, 0}, 33, 24},   {"colour", {33, 24}, 33, 24}, {"colour", {30, 1}, 33, 24},
        {"colour", {16, 12}, 17, 12}, {"colour", {1, 1}, 5, 3},     {"colour", {4, 4}, 9, 6},
        {"colour", {99, 99}, 33, 24}, {"turned6", {4, 8}, 4, 8},    {"turned6", {2, 4}, 2, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err;
        peal_image image = {0};
        char warning[PEAL_IMAGE_WARNING];
        assert_ok(decode(cases[i].name, ".jpg", &cases[i].wish, &image, warning, &err));
        assert_int_equal(image.shape.width, cases[i].width);
        assert_int_equal(image.shape.height, cases[i].height);
        peal_image_clear(&image);
    }
}

static void resizing_gives_pillows_bytes(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{7, 5}, {33, 10}, {12, 24}, {50, 41}};
    peal_error err;
    peal_image photo = {0}, out = {0};
    char warning[PEAL_IMAGE_WARNING], name[40];
    const peal_image_wish whole = {0};
    assert_ok(decode("photo", ".png", &whole, &photo, warning, &err));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(name, sizeof name, "photo_%ux%u", sizes[i][0], sizes[i][1]);
        assert_ok(peal_image_resize(&photo, sizes[i][0], sizes[i][1], &out, &err));
        assert_pixels(&out, name, 0);
    }
    assert_ok(peal_image_recolour(&photo, 1, &out, &err));
    assert_pixels(&out, "photo_grey", 0);
    peal_image_clear(&photo);
    peal_image_clear(&out);
}

static void a_window_is_filled_beyond_the_image(void **state) {
    (void)state;
    uint8_t pixels[] = {1, 2, 3, 4, 5, 6};
    const peal_image in = {.shape = {3, 2, 1}, .pixels = pixels};
    peal_image out = {0};
    peal_error err;
    assert_ok(peal_image_window(&in, -1, 1, 5, 2, 9, &out, &err));
    assert_memory_equal(out.pixels, ((uint8_t[]){9, 4, 5, 6, 9, 9, 9, 9, 9, 9}), 10);
    assert_ok(peal_image_window(&in, 1, 0, 1, 2, 9, &out, &err));
    assert_memory_equal(out.pixels, ((uint8_t[]){2, 5}), 2);
    assert_ok(peal_image_window(&in, 7, 0, 1, 1, 9, &out, &err));
    assert_int_equal(out.pixels[0], 9);
    peal_image_clear(&out);
}

static void damage_is_named(void **state) {
    (void)state;
    const struct {
        const char *name, *ending, *what;
    } cases[] = {
        {"cut", ".png", "cut short"},
        {"checksum", ".png", "damaged"},
        {"bomb", ".png", "60000 x 60000 pixels; at most"},
        {"wide", ".png", "no pixels or more than 65500 a side"},
        {"none", ".png", "no pixels"},
        {"odd_depth", ".png", "bit depth"},
        {"odd_colour", ".png", "color type"},
        {"no_palette", ".png", "damaged"},
        {"short", ".png", "damaged"},
        {"text", ".png", "those of no JPEG or PNG image"},
        {"empty", ".jpg", "the file is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_error err = {0};
        peal_image image = {0};
        char warning[PEAL_IMAGE_WARNING];
        const peal_image_wish whole = {0};
        const peal_status status = decode(cases[i].name, cases[i].ending, &whole, &image, warning, &err);
        if (status != PEAL_E_DATA) fail_msg("%s%s is decoded", cases[i].name, cases[i].ending);
        assert_has(err.message, cases[i].what);
        peal_image_clear(&image);
    }
}

static void a_size_that_is_not_decoded_is_not_told(void **state) {
    (void)state;
    peal_error err;
    peal_image_shape shape;
    file in = read_file("bomb", ".png");
    assert_int_equal(peal_image_look(in.bytes, in.size, &shape, &err), PEAL_E_DATA);
    assert_has(err.message, "60000 x 60000");
    free(in.bytes);
}

static void a_jpeg_that_is_cut_short_is_a_warning(void **state) {
    (void)state;
    peal_error err;
    peal_image image = {0};
    char warning[PEAL_IMAGE_WARNING];
    const peal_image_wish whole = {0};
    assert_ok(decode("cut", ".jpg", &whole, &image, warning, &err));
    assert_has(warning, "Premature end");
    peal_image_clear(&image);
}

/* Encodes and decodes again; *most is the largest difference of a value. */
static void there_and_back(const peal_image *image, size_t kind, unsigned quality, int *most, size_t *size) {
    peal_error err;
    peal_buffer bytes = {0};
    peal_image again = {0}, spare = {0};
    char warning[PEAL_IMAGE_WARNING];
    const peal_image_wish whole = {0};
    assert_ok(peal_image_encode(image, kind, quality, &bytes, &err));
    assert_ok(peal_image_decode(bytes.data, bytes.size, &whole, &again, &spare, warning, &err));
    assert_string_equal(warning, "");
    assert_memory_equal(&again.shape, &image->shape, sizeof again.shape);
    *most = 0;
    *size = bytes.size;
    for (size_t i = 0; i < peal_image_size(&image->shape); i++) {
        const int difference = abs(again.pixels[i] - image->pixels[i]);
        *most = difference > *most ? difference : *most;
    }
    peal_buffer_clear(&bytes);
    peal_image_clear(&again);
    peal_image_clear(&spare);
}

static void what_is_encoded_is_decoded(void **state) {
    (void)state;
    static const char *const names[] = {"grey8", "rgb8", "photo", NULL};
    size_t stem, png = peal_image_kind_of_path("a.png", &stem), jpeg = peal_image_kind_of_path("a.JPEG", &stem);
    for (size_t i = 0; names[i]; i++) {
        peal_error err;
        peal_image image = {0};
        char warning[PEAL_IMAGE_WARNING];
        const peal_image_wish whole = {0};
        int most;
        size_t size, smaller;
        assert_ok(decode(names[i], ".png", &whole, &image, warning, &err));
        there_and_back(&image, png, 90, &most, &size);
        assert_int_equal(most, 0);
        there_and_back(&image, jpeg, 30, &most, &smaller);
        there_and_back(&image, jpeg, 100, &most, &size);
        assert_true(smaller < size);
        if (image.shape.channels == 1) assert_in_range(most, 0, 3); /* no colours at half the resolution */
        peal_image_clear(&image);
    }
}

/* Many times the room that the encoder is given at once. */
static void large_images_are_encoded(void **state) {
    (void)state;
    peal_error err;
    peal_image image = {0};
    const peal_image_shape shape = {700, 500, 3};
    int most;
    size_t size;
    uint32_t random = 1;
    assert_ok(peal_image_reshape(&image, &shape, &err));
    for (size_t i = 0; i < peal_image_size(&shape); i++) {
        random = random * 1664525 + 1013904223;
        image.pixels[i] = (uint8_t)(random >> 24);
    }
    for (size_t kind = 0; kind < peal_image_kind_count(); kind++) {
        there_and_back(&image, kind, 95, &most, &size);
        assert_in_range(size, 300000, 1200000);
    }
    peal_image_clear(&image);
}

static void kinds_are_told_by_names(void **state) {
    (void)state;
    size_t stem = 0;
    assert_string_equal(peal_image_kind_name(peal_image_kind_of_path("a/b.c.JPG", &stem)), "jpeg");
    assert_int_equal(stem, 5);
    assert_string_equal(peal_image_kind_suffix(peal_image_kind_of_path("x.Png", &stem)), ".png");
    assert_int_equal(stem, 1);
    assert_int_equal(peal_image_kind_of_path(".png", &stem), SIZE_MAX);
    assert_int_equal(peal_image_kind_of_path("a.gif", &stem), SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(large_images_are_encoded),
        cmocka_unit_test(kinds_are_told_by_names),
        cmocka_unit_test(png_of_all_kinds_are_as_pillow_reads_them),
        cmocka_unit_test(jpeg_is_within_one_of_pillow),
        cmocka_unit_test(images_are_turned_as_exif_says),
        cmocka_unit_test(a_jpeg_comes_in_the_least_scale_that_will_do),
        cmocka_unit_test(resizing_gives_pillows_bytes),
        cmocka_unit_test(a_window_is_filled_beyond_the_image),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(a_size_that_is_not_decoded_is_not_told),
        cmocka_unit_test(a_jpeg_that_is_cut_short_is_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
