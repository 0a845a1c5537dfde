/* Finds edges, codes and bins for the splits of foreign trees; see aspects.h.
 *
 * All splits of a column cut its numbers into codes, each of which any of them sends one way. A aspect has at most 255
 * bins: of thresholds 254 in a row share one; sets of categories share one as long as the codes that they tell apart
 * are 255 classes at most. */
#include "models/interchange/aspects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EDGES_OF_VIEW = MODELS__BINS_MOST - 1 };

/* The work on one column. */
typedef struct column_work {
    const interchange__foreign *foreign;
    interchange__aspects *aspects;
    interchange__column *column;
    const char *name;
    const size_t *nodes; /* [count] its own, in their order */
    size_t count;
} column_work;

static const interchange__node *node_at(const column_work *self, size_t i) {
    return &interchange__nodes(self->foreign)[self->nodes[i]];
}

static peal_status too_much(const column_work *self, const char *what, peal_error *err) {
    return peal_fail(err, PEAL_E_DATA, "feature '%s' has %s than a column of Peal's can have (%d)", self->name, what,
                     INTERCHANGE__CODES_MOST);
}

/* ---- edges ---- */

static int by_number(const void *a, const void *b) {
    const double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* Sorts, and keeps one of equal ones and what is finite. Returns how many. */
static size_t sort_unique(double *numbers, size_t count) {
    size_t kept = 0;
    if (count) qsort(numbers, count, sizeof *numbers, by_number);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(numbers[i]) || (kept && numbers[i] == numbers[kept - 1])) continue;
        numbers[kept++] = numbers[i] == 0 ? 0.0 : numbers[i]; /* -0 is written otherwise and is the same */
    }
    return kept;
}

static peal_status add_edge(peal_buffer *edges, double edge, peal_error *err) {
    return peal_buffer_append(edges, &edge, sizeof edge, err);
}

/* Where categories of the set begin and end; those in a row are one piece. */
static peal_status add_set_edges(const column_work *self, const interchange__node *node, peal_buffer *edges,
                                 peal_error *err) {
    const uint32_t *members = interchange__members(self->foreign) + node->set_first;
    for (size_t i = 0; i < node->set_count; i++) {
        if (i == 0 || members[i - 1] + 1 != members[i]) {
            PEAL_TRY(add_edge(edges, self->foreign->category_edge(members[i]), err));
        }
        if (i + 1 == node->set_count || members[i] + 1 != members[i + 1]) {
            PEAL_TRY(add_edge(edges, self->foreign->category_edge(members[i] + 1), err));
        }
    }
    return PEAL_OK;
}

static peal_status gather_edges(const column_work *self, peal_buffer *edges, peal_error *err) {
    bool zero = false;
    for (size_t i = 0; i < self->count; i++) {
        const interchange__node *node = node_at(self, i);
        if (node->is_set) {
            PEAL_TRY(add_set_edges(self, node, edges, err));
            continue;
        }
        PEAL_TRY(add_edge(edges, node->edge, err));
        zero = zero || node->zero_is_missing;
    }
    if (!zero) return PEAL_OK;
    PEAL_TRY(add_edge(edges, -PEAL_NEARLY_ZERO, err));
    return add_edge(edges, interchange__above(PEAL_NEARLY_ZERO), err);
}

/* The edges of numbers become the column's. */
static peal_status find_edges(column_work *self, peal_error *err) {
    peal_buffer edges = {0};
    interchange__column *column = self->column;
    peal_status status = gather_edges(self, &edges, err);
    const size_t count = sort_unique((double *)(void *)edges.data, edges.size / sizeof(double));
    if (status == PEAL_OK && count >= INTERCHANGE__CODES_MOST) status = too_much(self, "more thresholds", err);
    if (status != PEAL_OK) {
        peal_buffer_clear(&edges);
        return status;
    }
    column->edges = (double *)(void *)edges.data;
    column->edge_count = count;
    column->codes = count + 1;
    return PEAL_OK;
}

