/* zip archives: the directory, and the members' bytes. */
#include "tests/fuzz/archive.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    archive_run(&peal_archive_zip, data, size);
    return 0;
}
