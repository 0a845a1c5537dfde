/* How a tree grows: leaf by leaf, the one with the greatest gain first, or level by level. All workers do all of it
 * together, each with its own rows; what they decide follows from sums that all see, so that each decides alone and all
 * the same. */
#include "models/learner/grow.h"

#include <math.h>
#include <string.h>

#include "core/base/explog.h"
#include "core/base/vector.h"
#include "models/learner/histogram.h"
#include "models/learner/part.h"
#include "models/learner/quanta.h"
#include "models/learner/renew.h"

/* ---- splits ---- */

static bool may_split(const models__member *m, const models__leaf *one) {
    return one->all.rows >= 2 * m->rules.min_rows && (m->self->depth == 0 || one->depth < m->self->depth);
}

/* Whether the tree may look at the feature, sparse ones by their numbers in the dataset: a part of them, drawn for each
 * tree. */
static bool is_drawn(const models__member *m, size_t feature) {
    const models__trees *self = m->self;
    if (self->columns_part >= 1) return true;
    peal_philox random = peal_philox_stream(self->training->options->seed, PEAL_PURPOSE_COLUMNS, (uint32_t)m->round,
                                            (uint32_t)m->output, (uint32_t)feature);
    return peal_philox_unit64(&random) < self->columns_part;
}

static models__rules leaf_rules(const models__member *m, const models__leaf *one) {
    models__rules rules = m->rules;
    rules.low = one->low;
    rules.high = one->high;
    return rules;
}

/* Sparse feature k of a leaf: false if fewer rows have it than a child must have. Then neither the leaf nor what
 * becomes of it can be split by it, for on one side of any such split all rows have the feature. */
static bool search_sparse(const models__member *m, const models__rules *rules, size_t index, size_t k,
                          models__best *best) {
    const models__trees *self = m->self;
    const models__sum *all = &m->leaves[index].all;
    const size_t count = models__sparse_edges(&self->bins.sparse, k) + 2, zero = self->bins.sparse.zeros[k];
    const models__packed *at = self->histograms + index * self->places.bins_all + self->places.first[k];
    models__packed bins[MODELS__BINS_MOST + 1], others = {0};
    bins[0] = others;
    for (size_t b = 1; b < count; b++) {
        if (b == zero) continue;
        bins[b] = *at++;
        others += bins[b];
    }
    if (models__unpack(others, self->row_bits).rows < models__least_rows(rules->min_rows)) return false;
    bins[zero] = models__pack(all, self->row_bits) - others;
    models__split_numbers(rules, bins, count, all, (uint32_t)(self->bins.dense + k), best);
    return true;
}

/* Categories that go by their mean are split as numbers are, and are a set all the same: of categories that no row has
 * it is known where they belong, unless rows without one say more. */
static void search_means(const models__trees *self, const models__rules *rules, const models__packed *bins,
                         const models__sum *all, uint32_t f, models__best *best) {
    models__split_numbers(rules, bins, self->bins.counts[f], all, f, best);
    if (best->gain <= 0 || best->feature != f) return;
    const uint32_t last = best->what & 0xff, usual = models__means_usual(&self->means, &self->bins, f);
    const bool has_missing = models__unpack(bins[0], self->row_bits).rows > 0;
    const bool is_left = has_missing || usual == 0 ? best->what & MODELS__MISSING_LEFT : usual <= last;
    for (uint32_t bin = is_left ? 0 : 1; bin <= last; bin++) best->set[bin / 32] |= UINT32_C(1) << bin % 32;
    best->what = MODELS__CATEGORY;
}

static void search_dense(const models__trees *self, const models__rules *rules, const models__packed *bins,
                         const models__sum *all, uint32_t f, models__best *best) {
    if (f >= self->bins.shape.features + self->bins.shape.code_columns) {
        search_means(self, rules, bins, all, f, best);
    } else {
        (models__bins_is_category(&self->bins, f) ? models__split_categories : models__split_numbers)(
            rules, bins, self->bins.counts[f], all, f, best);
    }
}