/* The number of edges that are not above `x`: the code of `x`. */
static size_t code_of(const double *edges, size_t count, double x) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (edges[middle] <= x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static peal_status add_aspect(column_work *self, uint8_t **bins, peal_error *err) {
    peal_buffer *all = &self->column->bins;
    if (all->size + self->column->codes > self->foreign->file_bytes * 1000 + (1 << 24)) {
        return peal_fail(err, PEAL_E_DATA, "feature '%s' has more sets of categories than fit into %zu MB", self->name,
                         all->size >> 20);
    }
    PEAL_TRY(peal_buffer_reserve(all, self->column->codes, err));
    *bins = all->data + all->size;
    memset(*bins, 0, self->column->codes);
    all->size += self->column->codes;
    return PEAL_OK;
}

/* ---- thresholds ---- */

/* A aspect over `count` of the thresholds: a code's bin says how many of them are not above it. */
static peal_status aspect_thresholds(column_work *self, const double *thresholds, size_t count, bool zero,
                                     peal_error *err) {
    uint8_t *bins;
    const interchange__column *column = self->column;
    PEAL_TRY(add_aspect(self, &bins, err));
    size_t below = 0;
    for (size_t code = 0; code < column->codes; code++) {
        const double least = code ? column->edges[code - 1] : -(double)INFINITY;
        while (below < count && thresholds[below] <= least) below++;
        const bool is_zero = zero && least >= -PEAL_NEARLY_ZERO && least <= PEAL_NEARLY_ZERO;
        bins[code] = is_zero ? 0 : (uint8_t)(below + 1);
    }
    return PEAL_OK;
}

static void place_thresholds(column_work *self, const double *thresholds, size_t count, size_t first, bool zero) {
    for (size_t i = 0; i < self->count; i++) {
        const interchange__node *node = node_at(self, i);
        if (node->is_set || node->zero_is_missing != zero) continue;
        const bool finite = isfinite(node->edge);
        const size_t at = finite ? code_of(thresholds, count, node->edge) - 1 : 0;
        const uint32_t last = finite ? (uint32_t)(at % EDGES_OF_VIEW) + 1 : node->edge > 0 ? MODELS__BINS_MOST : 0;
        self->aspects->placed[self->nodes[i]] =
            (interchange__placed){.aspect = (uint32_t)(first + at / EDGES_OF_VIEW),
                                  .what = last | (node->missing_left ? MODELS__MISSING_LEFT : 0)};
    }
}

/* The nodes with thresholds of one kind: those that take zero for missing, or the others. */
static peal_status make_thresholds(column_work *self, bool zero, peal_error *err) {
    double *thresholds;
    size_t count = 0, nodes = 0;
    PEAL_TRY(peal_alloc_checked(&thresholds, self->count, sizeof *thresholds, "thresholds", err));
    for (size_t i = 0; i < self->count; i++) {
        const interchange__node *node = node_at(self, i);
        if (!node->is_set && node->zero_is_missing == zero) thresholds[nodes++] = node->edge;
    }
    count = sort_unique(thresholds, nodes);
    const size_t first = interchange__column_aspects(self->column);
    peal_status status = PEAL_OK;
    for (size_t at = 0; status == PEAL_OK && nodes && (at == 0 || at < count); at += EDGES_OF_VIEW) {
        const size_t left = count - at;
        status = aspect_thresholds(self, thresholds + at, left < EDGES_OF_VIEW ? left : EDGES_OF_VIEW, zero, err);
    }
    if (status == PEAL_OK) place_thresholds(self, thresholds, count, first, zero);
    free(thresholds);
    return status;
}

/* ---- sets ---- */

/* The classes of codes that the sets of a aspect tell apart so far. */
typedef struct classes {
    uint8_t *of;                            /* [codes] */
    size_t sizes[MODELS__BINS_MOST], count; /* codes of each class */
} classes;

/* Calls `visit` for runs begin .. end - 1 of codes that are in the node's set. */
typedef void (*run_visit)(void *user, size_t begin, size_t end);

static void walk_set(const column_work *self, const interchange__node *node, run_visit visit, void *user) {
    const interchange__column *column = self->column;
    const uint32_t *members = interchange__members(self->foreign) + node->set_first;
    const bool texts = column->edges == NULL;
    for (size_t i = 0, end; i < node->set_count; i = end) {
        for (end = i + 1; end < node->set_count && members[end - 1] + 1 == members[end];) end++;
        const uint32_t first = members[i], behind = members[end - 1] + 1;
        if (texts) {
            visit(user, first, behind < column->codes ? behind : column->codes);
        } else {
            visit(user, code_of(column->edges, column->edge_count, self->foreign->category_edge(first)),
                  code_of(column->edges, column->edge_count, self->foreign->category_edge(behind)));
        }
    }
}

typedef struct counting {
    const classes *all;
    size_t inside[MODELS__BINS_MOST];
} counting;

static void count_run(void *user, size_t begin, size_t end) {
    counting *self = user;
    for (size_t code = begin; code < end; code++) self->inside[self->all->of[code]]++;
}

typedef struct parting {
    classes *all;
    uint8_t becomes[MODELS__BINS_MOST];
} parting;

static void part_run(void *user, size_t begin, size_t end) {
    parting *self = user;
    for (size_t code = begin; code < end; code++) self->all->of[code] = self->becomes[self->all->of[code]];
}

/* Parts each class by the set, if there are bins for it. */
static bool refine(const column_work *self, const interchange__node *node, classes *all) {
    counting inside = {.all = all};
    parting part = {.all = all};
    size_t count = all->count;
    walk_set(self, node, count_run, &inside);
    for (size_t c = 0; c < all->count; c++) count += inside.inside[c] > 0 && inside.inside[c] < all->sizes[c];
    if (count > MODELS__BINS_MOST) return false;
    for (size_t c = 0, before = all->count; c < before; c++) {
        part.becomes[c] = (uint8_t)c;
        if (inside.inside[c] == 0 || inside.inside[c] == all->sizes[c]) continue;
        part.becomes[c] = (uint8_t)all->count;
        all->sizes[all->count++] = inside.inside[c];
        all->sizes[c] -= inside.inside[c];
    }
    walk_set(self, node, part_run, &part);
    return true;
}

typedef struct marking {
    const classes *all;
    uint32_t *set;
} marking;

static void mark_run(void *user, size_t begin, size_t end) {
    const marking *self = user;
    for (size_t code = begin; code < end; code++) {
        const uint32_t bin = self->all->of[code] + UINT32_C(1);
        self->set[bin / 32] |= UINT32_C(1) << bin % 32;
    }
}

/* The classes are whole: nodes begin .. end - 1 get their bins. */
static peal_status close_aspect(column_work *self, size_t begin, size_t end, const classes *all, peal_error *err) {
    uint8_t *bins;
    const uint32_t aspect = (uint32_t)interchange__column_aspects(self->column);
    peal_buffer *sets = &self->aspects->sets;
    PEAL_TRY(add_aspect(self, &bins, err));
    for (size_t code = 0; code < self->column->codes; code++) bins[code] = (uint8_t)(all->of[code] + 1);
    for (size_t i = begin; i < end; i++) {
        const interchange__node *node = node_at(self, i);
        if (!node->is_set) continue;
        uint32_t set[MODELS__SET_WORDS] = {node->missing_left};
        walk_set(self, node, mark_run, &(marking){all, set});
        self->aspects->placed[self->nodes[i]] =
            (interchange__placed){.aspect = aspect, .what = MODELS__CATEGORY, .set = sets->size / sizeof set};
        PEAL_TRY(peal_buffer_append(sets, set, sizeof set, err));
    }
    return PEAL_OK;
}

static void begin_classes(const column_work *self, classes *all) {
    memset(all->of, 0, self->column->codes);
    all->count = 1;
    all->sizes[0] = self->column->codes;
}

static peal_status make_sets(column_work *self, peal_error *err) {
    size_t begin = 0, sets = 0;
    classes all;
    for (size_t i = 0; i < self->count; i++) sets += node_at(self, i)->is_set;
    if (!sets) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&all.of, self->column->codes, 1, "categories", err));
    peal_status status = PEAL_OK;
    begin_classes(self, &all);
    for (size_t i = 0; i < self->count && status == PEAL_OK; i++) {
        const interchange__node *node = node_at(self, i);
        if (!node->is_set || refine(self, node, &all)) continue;
        status = close_aspect(self, begin, i, &all, err);
        begin = i;
        begin_classes(self, &all);
        refine(self, node, &all);
    }
    if (status == PEAL_OK) status = close_aspect(self, begin, self->count, &all, err);
    free(all.of);
    return status;
}

