/* Arrow's framing: a stream of messages, each a prefix, metadata and a body; a file is such a stream between magic
 * numbers, with a footer that says where its messages stand. See arrow.h.
 *
 * All is read in order, so that whoever counts or hashes the input's bytes sees all of them. A file is asked for its
 * footer first, and then read as that says: what no reader needs in front of the batches
 * (Polars' files have a schema without a prefix there) is passed over, and dictionaries may stand behind them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etl/format/arrow.h"

enum { PREFIX = 8, TRAILER = 10, MAGIC = 6, MAGIC_READ = 4, METADATA_MOST = 256 << 20, STEP = 1 << 20 };
static const uint32_t CONTINUATION = 0xFFFFFFFFu;

peal_status ipc__damaged(const ipc__source *source, uint64_t at, peal_error *err, const char *what, ...) {
    char text[PEAL_ERROR_MESSAGE_SIZE / 2];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: %s", source->name, (unsigned long long)at, text);
}

static peal_status cut_short(const ipc__source *source, peal_error *err, const char *within) {
    return peal_fail(err, PEAL_E_DATA, "%s is cut short: it ends at byte %llu within %s", source->name,
                     (unsigned long long)source->at, within);
}

static uint32_t load32(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* ---- reading on ---- */

peal_status ipc__source_read(ipc__source *source, uint64_t size, peal_buffer *out, peal_error *err) {
    while (size > 0) {
        /* A size that is not true is not believed before its bytes are there. */
        const size_t step = size < STEP ? (size_t)size : STEP;
        size_t got;
        PEAL_TRY(peal_buffer_reserve(out, step + PEAL_BLOCK_PADDING, err));
        PEAL_TRY(peal_stream_fill(source->stream, out->data + out->size, step, &got, err));
        out->size += got;
        source->at += got;
        size -= got;
        if (got < step) return cut_short(source, err, "a message");
    }
    return PEAL_OK;
}

peal_status ipc__source_skip(ipc__source *source, uint64_t size, peal_error *err) {
    uint8_t bytes[1 << 16];
    while (size > 0) {
        const size_t step = size < sizeof bytes ? (size_t)size : sizeof bytes;
        size_t got;
        PEAL_TRY(peal_stream_fill(source->stream, bytes, step, &got, err));
        source->at += got;
        size -= got;
        if (got < step) return cut_short(source, err, "a message");
    }
    return PEAL_OK;
}

peal_status ipc__source_read_at(const ipc__source *source, uint64_t offset, uint8_t *out, size_t size,
                                peal_error *err) {
    for (size_t done = 0, got; done < size; done += got) {
        PEAL_TRY(source->stream->read_at(source->stream, offset + done, out + done, size - done, &got, err));
        if (got == 0) return ipc__damaged(source, offset + done, err, "the input ends here, within a message");
    }
    return PEAL_OK;
}

/* ---- messages ---- */

peal_status ipc__message_parse(const ipc__source *source, ipc__message *message, peal_error *err) {
    arrow__reader *reader = &message->reader;
    const arrow__at root = arrow__read_root(reader);
    message->version = (int)arrow__read_scalar(reader, root, MESSAGE_VERSION, 2, 0);
    message->kind = (uint8_t)arrow__read_scalar(reader, root, MESSAGE_HEADER_TYPE, 1, 0);
    message->header = arrow__read_ref(reader, root, MESSAGE_HEADER);
    message->body_size = arrow__read_scalar(reader, root, MESSAGE_BODY_LENGTH, 8, 0);
    if (reader->bad || !message->header || message->body_size > INT64_MAX) {
        return ipc__damaged(source, message->at, err, "the metadata of an Arrow message is damaged");
    }
    if (message->version == ARROW_V4 || message->version == ARROW_V5) return PEAL_OK;
    return ipc__damaged(source, message->at, err, "Arrow metadata of version V%d; V4 or V5 was expected",
                        message->version + 1);
}

/* The prefix of the next message: 8 bytes, or 4 before Arrow 0.15. *size is 0 at the end. */
static peal_status read_prefix(ipc__source *source, uint64_t *at, uint32_t *size, peal_error *err) {
    uint8_t prefix[PREFIX];
    size_t got = 0;
    *size = 0;
    *at = source->at;
    if (source->has_ahead) {
        memcpy(prefix, source->ahead, PREFIX);
        source->has_ahead = false;
        *at = source->at - 4;
        got = 4;
    } else {
        PEAL_TRY(peal_stream_fill(source->stream, prefix, 4, &got, err));
        source->at += got;
    }
    source->lacks_end = got == 0;
    if (got == 0) return PEAL_OK;
    if (got < 4) return cut_short(source, err, "the prefix of a message");
    *size = load32(prefix);
    if (*size != CONTINUATION) return PEAL_OK;
    PEAL_TRY(peal_stream_fill(source->stream, prefix, 4, &got, err));
    source->at += got;
    if (got < 4) return cut_short(source, err, "the prefix of a message");
    *size = load32(prefix);
    return PEAL_OK;
}

