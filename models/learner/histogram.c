/* Adding rows up to histograms, and taking the sums of all workers; see histogram.h. */
#include "models/learner/histogram.h"

#include <endian.h>
#include <string.h>

#include "core/base/vector.h"

/* ---- blocks of rows ---- */

/* Some rows that are added together: where their bytes stand, and what each adds. */
enum { BLOCK_ROWS = 128, TILE_BYTES = 24 << 10 };
typedef struct row_block {
    const uint32_t *list; /* their numbers */
    const uint8_t *bins[BLOCK_ROWS];
    models__quantum quanta[BLOCK_ROWS];
    size_t count;
} row_block;

/* Takes rows of the list, `left` or fewer, and asks for the memory of those after them. */
static void take_block(const models__own_rows *own, const uint32_t *list, size_t left, row_block *block) {
    const size_t stride = own->stride;
    block->count = left < BLOCK_ROWS ? left : BLOCK_ROWS;
    block->list = list;
    for (size_t i = 0; i < block->count; i++) {
        block->quanta[i] = models__quantum_of(own, list[i]);
        block->bins[i] = models__row_bins(own, list[i]);
        if (i + BLOCK_ROWS >= left) continue;
        const uint8_t *later = own->matrix + list[i + BLOCK_ROWS] * stride;
        for (size_t line = 0; line < stride; line += 64) __builtin_prefetch(later + line);
        __builtin_prefetch(later + stride - 1);
    }
}

/* ---- narrow sums ---- */

/* In the order of a number's bits, whatever the machine's is. */
static uint64_t load_eight(const uint8_t *bytes) {
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return le64toh(number);
}

/* The next columns of the rows, all of whose sums fit the first cache beside the rows. A row's bytes are loaded at
 * once. What then limits is that a core stores to one line a cycle: one addition. */
static void add_eight(row_block *block, const uint64_t *quanta, const uint32_t *first, uint64_t *sums) {
    uint64_t *const at0 = sums + first[0], *const at1 = sums + first[1], *const at2 = sums + first[2];
    uint64_t *const at3 = sums + first[3], *const at4 = sums + first[4], *const at5 = sums + first[5];
    uint64_t *const at6 = sums + first[6], *const at7 = sums + first[7];
    for (size_t i = 0; i < block->count; i++) {
        const uint64_t own = quanta[i], bins = load_eight(block->bins[i]);
        at0[(uint8_t)bins] += own;
        at1[(uint8_t)(bins >> 8)] += own;
        at2[(uint8_t)(bins >> 16)] += own;
        at3[(uint8_t)(bins >> 24)] += own;
        at4[(uint8_t)(bins >> 32)] += own;
        at5[(uint8_t)(bins >> 40)] += own;
        at6[(uint8_t)(bins >> 48)] += own;
        at7[bins >> 56] += own;
        block->bins[i] += 8;
    }
}

static void add_four(row_block *block, const uint64_t *quanta, const uint32_t *first, uint64_t *sums) {
    uint64_t *const at0 = sums + first[0], *const at1 = sums + first[1], *const at2 = sums + first[2];
    uint64_t *const at3 = sums + first[3];
    for (size_t i = 0; i < block->count; i++) {
        const uint8_t *bins = block->bins[i];
        const uint64_t own = quanta[i];
        at0[bins[0]] += own;
        at1[bins[1]] += own;
        at2[bins[2]] += own;
        at3[bins[3]] += own;
        block->bins[i] = bins + 4;
    }
}

static void add_one(row_block *block, const uint64_t *quanta, uint64_t *sums) {
    for (size_t i = 0; i < block->count; i++) sums[*block->bins[i]++] += quanta[i];
}

