/* Models of other programs: trees that LightGBM or XGBoost has learnt become an ordinary model of Peal's, and a model
 * of trees becomes a file that LightGBM loads. */
#ifndef PEAL_MODELS_INTERCHANGE_H
#define PEAL_MODELS_INTERCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/event.h"
#include "core/base/status.h"

typedef struct peal_import_options {
    const char *path;  /* the file; its format is found by its bytes */
    const char *out;   /* model file */
    const char *label; /* what the column to predict is called; NULL: "label" */
    const char *query; /* the column whose rows are ranked among each other, for peal_eval; NULL: none */
} peal_import_options;

typedef struct peal_import_result {
    char format[64];                      /* "lightgbm v4" */
    char objective[128];                  /* as the file spells it */
    size_t trees, columns, used, classes; /* used: columns that a tree asks for. classes: 0 if the label is a number */
    size_t rounds, best; /* of the trees; the one that the file says is best, from 1 on (0: none): all are taken */
} peal_import_result;

/* Reads the file and writes the model, whole or not at all. The model's columns are named as in the file, and its
 * predictions are those of the program that learnt it. PEAL_E_DATA says what is wrong with the file, or what in it a
 * model of Peal's cannot say. */
peal_status peal_import(const peal_import_options *options, peal_import_result *result, peal_error *err);

typedef struct peal_export_options {
    const char *model;  /* of trees */
    const char *format; /* "lightgbm" */
    const char *out;
    const peal_reporter *reporter; /* notes: which code is which class; may be NULL */
} peal_export_options;

/* Writes the model as the other program has it, whole or not at all. PEAL_E_USAGE says which column or part of the
 * model cannot be said there. */
peal_status peal_export(const peal_export_options *options, peal_error *err);

/* The formats, for help: the one behind number `index`; false if there is none. */
bool peal_interchange_format(size_t index, const char **name, const char **documentation);

#endif
