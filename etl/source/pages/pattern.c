/* Patterns with stars; see pattern.h. */
#include "etl/source/pages/pattern.h"

/* What a star has taken is enlarged until the rest fits: only the last star need be tried again. */
bool pages__pattern_fits(const char *pattern, size_t length, const char *text, bool whole) {
    const char *const end = pattern + length, *star = NULL, *from = NULL;
    for (;;) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (pattern == end && (!whole || !*text)) {
            return true;
        } else if (pattern < end && *text && *pattern == *text) {
            pattern++;
            text++;
        } else if (star && *from) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
}
