/* Where libcurl's functions are found; see libcurl.h. */
#define SOURCE__CURL_LOADER
#include "etl/source/libcurl.h"

source__curl_functions source__curl;

#define SOURCE__SYMBOL(name) {"curl_" #name, offsetof(source__curl_functions, name)},
static const source__symbol symbols[] = {SOURCE__CURL_EACH(SOURCE__SYMBOL){NULL, 0}};

static source__library library = {.file = "libcurl.so.4",
                                  .what = "sources of web servers",
                                  .symbols = symbols,
                                  .functions = &source__curl,
                                  .lock = PTHREAD_MUTEX_INITIALIZER};

peal_status source__curl_load(peal_error *err) {
    return source__library_load(&library, err);
}