/* ---- all columns ---- */

static peal_status make_column(column_work *self, peal_error *err) {
    interchange__column *column = self->column;
    const json_t *texts = self->foreign->features[node_at(self, 0)->feature].texts;
    column->is_used = true;
    if (texts) {
        column->codes = json_array_size(texts);
    } else {
        PEAL_TRY(find_edges(self, err));
    }
    PEAL_TRY(make_thresholds(self, false, err));
    PEAL_TRY(make_thresholds(self, true, err));
    return make_sets(self, err);
}

/* The nodes by their feature, in their order; begins [features + 1]. */
static void sort_nodes(const interchange__foreign *foreign, size_t nodes, size_t *begins, size_t *order) {
    const interchange__node *all = interchange__nodes(foreign);
    for (size_t i = 0; i < nodes; i++) {
        if (all[i].feature < foreign->feature_count) begins[all[i].feature + 1]++;
    }
    for (size_t f = 0; f < foreign->feature_count; f++) begins[f + 1] += begins[f];
    const size_t kept = begins[foreign->feature_count];
    for (size_t i = nodes; i-- > 0;) {
        if (all[i].feature < foreign->feature_count) order[--begins[all[i].feature + 1]] = i;
    }
    for (size_t f = 0; f < foreign->feature_count; f++) begins[f] = begins[f + 1];
    begins[foreign->feature_count] = kept;
}