/* Those of the leaf's sparse features that are alive: [own_end - own_begin], alive ones first. */
static uint32_t *alive_of(const models__member *m, size_t index) {
    return m->own->alive + index * (m->own_end - m->own_begin);
}

static models__packed *histogram_of(const models__member *m, size_t index) {
    return m->self->histograms + index * m->self->places.bins_all;
}

/* A leaf's search begins: nothing is found yet. */
static models__best *begin_search(const models__member *m, size_t index) {
    models__best *best = &m->self->bests[index * m->self->members + m->rank];
    best->gain = 0;
    return best;
}

/* What the bins of dense feature f say of a leaf. */
static void search_feature(const models__member *m, size_t index, size_t f, const models__packed *bins,
                           models__best *best) {
    const models__trees *self = m->self;
    const models__leaf *one = &m->leaves[index];
    if (!may_split(m, one) || !is_drawn(m, f) || !models__may_join(&self->constraints, &one->path, f)) return;
    models__rules rules = leaf_rules(m, one);
    rules.direction = models__direction(&self->constraints, f);
    search_dense(self, &rules, bins, &one->all, (uint32_t)f, best);
}

/* The leaf's sparse features, of which those that may never split it are alive no more. */
static void search_alive(const models__member *m, size_t index, models__best *best) {
    const models__trees *self = m->self;
    models__leaf *one = &m->leaves[index];
    if (one->alive == 0 || !may_split(m, one)) return;
    const models__rules rules = leaf_rules(m, one); /* they have no direction */
    uint32_t *alive = alive_of(m, index);
    const size_t count = one->alive;
    one->alive = 0;
    for (size_t i = 0; i < count; i++) {
        const bool may_join = models__may_join(&self->constraints, &one->path, self->bins.dense + alive[i]);
        if (may_join && search_sparse(m, &rules, index, alive[i], best)) alive[one->alive++] = alive[i];
    }
}

/* The dense features that this worker sums and searches. */
static void own_features(const models__member *m, size_t *begin, size_t *end) {
    *begin = m->self->bins.dense * m->rank / m->self->members;
    *end = m->self->bins.dense * (m->rank + 1) / m->self->members;
}

static void pick_best(models__member *m, size_t index) {
    const models__trees *self = m->self;
    models__best *best = &m->leaves[index].best;
    best->gain = 0;
    for (size_t r = 0; r < self->members; r++) {
        const models__best *one = &self->bests[index * self->members + r];
        if (models__is_better(one->gain, one->feature, best)) *best = *one;
    }
}

/* ---- growing ---- */

/* The rows that a tree is grown over: their quanta, their sum, and their histogram, a few rows at a time, which are
 * then still at hand. */
static void take_rows(models__member *m) {
    models__leaf *root = &m->leaves[0];
    const float *shares = m->own->shares;
    models__packed sum = {0};
    models__histogram_begin(m);
    for (size_t begin = 0, count; begin < m->count; begin += count) {
        uint32_t *list = m->own->lists[0] + root->count;
        size_t used = 0;
        count = m->count - begin < MODELS__QUANTA_ROWS ? m->count - begin : MODELS__QUANTA_ROWS;
        models__quanta_write(m, begin, count);
        for (size_t i = begin; i < begin + count; i++) {
            if (shares && !(shares[i] > 0)) continue;
            sum += models__pack_row(models__quantum_of(m->own, i), m->self->row_bits);
            list[used++] = (uint32_t)i;
        }
        models__histogram_add(m, list, used);
        root->count += used;
    }
    models__histogram_end(m);
    m->self->told[m->rank].root = sum;
}

static void add_leaf(const models__member *m, const models__leaf *one) {
    models__histogram_begin(m);
    models__histogram_add(m, m->own->lists[0] + one->first, one->count);
    models__histogram_end(m);
}

