/* A model whose header was edited and sealed again: refused, or it predicts. */
#include <stdlib.h>

#include "tests/fuzz/edit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/models/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sample files;
    if (!files.folder) sample_make(&files);
    edit_choices choices = {.bytes = data, .size = size};
    uint8_t *edited;
    peal_status status;
    peal_error err;
    const size_t edited_size = edit_safetensors(files.model_bytes.data, files.model_bytes.size, &choices, &edited);
    sample_predict("model", edited, edited_size, &status, &err);
    free(edited);
    return 0;
}
