/* How fast sources come: lists them and reads all their bytes as they are, by so many threads, and does nothing with
 * them. fetch THREADS CONNECTIONS SOURCE... prints bytes, seconds until all were looked at, and seconds in all. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/machine.h"
#include "core/thread/executor.h"
#include "etl/source/stream.h"

enum { CHUNK = 1 << 18 };

typedef struct fetch {
    peal_source_list list;
    _Atomic uint64_t bytes;
} fetch;

static peal_status read_source(void *user, size_t index, peal_error *err) {
    fetch *self = user;
    peal_stream *stream;
    uint8_t *bytes = malloc(CHUNK);
    if (!bytes) return peal_fail(err, PEAL_E_MEMORY, "no memory");
    peal_status status = peal_source_stream_open(&self->list.sources[index], NULL, &stream, err);
    for (size_t got = 1; status == PEAL_OK && got > 0;) {
        status = stream->read(stream, bytes, CHUNK, &got, err);
        self->bytes += got;
    }
    peal_stream_close(stream);
    free(bytes);
    return status;
}

static peal_status run(fetch *self, size_t threads, const peal_source_options *options, peal_error *err) {
    peal_executor *executor;
    const int64_t begin = peal_now_ns();
    PEAL_TRY(peal_source_list_make(options, &self->list, err));
    const int64_t looked = peal_now_ns();
    PEAL_TRY(peal_executor_new(threads, &executor, err));
    const peal_map_work work = {.work = read_source, .user = self};
    const peal_status status = peal_executor_map(executor, self->list.count, threads, &work, err);
    peal_executor_free(executor);
    printf("%llu bytes of %zu objects: looked at in %.2f s, read in %.2f s\n", (unsigned long long)self->bytes,
           self->list.count, (double)(looked - begin) * 1e-9, (double)(peal_now_ns() - begin) * 1e-9);
    return status;
}

int main(int count, char **words) {
    if (count < 4) return 2;
    fetch self = {.bytes = 0};
    peal_error err;
    json_t *access = json_pack("{s:s, s:b}", "connections", words[2], "allow-private", 1);
    const peal_source_options options = {
        .names = (const char *const *)words + 3, .count = (size_t)count - 3, .access = access, .identify = true};
    const peal_status status = run(&self, strtoul(words[1], NULL, 10), &options, &err);
    if (status != PEAL_OK) fprintf(stderr, "%s\n", err.message);
    peal_source_list_clear(&self.list);
    json_decref(access);
    return (int)status;
}
