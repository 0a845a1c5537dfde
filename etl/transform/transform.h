/* Transforms: what is done to a column between the raw file and the model. Each is fitted on a summary of the training
 * rows and then applied, the same way in ETL, training and prediction.
 *
 * To add one: a file with a `const peal_transform`, and a line in the table of transform.c. */
#ifndef PEAL_ETL_TRANSFORM_TRANSFORM_H
#define PEAL_ETL_TRANSFORM_TRANSFORM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/option.h"
#include "core/base/status.h"
#include "etl/format/cell.h"
#include "etl/image/recipe.h"
#include "etl/table/dictionary.h"
#include "etl/table/schema.h"
#include "etl/transform/bag.h"

/* What one pass learns of a column. Numbers use the moments, texts the dictionary with its counts. */
typedef struct peal_summary {
    uint64_t count; /* values that are there */
    uint64_t nulls;
    double mean, m2; /* m2: sum of squared differences from the mean */
    double min, max;
    peal_dictionary texts;                  /* as the text steps leave them: the most frequent that the encoder wants */
    uint64_t distinct;                      /* texts that the encoder could have had */
    const struct peal_histogram *histogram; /* of numbers, if the step wants one; belongs to who made it */
} peal_summary;

void peal_summary_clear(peal_summary *summary);
/* Adds `count` numbers (NaN is missing) of which `keep` (may be NULL: all) is not zero. Two passes: exact enough. */
void peal_summary_add_numbers(peal_summary *summary, const double *values, const uint8_t *keep, size_t count);
/* Merges the moments of `more` (Chan, Golub, LeVeque 1979). The order of merges decides the last bits, so it is fixed.
 */
void peal_summary_merge(peal_summary *summary, const peal_summary *more);
double peal_summary_deviation(const peal_summary *summary); /* standard deviation, of the population */

typedef enum peal_transform_role {
    PEAL_TRANSFORM_NUMBERS, /* numbers to numbers */
    PEAL_TRANSFORM_IMAGE,   /* images to images, while they are read */
    PEAL_TRANSFORM_TEXT,    /* text to text */
    PEAL_TRANSFORM_READ,    /* text to number */
    PEAL_TRANSFORM_ENCODE,  /* text (or, with `buckets`, number) to columns of the feature block, to a code, or to a bag
                             */
    PEAL_TRANSFORM_KEEP,    /* text to a column of texts, beside what is learnt from */
    PEAL_TRANSFORM_QUERY,   /* text to what tells which rows are ranked together */
    PEAL_TRANSFORM_WEIGHT,  /* numbers to what the rows count */
    PEAL_TRANSFORM_OFFSET,  /* numbers to what is added to the rows' scores */
    PEAL_TRANSFORM_LABEL,   /* to the label */
    PEAL_TRANSFORM_ROWS,    /* concerns rows, not a column */
    PEAL_TRANSFORM_TYPES    /* how columns are read: no step */
} peal_transform_role;

enum { PEAL_REMARK_TEXT = 240 };

/* A number in a state: a double, by the key under which it is saved. */
typedef struct peal_state_number {
    const char *key; /* NULL ends a list */
    size_t offset;
} peal_state_number;

