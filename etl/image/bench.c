/* From the bytes of a file to pixels as a recipe wants them; see bench.h. */
#include "etl/image/bench.h"

void peal_image_bench_clear(peal_image_bench *bench) {
    peal_image_clear(&bench->image);
    peal_image_clear(&bench->spare);
    peal_buffer_clear(&bench->bytes);
}

peal_status peal_image_make(const void *bytes, size_t size, const peal_image_recipe *recipe, peal_image_bench *bench,
                            peal_error *err) {
    static const peal_image_wish whole = {0};
    PEAL_TRY(peal_image_decode(bytes, size, recipe ? &recipe->wish : &whole, &bench->image, &bench->spare,
                               bench->warning, err));
    return recipe ? peal_image_recipe_apply(recipe, &bench->image, &bench->spare, err) : PEAL_OK;
}

peal_status peal_image_make_item(const peal_item *item, const peal_image_recipe *recipe, peal_image_bench *bench,
                                 peal_error *err) {
    bench->warning[0] = '\0';
    PEAL_TRY(peal_item_read(item, PEAL_IMAGE_BYTES_MOST, &bench->bytes, err));
    return peal_image_make(bench->bytes.data, bench->bytes.size, recipe, bench, err);
}
