/* Shared libraries that are loaded late; see library.h. */
#include "etl/source/library.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

static peal_status load(source__library *self, peal_error *err) {
    void *handle = dlopen(self->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return peal_fail(err, PEAL_E_FAILED, "%s want %s: %s", self->what, self->file, dlerror());
    for (const source__symbol *symbol = self->symbols; symbol->name; symbol++) {
        void *address = dlsym(handle, symbol->name);
        if (!address) {
            dlclose(handle);
            return peal_fail(err, PEAL_E_FAILED, "%s want a %s that has '%s'", self->what, self->file, symbol->name);
        }
        memcpy((uint8_t *)self->functions + symbol->offset, &address, sizeof address); /* data become a function */
    }
    self->is_loaded = true;
    return PEAL_OK;
}

peal_status source__library_load(source__library *library, peal_error *err) {
    pthread_mutex_lock(&library->lock);
    const peal_status status = library->is_loaded ? PEAL_OK : load(library, err);
    pthread_mutex_unlock(&library->lock);
    return status;
}
