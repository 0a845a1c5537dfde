/* The library's own version. */
#include "core/base/version.h"

const char *peal_version(void) {
    return PEAL_VERSION;
}
