/* What a user forbids trees: to fall where a column rises, and to have columns that do not belong together on one path.
 * Private to this folder. */
#ifndef PEAL_MODELS_CONSTRAINTS_H
#define PEAL_MODELS_CONSTRAINTS_H

#include "models/learner/columns.h"
#include "models/learner/forest.h"

enum { MODELS__GROUPS_MOST = 64 };

typedef struct models__constraints {
    models__columns columns;
    int8_t *directions; /* [features] 1: the score never falls where the feature rises; -1: never rises; 0: as it likes.
                           NULL: all do as they like */
    uint64_t *groups;   /* [features] bit g: its column is in group g; 0: in none. NULL: there are no groups */
} models__constraints;

/* Which columns have been used on the way to a leaf. */
typedef struct models__path {
    uint64_t groups; /* that hold all of them */
    uint32_t alone;  /* the one that was used and is in no group; UINT32_MAX: none is */
    bool is_used;    /* false: the leaf is the root */
} models__path;

static inline models__path models__path_begin(void) {
    return (models__path){.groups = UINT64_MAX, .alone = UINT32_MAX};
}

/* Whether the feature may be used there: it is in a group with all that were used; a column in no group stays alone. */
static inline bool models__may_join(const models__constraints *constraints, const models__path *path, size_t feature) {
    if (!constraints->groups) return true;
    if (constraints->groups[feature]) return (constraints->groups[feature] & path->groups) != 0;
    return !path->is_used || path->alone == constraints->columns.of[feature];
}

static inline models__path models__path_join(const models__constraints *constraints, const models__path *path,
                                             size_t feature) {
    if (!constraints->groups) return *path;
    const uint64_t groups = constraints->groups[feature];
    return (models__path){.groups = path->groups & groups,
                          .alone = groups ? UINT32_MAX : constraints->columns.of[feature],
                          .is_used = true};
}

static inline int models__direction(const models__constraints *constraints, size_t feature) {
    return constraints->directions ? constraints->directions[feature] : 0;
}

/* Reads the spec's texts: columns joined by "+", and groups of them by "|". In a name "%2C" stands for a comma.
 * PEAL_E_USAGE names a column that is not there with the nearest one, or one that has no order. */
peal_status models__constraints_new(const peal_pipeline *pipeline, const models__bins *bins,
                                    const peal_model_spec *spec, models__constraints *out, peal_error *err);
void models__constraints_clear(models__constraints *constraints);

/* Whether a tree, which may have been grown without them, keeps them: no value on one side of a node is beyond one on
 * the other, and no path has columns that do not belong together. `paths` [leaves] and `room` [8 leaves]. */
bool models__constraints_are_kept(const models__constraints *constraints, const models__forest *forest, size_t tree,
                                  models__path *paths, double *room);

/* Makes the values of a tree, which may be any, keep the directions: where the largest value of one side of a node is
 * above the least one of the other, both sides are cut at the middle between these two. A cut leaves the order of the
 * values below it as it is, so that what was put right stays right. `room` [8 leaves]. */
void models__constraints_mend(const models__constraints *constraints, models__forest *forest, size_t tree,
                              double *room);

#endif
