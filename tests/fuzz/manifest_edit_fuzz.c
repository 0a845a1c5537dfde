/* A dataset whose manifest was edited and sealed again: refused, or a step can be trained on it. */
#include <stdlib.h>

#include "tests/fuzz/edit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/models/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static sample files;
    static char *manifest;
    if (!manifest) {
        sample_make(&files);
        manifest = peal_sprintf("%s/manifest.json", files.dataset);
        if (!manifest) abort();
    }
    edit_choices choices = {.bytes = data, .size = size};
    uint8_t *edited;
    peal_status status;
    peal_error err;
    const size_t edited_size =
        edit_sealed_text(files.manifest_bytes.data, files.manifest_bytes.size, &choices, &edited);
    sample_write(manifest, edited, edited_size);
    sample_step(files.dataset, &status, &err);
    free(edited);
    return 0;
}
