/* Runs a fuzz target over the files that are named, each whole and with every prefix of a few lengths. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static int replay(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", path);
        return 1;
    }
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size + 1);
    if (!bytes || fread(bytes, 1, size, file) != size) return 1;
    fclose(file);
    for (size_t cut = size; cut > 0; cut = cut * 7 / 8) {
        uint8_t *exact = malloc(cut); /* so that a sanitizer sees a read beyond the end */
        if (!exact) return 1;
        memcpy(exact, bytes, cut);
        LLVMFuzzerTestOneInput(exact, cut);
        free(exact);
    }
    LLVMFuzzerTestOneInput(bytes, 0);
    free(bytes);
    return 0;
}

int main(int count, char **paths) {
    int failed = count < 2;
    for (int i = 1; i < count; i++) failed |= replay(paths[i]);
    printf("%d files\n", count - 1);
    return failed;
}