typedef struct peal_transform {
    const char *name;
    const char *documentation;
    peal_transform_role role;
    const peal_option *options; /* that a user can give; ends with a NULL name */
    /* Makes the state from options and, if it was saved, from what was fitted. */
    peal_status (*load)(const json_t *options, void **state, peal_error *err);
    json_t *(*save)(const void *state); /* a new object: options and what was fitted; NULL if there is no memory */
    /* The same, with a long list of `like` in the place of one that is equal: cheaper to compare with it. NULL: `save`
     * does. */
    json_t *(*save_like)(const void *state, const json_t *like);
    /* Of a state that is one struct without pointers: its size, and the doubles in it that are saved as real numbers
     * and in which columns that are treated alike differ. Many such columns are kept as one, with a list for each
     * number. NULL of other states. */
    const peal_state_number *numbers_of;
    size_t state_size;
    /* NULL, or what is wrong with a fitted state, as in "column 'a' <has a scale of zero>". NULL: it is always right.
     */
    const char *(*check)(const void *state);
    void (*free)(void *state);
    /* Learns from the summary of `column` and turns it into the summary of its own output. NULL of what does texts to
     * texts: these are counted as its `text` leaves them. */
    peal_status (*fit)(void *state, const char *column, peal_summary *summary, peal_error *err);
    /* True if `fit` needs the histogram of its input. Of a transform that has this function, a state that wants none is
     * given and not fitted. */
    bool (*wants_histogram)(const void *state);
    /* The summary of its output cannot be told from that of its input: what is fitted behind it costs a pass over the
     * spill (a level). */
    bool is_opaque;
    /* Of what learns from all distinct texts, before `fit`: a text (data NULL: missing), and how many training rows and
     * others hold it. In an order that the texts alone decide. */
    void (*observe)(void *state, peal_text text, uint64_t count, uint64_t held);
    /* What a person might not expect of what was fitted, behind the column's name; "" if there is nothing. */
    void (*remark)(const void *state, char text[PEAL_REMARK_TEXT], bool *is_warning);
    /* Of what takes not all numbers: those that it takes, if it is a column's one step. NULL: it takes all. */
    const peal_bound *bound;
    /* In place, NaN is missing. */
    void (*numbers)(const void *state, double *values, size_t count);
    /* The text that `text` becomes, perhaps in `scratch`. NULL if it stays what it is. */
    peal_status (*text)(const void *state, peal_text text, peal_buffer *scratch, peal_text *out, peal_error *err);
    /* Of what reads texts as numbers: the number (NaN: missing), and what the text is. `text` is as the text steps
     * leave it; data NULL: missing. */
    peal_cell (*read)(const void *state, const peal_nulls *nulls, peal_text text, double *out);
    /* Encoders and labels of classes: how many of the most frequent texts `fit` must see, and how often a text must
     * have been seen. NULL of what learns nothing of texts. */
    void (*wants)(const void *state, size_t *most, uint64_t *least_count);
    /* Encoders: how many codes there are, the code of a text (data NULL: missing) or -1, and a code's name. */
    uint32_t (*width)(const void *state);
    int32_t (*encode)(const void *state, peal_text text);
    peal_text (*code_name)(const void *state, uint32_t code);
    /* Encoders of numbers, in the place of `encode`: the codes of numbers, -1 of one that is missing. */
    void (*buckets)(const void *state, const double *values, size_t count, int32_t *codes);
    /* Encoders of which a text becomes `width` real numbers, in the place of `encode`: writes them, all 0 but a mark of
     * it and false if the text is missing or none that it knows. `code_name` names them. */
    bool (*spread)(const void *state, peal_text text, float *out);
    /* Encoders: what may be wrong with how a text of a row that is new is read, behind "values are"; NULL if nothing
     * is.
     */
    const char *(*doubt)(const void *state, peal_text text);
    /* Encoders of which a text becomes sparse features, in the place of `encode`: adds the entries, with indices below
     * `width`, to an empty bag; none if the text is missing (data NULL). */
    peal_status (*fill)(const void *state, peal_text text, peal_bag *bag, peal_error *err);
    /* Of what has both `encode` and `fill`: whether this state fills. */
    bool (*fills)(const void *state);
    /* Encoders and labels: the dictionary whose texts are the codes' names, so that it need not be copied; NULL if
     * there is none, as when a code stands for what is missing. Without this function and `code_name` the codes are
     * numbers without names, and stand in a plain column of int32. */
    const peal_dictionary *(*dictionary)(const void *state);
    /* Of images, as in etl/image/recipe.h. Their steps are run by who reads the images. */
    peal_image_effect image_effect;
    void (*image_shape)(const void *state, peal_image_shape *shape);
    peal_status (*image)(const void *state, peal_image *image, peal_image *spare, peal_error *err);
    bool wants_text; /* the columns that it is named for are read as texts, also if all of these are numbers */
    /* The same, without a vocabulary: because nearly every row is expected to have a text of its own, or for `fill`.
     * NULL: never. */
    bool (*wants_rows)(const json_t *options);
    bool spreads; /* an encoder that makes feature columns (one-hot, dates), not one column of codes */
} peal_transform;

