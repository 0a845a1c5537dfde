/* Where expat's functions are found; see libexpat.h. */
#define SOURCE__EXPAT_LOADER
#include "etl/source/libexpat.h"

source__expat_functions source__expat;

#define SOURCE__SYMBOL(name) {"XML_" #name, offsetof(source__expat_functions, name)},
static const source__symbol symbols[] = {SOURCE__EXPAT_EACH(SOURCE__SYMBOL){NULL, 0}};

static source__library library = {.file = "libexpat.so.1",
                                  .what = "sources of S3",
                                  .symbols = symbols,
                                  .functions = &source__expat,
                                  .lock = PTHREAD_MUTEX_INITIALIZER};

peal_status source__expat_load(peal_error *err) {
    return source__library_load(&library, err);
}
