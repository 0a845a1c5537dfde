/* Finds contributions, tree by tree over a batch of rows; see shap.h for the formula. */
#include "models/learner/shap.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/vector.h"

enum { LANES = 8 }; /* points of integration that are worked on at once */
#define NO_EDGE UINT32_MAX
typedef double line __attribute__((vector_size(LANES * sizeof(double))));

/* Points in (0, 1), and weights. */
typedef struct quadrature {
    line *points, *weights; /* [blocks] */
} quadrature;

/* Edge 2 i leads from node i to its left child, 2 i + 1 to the right one. The edge before an edge is the nearest one
 * above it of the same column. */
struct models__shap {
    const models__forest *forest;
    const uint32_t *columns;
    size_t features, column_count;
    double *expected;        /* [outputs] */
    uint32_t *before;        /* [trees, leaves - 1] of a node's edges: the edge before them, or NO_EDGE */
    uint32_t *blocks;        /* [trees] of points that the tree needs */
    quadrature *quadratures; /* [block_most + 1] by the number of blocks; made where a tree needs it */
    size_t block_most;

    /* of the tree at hand */
    double *rows;  /* [leaves - 1] through a node */
    double *parts; /* [2 leaves] of the rows of a node, how many take the edge */
    double *kept;  /* [2 leaves] z: of all edges of the column up to this one, the product of the parts */
    uint32_t *up;  /* [leaves - 1] the edge that leads to a node */
    /* and of the block of points at hand, by how many of the edge before and this one the row takes: 0, 1 or both */
    line (*factors)[3]; /* [2 leaves] by what the product changes */
    line (*shares)[2];  /* [2 leaves] (o - z) / (t o + (1 - t) z), of a row that does not take the edge, and one that
                           does */

    /* of the row at hand */
    uint8_t *taken; /* [2 leaves] o */
    line *down;     /* [leaves - 1] the product of the path to a node */
    line *sums;     /* [2 leaves] of the products of all leaves below an edge, each times its value */

    /* of the walk that finds the edges before */
    uint32_t *last; /* [column_count] */
    uint8_t *steps; /* [leaves - 1] */
};

/* ---- integration ---- */

/* The polynomial of Legendre of degree n at x, and its derivative. */
static double legendre(size_t n, double x, double *derivative) {
    double here = 1, last = 0;
    for (size_t k = 1; k <= n; k++) {
        const double next = ((2 * (double)k - 1) * x * here - ((double)k - 1) * last) / (double)k;
        last = here;
        here = next;
    }
    *derivative = (double)n * (x * here - last) / (x * x - 1);
    return here;
}

/* Gauss and Legendre's, by Newton's method from Tricomi's guess. */
static peal_status make_quadrature(quadrature *out, size_t blocks, peal_error *err) {
    const size_t n = blocks * LANES;
    if (out->points) return PEAL_OK;
    PEAL_TRY(peal_alloc_checked(&out->points, blocks, sizeof(line), "contributions", err));
    PEAL_TRY(peal_alloc_checked(&out->weights, blocks, sizeof(line), "contributions", err));
    for (size_t i = 0; i < n; i++) {
        double x = cos(acos(-1) * ((double)i + 0.75) / ((double)n + 0.5)), slope;
        for (size_t step = 0; step < 10; step++) x -= legendre(n, x, &slope) / slope;
        legendre(n, x, &slope);
        out->points[i / LANES][i % LANES] = (1 + x) / 2;
        out->weights[i / LANES][i % LANES] = 1 / ((1 - x * x) * slope * slope);
    }
    return PEAL_OK;
}

/* ---- what is known of trees before any row ---- */

static const models__tree_node *nodes_of(const models__shap *self, size_t tree) {
    return self->forest->nodes + tree * (self->forest->leaves - 1);
}

/* Edges before, by a walk that goes down, and back up; returns how many columns the longest path has. */
static size_t find_edges_before(models__shap *self, size_t tree) {
    const models__tree_node *nodes = nodes_of(self, tree);
    uint32_t *before = self->before + tree * (self->forest->leaves - 1), at = 0;
    size_t columns = 0, most = 0;
    self->steps[0] = 0;
    self->up[0] = NO_EDGE;
    while (at != NO_EDGE) {
        const models__tree_node *node = &nodes[at];
        uint32_t *last = &self->last[self->columns[node->feature]];
        const uint8_t step = self->steps[at]++;
        if (step == 0) {
            before[at] = *last;
            columns += *last == NO_EDGE;
            most = columns > most ? columns : most;
        }
        if (step == 2) {
            *last = before[at];
            columns -= before[at] == NO_EDGE;
            at = self->up[at] == NO_EDGE ? NO_EDGE : self->up[at] / 2;
            continue;
        }
        const uint32_t child = step ? node->right : node->left;
        *last = 2 * at + step;
        if (child & MODELS__LEAF) continue;
        self->up[child] = 2 * at + step;
        self->steps[child] = 0;
        at = child;
    }
    return most;
}

/* What a leaf counts: its rows; of a model that does not tell them its second derivatives, as in XGBoost, which may all
 * be zero. */
