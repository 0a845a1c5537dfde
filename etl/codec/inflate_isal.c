/* Raw deflate by ISA-L, the fast one; see codec.h. */
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "core/base/memory.h"
#include "etl/codec/codec.h"

static void isal_reset(void *state) {
    isal_inflate_init(state);
}

static void *isal_open(void) {
    struct inflate_state *state = peal_alloc(1, sizeof *state);
    if (state) isal_inflate_init(state);
    return state;
}

static int isal_run(void *opaque, const uint8_t **in, size_t *in_size, uint8_t **out, size_t *out_size) {
    struct inflate_state *state = opaque;
    state->next_in = (uint8_t *)*in;
    state->avail_in = (uint32_t)*in_size;
    state->next_out = *out;
    state->avail_out = (uint32_t)*out_size;
    int result = isal_inflate(state);
    bool ended = result >= 0 && state->block_state == ISAL_BLOCK_FINISH;
    if (ended) { /* give back the whole bytes that it took ahead */
        uint32_t ahead = state->read_in_length > 0 ? (uint32_t)state->read_in_length / 8 : 0;
        state->next_in -= ahead;
        state->avail_in += ahead;
        state->read_in_length = 0;
    }
    *in = state->next_in;
    *in_size = state->avail_in;
    *out = state->next_out;
    *out_size = state->avail_out;
    if (result < 0) return -1;
    return ended;
}

static uint32_t isal_crc32(uint32_t crc, const uint8_t *bytes, size_t size) {
    return crc32_gzip_refl(crc, bytes, size);
}

const peal_inflater peal_inflater_isal = {
    .name = "isa-l",
    .open = isal_open,
    .reset = isal_reset,
    .run = isal_run,
    .crc32 = isal_crc32,
    .close = free,
};
