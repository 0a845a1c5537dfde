/* Reads constraints from a spec, and mends trees whose leaves were renewed; see constraints.h. */
#include "models/learner/constraints.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/number.h"
#include "core/base/spelling.h"

/* ---- names ---- */

/* A text being read. */
typedef struct list {
    const char *option;
    char text[PEAL_SPEC_TEXT];
    const char *at;
    const char **names; /* [count] the columns' */
    size_t count;
} list;

static void begin_list(list *self, const char *option, const char *text) {
    char *to = self->text;
    self->option = option;
    for (const char *from = text; *from; from++) {
        const bool is_comma = strncmp(from, "%2C", 3) == 0;
        *to++ = is_comma ? ',' : *from;
        if (is_comma) from += 2;
    }
    *to = '\0';
    self->at = self->text;
}

static peal_status no_column(const list *self, size_t length, peal_error *err) {
    char typed[PEAL_SPEC_TEXT], hint[PEAL_HINT_SIZE];
    memcpy(typed, self->at, length);
    typed[length] = '\0';
    return peal_fail(err, PEAL_E_USAGE, "trees: %s: no column '%s' is learnt from%s", self->option, typed,
                     peal_did_you_mean(typed, self->names, self->count, hint));
}

/* The column whose name comes next, and what stands behind it: '+', '|' or the end. A name may have these in it: of
 * all that fit the longest one is meant. */
static peal_status next_column(list *self, size_t *column, char *behind, peal_error *err) {
    size_t best = SIZE_MAX, length = 0;
    for (size_t i = 0; i < self->count; i++) {
        const size_t own = strlen(self->names[i]);
        if (own < length || own == 0 || strncmp(self->at, self->names[i], own) != 0) continue;
        if (!strchr("+|", self->at[own])) continue; /* which finds the end, too */
        best = i;
        length = own;
    }
    if (best == SIZE_MAX) return no_column(self, strcspn(self->at, "+|"), err);
    *column = best;
    *behind = self->at[length];
    self->at += length + (*behind != '\0');
    return PEAL_OK;
}

/* ---- what is forbidden ---- */

/* Gives a column's features their direction. */
static peal_status direct(models__constraints *self, const peal_pipeline *pipeline, const list *from, size_t column,
                          int8_t sign, peal_error *err) {
    const models__columns *columns = &self->columns;
    for (size_t f = 0; f < columns->features; f++) {
        if (columns->of[f] != column) continue;
        if (!models__column_is_ordered(columns, pipeline, f)) {
            return peal_fail(err, PEAL_E_USAGE, "trees: %s: the values of column '%s' have no order", from->option,
                             from->names[column]);
        }
        if (self->directions[f] == -sign) {
            return peal_fail(err, PEAL_E_USAGE, "trees: column '%s' cannot be both increasing and decreasing",
                             from->names[column]);
        }
        self->directions[f] = sign;
    }
    return PEAL_OK;
}

static peal_status read_directions(models__constraints *self, const peal_pipeline *pipeline, list *from, int8_t sign,
                                   peal_error *err) {
    for (char behind = '+'; behind;) {
        size_t column;
        PEAL_TRY(next_column(from, &column, &behind, err));
        if (behind == '|') return no_column(from, strlen(from->at), err);
        PEAL_TRY(direct(self, pipeline, from, column, sign, err));
    }
    return PEAL_OK;
}

/* Signs by position, as LightGBM and XGBoost take them: one for each column that is learnt from, in the table's order,
 * joined with x. */
static peal_status read_signs(models__constraints *self, const peal_pipeline *pipeline, list *from, peal_error *err) {
    size_t column = 0;
    for (bool more = true; more; column++) {
        const size_t length = strcspn(from->at, "x");
        double sign;
        if (!peal_number_parse(from->at, length, &sign) || (sign != 0 && sign != 1 && sign != -1)) {
            return peal_fail(err, PEAL_E_USAGE, "trees: %s: a sign is 1, 0 or -1, with x between them, not '%.*s'",
                             from->option, (int)length, from->at);
        }
        if (sign != 0 && column < from->count) PEAL_TRY(direct(self, pipeline, from, column, (int8_t)sign, err));
        more = from->at[length] != '\0';
        from->at += length + more;
    }
    if (column == from->count) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "trees: %s has %zu signs, and there are %zu columns to learn from ('%s' is the first)",
                     from->option, column, from->count, from->count ? from->names[0] : "");
}

static peal_status read_groups(models__constraints *self, list *from, peal_error *err) {
    const models__columns *columns = &self->columns;
    size_t group = 0;
    for (char behind = '|'; behind;) {
        size_t column;
        PEAL_TRY(next_column(from, &column, &behind, err));
        if (group == MODELS__GROUPS_MOST) {
            return peal_fail(err, PEAL_E_USAGE, "trees: %s: there can be %d groups at most", from->option,
                             MODELS__GROUPS_MOST);
        }
        for (size_t f = 0; f < columns->features; f++) {
            if (columns->of[f] == column) self->groups[f] |= UINT64_C(1) << group;
        }
        group += behind == '|';
    }
    return PEAL_OK;
}