static double weight_of(const models__forest *forest, size_t tree, uint32_t leaf) {
    const size_t at = tree * forest->leaves + leaf;
    return forest->leaf_rows ? (double)forest->leaf_rows[at] : fmax(forest->leaf_covers[at], DBL_MIN);
}

/* Rows and parts of a tree, from its leaves up. */
static void find_parts(models__shap *self, size_t tree) {
    const models__forest *forest = self->forest;
    const models__tree_node *nodes = nodes_of(self, tree);
    const uint32_t size = forest->sizes[tree];
    for (uint32_t i = size; i-- > 0;) {
        const uint32_t children[] = {nodes[i].left, nodes[i].right};
        double rows[2];
        for (size_t side = 0; side < 2; side++) {
            const uint32_t number = children[side] & ~MODELS__LEAF;
            rows[side] = children[side] & MODELS__LEAF ? weight_of(forest, tree, number) : self->rows[number];
        }
        self->rows[i] = rows[0] + rows[1];
        for (size_t side = 0; side < 2; side++) self->parts[2 * i + side] = rows[side] / self->rows[i];
    }
}

static double expected_of(models__shap *self, size_t tree) {
    const models__forest *forest = self->forest;
    const double *values = forest->values + tree * forest->leaves;
    const uint32_t size = forest->sizes[tree];
    double sum = 0;
    if (size == 0) return values[0];
    find_parts(self, tree);
    for (uint32_t l = 0; l <= size; l++) sum += values[l] * weight_of(forest, tree, l);
    return sum / self->rows[0];
}

static peal_status prepare(models__shap *self, peal_error *err) {
    const models__forest *forest = self->forest;
    memset(self->last, 0xff, self->column_count * sizeof *self->last); /* NO_EDGE */
    memcpy(self->expected, forest->base, forest->outputs * sizeof(double));
    for (size_t tree = 0; tree < forest->trees; tree++) {
        self->expected[tree % forest->outputs] += expected_of(self, tree);
        if (forest->sizes[tree] == 0) continue;
        self->blocks[tree] = (uint32_t)((find_edges_before(self, tree) + 2 * LANES - 1) / (2 * LANES));
        PEAL_TRY(make_quadrature(&self->quadratures[self->blocks[tree]], self->blocks[tree], err));
    }
    return PEAL_OK;
}

static peal_status make_room(models__shap *self, peal_error *err) {
    static const char what[] = "contributions";
    const models__forest *forest = self->forest;
    const size_t leaves = forest->leaves, nodes = leaves - 1;
    self->block_most = (nodes < self->column_count ? nodes : self->column_count) / (2 * LANES) + 1;
    PEAL_TRY(peal_alloc_checked(&self->expected, forest->outputs, sizeof(double), what, err));
    PEAL_TRY(peal_alloc_checked(&self->before, forest->trees * nodes, sizeof(uint32_t), what, err));
    PEAL_TRY(peal_alloc_checked(&self->blocks, forest->trees, sizeof(uint32_t), what, err));
    PEAL_TRY(peal_alloc_checked(&self->quadratures, self->block_most + 1, sizeof(quadrature), what, err));
    PEAL_TRY(peal_alloc_checked(&self->rows, nodes, sizeof(double), what, err));
    PEAL_TRY(peal_alloc_checked(&self->parts, 2 * leaves, sizeof(double), what, err));
    PEAL_TRY(peal_alloc_checked(&self->kept, 2 * leaves, sizeof(double), what, err));
    PEAL_TRY(peal_alloc_checked(&self->up, nodes, sizeof(uint32_t), what, err));
    PEAL_TRY(peal_alloc_checked(&self->factors, 2 * leaves, sizeof *self->factors, what, err));
    PEAL_TRY(peal_alloc_checked(&self->shares, 2 * leaves, sizeof *self->shares, what, err));
    PEAL_TRY(peal_alloc_checked(&self->taken, 2 * leaves, 1, what, err));
    PEAL_TRY(peal_alloc_checked(&self->down, nodes, sizeof(line), what, err));
    PEAL_TRY(peal_alloc_checked(&self->sums, 2 * leaves, sizeof(line), what, err));
    PEAL_TRY(peal_alloc_checked(&self->last, self->column_count, sizeof(uint32_t), what, err));
    return peal_alloc_checked(&self->steps, nodes, 1, what, err);
}

peal_status models__shap_new(const models__forest *forest, const uint32_t *columns, size_t features,
                             size_t column_count, models__shap **out, peal_error *err) {
    models__shap *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for contributions");
    *self = (models__shap){.forest = forest, .columns = columns, .features = features, .column_count = column_count};
    peal_status status = make_room(self, err);
    if (status == PEAL_OK) status = prepare(self, err);
    if (status == PEAL_OK) {
        *out = self;
    } else {
        models__shap_free(self);
    }
    return status;
}

void models__shap_free(models__shap *self) {
    if (!self) return;
    for (size_t i = 0; self->quadratures && i <= self->block_most; i++) {
        free(self->quadratures[i].points);
        free(self->quadratures[i].weights);
    }
    void *const all[] = {self->expected, self->before, self->blocks, self->quadratures, self->rows,
                         self->parts,    self->kept,   self->up,     self->factors,     self->shares,
                         self->taken,    self->down,   self->sums,   self->last,        self->steps};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    free(self);
}

