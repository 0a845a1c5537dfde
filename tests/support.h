/* What the unit tests share. cmocka wants its four headers first, in this order. */
#ifndef PEAL_TESTS_SUPPORT_H
#define PEAL_TESTS_SUPPORT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A folder for the test's files, below the test runner's own. Freed by the caller. */
static inline char *test_folder(void) {
    const char *base = getenv("TEST_TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/peal-XXXXXX", base ? base : "/tmp") < 0) abort();
    if (!mkdtemp(path)) abort();
    return path;
}

static inline char *test_path(const char *folder, const char *name) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0) abort();
    return path;
}

#define assert_ok(call) assert_ok_at((call), &err, __FILE__, __LINE__)
#define assert_ok_at(status, error, file, line)                                       \
    do {                                                                              \
        if ((status) != PEAL_OK) fail_msg("%s:%d: %s", file, line, (error)->message); \
    } while (0)
#define assert_has(text, part)                                                   \
    do {                                                                         \
        if (!strstr((text), (part))) fail_msg("'%s' is not in: %s", part, text); \
    } while (0)

#endif