/* Uses the block up. */
static void add_narrow(const models__trees *self, row_block *block, uint64_t *sums) {
    const size_t columns = self->places.columns;
    const uint32_t *first = self->places.column_first;
    uint64_t quanta[BLOCK_ROWS];
    for (size_t i = 0; i < block->count; i++) {
        const uint64_t gradient = (uint64_t)(int64_t)block->quanta[i].gradient, hessian = block->quanta[i].hessian;
        quanta[i] = (gradient << (MODELS__NARROW_ROW_BITS + MODELS__NARROW_HESSIAN_BITS)) +
                    (hessian << MODELS__NARROW_ROW_BITS) + 1;
    }
    size_t f = 0;
    for (; f + 8 <= columns; f += 8) add_eight(block, quanta, first + f, sums);
    for (; f + 4 <= columns; f += 4) add_four(block, quanta, first + f, sums);
    for (; f < columns; f++) add_one(block, quanta, sums + first[f]);
}

/* Adds narrow sums to wide ones, each two numbers, or puts them in their place. */
PEAL_VECTOR static void widen(const uint64_t *restrict from, size_t count, int row_bits, bool adds,
                              int64_t *restrict to) {
    const uint64_t rows = MODELS__NARROW_ROWS, hessians = (UINT64_C(1) << MODELS__NARROW_HESSIAN_BITS) - 1;
    const int64_t keep = adds ? -1 : 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t sum = from[i];
        const int64_t gradient = (int64_t)sum >> (MODELS__NARROW_ROW_BITS + MODELS__NARROW_HESSIAN_BITS);
        const uint64_t hessian = (sum >> MODELS__NARROW_ROW_BITS) & hessians;
        to[2 * i] = (to[2 * i] & keep) + gradient;
        to[2 * i + 1] = (to[2 * i + 1] & keep) + (int64_t)((hessian << row_bits) + (sum & rows));
    }
}

static uint64_t *narrow_of(const models__trees *self, size_t rank) {
    return self->narrow + rank * self->places.bins_all;
}

static models__packed *wide_of(const models__trees *self, size_t rank) {
    return self->packed + rank * self->places.bins_all;
}

/* Empties the worker's narrow sums into its wide ones. */
static void flush(const models__member *m) {
    models__told *told = &m->self->told[m->rank];
    widen(narrow_of(m->self, m->rank), m->self->places.bins_all, m->self->row_bits, told->is_wide,
          (int64_t *)m->packed);
    told->is_wide = true;
    told->held = 0;
}

static void clear_narrow(const models__member *m) {
    memset(narrow_of(m->self, m->rank), 0, m->self->places.bins_all * sizeof(uint64_t));
}

/* Adds rows of a table of dense features. */
static void add_dense(const models__member *m, const uint32_t *list, size_t count) {
    models__told *told = &m->self->told[m->rank];
    row_block block;
    for (size_t at = 0; at < count; at += block.count) {
        take_block(m->own, list + at, count - at, &block);
        if (told->held + block.count > MODELS__NARROW_ROWS) {
            flush(m);
            clear_narrow(m);
        }
        add_narrow(m->self, &block, narrow_of(m->self, m->rank));
        told->held += (uint32_t)block.count;
    }
}

/* ---- wide sums ---- */

/* Columns begin .. end - 1, whose sums fit the first cache. */
static void add_wide(const row_block *block, const models__packed *quanta, const uint32_t *first, size_t begin,
                     size_t end, models__packed *sums) {
    for (size_t i = 0; i < block->count; i++) {
        const uint8_t *bins = block->bins[i];
        const models__packed own = quanta[i];
        for (size_t f = begin; f < end; f++) sums[first[f] + bins[f]] += own;
    }
}

/* What the rows list. */
static void add_lists(const models__member *m, const row_block *block, const models__packed *quanta) {
    const models__own_rows *own = m->own;
    for (size_t i = 0; i < block->count; i++) {
        const models__packed added = quanta[i];
        const size_t end = own->row_first[block->list[i] + (size_t)1];
        for (size_t e = own->row_first[block->list[i]]; e < end; e++) m->packed[own->entries[e]] += added;
    }
}

