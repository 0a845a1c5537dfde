/* Where libpq's functions are found; see libpq.h. */
#define SOURCE__PQ_LOADER
#include "etl/source/libpq.h"

source__pq_functions source__pq;

#define SOURCE__SYMBOL(name) {"PQ" #name, offsetof(source__pq_functions, name)},
static const source__symbol symbols[] = {SOURCE__PQ_EACH(SOURCE__SYMBOL){NULL, 0}};

static source__library library = {.file = "libpq.so.5",
                                  .what = "sources of PostgreSQL",
                                  .symbols = symbols,
                                  .functions = &source__pq,
                                  .lock = PTHREAD_MUTEX_INITIALIZER};

peal_status source__pq_load(peal_error *err) {
    return source__library_load(&library, err);
}
