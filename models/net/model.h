/* Models: from a spec and the shape of the data to a graph. To add one: a file in models/net/kind with a `const
 * peal_model` and a line in the table of model.c. */
#ifndef PEAL_MODELS_MODEL_H
#define PEAL_MODELS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/spec.h"
#include "core/base/status.h"
#include "etl/pipeline/pipeline.h"
#include "ops/graph.h"

enum {
    PEAL_HIDDEN_MOST = 8,
    PEAL_MODEL_NUMBERS = 32,
    PEAL_MODEL_WORDS = 8,
    PEAL_MODEL_TEXTS = 4,
    PEAL_MODEL_LIST = 32
};

_Static_assert(PEAL_MODEL_NUMBERS <= 32, "`given` has a bit for each");

/* An option of one model that is a number. */
typedef struct peal_model_number {
    const char *name; /* NULL ends a list */
    double otherwise, least, most;
    bool is_whole;
} peal_model_number;

/* An option of one model that is a word: one of some spellings, each of which stands for a number. */
typedef struct peal_model_spelling {
    const char *text; /* NULL ends a list */
    int number;
} peal_model_spelling;
typedef struct peal_model_word {
    const char *name; /* NULL ends a list */
    const peal_model_spelling *spellings;
} peal_model_word;
#define PEAL_MODEL_NO_WORD (-1)

/* An option of one model that is a list of numbers, joined with x. */
typedef struct peal_model_list {
    const char *name;
    double least, most;
} peal_model_list;

/* What else an option may be called. */
typedef struct peal_model_alias {
    const char *alias; /* NULL ends a list */
    const char *option;
} peal_model_alias;

typedef struct peal_model peal_model;
typedef struct peal_learner peal_learner; /* models/learner/learner.h */
typedef struct peal_loss peal_loss;       /* models/net/loss.h */

typedef struct peal_model_spec {
    const peal_model *kind;
    size_t hidden[PEAL_HIDDEN_MOST]; /* widths of the hidden layers */
    size_t hidden_count;
    const peal_op *activation;
    float dropout;
    float smoothing;                       /* of labels, see ops/op/softmax_cross_entropy.c */
    float l2;                              /* negative: to be chosen by who trains it */
    double l1;                             /* of what has a loss of its own */
    double parameters[PEAL_MODEL_NUMBERS]; /* by kind->parameters */
    uint32_t given;                        /* bit i: parameters[i] was said */
    int words[PEAL_MODEL_WORDS];           /* by kind->words; PEAL_MODEL_NO_WORD where none is said */
    char text[PEAL_SPEC_TEXT];             /* the options that are texts, each ended by a NUL; the first one is empty */
    uint16_t texts[PEAL_MODEL_TEXTS];      /* where in `text` each of kind->texts begins */
    double list[PEAL_MODEL_LIST];          /* of kind->list */
    size_t list_count;                     /* 0: none is said */
} peal_model_spec;

/* The text of kind->texts[which]; "" where none is said. */
static inline const char *peal_model_text(const peal_model_spec *spec, size_t which) {
    return spec->text + spec->texts[which];
}

/* What a model's build function works on. */
typedef struct peal_builder {
    peal_graph *graph;
    const peal_model_spec *spec;
    peal_node *features; /* [n, d] float32, or NULL */
    peal_node *codes;    /* [n, c] int32, or NULL */
    size_t code_values;  /* rows of a table that holds all codes */
    peal_node *sparse;   /* [n] sparse rows, or NULL */
    size_t sparse_width; /* indices are below it */
    size_t outputs;      /* width of the output: classes, or 1 */
} peal_builder;

struct peal_model {
    const char *name;
    const char *documentation;
    const char *const *options;              /* keys of its spec, NULL-terminated */
    const peal_model_number *parameters;     /* options of its own that are numbers; NULL: none */
    const peal_model_word *words;            /* those that are words; NULL: none */
    const char *const *texts;                /* those that are any text, NULL-terminated; NULL: none */
    const peal_model_list *list;             /* the one that is a list; NULL: none */
    const peal_model_alias *aliases;         /* other names of options; NULL: none */
    bool numbers, two_classes, many_classes; /* labels that it can learn */
    /* Whether with these options it learns numbers alone. NULL: that it can learn them and no classes says it. */
    bool (*only_numbers)(const peal_model_spec *spec);
    bool wants_bins;             /* numbers are best left as buckets, in which what is missing stays so */
    bool takes_offset;           /* of labels with one score: it can be added to that */
    bool smooths;                /* its labels can be smoothed */
    bool softmax;                /* one output a class even if there are two */
    const peal_learner *learner; /* that learns it unless another one is asked for */
    /* Of what is learnt by steps: its graph. NULL: it is not. */
    peal_status (*build)(peal_builder *builder, peal_node **output, peal_error *err);
    const peal_loss *loss; /* of what is linear and can be learnt by exact gradients; NULL: it is not */
};

/* All models; ends with NULL. In models/learner/learner.c, behind the learners. */
extern const peal_model *const peal_models[];

/* From a spec like "mlp:hidden=512x256,activation=relu". NULL means the default for the label: mlp. */
peal_status peal_model_parse(const char *text, peal_model_spec *out, peal_error *err);

/* Whether what the spec names can learn numbers, and nothing else; NULL, or a spec that is none: no. */
bool peal_model_wants_number(const char *text);

/* PEAL_E_USAGE if the model cannot learn such a label. */
peal_status peal_model_check_label(const peal_model *model, const peal_shape *shape, peal_error *err);

/* A layer of `width` outputs over features and codes together. */
peal_status models__first_layer(peal_builder *builder, const char *name, size_t width, peal_init init, peal_node **out,
                                peal_error *err);
/* A layer over a value. */
peal_status models__layer(peal_builder *builder, const char *name, peal_node *input, size_t width, peal_init init,
                          peal_node **out, peal_error *err);

#endif
