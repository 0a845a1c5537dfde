/* Writing of models, and what must be known of their files before they are written. */
#include "models/model_file.h"

#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/memory.h"
#include "models/safetensors.h"

static json_t *make_metadata(const char *spec, const json_t *pipeline, const json_t *job) {
    return json_pack("{s:s, s:s, s:o, s:o}", "kind", PEAL_MODEL_KIND, "model", spec, "pipeline",
                     peal_json_quote(pipeline), "job", peal_json_quote(job));
}

/* The graph's parameters; freed by the caller. `parameters` may be NULL: then they have no data. */
static peal_status list_tensors(const peal_net *net, const float *parameters, peal_tensor **out, size_t *count,
                                peal_error *err) {
    *count = peal_graph_parameters(net->graph);
    PEAL_TRY(peal_alloc_checked(out, *count, sizeof **out, "tensors", err));
    for (size_t i = 0; i < *count; i++) {
        const peal_node *node = peal_graph_parameter_at(net->graph, i);
        (*out)[i] = (peal_tensor){.name = node->name,
                                  .data = parameters ? parameters + node->offset : NULL,
                                  .rows = node->rows,
                                  .width = node->width};
    }
    return PEAL_OK;
}

/* Names the column with the largest vocabulary. Freed by the caller; NULL if there is no memory. */
static char *largest_vocabulary(const peal_pipeline *pipeline) {
    size_t largest = 0, most = 0;
    uint32_t values = 0;
    for (size_t i = 0; i < pipeline->schema.count; i++) {
        const peal_pipeline_column *column = &pipeline->columns[i];
        for (size_t s = 0; s < column->step_count; s++) {
            const peal_transform *transform = column->steps[s].transform;
            if (!transform->width || !transform->code_name) continue;
            const uint32_t width = transform->width(column->steps[s].state);
            size_t bytes = 0;
            for (uint32_t code = 0; code < width; code++) {
                bytes += transform->code_name(column->steps[s].state, code).length;
            }
            if (bytes <= most) continue;
            most = bytes;
            largest = i;
            values = width;
        }
    }
    return peal_sprintf("it holds the vocabularies of the pipeline, of which that of column '%s' has %u values of "
                        "%zu MB; make fewer of them with max_values= or min_count= of the transform 'index', or drop "
                        "the column",
                        pipeline->schema.fields[largest].name, values, most / 1000000);
}

peal_status peal_model_file_check(const peal_net *net, const char *spec, const peal_pipeline *fitted,
                                  const json_t *pipeline, const json_t *job, peal_error *err) {
    peal_tensor *tensors;
    size_t count;
    PEAL_TRY(list_tensors(net, NULL, &tensors, &count, err));
    json_t *metadata = make_metadata(spec, pipeline, job);
    char *advice = largest_vocabulary(fitted);
    peal_status status = advice ? peal_safetensors_check_header(metadata, tensors, count, advice, err)
                                : peal_fail(err, PEAL_E_MEMORY, "no memory for a message");
    free(advice);
    json_decref(metadata);
    free(tensors);
    return status;
}

peal_status peal_model_file_put(peal_atomic_file *file, const peal_net *net, const float *parameters, const char *spec,
                                const json_t *pipeline, const json_t *job, peal_error *err) {
    peal_tensor *tensors;
    size_t count;
    PEAL_TRY(list_tensors(net, parameters, &tensors, &count, err));
    json_t *metadata = make_metadata(spec, pipeline, job);
    peal_status status = peal_safetensors_put(file, metadata, tensors, count, err);
    json_decref(metadata);
    free(tensors);
    return status;
}
