/* robots.txt. The first line is a path that is asked for. */
#include <stdlib.h>
#include <string.h>

#include "etl/source/pages/robots.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[256];
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    const size_t length = end ? (size_t)(end - data) : 0;
    if (!end || length >= sizeof path) return 0;
    memcpy(path, data, length);
    path[length] = '\0';
    size -= length + 1;
    char *text = malloc(size + !size); /* exactly its own bytes */
    pages__robots *robots;
    if (!text) abort();
    if (size) memcpy(text, end + 1, size);
    if (pages__robots_parse(text, size, "peal", &robots, NULL) == PEAL_OK) {
        const double delay = pages__robots_delay(robots);
        if (!(delay == -1 || delay >= 0)) abort();
        if (!pages__robots_allows(robots, "/robots.txt")) abort();
        (void)pages__robots_allows(robots, path);
        pages__robots_free(robots);
    }
    free(text);
    return 0;
}