/* Adds rows of a table with sparse features, whose bins are too many to be gone through often. */
static void add_sparse(const models__member *m, const uint32_t *list, size_t count) {
    const models__trees *self = m->self;
    const size_t columns = self->places.columns;
    const uint32_t *first = self->places.column_first;
    row_block block;
    for (size_t at = 0; at < count; at += block.count) {
        models__packed quanta[BLOCK_ROWS];
        take_block(m->own, list + at, count - at, &block);
        for (size_t i = 0; i < block.count; i++) quanta[i] = models__pack_row(block.quanta[i], self->row_bits);
        if (self->places.listed) add_lists(m, &block, quanta);
        for (size_t begin = 0, end; begin < columns; begin = end) {
            end = begin + 1;
            while (end < columns && (first[end + 1] - first[begin]) * sizeof *m->packed <= TILE_BYTES) end++;
            add_wide(&block, quanta, first, begin, end, m->packed);
        }
    }
}

/* ---- what is told of in the header ---- */

/* Bins of dense features, before those of sparse ones. */
static size_t dense_bins(const models__trees *self) {
    return self->places.column_first[self->places.dense];
}

void models__histogram_begin(const models__member *m) {
    models__told *told = &m->self->told[m->rank];
    told->held = 0;
    told->is_wide = m->self->bins.sparse.count > 0;
    if (told->is_wide) {
        memset(m->packed, 0, dense_bins(m->self) * sizeof *m->packed);
    } else {
        clear_narrow(m);
    }
}

void models__histogram_add(const models__member *m, const uint32_t *list, size_t count) {
    (m->self->bins.sparse.count ? add_sparse : add_dense)(m, list, count);
}

void models__histogram_end(const models__member *m) {
    const models__told *told = &m->self->told[m->rank];
    if (told->is_wide && told->held) flush(m);
}

/* Wide sums to others, or in their place. */
PEAL_VECTOR static void move(const int64_t *restrict from, size_t count, bool adds, int64_t *restrict to) {
    const int64_t keep = adds ? -1 : 0;
    for (size_t i = 0; i < count; i++) to[i] = (to[i] & keep) + from[i];
}

void models__histogram_take(const models__member *m, size_t begin, size_t end, models__packed *out) {
    const models__trees *self = m->self;
    int64_t *to = (int64_t *)out;
    for (size_t r = 0; r < self->members; r++) {
        if (self->told[r].is_wide) {
            move((const int64_t *)(wide_of(self, r) + begin), 2 * (end - begin), r > 0, to);
        } else {
            widen(narrow_of(self, r) + begin, end - begin, self->row_bits, r > 0, to);
        }
    }
}

models__packed models__histogram_sum(const models__trees *self, size_t at) {
    models__packed sum = {0};
    for (size_t r = 0; r < self->members; r++) sum += wide_of(self, r)[at];
    return sum;
}

void models__histogram_clear_sparse(const models__member *m, const models__leaf *one) {
    const models__bundles *places = &m->self->places;
    const models__own_rows *own = m->own;
    const uint32_t *list = own->lists[0] + one->first;
    const size_t begin = dense_bins(m->self);
    size_t added = one->count * (places->columns - places->dense);
    if (m->self->bins.sparse.count == 0) return;
    for (size_t i = 0; i < one->count; i++) added += own->row_first[list[i] + (size_t)1] - own->row_first[list[i]];
    if (added > places->bins_all - begin) { /* then it is less work to go through all bins */
        memset(m->packed + begin, 0, (places->bins_all - begin) * sizeof *m->packed);
        return;
    }
    for (size_t i = 0; i < one->count; i++) {
        const uint8_t *bytes = models__row_bins(own, list[i]);
        for (size_t c = places->dense; c < places->columns; c++) {
            m->packed[places->column_first[c] + bytes[c]] = (models__packed){0};
        }
        const size_t end = own->row_first[list[i] + (size_t)1];
        for (size_t e = own->row_first[list[i]]; e < end; e++) m->packed[own->entries[e]] = (models__packed){0};
    }
}

void models__histogram_clear(const models__member *m) {
    if (m->self->bins.sparse.count) memset(m->packed, 0, m->self->places.bins_all * sizeof *m->packed);
}