/* All workers' sums of the sparse features that the tree may look at. */
static void sum_root_sparse(models__member *m) {
    const models__trees *self = m->self;
    const models__bundles *places = &self->places;
    models__leaf *root = &m->leaves[0];
    for (size_t i = m->own_begin; i < m->own_end; i++) {
        const uint32_t k = places->order[i];
        if (!is_drawn(m, self->bins.dense + self->bins.sparse.indices[k])) continue;
        alive_of(m, 0)[root->alive++] = k;
        const size_t end = places->first[k] + models__sparse_edges(&self->bins.sparse, k);
        for (size_t at = places->first[k]; at < end; at++) self->histograms[at] = models__histogram_sum(self, at);
    }
}

/* The root's histogram is summed, and its best split found. */
static peal_status begin_tree(models__member *m) {
    models__trees *self = m->self;
    models__leaf *root = &m->leaves[0];
    *root = (models__leaf){.low = -INFINITY, .high = INFINITY, .path = models__path_begin()};
    m->leaf_count = 1;
    take_rows(m);
    PEAL_TRY(models__meet(m));
    size_t begin, end;
    models__packed all = {0};
    own_features(m, &begin, &end);
    sum_root_sparse(m);
    for (size_t r = 0; r < self->members; r++) all += self->told[r].root;
    root->all = models__unpack(all, self->row_bits);
    models__best *best = begin_search(m, 0);
    for (size_t f = begin; f < end; f++) {
        const uint32_t first = self->places.column_first[f], last = self->places.column_first[f + 1];
        models__histogram_take(m, first, last, histogram_of(m, 0) + first);
        search_feature(m, 0, f, histogram_of(m, 0) + first, best);
    }
    search_alive(m, 0, best);
    PEAL_TRY(models__meet(m));
    models__histogram_clear_sparse(m, root);
    pick_best(m, 0);
    return PEAL_OK;
}

/* A feature's column of own rows [m->count], and on which side the rows with each of its bytes are. A listed feature is
 * written into the marks. */
static const uint8_t *feature_column(const models__member *m, const models__tree_node *node, const uint32_t *set,
                                     bool *sides) {
    const models__trees *self = m->self;
    const models__own_rows *own = m->own;
    const size_t dense = self->bins.dense, k = node->feature - dense;
    if (node->feature < dense) {
        for (size_t bin = 0; bin <= MODELS__BINS_MOST; bin++) sides[bin] = models__goes_left(node, set, (uint8_t)bin);
        return own->columns + node->feature * m->count;
    }
    const uint8_t zero = self->bins.sparse.zeros[k], base = self->places.base[k];
    const size_t count = models__sparse_edges(&self->bins.sparse, k) + 2;
    for (size_t byte = 0; byte <= MODELS__BINS_MOST; byte++) sides[byte] = models__goes_left(node, set, zero);
    for (size_t bin = 1; bin < count; bin++) {
        if (bin == zero) continue;
        sides[base + models__sparse_rank((uint8_t)bin, zero)] = models__goes_left(node, set, (uint8_t)bin);
    }
    if (self->places.column[k] != MODELS__NO_COLUMN) return own->columns + self->places.column[k] * m->count;
    for (size_t i = own->list_first[k]; i < own->list_first[k + 1]; i++)
        own->marks[own->list_rows[i]] = own->list_bytes[i];
    return own->marks;
}

/* Takes the marks away again. */
static void clear_marks(const models__member *m, const models__tree_node *node) {
    const models__own_rows *own = m->own;
    const size_t dense = m->self->bins.dense, k = node->feature - dense;
    if (node->feature < dense || m->self->places.column[k] != MODELS__NO_COLUMN) return;
    for (size_t i = own->list_first[k]; i < own->list_first[k + 1]; i++) own->marks[own->list_rows[i]] = 0;
}

/* Parts own rows of a leaf: those that go left stay in front, in their order. Returns how many do. */
static size_t part_rows(const models__member *m, const models__leaf *one, const models__tree_node *node,
                        const uint32_t *set) {
    bool sides[MODELS__BINS_MOST + 1];
    const uint8_t *column = feature_column(m, node, set, sides);
    const size_t left = models__part(m->own->lists[0] + one->first, one->count, column, sides, m->own->lists[1]);
    clear_marks(m, node);
    return left;
}

