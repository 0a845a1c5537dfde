/* Laying a forest out, and walking down it; see compiled.h. */
#include "models/learner/compiled.h"

bool models__compiled_can(const models__forest *forest, size_t features) {
    return !forest->sets && features <= UINT16_MAX && models__compiled_stride(forest) <= UINT16_MAX;
}

static uint16_t place_of(uint32_t child, uint32_t size) {
    return (uint16_t)(child & MODELS__LEAF ? size + (child & ~MODELS__LEAF) : child);
}

void models__compiled_make(const models__forest *forest, models__compiled_node *nodes) {
    const size_t stride = models__compiled_stride(forest);
    for (size_t tree = 0; tree < forest->trees; tree++) {
        const models__tree_node *from = forest->nodes + tree * (forest->leaves - 1);
        models__compiled_node *to = nodes + tree * stride;
        const uint32_t size = forest->sizes[tree];
        for (uint32_t i = 0; i < size; i++) {
            const uint8_t shift = !(from[i].what & MODELS__MISSING_LEFT), bound = (uint8_t)from[i].what;
            /* With a bound of 0 all rows go right but, perhaps, those without a value. */
            to[i] = (models__compiled_node){.feature = (uint16_t)from[i].feature,
                                            .shift = bound ? shift : 0,
                                            .bound = bound ? (uint8_t)(bound - shift) : 0,
                                            .children = {place_of(from[i].left, size), place_of(from[i].right, size)}};
            if (!bound && shift) to[i].children[0] = to[i].children[1];
        }
        for (uint32_t i = size; i <= 2 * size; i++) {
            to[i] = (models__compiled_node){.children = {(uint16_t)i, (uint16_t)i}};
        }
    }
}

static inline uint32_t step(const models__compiled_node *nodes, uint32_t at, const uint8_t *bins) {
    const models__compiled_node *node = &nodes[at];
    return node->children[(uint8_t)(bins[node->feature] - node->shift) > node->bound];
}

void models__compiled_rows(const models__forest *forest, const models__compiled_node *nodes, size_t tree,
                           const uint8_t *bins, size_t features, uint32_t *leaves) {
    const models__compiled_node *own = nodes + tree * models__compiled_stride(forest);
    const uint32_t size = forest->sizes[tree];
    uint32_t at[MODELS__COMPILED_LANES] = {0};
    for (uint32_t least = 0; least < size;) {
        for (size_t r = 0; r < MODELS__COMPILED_LANES; r++) at[r] = step(own, at[r], bins + r * features);
        least = at[0];
        for (size_t r = 1; r < MODELS__COMPILED_LANES; r++) least = at[r] < least ? at[r] : least;
    }
    for (size_t r = 0; r < MODELS__COMPILED_LANES; r++) leaves[r] = at[r] - size;
}

void models__compiled_trees(const models__forest *forest, const models__compiled_node *nodes, size_t first,
                            size_t count, const uint8_t *bins, uint32_t *leaves) {
    const size_t stride = models__compiled_stride(forest);
    const models__compiled_node *own[MODELS__COMPILED_LANES];
    uint32_t at[MODELS__COMPILED_LANES] = {0}, sizes[MODELS__COMPILED_LANES];
    for (size_t t = 0; t < MODELS__COMPILED_LANES; t++) { /* lanes without a tree of their own have the last one */
        const size_t tree = first + (t < count ? t : count - 1);
        own[t] = nodes + tree * stride;
        sizes[t] = forest->sizes[tree];
    }
    for (bool is_over = false; !is_over;) {
        is_over = true;
        for (size_t t = 0; t < MODELS__COMPILED_LANES; t++) {
            at[t] = step(own[t], at[t], bins);
            is_over &= at[t] >= sizes[t];
        }
    }
    for (size_t t = 0; t < count; t++) leaves[t] = at[t] - sizes[t];
}
