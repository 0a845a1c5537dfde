/* The table of models, and the reading of their specs; see model.h. */
#include "models/net/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/number.h"
#include "core/base/spec.h"
#include "ops/op/op.h"

static peal_status parse_hidden(const peal_spec *spec, peal_model_spec *out, peal_error *err) {
    const char *text = peal_spec_find(spec, "hidden");
    if (!text) text = "256x128";
    for (const char *at = text;;) {
        char *end;
        unsigned long width = strtoul(at, &end, 10);
        if (end == at || width == 0 || width > 1 << 20 || (*end != 'x' && *end != '\0') ||
            out->hidden_count == PEAL_HIDDEN_MOST) {
            return peal_fail(err, PEAL_E_USAGE,
                             "%s: hidden must be up to %d widths joined with x, as in 512x256, not '%s'", spec->name,
                             PEAL_HIDDEN_MOST, text);
        }
        out->hidden[out->hidden_count++] = width;
        if (*end == '\0') return PEAL_OK;
        at = end + 1;
    }
}

/* Whether a model has the option. */
static bool takes(const peal_model *model, const char *option) {
    for (const char *const *key = model->options; *key; key++) {
        if (strcmp(*key, option) == 0) return true;
    }
    return false;
}

/* The numbers that only this model has. */
static peal_status parse_parameters(const peal_spec *spec, peal_model_spec *out, peal_error *err) {
    const peal_model_number *numbers = out->kind->parameters;
    for (size_t i = 0; numbers && numbers[i].name; i++) {
        const peal_model_number *one = &numbers[i];
        double *value = &out->parameters[i];
        if (peal_spec_find(spec, one->name)) out->given |= UINT32_C(1) << i;
        PEAL_TRY(peal_spec_number(spec, one->name, one->otherwise, one->least, one->most, value, err));
        if (one->is_whole && *value != floor(*value)) {
            return peal_fail(err, PEAL_E_USAGE, "%s: %s must be a whole number, not %g", spec->name, one->name, *value);
        }
    }
    return PEAL_OK;
}

/* The words that only this model has. */
static peal_status parse_words(const peal_spec *spec, peal_model_spec *out, peal_error *err) {
    enum { SPELLINGS_MOST = 64 };
    const peal_model_word *words = out->kind->words;
    for (size_t i = 0; i < PEAL_MODEL_WORDS; i++) out->words[i] = PEAL_MODEL_NO_WORD;
    for (size_t i = 0; words && words[i].name; i++) {
        const char *names[SPELLINGS_MOST], *said = peal_spec_find(spec, words[i].name);
        size_t count = 0, chosen;
        if (!said) continue;
        for (; words[i].spellings[count].text && count < SPELLINGS_MOST; count++) {
            names[count] = words[i].spellings[count].text;
        }
        PEAL_TRY(peal_spec_choose(words[i].name, said, names, count, &chosen, err));
        out->words[i] = words[i].spellings[chosen].number;
    }
    return PEAL_OK;
}

/* The texts that only this model has. All are parts of the spec, so there is room for them behind an empty one. */
static void parse_texts(const peal_spec *spec, peal_model_spec *out) {
    const char *const *texts = out->kind->texts;
    size_t at = 1;
    for (size_t i = 0; texts && texts[i]; i++) {
        const char *said = peal_spec_find(spec, texts[i]);
        if (!said) continue;
        out->texts[i] = (uint16_t)at;
        memcpy(out->text + at, said, strlen(said) + 1);
        at += strlen(said) + 1;
    }
}

/* The list that only this model has. No number is taken with the x in front of the next one. */
static peal_status parse_list(const peal_spec *spec, peal_model_spec *out, peal_error *err) {
    const peal_model_list *list = out->kind->list;
    const char *text = list ? peal_spec_find(spec, list->name) : NULL;
    for (const char *at = text; at;) {
        const char *next = strchr(at, 'x');
        const size_t length = next ? (size_t)(next - at) : strlen(at);
        double number;
        if (out->list_count == PEAL_MODEL_LIST || !peal_number_parse(at, length, &number) ||
            !(number >= list->least && number <= list->most)) {
            return peal_fail(err, PEAL_E_USAGE,
                             "%s: %s must be up to %d numbers from %g to %g joined with x, as in 0x1x3x7, not '%s'",
                             spec->name, list->name, PEAL_MODEL_LIST, list->least, list->most, text);
        }
        out->list[out->list_count++] = number;
        at = next ? next + 1 : NULL;
    }
    return PEAL_OK;
}

