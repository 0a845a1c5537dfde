/* A parallel map over gzip files, on a pool of threads: reading and inflating waits and runs outside any one process'
 * need. Counts the lines of each file; prints in the order given, with a total.
 *
 * usage: gzip_lines SOURCE... */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etl/codec/codec.h"
#include "peal.h"

typedef struct counting {
    peal_source_list list;
    uint64_t *lines, *bytes; /* a file each */
    uint64_t total;
} counting;

/* On a thread of the pool, in any order. */
static peal_status count_lines(void *user, size_t index, peal_error *err) {
    counting *self = user;
    peal_stream *stream;
    uint8_t buffer[1 << 16];
    PEAL_TRY(peal_decode_source(&self->list.sources[index], NULL, &stream, err));
    peal_status status;
    size_t got = 1;
    while ((status = stream->read(stream, buffer, sizeof buffer, &got, err)) == PEAL_OK && got > 0) {
        const uint8_t *at = buffer, *end = buffer + got;
        while ((at = memchr(at, '\n', (size_t)(end - at)))) self->lines[index]++, at++;
        self->bytes[index] += got;
    }
    peal_stream_close(stream);
    return status;
}

/* On the caller's thread, in order. */
static peal_status show(void *user, size_t index, peal_error *err) {
    (void)err;
    counting *self = user;
    self->total += self->lines[index];
    printf("%10" PRIu64 " lines %12" PRIu64 " bytes  %s\n", self->lines[index], self->bytes[index],
           self->list.sources[index].path);
    return PEAL_OK;
}

int main(int count, char **words) {
    peal_error err;
    peal_executor *executor;
    counting self = {0};
    const peal_map_work work = {.work = count_lines, .consume = show, .user = &self};
    const peal_source_options sources = {.names = (const char *const *)words + 1, .count = (size_t)count - 1};
    peal_status status = peal_source_list_make(&sources, &self.list, &err);
    if (status == PEAL_OK) status = peal_executor_new(0, &executor, &err);
    if (status != PEAL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    const size_t files = self.list.count;
    self.lines = calloc(files + 1, sizeof(uint64_t));
    self.bytes = calloc(files + 1, sizeof(uint64_t));
    status = peal_executor_map(executor, files, 0, &work, &err);
    if (status != PEAL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    printf("%10" PRIu64 " lines in all\n", self.total);
    peal_executor_free(executor);
    free(self.lines);
    free(self.bytes);
    peal_source_list_clear(&self.list);
    return 0;
}