static peal_status read_all(models__constraints *self, const peal_pipeline *pipeline, const peal_model_spec *spec,
                            list *from, peal_error *err) {
    const size_t features = self->columns.features;
    const char *const *texts = spec->kind->texts;
    const char *increasing = peal_model_text(spec, MODELS__INCREASING);
    const char *decreasing = peal_model_text(spec, MODELS__DECREASING);
    const char *interactions = peal_model_text(spec, MODELS__INTERACTIONS);
    const char *signs = peal_model_text(spec, MODELS__MONOTONE);
    if (*increasing || *decreasing || *signs) {
        PEAL_TRY(peal_zeroed_checked(&self->directions, features, 1, "columns", err));
    }
    if (*interactions) PEAL_TRY(peal_zeroed_checked(&self->groups, features, sizeof(uint64_t), "columns", err));
    if (*increasing) {
        begin_list(from, texts[MODELS__INCREASING], increasing);
        PEAL_TRY(read_directions(self, pipeline, from, 1, err));
    }
    if (*decreasing) {
        begin_list(from, texts[MODELS__DECREASING], decreasing);
        PEAL_TRY(read_directions(self, pipeline, from, -1, err));
    }
    if (*signs) {
        begin_list(from, texts[MODELS__MONOTONE], signs);
        PEAL_TRY(read_signs(self, pipeline, from, err));
    }
    if (!*interactions) return PEAL_OK;
    begin_list(from, texts[MODELS__INTERACTIONS], interactions);
    return read_groups(self, from, err);
}

peal_status models__constraints_new(const peal_pipeline *pipeline, const models__bins *bins,
                                    const peal_model_spec *spec, models__constraints *out, peal_error *err) {
    list from = {0};
    PEAL_TRY(models__columns_init(&out->columns, pipeline, bins, bins->sparse.count, err));
    models__columns_finish(&out->columns, bins);
    from.count = out->columns.count;
    PEAL_TRY(peal_alloc_checked(&from.names, from.count, sizeof *from.names, "columns", err));
    for (size_t i = 0; i < from.count; i++) from.names[i] = models__column_name(&out->columns, pipeline, i);
    const peal_status status = read_all(out, pipeline, spec, &from, err);
    free((void *)from.names);
    return status;
}

void models__constraints_clear(models__constraints *constraints) {
    models__columns_clear(&constraints->columns);
    free(constraints->directions);
    free(constraints->groups);
    *constraints = (models__constraints){0};
}

/* ---- trees ---- */

/* Values from `low` to `high`. */
typedef struct range {
    double low, high;
} range;

static double cut(double value, const range *to) {
    return fmin(fmax(value, to->low), to->high);
}

/* Ranges of nodes stand before those of leaves. */
static size_t place_of(size_t leaves, uint32_t child) {
    return child & MODELS__LEAF ? leaves + (child & ~MODELS__LEAF) : child;
}

/* The values below each node, [2 leaves]: a child's number is above its parent's. */
static void find_ranges(const models__forest *forest, size_t tree, range *found) {
    const size_t leaves = forest->leaves, size = forest->sizes[tree];
    const models__tree_node *nodes = forest->nodes + tree * (leaves - 1);
    for (size_t l = 0; l <= size; l++) {
        const double value = forest->values[tree * leaves + l];
        found[leaves + l] = (range){value, value};
    }
    for (size_t i = size; i-- > 0;) {
        const range left = found[place_of(leaves, nodes[i].left)], right = found[place_of(leaves, nodes[i].right)];
        found[i] = (range){fmin(left.low, right.low), fmax(left.high, right.high)};
    }
}

/* A node's children, in the order in which their values must be; false if they may be as they like. */
static bool order_children(const models__constraints *constraints, const models__tree_node *node, uint32_t *first,
                           uint32_t *second) {
    const int direction = models__direction(constraints, node->feature);
    *first = direction < 0 ? node->right : node->left;
    *second = direction < 0 ? node->left : node->right;
    return direction != 0;
}

bool models__constraints_are_kept(const models__constraints *constraints, const models__forest *forest, size_t tree,
                                  models__path *paths, double *room) {
    const size_t leaves = forest->leaves, size = forest->sizes[tree];
    const models__tree_node *nodes = forest->nodes + tree * (leaves - 1);
    range *found = (range *)(void *)room;
    bool kept = true;
    find_ranges(forest, tree, found);
    paths[0] = models__path_begin();
    for (size_t i = 0; i < size; i++) {
        uint32_t first, second;
        const bool has_order = order_children(constraints, &nodes[i], &first, &second);
        const models__path path = models__path_join(constraints, &paths[i], nodes[i].feature);
        kept = kept && models__may_join(constraints, &paths[i], nodes[i].feature);
        kept = kept && (!has_order || found[place_of(leaves, first)].high <= found[place_of(leaves, second)].low);
        if (!(first & MODELS__LEAF)) paths[first] = path;
        if (!(second & MODELS__LEAF)) paths[second] = path;
    }
    return kept;
}

void models__constraints_mend(const models__constraints *constraints, models__forest *forest, size_t tree,
                              double *room) {
    const size_t leaves = forest->leaves, size = forest->sizes[tree];
    const models__tree_node *nodes = forest->nodes + tree * (leaves - 1);
    double *values = forest->values + tree * leaves;
    range *found = (range *)(void *)room, *bounds = found + 2 * leaves;
    find_ranges(forest, tree, found);
    bounds[0] = (range){-INFINITY, INFINITY};
    for (size_t i = 0; i < size; i++) {
        uint32_t first, second;
        const bool has_order = order_children(constraints, &nodes[i], &first, &second);
        const double most = cut(found[place_of(leaves, first)].high, &bounds[i]);
        const double least = cut(found[place_of(leaves, second)].low, &bounds[i]);
        range below = bounds[i], above = bounds[i];
        if (has_order && most > least) below.high = above.low = least + (most - least) / 2;
        bounds[place_of(leaves, first)] = below;
        bounds[place_of(leaves, second)] = above;
    }
    for (size_t l = 0; size && l <= size; l++) values[l] = cut(values[l], &bounds[leaves + l]);
}