/* ---- a tree at a block of points ---- */

/* What an edge of either kind does to products and shares: t + (1 - t) z where the row takes it, (1 - t) z else. */
static void find_factors(models__shap *self, uint32_t edge, uint32_t before, const line *t) {
    const line ones = *t - *t + 1, rest = ones - *t;
    const double kept = self->kept[edge], kept_before = before == NO_EDGE ? 1 : self->kept[before];
    const line is_taken = *t + rest * kept, was_taken = *t + rest * kept_before;
    self->factors[edge][0] = ones * self->parts[edge];
    self->factors[edge][1] = rest * kept / was_taken;
    self->factors[edge][2] = is_taken / was_taken;
    self->shares[edge][0] = -ones / rest;
    self->shares[edge][1] = (1 - kept) / is_taken;
}

static void prepare_tree(models__shap *self, size_t tree, const line *points) {
    const models__tree_node *nodes = nodes_of(self, tree);
    const uint32_t *before = self->before + tree * (self->forest->leaves - 1), size = self->forest->sizes[tree];
    find_parts(self, tree);
    for (uint32_t i = 0; i < size; i++) {
        for (uint32_t side = 0; side < 2; side++) {
            const uint32_t edge = 2 * i + side, child = side ? nodes[i].right : nodes[i].left;
            self->kept[edge] = self->parts[edge] * (before[i] == NO_EDGE ? 1 : self->kept[before[i]]);
            if (!(child & MODELS__LEAF)) self->up[child] = edge;
            find_factors(self, edge, before[i], points);
        }
    }
}

/* The products of all paths, times the weights of the points, and at leaves times their value. */
PEAL_VECTOR static void go_down(models__shap *self, size_t tree, const uint8_t *bins, const line *weights) {
    const models__forest *forest = self->forest;
    const size_t first = tree * (forest->leaves - 1);
    const double *values = forest->values + tree * forest->leaves;
    const uint32_t *before = self->before + first, size = forest->sizes[tree];
    uint8_t *taken = self->taken;
    self->down[0] = *weights;
    for (uint32_t i = 0; i < size; i++) {
        const models__tree_node *node = &forest->nodes[first + i];
        const uint32_t *set = forest->sets ? forest->sets + (first + i) * MODELS__SET_WORDS : NULL;
        const uint8_t was_taken = before[i] == NO_EDGE ? 1 : taken[before[i]];
        const uint8_t is_left = models__goes_left(node, set, bins[node->feature]);
        const uint32_t children[] = {node->left, node->right};
        taken[2 * i] = was_taken & is_left;
        taken[2 * i + 1] = was_taken & !is_left;
        for (uint32_t side = 0; side < 2; side++) {
            const uint32_t edge = 2 * i + side, child = children[side];
            const line product = self->down[i] * self->factors[edge][was_taken + taken[edge]];
            if (child & MODELS__LEAF) {
                self->sums[edge] = product * values[child & ~MODELS__LEAF];
            } else {
                self->down[child] = product;
            }
        }
    }
}

/* Sums from the leaves up, and what the two edges of each node tell of its feature: the share of the edge less that of
 * the edge before, which has counted all leaves below it. */
PEAL_VECTOR static void go_up(models__shap *self, size_t tree, double *contributions) {
    const models__forest *forest = self->forest;
    const size_t first = tree * (forest->leaves - 1);
    const uint32_t *before = self->before + first;
    for (uint32_t i = forest->sizes[tree]; i-- > 0;) {
        const uint32_t left = 2 * i, right = 2 * i + 1, last = before[i];
        const line sum = self->sums[left] + self->sums[right];
        line own = self->shares[left][self->taken[left]] * self->sums[left] +
                   self->shares[right][self->taken[right]] * self->sums[right];
        if (last != NO_EDGE) own -= self->shares[last][self->taken[last]] * sum;
        if (i) self->sums[self->up[i]] = sum;
        contributions[self->columns[forest->nodes[first + i].feature]] +=
            ((own[0] + own[1]) + (own[2] + own[3])) + ((own[4] + own[5]) + (own[6] + own[7]));
    }
}

void models__shap_rows(models__shap *self, const uint8_t *bins, size_t rows, double *out) {
    const models__forest *forest = self->forest;
    const size_t width = self->column_count + 1, outputs = forest->outputs;
    memset(out, 0, rows * outputs * width * sizeof *out);
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < outputs; k++) out[(i * outputs + k) * width + width - 1] = self->expected[k];
    }
    for (size_t tree = 0; tree < forest->trees; tree++) {
        const quadrature *all = &self->quadratures[self->blocks[tree]];
        for (uint32_t block = 0; block < self->blocks[tree]; block++) {
            prepare_tree(self, tree, &all->points[block]);
            for (size_t i = 0; i < rows; i++) {
                go_down(self, tree, bins + i * self->features, &all->weights[block]);
                go_up(self, tree, out + (i * outputs + tree % outputs) * width);
            }
        }
    }
}
