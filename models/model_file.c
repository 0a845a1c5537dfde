#include "models/model_file.h"

#include <stdlib.h>

#include "core/memory.h"
#include "models/safetensors.h"

static json_t *as_text(const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_t *string = text ? json_string(text) : NULL;
    free(text);
    return string;
}

peal_status peal_model_file_put(peal_atomic_file *file, const peal_net *net, const float *parameters, const char *spec,
                                const json_t *pipeline, const json_t *job, peal_error *err) {
    size_t count = peal_graph_parameters(net->graph);
    peal_tensor *tensors;
    PEAL_TRY(peal_alloc_checked(&tensors, count, sizeof *tensors, "tensors", err));
    for (size_t i = 0; i < count; i++) {
        const peal_node *node = peal_graph_parameter_at(net->graph, i);
        tensors[i] = (peal_tensor){
            .name = node->name, .data = parameters + node->offset, .rows = node->rows, .width = node->width};
    }
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:o, s:o}", "kind", "peal model", "version", "1", "model", spec,
                                 "pipeline", as_text(pipeline), "job", as_text(job));
    peal_status status = metadata ? peal_safetensors_put(file, metadata, tensors, count, err)
                                  : peal_fail(err, PEAL_E_MEMORY, "no memory for a model's metadata");
    json_decref(metadata);
    free(tensors);
    return status;
}
