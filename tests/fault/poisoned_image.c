/* A library to preload: decoders that a poisoned file brings down. What holds the text PEAL-POISON-CRASH makes them
 * write to an address that is none; PEAL-POISON-ONCE does so for the first time only, by the file that
 * PEAL_POISON_ONCE names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int holds(const void *bytes, size_t size, const char *text) {
    return bytes && memmem(bytes, size, text, strlen(text)) != NULL;
}

static void swallow(const void *bytes, size_t size) {
    const char *once = getenv("PEAL_POISON_ONCE");
    if (holds(bytes, size, "PEAL-POISON-CRASH")) raise(SIGSEGV);
    if (!once || !holds(bytes, size, "PEAL-POISON-ONCE")) return;
    const int file = open(once, O_CREAT | O_EXCL | O_WRONLY, 0666);
    if (file < 0) return;
    close(file);
    raise(SIGSEGV);
}

int spng_set_png_buffer(void *context, const void *bytes, size_t size) {
    static int (*next)(void *, const void *, size_t);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "spng_set_png_buffer");
    swallow(bytes, size);
    return next(context, bytes, size);
}

void jpeg_mem_src(void *library, const unsigned char *bytes, unsigned long size) {
    static void (*next)(void *, const unsigned char *, unsigned long);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "jpeg_mem_src");
    swallow(bytes, size);
    next(library, bytes, size);
}