static size_t node_place(const models__member *m, size_t node) {
    return m->tree * (m->self->forest.leaves - 1) + node;
}

/* Writes node `number`, which splits leaf `index` into itself and leaf `number` + 1. All workers would write the same;
 * the first one does. */
static void write_node(const models__member *m, size_t index, size_t number, models__tree_node *node) {
    models__trees *self = m->self;
    models__forest *forest = &self->forest;
    const models__leaf *one = &m->leaves[index];
    *node = (models__tree_node){.feature = one->best.feature,
                                .what = one->best.what,
                                .left = MODELS__LEAF | (uint32_t)index,
                                .right = MODELS__LEAF | (uint32_t)(number + 1)};
    if (m->rank) return;
    forest->nodes[node_place(m, number)] = *node;
    forest->gains[node_place(m, number)] = one->best.gain;
    if (forest->sets) {
        memcpy(forest->sets + node_place(m, number) * MODELS__SET_WORDS, one->best.set, sizeof one->best.set);
    }
    if (number == 0) return;
    models__tree_node *parent = &forest->nodes[node_place(m, one->parent)];
    *(one->is_right ? &parent->right : &parent->left) = (uint32_t)number;
}

/* Two leaves that were one: the left one has the parent's place. The histogram of the smaller one, which is the left or
 * the right one, has been added up. */
typedef struct children {
    size_t left, right;
    size_t small, large;
} children;

/* Bins `first` .. `last` - 1 of a dense feature: the smaller child's are summed, the other one's are what is left of
 * the parent's. */
static void divide_bins(const models__member *m, const children *two, uint32_t first, uint32_t last) {
    models__packed own[MODELS__BINS_MOST + 1];
    const models__packed *all = histogram_of(m, two->left) + first;
    models__packed *smalls = histogram_of(m, two->small) + first, *larges = histogram_of(m, two->large) + first;
    models__histogram_take(m, first, last, own);
    for (size_t at = 0; at < last - first; at++) {
        const models__packed rest = all[at] - own[at];
        smalls[at] = own[at];
        larges[at] = rest;
    }
}

/* The same of sparse features, where they are alive. */
static void divide_alive(const models__member *m, const children *two) {
    const models__trees *self = m->self;
    const models__bundles *places = &self->places;
    const models__packed *parents = histogram_of(m, two->left);
    models__packed *smalls = histogram_of(m, two->small), *larges = histogram_of(m, two->large);
    for (size_t i = 0; i < m->leaves[two->left].alive; i++) {
        const uint32_t k = alive_of(m, two->left)[i];
        const size_t stop = places->first[k] + models__sparse_edges(&self->bins.sparse, k);
        for (size_t at = places->first[k]; at < stop; at++) {
            const models__packed all = parents[at], own = models__histogram_sum(self, at);
            smalls[at] = own;
            larges[at] = all - own;
        }
    }
}

/* This worker's features of two leaves, each feature whole while its bins are at hand. */
static void search_children(const models__member *m, const children *two) {
    const size_t left = two->left, right = two->right;
    models__best *left_best = begin_search(m, left), *right_best = begin_search(m, right);
    size_t begin, end;
    own_features(m, &begin, &end);
    for (size_t f = begin; f < end; f++) {
        const uint32_t first = m->self->places.column_first[f], last = m->self->places.column_first[f + 1];
        divide_bins(m, two, first, last);
        search_feature(m, left, f, histogram_of(m, left) + first, left_best);
        search_feature(m, right, f, histogram_of(m, right) + first, right_best);
    }
    const size_t alive = m->leaves[right].alive = m->leaves[left].alive;
    divide_alive(m, two);
    if (alive) memcpy(alive_of(m, right), alive_of(m, left), alive * sizeof(uint32_t));
    search_alive(m, left, left_best);
    search_alive(m, right, right_best);
}

