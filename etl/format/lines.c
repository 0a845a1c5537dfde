/* Blocks of whole lines: reads up to a block's size, hands out what ends in a line's end, and carries the rest over to
 * the next block. */
#include "etl/format/lines.h"

#include <stdlib.h>

enum { LONGEST_LINE = 256 << 20 };

size_t lines__count(const char *text, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += text[i] == '\n';
    return count;
}

size_t lines__mark(const char *text, size_t size) {
    return size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

peal_status lines__open(lines__source *source, const peal_input *input, const peal_wanted *wanted, peal_error *err) {
    *source = (lines__source){
        .stream = input->stream,
        .name = peal_strdup(input->name),
        .block_size = wanted->block_size ? wanted->block_size : PEAL_BLOCK_SIZE,
        .damage = wanted->damage,
        .line = 1,
    };
    if (source->name) return PEAL_OK;
    lines__close(source);
    return peal_fail(err, PEAL_E_MEMORY, "no memory for a reader");
}

void lines__close(lines__source *source) {
    peal_stream_close(source->stream);
    free(source->name);
    peal_buffer_clear(&source->carry);
    *source = (lines__source){0};
}

/* Reads on: what the stream has come to, up to `capacity` bytes in all. A last line gets its end, which *came does not
 * count, or is left out if it is not whole. */
static peal_status fill(lines__source *source, peal_block *block, size_t capacity, size_t *came, peal_error *err) {
    size_t got;
    PEAL_TRY(peal_block_grow(block, capacity + 1, err));
    uint8_t *to = (uint8_t *)block->text + block->size;
    PEAL_TRY(peal_stream_take(source->stream, to, capacity - block->size, &got, &source->ended, err));
    block->size += got;
    if (source->ended) {
        block->size = peal_whole_lines(source->stream, source->name, source->damage, block->text, block->size);
    }
    *came = block->size;
    if (source->ended && block->size > 0 && block->text[block->size - 1] != '\n') block->text[block->size++] = '\n';
    return PEAL_OK;
}

/* Puts what is carried, and new bytes up to the end of at least one line, into the block; *whole is where its last
 * line ends. */
static peal_status fill_lines(lines__source *source, peal_block *block, size_t *whole, size_t *came, peal_error *err) {
    size_t capacity = source->carry.size + source->block_size;
    PEAL_TRY(peal_block_grow(block, capacity + 1, err));
    if (source->carry.size) memcpy(block->text, source->carry.data, source->carry.size);
    block->size = source->carry.size;
    for (;;) {
        const size_t known = block->size; /* no line ends before it */
        PEAL_TRY(fill(source, block, capacity, came, err));
        const char *last = block->size > known ? memrchr(block->text + known, '\n', block->size - known) : NULL;
        *whole = last ? (size_t)(last - block->text) + 1 : 0;
        if (last || source->ended) return PEAL_OK;
        if (block->size > LONGEST_LINE) {
            return peal_fail(err, PEAL_E_DATA, "%s: line %llu: a line of more than %d MB; a shorter one was expected",
                             source->name, (unsigned long long)source->line, LONGEST_LINE >> 20);
        }
        if (block->size == capacity) capacity *= 2;
    }
}

peal_status lines__next(lines__source *source, peal_block *block, peal_error *err) {
    size_t whole = 0, came = 0;
    block->size = block->records = 0;
    if (!source->ended) {
        PEAL_TRY(fill_lines(source, block, &whole, &came, err));
        source->carry.size = 0;
        PEAL_TRY(peal_buffer_append(&source->carry, block->text + whole, block->size - whole, err));
    }
    block->offset = source->offset;
    block->came = whole < came ? whole : came;
    source->offset += block->came;
    if (source->number == 0 && lines__mark(block->text, whole)) {
        block->offset += 3;
        block->came -= 3;
        whole -= 3;
        memmove(block->text, block->text + 3, whole);
    }
    PEAL_TRY(peal_block_grow(block, whole + 1, err)); /* a fresh block has no memory at all */
    memset(block->text + whole, 0, PEAL_BLOCK_PADDING);
    block->size = whole;
    block->number = source->number++;
    block->first_line = source->line;
    source->line += lines__count(block->text, whole);
    return PEAL_OK;
}