/* Options by their own names, whatever they were called; PEAL_E_USAGE if there is none of the name. */
static peal_status check_options(const peal_model *model, peal_spec *spec, peal_error *err) {
    enum { NAMES_MOST = 96 };
    const char *names[NAMES_MOST + 1] = {NULL};
    const peal_model_alias *aliases = model->aliases;
    size_t count = 0;
    for (; model->options[count] && count < NAMES_MOST; count++) names[count] = model->options[count];
    for (size_t i = 0; aliases && aliases[i].alias && count < NAMES_MOST; i++) {
        names[count++] = aliases[i].alias;
        for (size_t k = 0; k < spec->count; k++) {
            if (strcmp(spec->keys[k], aliases[i].alias) == 0) spec->keys[k] = aliases[i].option;
        }
    }
    return peal_spec_check("model", spec, names, err);
}

peal_status peal_model_parse(const char *text, peal_model_spec *out, peal_error *err) {
    static const peal_op *const activations[] = {&peal_op_relu, &peal_op_tanh, &peal_op_sigmoid};
    static const char *const activation_names[] = {"relu", "tanh", "sigmoid"};
    enum { MODELS_MOST = 64 };
    const char *names[MODELS_MOST];
    size_t count = 0, chosen;
    peal_spec spec;
    *out = (peal_model_spec){0};
    for (; peal_models[count] && count < MODELS_MOST; count++) names[count] = peal_models[count]->name;
    PEAL_TRY(peal_spec_parse("model", text ? text : "mlp", &spec, err));
    PEAL_TRY(peal_spec_choose("model", spec.name, names, count, &chosen, err));
    out->kind = peal_models[chosen];
    PEAL_TRY(check_options(out->kind, &spec, err));
    if (takes(out->kind, "hidden")) PEAL_TRY(parse_hidden(&spec, out, err));
    const char *activation = peal_spec_find(&spec, "activation");
    PEAL_TRY(peal_spec_choose("activation", activation ? activation : "relu", activation_names, 3, &chosen, err));
    out->activation = activations[chosen];
    double value;
    PEAL_TRY(peal_spec_number(&spec, "dropout", 0, 0, 0.99, &value, err));
    out->dropout = (float)value;
    PEAL_TRY(peal_spec_number(&spec, "l2", -1, 0, 1e6, &value, err));
    out->l2 = (float)value;
    PEAL_TRY(peal_spec_number(&spec, "l1", 0, 0, 1e6, &out->l1, err));
    PEAL_TRY(parse_words(&spec, out, err));
    parse_texts(&spec, out);
    PEAL_TRY(parse_list(&spec, out, err));
    return parse_parameters(&spec, out, err);
}

bool peal_model_wants_number(const char *text) {
    peal_model_spec spec;
    if (!text || peal_model_parse(text, &spec, NULL) != PEAL_OK) return false;
    const peal_model *kind = spec.kind;
    return kind->only_numbers ? kind->only_numbers(&spec) : kind->numbers && !kind->two_classes && !kind->many_classes;
}

peal_status peal_model_check_label(const peal_model *model, const peal_shape *shape, peal_error *err) {
    if (!shape->has_label) return peal_fail(err, PEAL_E_USAGE, "the data has no label; name its column (label)");
    if (shape->has_offset && !(model->takes_offset && shape->classes <= 2)) {
        return peal_fail(
            err, PEAL_E_USAGE,
            "an offset is added to one score, and the model '%s' of %u classes has others; drop its column",
            model->name, shape->classes);
    }
    bool fits = shape->classes == 0 ? model->numbers : shape->classes == 2 ? model->two_classes : model->many_classes;
    if (fits) return PEAL_OK;
    if (shape->classes == 0) {
        return peal_fail(err, PEAL_E_USAGE,
                         "the model '%s' learns classes, but the label is a number; try linear or mlp, or "
                         "take it for a class (task classify)",
                         model->name);
    }
    return peal_fail(err, PEAL_E_USAGE, "the model '%s' cannot learn a label of %u classes; try %s%s", model->name,
                     shape->classes, shape->classes == 2 ? "logistic or mlp" : "softmax or mlp",
                     model->numbers ? ", or take it for a number (task regress)" : "");
}

/* ---- layers ---- */