/* What the children of a leaf may become: where the feature has a direction, neither crosses the middle between their
 * values (LightGBM's "basic" way). They have their sums and what the leaf was allowed. */
static void bound_children(const models__member *m, models__leaf *left, models__leaf *right, size_t feature) {
    const models__trees *self = m->self;
    const models__rules rules = leaf_rules(m, left);
    const int direction = models__direction(&self->constraints, feature);
    left->path = right->path = models__path_join(&self->constraints, &left->path, feature);
    if (direction == 0) return;
    const double middle =
        (models__sum_value(&rules, &left->all, self->l2) + models__sum_value(&rules, &right->all, self->l2)) / 2;
    *(direction > 0 ? &left->high : &right->high) = middle;
    *(direction > 0 ? &right->low : &left->low) = middle;
}

static peal_status split_leaf(models__member *m, size_t index) {
    const size_t number = m->leaf_count - 1, other = m->leaf_count++;
    models__leaf *left = &m->leaves[index], *right = &m->leaves[other];
    const models__sum all = left->all;
    models__tree_node node;
    write_node(m, index, number, &node);
    const size_t stays = part_rows(m, left, &node, left->best.set);
    *right = (models__leaf){.first = left->first + stays,
                            .count = left->count - stays,
                            .all = {all.gradient - left->best.left.gradient, all.hessian - left->best.left.hessian,
                                    all.rows - left->best.left.rows},
                            .depth = left->depth + 1,
                            .parent = (uint32_t)number,
                            .is_right = true,
                            .low = left->low,
                            .high = left->high};
    left->all = left->best.left;
    left->count = stays;
    left->depth++;
    left->parent = (uint32_t)number;
    left->is_right = false;
    bound_children(m, left, right, node.feature);
    if (!may_split(m, left) && !may_split(m, right)) {
        left->best.gain = right->best.gain = 0;
        return PEAL_OK;
    }
    const bool left_is_small = left->all.rows <= right->all.rows;
    const children two = {
        .left = index, .right = other, .small = left_is_small ? index : other, .large = left_is_small ? other : index};
    const models__leaf *small = &m->leaves[two.small];
    add_leaf(m, small);
    PEAL_TRY(models__meet(m));
    search_children(m, &two);
    PEAL_TRY(models__meet(m));
    models__histogram_clear_sparse(m, small);
    pick_best(m, index);
    pick_best(m, other);
    return PEAL_OK;
}

/* ---- values of leaves ---- */

/* Rows that are summed before their sums, which are of numbers up to 2^40, might not fit 64 bits; they are scaled a few
 * at a time. */
enum { EXACT_ROWS = 1 << 22, SCALED_ROWS = 256 };

/* Pairs of derivatives, `step` numbers apart, as whole numbers up to 2^40. */
PEAL_VECTOR static void scale_pairs(const double *restrict from, size_t step, size_t count, double gradient_scale,
                                    double hessian_scale, int64_t *restrict to) {
    for (size_t i = 0; i < count; i++) {
        to[2 * i] = peal_nearest(from[i * step] * gradient_scale);
        to[2 * i + 1] = peal_nearest(from[i * step + 1] * hessian_scale);
    }
}

/* Adds rows begin .. end - 1 to the sums of the leaves that they are in. */
static void sum_rows(const models__member *m, size_t begin, size_t end, double gradient_scale, double hessian_scale) {
    const size_t step = 2 * m->self->outputs;
    const uint16_t *leaves = m->own->leaves + m->output * m->count;
    const float *shares = m->own->shares;
    memset(m->sums, 0, m->leaf_count * sizeof *m->sums);
    for (size_t at = begin, count; at < end; at += count) {
        models__packed pairs[SCALED_ROWS];
        count = end - at < SCALED_ROWS ? end - at : SCALED_ROWS;
        scale_pairs(m->own->derivatives + at * step + 2 * m->output, step, count, gradient_scale, hessian_scale,
                    (int64_t *)pairs);
        for (size_t i = 0; i < count; i++) {
            if (shares && !(shares[at + i] > 0)) continue;
            m->sums[leaves[at + i]] += pairs[i];
        }
    }
}