static peal_status make_columns(const interchange__foreign *foreign, interchange__aspects *aspects,
                                const size_t *begins, const size_t *order, peal_error *err) {
    for (size_t f = 0; f < foreign->feature_count; f++) {
        column_work work = {.foreign = foreign,
                            .aspects = aspects,
                            .column = &aspects->columns[f],
                            .name = foreign->features[f].name,
                            .nodes = order + begins[f],
                            .count = begins[f + 1] - begins[f]};
        aspects->columns[f].codes = 1;
        if (work.count) PEAL_TRY(make_column(&work, err));
    }
    return PEAL_OK;
}

peal_status interchange__aspects_make(const interchange__foreign *foreign, interchange__aspects *out, peal_error *err) {
    const size_t nodes = foreign->nodes.size / sizeof(interchange__node);
    size_t *begins = NULL, *order = NULL;
    *out = (interchange__aspects){.feature_count = foreign->feature_count};
    PEAL_TRY(peal_zeroed_checked(&out->columns, foreign->feature_count, sizeof *out->columns, "columns", err));
    PEAL_TRY(peal_zeroed_checked(&out->placed, nodes, sizeof *out->placed, "nodes", err));
    peal_status status = peal_zeroed_checked(&begins, foreign->feature_count + 1, sizeof *begins, "nodes", err);
    if (status == PEAL_OK) status = peal_zeroed_checked(&order, nodes, sizeof *order, "nodes", err);
    if (status == PEAL_OK) {
        sort_nodes(foreign, nodes, begins, order);
        status = make_columns(foreign, out, begins, order, err);
    }
    free(begins);
    free(order);
    return status;
}

void interchange__aspects_clear(interchange__aspects *aspects) {
    for (size_t f = 0; aspects->columns && f < aspects->feature_count; f++) {
        free(aspects->columns[f].edges);
        peal_buffer_clear(&aspects->columns[f].bins);
    }
    free(aspects->columns);
    free(aspects->placed);
    peal_buffer_clear(&aspects->sets);
    *aspects = (interchange__aspects){0};
}
