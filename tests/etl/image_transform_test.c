/* The transforms of images, on one small image. Expected values of blur, sharpen and edges are SciPy's correlate
 * (nearest) in whole numbers, those of resize Pillow's BILINEAR, the others are by hand. */
#include "etl/pipeline/pipeline.h"
#include "tests/support.h"

typedef struct trial {
    const char *name, *options;
    peal_image_shape shape; /* of what comes out; width 0: it is refused */
    uint8_t expected[64];
} trial;

static const uint8_t pixels[] = {10, 200, 30, 0, 0, 255, 90, 60, 5, 70, 80, 255}; /* 4 x 3 */

static void check(const trial *one) {
    const peal_transform *transform;
    peal_error err = {0};
    void *state = NULL;
    peal_image image = {0}, spare = {0};
    const peal_image_shape in = {4, 3, 1};
    peal_image_shape told = in;
    json_t *options = json_loads(one->options, 0, NULL);
    assert_ok(peal_transform_find(one->name, &transform, &err));
    assert_ok(peal_transform_check_options(transform, options, &err));
    assert_ok(transform->load(options, &state, &err));
    assert_ok(peal_image_reshape(&image, &in, &err));
    memcpy(image.pixels, pixels, sizeof pixels);
    const peal_status status = transform->image(state, &image, &spare, &err);
    transform->image_shape(state, &told);
    json_t *saved = transform->save(state);
    if (one->shape.width == 0) {
        assert_int_equal(status, PEAL_E_DATA);
    } else {
        assert_ok_at(status, &err, one->name, 0);
        assert_memory_equal(&image.shape, &one->shape, sizeof told);
        assert_memory_equal(&told, &one->shape, sizeof told);
        if (memcmp(image.pixels, one->expected, peal_image_size(&one->shape)) != 0) {
            fail_msg("%s %s: other pixels", one->name, one->options);
        }
    }
    /* What is saved is what loads again. */
    void *again = NULL;
    assert_ok(transform->load(saved, &again, &err));
    json_t *saved_again = transform->save(again);
    assert_true(json_equal(saved, saved_again));
    json_decref(saved);
    json_decref(saved_again);
    json_decref(options);
    transform->free(state);
    transform->free(again);
    peal_image_clear(&image);
    peal_image_clear(&spare);
}

static void each_does_what_it_says(void **state) {
    (void)state;
    static const trial trials[] = {
        {"resize", "{\"width\": 2}", {2, 2, 1}, {105, 64, 73, 134}},
        {"resize", "{\"width\": 4, \"height\": 3}", {4, 3, 1}, {10, 200, 30, 0, 0, 255, 90, 60, 5, 70, 80, 255}},
        {"resize", "{\"width\": 2, \"fit\": \"cover\"}", {2, 2, 1}, {70, 137, 44, 112}},
        {"resize", "{\"width\": 5, \"fit\": \"contain\"}", {5, 5, 1}, {10, 143, 115, 21,  0,   4, 166, 151, 59,  38,
                                                                       2,  131, 136, 100, 133, 5, 51,  75,  132, 255}},
        {"crop", "{\"width\": 2, \"height\": 1}", {2, 1, 1}, {255, 90}},
        {"crop", "{\"width\": 4, \"height\": 4}", {0, 0, 0}, {0}},
        {"pad", "{\"width\": 4, \"height\": 5, \"fill\": 7}", {4, 5, 1}, {7,  7,  7, 7,  10, 200, 30, 0, 0, 255,
                                                                          90, 60, 5, 70, 80, 255, 7,  7, 7, 7}},
        {"pad", "{\"width\": 3}", {0, 0, 0}, {0}},
        {"flip", "{}", {4, 3, 1}, {0, 30, 200, 10, 60, 90, 255, 0, 255, 80, 70, 5}},
        {"flip", "{\"axis\": \"vertical\"}", {4, 3, 1}, {5, 70, 80, 255, 0, 255, 90, 60, 10, 200, 30, 0}},
        {"rotate", "{}", {3, 4, 1}, {5, 0, 10, 70, 255, 200, 80, 90, 30, 255, 60, 0}},
        {"rotate", "{\"by\": \"180\"}", {4, 3, 1}, {255, 80, 70, 5, 60, 90, 255, 0, 0, 30, 200, 10}},
        {"rotate", "{\"by\": \"270\"}", {3, 4, 1}, {0, 60, 255, 30, 90, 80, 200, 255, 70, 10, 0, 5}},
        {"grey", "{}", {4, 3, 1}, {10, 200, 30, 0, 0, 255, 90, 60, 5, 70, 80, 255}},
        {"rgb", "{}", {4, 3, 3}, {10, 10, 10, 200, 200, 200, 30, 30, 30, 0,  0,  0,  0,  0,  0,  255, 255, 255,
                                  90, 90, 90, 60,  60,  60,  5,  5,  5,  70, 70, 70, 80, 80, 80, 255, 255, 255}},
        {"normalize", "{}", {4, 3, 1}, {10, 200, 30, 0, 0, 255, 90, 60, 5, 70, 80, 255}},
        {"blur", "{}", {4, 3, 1}, {59, 120, 80, 23, 52, 117, 108, 88, 32, 80, 122, 175}},
        {"blur", "{\"times\": 2}", {4, 3, 1}, {73, 96, 83, 51, 64, 93, 103, 96, 50, 84, 120, 145}},
        {"sharpen", "{\"percent\": 150}", {4, 3, 1}, {0, 255, 0, 0, 0, 255, 63, 18, 0, 55, 17, 255}},
        {"edges", "{}", {4, 3, 1}, {206, 55, 207, 67, 195, 87, 116, 205, 120, 122, 90, 190}},
    };
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) check(&trials[i]);
}