/* Reads to the end. A stream has nothing behind its last message; of a file the footer is there, which is known. */
static peal_status read_end(ipc__source *source, peal_error *err) {
    uint8_t bytes[4096];
    const uint64_t at = source->at;
    for (size_t got = 1; got > 0; source->at += got) {
        PEAL_TRY(peal_stream_fill(source->stream, bytes, sizeof bytes, &got, err));
    }
    if (source->footed || source->at == at) return PEAL_OK;
    return ipc__damaged(source, at, err, "there is more behind the end of the Arrow stream");
}

static peal_status read_metadata(ipc__source *source, uint64_t at, uint32_t size, peal_error *err) {
    source->metadata.size = 0;
    if (size <= METADATA_MOST) return ipc__source_read(source, size, &source->metadata, err);
    return ipc__damaged(source, at, err, "an Arrow message with %u bytes of metadata; at most %d were expected", size,
                        METADATA_MOST);
}

/* The metadata of a message behind its prefix, which are both in source->metadata. */
static peal_status parse_footed(const ipc__source *source, const arrow_block *block, ipc__message *out,
                                peal_error *err) {
    const uint8_t *bytes = source->metadata.data;
    const size_t prefix = load32(bytes) == CONTINUATION ? PREFIX : 4;
    const uint32_t size = load32(bytes + prefix - 4);
    *out = (ipc__message){.at = (uint64_t)block->offset};
    if (size > source->metadata.size - prefix) {
        return ipc__damaged(source, out->at, err, "an Arrow message that is longer than the footer says");
    }
    out->reader = (arrow__reader){.bytes = bytes + prefix, .size = size};
    PEAL_TRY(ipc__message_parse(source, out, err));
    if (out->body_size <= (uint64_t)block->body_size) return PEAL_OK;
    return ipc__damaged(source, out->at, err, "an Arrow message that is longer than the footer says");
}

/* The next batch that the footer names. */
static peal_status next_footed(ipc__source *source, ipc__message *out, bool *ended, peal_error *err) {
    *ended = source->met == source->batch_count;
    if (*ended) return read_end(source, err);
    const arrow_block *block = &source->batches[source->met++];
    const uint64_t at = (uint64_t)block->offset;
    if (at < source->at) {
        return ipc__damaged(source, at, err, "the footer names a record batch here, behind one at a later byte");
    }
    PEAL_TRY(ipc__source_skip(source, at - source->at, err));
    source->metadata.size = 0;
    PEAL_TRY(ipc__source_read(source, (uint64_t)(uint32_t)block->metadata_size, &source->metadata, err));
    return parse_footed(source, block, out, err);
}

peal_status ipc__source_next(ipc__source *source, ipc__message *out, bool *ended, peal_error *err) {
    uint32_t size;
    *out = (ipc__message){0};
    if (source->footed) return next_footed(source, out, ended, err);
    PEAL_TRY(read_prefix(source, &out->at, &size, err));
    *ended = size == 0;
    if (*ended) return read_end(source, err);
    PEAL_TRY(read_metadata(source, out->at, size, err));
    out->reader = (arrow__reader){.bytes = source->metadata.data, .size = size};
    return ipc__message_parse(source, out, err);
}

peal_status ipc__source_message_at(ipc__source *source, const arrow_block *block, ipc__message *out, peal_buffer *body,
                                   peal_error *err) {
    const uint64_t at = (uint64_t)block->offset, metadata = (uint64_t)(uint32_t)block->metadata_size;
    source->metadata.size = 0;
    PEAL_TRY(peal_buffer_reserve(&source->metadata, metadata, err));
    PEAL_TRY(ipc__source_read_at(source, at, source->metadata.data, metadata, err));
    source->metadata.size = metadata;
    PEAL_TRY(parse_footed(source, block, out, err));
    body->size = 0;
    PEAL_TRY(peal_buffer_reserve(body, out->body_size + PEAL_BLOCK_PADDING, err));
    PEAL_TRY(ipc__source_read_at(source, at + metadata, body->data, out->body_size, err));
    body->size = out->body_size;
    return PEAL_OK;
}

/* ---- the footer ---- */