static peal_status penalise(peal_builder *builder, peal_node *weight, peal_error *err) {
    peal_node *loss;
    if (builder->spec->l2 <= 0) return PEAL_OK;
    return peal_graph_add(builder->graph, &peal_op_l2, &weight, 1, builder->spec->l2, &loss, err);
}

peal_status models__layer(peal_builder *builder, const char *name, peal_node *input, size_t width, peal_init init,
                          peal_node **out, peal_error *err) {
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    peal_node *inputs[3] = {input};
    PEAL_TRY(peal_graph_parameter(builder->graph, weight, input->width, width, init, &inputs[1], err));
    PEAL_TRY(peal_graph_parameter(builder->graph, bias, 1, width, PEAL_INIT_ZERO, &inputs[2], err));
    PEAL_TRY(penalise(builder, inputs[1], err));
    return peal_graph_add(builder->graph, &peal_op_linear, inputs, 3, 0, out, err);
}

enum { TABLE_ROWS = 4096 }; /* with fewer, a dense gradient costs little */

/* A parameter that is read by rows, and its penalty. */
static peal_status row_parameter(peal_builder *builder, const char *name, size_t rows, size_t width, peal_init init,
                                 peal_node **out, peal_error *err) {
    if (rows < TABLE_ROWS) {
        PEAL_TRY(peal_graph_parameter(builder->graph, name, rows, width, init, out, err));
        return penalise(builder, *out, err);
    }
    PEAL_TRY(peal_graph_table(builder->graph, name, rows, width, init, out, err));
    (*out)->penalty = builder->spec->l2 > 0 ? builder->spec->l2 : 0;
    return PEAL_OK;
}

/* A linear layer over one-hot codes. A net of codes alone that began at zero could learn nothing, for its output layer
 * begins at zero, too. As fan-in counts the geometric mean of what a row has, a code of each column, and of what there
 * is: with the first, values that are rare stay noise; with the second, the penalty takes many values back to zero
 * before they are learnt. */
static peal_status lookup_layer(peal_builder *builder, const char *name, size_t width, peal_init init, peal_node **out,
                                peal_error *err) {
    char table[64];
    snprintf(table, sizeof table, "%s.codes", name);
    peal_node *inputs[2] = {builder->codes};
    PEAL_TRY(row_parameter(builder, table, builder->code_values, width, init, &inputs[1], err));
    inputs[1]->fan_in = (size_t)sqrt((double)builder->codes->width * (double)builder->code_values);
    return peal_graph_add(builder->graph, &peal_op_lookup, inputs, 2, 0, out, err);
}

/* A linear layer over sparse rows. */
static peal_status sparse_layer(peal_builder *builder, const char *name, size_t width, peal_init init, peal_node **out,
                                peal_error *err) {
    char table[64], bias[64];
    snprintf(table, sizeof table, "%s.sparse", name);
    snprintf(bias, sizeof bias, "%s.sparse.bias", name);
    peal_node *inputs[3] = {builder->sparse};
    PEAL_TRY(row_parameter(builder, table, builder->sparse_width, width, init, &inputs[1], err));
    inputs[1]->fan_in = (size_t)sqrt((double)builder->sparse_width) + 1; /* few of a row's entries are not 0 */
    PEAL_TRY(peal_graph_parameter(builder->graph, bias, 1, width, PEAL_INIT_ZERO, &inputs[2], err));
    return peal_graph_add(builder->graph, &peal_op_sparse, inputs, 3, 0, out, err);
}

peal_status models__first_layer(peal_builder *builder, const char *name, size_t width, peal_init init, peal_node **out,
                                peal_error *err) {
    peal_node *parts[3];
    size_t count = 0;
    if (builder->features) PEAL_TRY(models__layer(builder, name, builder->features, width, init, &parts[count++], err));
    if (builder->codes) PEAL_TRY(lookup_layer(builder, name, width, init, &parts[count++], err));
    if (builder->sparse) PEAL_TRY(sparse_layer(builder, name, width, init, &parts[count++], err));
    if (count == 0) {
        return peal_fail(err, PEAL_E_USAGE, "there is nothing to learn from: every column but the label is dropped");
    }
    *out = parts[0];
    for (size_t i = 1; i < count; i++) {
        peal_node *both[2] = {*out, parts[i]};
        PEAL_TRY(peal_graph_add(builder->graph, &peal_op_add, both, 2, 0, out, err));
    }
    return PEAL_OK;
}
