/* A checkpoint whose header was edited and sealed again: refused, or the training goes on from it to its end. */
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
    const size_t edited_size =
        edit_safetensors(files.checkpoint_bytes.data, files.checkpoint_bytes.size, &choices, &edited);
    sample_write(files.checkpoint, edited, edited_size);
    sample_resume(&files, &status, &err);
    free(edited);
    return 0;
}