extern const peal_transform peal_transform_standardize, peal_transform_minmax, peal_transform_impute,
    peal_transform_onehot, peal_transform_index, peal_transform_label, peal_transform_replace, peal_transform_split,
    peal_transform_read_number, peal_transform_hash, peal_transform_date, peal_transform_clip, peal_transform_log1p,
    peal_transform_bucketize, peal_transform_cast, peal_transform_tokens, peal_transform_keep, peal_transform_bins,
    peal_transform_weight, peal_transform_offset, peal_transform_exposure, peal_transform_query, peal_transform_members,
    peal_transform_missing, peal_transform_resize, peal_transform_crop, peal_transform_pad, peal_transform_flip,
    peal_transform_rotate, peal_transform_grey, peal_transform_rgb, peal_transform_normalize, peal_transform_blur,
    peal_transform_sharpen, peal_transform_edges;
extern const peal_transform *const peal_transforms[]; /* ends with NULL */

peal_status peal_transform_find(const char *name, const peal_transform **out, peal_error *err);

/* The options of `number` and what they say, both ways. PEAL_E_USAGE of options that it cannot have. The object is new;
 * NULL if there is no memory. */
peal_status peal_number_spelling(const json_t *options, peal_spelling *out, peal_error *err);
json_t *peal_number_options(const peal_spelling *spelling);

/* What a state of impute has done to the rows that it was fitted on: none lacked the number; what they got instead
 * tells who did, for it is a mean, which hardly any number equals; or it does not. */
typedef enum peal_impute_trace { PEAL_IMPUTE_NOTHING, PEAL_IMPUTE_SHOWS, PEAL_IMPUTE_HIDES } peal_impute_trace;
peal_impute_trace peal_impute_left(const void *state);
/* Whether a state of impute also makes a feature of that a number was missing. */
bool peal_impute_marks(const void *state);
/* Has it made so, whatever the rows are; before it is fitted. */
void peal_impute_mark(void *state);
/* Takes that feature back, if nobody asked for it; whether there was one. */
bool peal_impute_unmark(void *state);
/* The same of a state of date. */
bool peal_date_marks(const void *state);
bool peal_date_unmark(void *state);
/* True of an encoder whose output is sparse features. */
bool peal_transform_fills(const peal_transform *transform, const void *state);
/* `load` and `save` of what has no options and learns nothing. */
peal_status peal_transform_load_nothing(const json_t *options, void **state, peal_error *err);
json_t *peal_transform_save_nothing(const void *state);
/* For `wants_rows`. */
bool peal_transform_always(const json_t *options);

/* True if the state is learnt from numbers; of what does not change with the data, false. */
bool peal_transform_is_fitted(const peal_transform *transform, const void *state);

/* PEAL_E_USAGE, with the nearest right name, if `options` has a key that the transform does not know or a value that
 * one cannot have. "transform" and "columns" are always known. */
peal_status peal_transform_check_options(const peal_transform *transform, const json_t *options, peal_error *err);

/* A number of an options object, also when it is written as text; `otherwise` if absent. */
peal_status peal_transform_number(const json_t *options, const char *key, double otherwise, double *out,
                                  peal_error *err);
/* A whole number from `least` to `most`; `name` is the transform's, for the message. */
peal_status peal_transform_whole(const char *name, const json_t *options, const char *key, uint64_t otherwise,
                                 uint64_t least, uint64_t most, uint64_t *out, peal_error *err);
/* One of `names` (ends with NULL), as its index; the first if absent. */
peal_status peal_transform_choice(const json_t *options, const char *key, const char *const *names, unsigned *out,
                                  peal_error *err);
/* yes or no, true or false. */
peal_status peal_transform_flag(const json_t *options, const char *key, bool otherwise, bool *out, peal_error *err);

#endif