static peal_status take_blocks(const ipc__source *source, arrow__reader *reader, arrow__at vector, uint64_t end,
                               arrow_block **out, size_t *count, peal_error *err) {
    const uint8_t *blocks = arrow__read_vector(reader, vector, sizeof **out, count);
    PEAL_TRY(peal_alloc_checked(out, *count, sizeof **out, "a footer", err));
    if (*count) memcpy(*out, blocks, *count * sizeof **out);
    for (size_t i = 0; i < *count; i++) {
        const arrow_block *block = &(*out)[i];
        const uint64_t offset = (uint64_t)block->offset, metadata = (uint64_t)(uint32_t)block->metadata_size;
        if (block->offset < PREFIX || block->metadata_size < PREFIX || block->body_size < 0 || offset > end ||
            metadata > end - offset || (uint64_t)block->body_size > end - offset - metadata) {
            return ipc__damaged(source, end, err, "the Arrow file's footer names a message outside of the file");
        }
    }
    return PEAL_OK;
}

static peal_status parse_footer(ipc__source *source, uint64_t at, peal_error *err) {
    arrow__reader reader = {.bytes = source->footer.data, .size = source->footer.size};
    const arrow__at root = arrow__read_root(&reader);
    const arrow__at dictionaries = arrow__read_ref(&reader, root, FOOTER_DICTIONARIES);
    const arrow__at batches = arrow__read_ref(&reader, root, FOOTER_BATCHES);
    PEAL_TRY(take_blocks(source, &reader, dictionaries, at, &source->dictionaries, &source->dictionary_count, err));
    PEAL_TRY(take_blocks(source, &reader, batches, at, &source->batches, &source->batch_count, err));
    if (reader.bad || !root) return ipc__damaged(source, at, err, "the Arrow file's footer is damaged");
    source->footed = true;
    return PEAL_OK;
}

static peal_status read_footer(ipc__source *source, peal_error *err) {
    uint8_t trailer[TRAILER];
    const uint64_t end = source->stream->size;
    if (end < PREFIX + TRAILER) return cut_short(source, err, "an Arrow file");
    PEAL_TRY(ipc__source_read_at(source, end - TRAILER, trailer, TRAILER, err));
    const uint32_t size = load32(trailer);
    if (memcmp(trailer + 4, ARROW_MAGIC, MAGIC) != 0) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s is cut short: its last bytes, up to byte %llu, are not those of an Arrow file (ARROW1)",
                         source->name, (unsigned long long)end);
    }
    if (size > METADATA_MOST || size > end - TRAILER - PREFIX) {
        return ipc__damaged(source, end - TRAILER, err, "an Arrow footer of %u bytes is longer than the file", size);
    }
    const uint64_t at = end - TRAILER - size;
    PEAL_TRY(peal_buffer_reserve(&source->footer, size + 1, err));
    PEAL_TRY(ipc__source_read_at(source, at, source->footer.data, size, err));
    source->footer.size = size;
    return parse_footer(source, at, err);
}

/* A file that only reads on (it is compressed as a whole) is taken into memory: its footer comes last, and the batches
 * cannot be read without it. */
static peal_status take_whole(ipc__source *source, peal_error *err) {
    PEAL_TRY(peal_buffer_append(&source->whole, source->ahead, MAGIC_READ, err));
    for (size_t got = STEP; got == STEP; source->whole.size += got) {
        PEAL_TRY(peal_buffer_reserve(&source->whole, STEP, err));
        PEAL_TRY(peal_stream_fill(source->stream, source->whole.data + source->whole.size, STEP, &got, err));
    }
    peal_stream_close(source->stream);
    source->stream = NULL;
    source->at = 0;
    PEAL_TRY(peal_memory_stream_open(source->whole.data, source->whole.size, &source->stream, err));
    return ipc__source_skip(source, MAGIC_READ, err);
}

peal_status ipc__source_begin(ipc__source *source, peal_error *err) {
    size_t got;
    PEAL_TRY(peal_stream_fill(source->stream, source->ahead, MAGIC_READ, &got, err));
    source->at = got;
    if (got < MAGIC_READ) return cut_short(source, err, "its first bytes");
    const bool is_file = memcmp(source->ahead, ARROW_MAGIC, MAGIC_READ) == 0;
    source->has_ahead = !is_file;
    if (!is_file) return PEAL_OK;
    if (!source->stream->read_at || source->stream->size == UINT64_MAX) PEAL_TRY(take_whole(source, err));
    return read_footer(source, err);
}

void ipc__source_clear(ipc__source *source) {
    peal_stream_close(source->stream);
    peal_buffer_clear(&source->metadata);
    peal_buffer_clear(&source->footer);
    peal_buffer_clear(&source->whole);
    free(source->batches);
    free(source->dictionaries);
    *source = (ipc__source){0};
}