/* Notes which leaf each own row is in, and sums the derivatives of the leaves' rows as they are. The sums are made in
 * the order of the rows, not of the lists: what a row has is then near what was read before. */
static void sum_leaves(const models__member *m, double gradient_scale, double hessian_scale) {
    models__exact *own = m->self->exacts + m->rank * m->self->leaves;
    uint16_t *leaves = m->own->leaves + m->output * m->count;
    if (m->own->shares) memset(leaves, 0xff, m->count * sizeof *leaves); /* MODELS__NO_LEAF */
    memset(own, 0, m->leaf_count * sizeof *own);
    for (size_t l = 0; l < m->leaf_count; l++) {
        const uint32_t *list = m->own->lists[0] + m->leaves[l].first;
        for (size_t i = 0; i < m->leaves[l].count; i++) leaves[list[i]] = (uint16_t)l;
    }
    for (size_t begin = 0, end; begin < m->count; begin = end) {
        end = m->count - begin < EXACT_ROWS ? m->count : begin + EXACT_ROWS;
        sum_rows(m, begin, end, gradient_scale, hessian_scale);
        for (size_t l = 0; l < m->leaf_count; l++) {
            own[l].gradient += m->sums[l][0];
            own[l].hessian += m->sums[l][1];
        }
    }
}

/* What leaves add to scores, by sums of the derivatives exact to 2^-40 of the largest. */
static peal_status end_tree(models__member *m) {
    models__trees *self = m->self;
    models__forest *forest = &self->forest;
    const double gradient_scale = models__scale_for(models__most_of(self, false), 40),
                 hessian_scale = models__scale_for(models__most_of(self, true), 40);
    sum_leaves(m, gradient_scale, hessian_scale);
    PEAL_TRY(models__meet(m));
    if (m->rank == 0) {
        forest->sizes[m->tree] = (uint32_t)(m->leaf_count - 1);
        for (size_t l = 0; l < m->leaf_count; l++) {
            models__exact sum = {0};
            for (size_t r = 0; r < self->members; r++) {
                sum.gradient += self->exacts[r * self->leaves + l].gradient;
                sum.hessian += self->exacts[r * self->leaves + l].hessian;
            }
            const double g = (double)sum.gradient / gradient_scale, h = (double)sum.hessian / hessian_scale + self->l2;
            const models__rules rules = leaf_rules(m, &m->leaves[l]);
            forest->values[m->tree * forest->leaves + l] = self->rate * models__leaf_value(&rules, g, h);
            forest->leaf_covers[m->tree * forest->leaves + l] = (double)sum.hessian / hessian_scale;
            forest->leaf_rows[m->tree * forest->leaves + l] = (uint32_t)m->leaves[l].all.rows;
        }
    }
    return PEAL_OK;
}

/* Whether one leaf is split before another. */
static bool is_before(const models__member *m, const models__leaf *one, const models__leaf *other) {
    if (!(one->best.gain > 0) || !(other->best.gain > 0)) return one->best.gain > other->best.gain;
    if (m->self->growth == MODELS__BY_DEPTH && one->depth != other->depth) return one->depth < other->depth;
    return one->best.gain > other->best.gain;
}

peal_status models__grow_tree(models__member *m) {
    PEAL_TRY(begin_tree(m));
    while (m->leaf_count < m->self->leaves) {
        size_t best = 0;
        for (size_t l = 1; l < m->leaf_count; l++) {
            if (is_before(m, &m->leaves[l], &m->leaves[best])) best = l;
        }
        if (!(m->leaves[best].best.gain > 0)) break;
        PEAL_TRY(split_leaf(m, best));
    }
    PEAL_TRY(end_tree(m));
    return m->self->goal.objective->renews ? models__renew_leaves(m) : PEAL_OK;
}