static void normalize_takes_the_whole_range(void **state) {
    (void)state;
    const peal_image_shape shape = {4, 1, 1};
    peal_image image = {0}, spare = {0};
    peal_error err;
    assert_ok(peal_image_reshape(&image, &shape, &err));
    memcpy(image.pixels, ((uint8_t[]){100, 110, 120, 150}), 4);
    assert_ok(peal_transform_normalize.image(NULL, &image, &spare, &err));
    assert_memory_equal(image.pixels, ((uint8_t[]){0, 51, 102, 255}), 4);
    memset(image.pixels, 9, 4);
    assert_ok(peal_transform_normalize.image(NULL, &image, &spare, &err));
    assert_memory_equal(image.pixels, ((uint8_t[]){9, 9, 9, 9}), 4);
    peal_image_clear(&image);
    peal_image_clear(&spare);
}

static void a_recipe_knows_its_shape_and_what_is_enough(void **state) {
    (void)state;
    const char *sizes[] = {"{\"width\": 6, \"height\": 4}", "{}", "{}"};
    const peal_transform *transforms[] = {&peal_transform_resize, &peal_transform_rotate, &peal_transform_rgb};
    peal_image_step steps[3];
    void *states[3];
    for (size_t i = 0; i < 3; i++) {
        peal_error err;
        json_t *options = json_loads(sizes[i], 0, NULL);
        assert_ok(transforms[i]->load(options, &states[i], &err));
        json_decref(options);
        steps[i] =
            (peal_image_step){states[i], transforms[i]->image_effect, transforms[i]->image_shape, transforms[i]->image};
    }
    peal_image_recipe recipe = {.steps = steps, .count = 3};
    peal_image_recipe_complete(&recipe);
    assert_memory_equal(&recipe.shape, (&(peal_image_shape){4, 6, 3}), sizeof recipe.shape);
    assert_memory_equal(&recipe.wish, (&(peal_image_wish){6, 4}), sizeof recipe.wish);
    /* Behind a turn, or what sees every pixel, the decoder may not scale. */
    const peal_image_step first = steps[0];
    steps[0] = steps[1];
    steps[1] = first;
    peal_image_recipe_complete(&recipe);
    assert_int_equal(recipe.wish.least_width, 0);
    for (size_t i = 0; i < 3; i++) transforms[i]->free(states[i]);
}

/* A saved pipeline whose one column has these members. */
static peal_status load_pipeline(const char *members, peal_pipeline **out, peal_error *err) {
    char text[600];
    snprintf(text, sizeof text, "{\"nulls\": [], \"columns\": [{\"name\": \"image\", \"role\": \"feature\", %s}]}",
             members);
    json_t *saved = json_loads(text, 0, NULL);
    assert_non_null(saved);
    const peal_status status = peal_pipeline_load(saved, out, err);
    json_decref(saved);
    return status;
}

static void a_pipeline_of_images_is_checked_as_a_whole(void **state) {
    (void)state;
#define BYTES "\"type\": \"fixed_list\", \"item\": \"uint8\", "
#define RESIZE "{\"transform\": \"resize\", \"width\": 2, \"height\": 2, \"fit\": \"stretch\"}"
    static const struct {
        const char *members, *what;
    } cases[] = {
        {BYTES "\"width\": 13, \"steps\": [{\"transform\": \"rgb\"}, " RESIZE "]", "of another type"},
        {BYTES "\"width\": 4, \"steps\": [{\"transform\": \"rgb\"}, " RESIZE "]", "of another type"},
        {BYTES "\"width\": 12, \"steps\": [" RESIZE "]", "would not have one size"},
        {BYTES "\"width\": 12, \"steps\": [{\"transform\": \"rgb\"}]", "would not have one size"},
        {BYTES "\"width\": 12, \"steps\": [{\"transform\": \"rgb\"}, {\"transform\": \"index\"}]", ""},
        {BYTES "\"width\": 12, \"steps\": [{\"transform\": \"log1p\"}, " RESIZE "]", "do not compose"},
        {"\"type\": \"number\", \"steps\": [" RESIZE "]", ""},
    };
    peal_pipeline *pipeline = NULL;
    peal_error err;
    assert_ok(load_pipeline(BYTES "\"width\": 12, \"steps\": [{\"transform\": \"rgb\"}, " RESIZE "]", &pipeline, &err));
    assert_int_equal(pipeline->columns[0].recipe->count, 2);
    assert_ptr_equal(pipeline->schema.fields[0].recipe, pipeline->columns[0].recipe);
    assert_int_equal(pipeline->feature_width, 12);
    peal_pipeline_free(pipeline);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(load_pipeline(cases[i].members, &pipeline, &err), PEAL_E_DATA);
        assert_has(err.message, cases[i].what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_does_what_it_says),
        cmocka_unit_test(normalize_takes_the_whole_range),
        cmocka_unit_test(a_recipe_knows_its_shape_and_what_is_enough),
        cmocka_unit_test(a_pipeline_of_images_is_checked_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
