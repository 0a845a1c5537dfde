/* Buffers of compressed Arrow batches: 8 bytes that tell the plain size (-1: the rest is plain), then an LZ4 frame or
 * zstd data. See arrow.h. Source: Message.fbs, BodyCompression. */
#include <lz4frame.h>
#include <string.h>
#include <zstd.h>

#include "etl/format/arrow.h"

enum { PLAIN_SIZE = 8, FIRST_ROOM = 1 << 16 };

/* Doubles the room for output, up to `wanted`; false at the end of it or of memory. */
static bool more_room(peal_buffer *out, size_t wanted) {
    size_t room = out->size < FIRST_ROOM ? FIRST_ROOM : out->size;
    if (room > wanted - out->size) room = wanted - out->size;
    return room > 0 && peal_buffer_reserve(out, room + PEAL_BLOCK_PADDING, NULL) == PEAL_OK;
}

/* Bytes that `out` has room for, within `wanted`. */
static size_t room_of(const peal_buffer *out, size_t wanted) {
    const size_t room = out->capacity - out->size - PEAL_BLOCK_PADDING;
    return room < wanted - out->size ? room : wanted - out->size;
}

static const char *unpack_lz4(const uint8_t *bytes, size_t size, size_t wanted, peal_buffer *out) {
    LZ4F_dctx *context;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION))) return "no memory to unpack it";
    const char *wrong = NULL;
    while (out->size < wanted && !wrong) {
        if (!more_room(out, wanted)) {
            wrong = "no memory to unpack it";
            break;
        }
        size_t produced = room_of(out, wanted), consumed = size;
        const size_t result = LZ4F_decompress(context, out->data + out->size, &produced, bytes, &consumed, NULL);
        if (LZ4F_isError(result)) {
            wrong = "its LZ4 data is corrupt";
        } else if (produced == 0 && consumed == 0) {
            wrong = "its LZ4 data ends too early";
        }
        out->size += produced;
        bytes += consumed;
        size -= consumed;
        if (result == 0 && size == 0 && out->size < wanted && !wrong) wrong = "its LZ4 data ends too early";
    }
    LZ4F_freeDecompressionContext(context);
    return wrong;
}

static const char *unpack_zstd(const uint8_t *bytes, size_t size, size_t wanted, peal_buffer *out) {
    ZSTD_DStream *context = ZSTD_createDStream();
    if (!context) return "no memory to unpack it";
    const char *wrong = NULL;
    ZSTD_inBuffer in = {.src = bytes, .size = size};
    while (out->size < wanted && !wrong) {
        if (!more_room(out, wanted)) {
            wrong = "no memory to unpack it";
            break;
        }
        ZSTD_outBuffer to = {.dst = out->data + out->size, .size = room_of(out, wanted)};
        const size_t before = in.pos, result = ZSTD_decompressStream(context, &to, &in);
        if (ZSTD_isError(result)) {
            wrong = "its zstd data is corrupt";
        } else if (to.pos == 0 && in.pos == before) {
            wrong = "its zstd data ends too early";
        }
        out->size += to.pos;
    }
    ZSTD_freeDStream(context);
    return wrong;
}

const char *ipc__unpack(ipc__packing packing, const uint8_t *bytes, size_t size, size_t needed, peal_buffer *out) {
    int64_t plain = 0;
    out->size = 0;
    if (size == 0) return needed == 0 || needed == SIZE_MAX ? NULL : "it is too short";
    if (size < PLAIN_SIZE) return "it has no plain size";
    memcpy(&plain, bytes, PLAIN_SIZE);
    bytes += PLAIN_SIZE;
    size -= PLAIN_SIZE;
    if (plain < -1) return "its plain size makes no sense";
    const size_t there = plain == -1 ? size : (size_t)plain, wanted = needed == SIZE_MAX ? there : needed;
    if (there < wanted) return "it is too short";
    if (plain == -1) {
        if (peal_buffer_reserve(out, wanted + PEAL_BLOCK_PADDING, NULL) != PEAL_OK) return "no memory to unpack it";
        memcpy(out->data, bytes, wanted);
        out->size = wanted;
        return NULL;
    }
    const size_t likely = size < wanted / 16 ? 16 * size : wanted;
    if (peal_buffer_reserve(out, likely + PEAL_BLOCK_PADDING, NULL) != PEAL_OK) return "no memory to unpack it";
    return packing == IPC_LZ4 ? unpack_lz4(bytes, size, wanted, out) : unpack_zstd(bytes, size, wanted, out);
}
