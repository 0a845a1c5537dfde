/* What is the same for all kinds of communication: whose the leaves are, what is left to the reduce, and the calls; see
 * comm.h. */
#include "core/process/comm.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(PEAL_COMM_LEAVES_MOST <= 1 << (PEAL_SUM_DEPTH - 1), "sums are as deep as the tree");

enum { CHUNK_FLOATS = 2048 }; /* a segment's sum is published piece by piece, each from the first cache */

/* ---- the tree ---- */

/* Each member has neighbouring leaves, in as few nodes of the tree as there can be. */
static void cut_blocks(peal_comm *comm) {
    const peal_comm_plan *plan = &comm->plan;
    for (size_t rank = 0; rank < plan->members; rank++) {
        size_t at = plan->leaves * rank / plan->members;
        const size_t end = plan->leaves * (rank + 1) / plan->members;
        while (at < end) {
            const size_t size = peal_term_size(at, end);
            comm->blocks[comm->block_count++] = (peal_comm_block){.first = at, .size = size, .rank = rank};
            at += size;
        }
    }
}

/* How many leaves the node has that begins at `first` and is left to the reduce: the largest one that is merged, or a
 * block that is larger. */
static size_t top_size(const peal_comm *comm, size_t first) {
    size_t size = peal_term_size(first, comm->plan.leaves);
    while (size > comm->merge_size) size /= 2;
    for (size_t i = 0; i < comm->block_count; i++) {
        const peal_comm_block *block = &comm->blocks[i];
        if (block->first == first && block->size > size) size = block->size;
    }
    return size;
}

/* As many sums as there are members are left to the reduce, which all make together; what is below them is added up by
 * who leaves it, while it is in the cache. */
static void find_tops(peal_comm *comm) {
    const size_t leaves = comm->plan.leaves, members = comm->plan.members;
    comm->merge_size = 1;
    while (2 * comm->merge_size * members <= leaves) comm->merge_size *= 2;
    for (size_t first = 0; first < leaves;) {
        const size_t size = top_size(comm, first);
        comm->tops[comm->top_count++] = (peal_comm_node){first, size};
        first += size;
    }
}

peal_status peal_comm_new(const peal_comm_kind *kind, const peal_comm_plan *plan, peal_comm **out, peal_error *err) {
    *out = NULL;
    if (plan->leaves == 0 || plan->leaves > PEAL_COMM_LEAVES_MOST || plan->members == 0) {
        return peal_fail(err, PEAL_E_USAGE, "a sum has 1 to %d leaves and at least one member, not %zu and %zu",
                         PEAL_COMM_LEAVES_MOST, plan->leaves, plan->members);
    }
    if (plan->value.dense > plan->value.floats) {
        return peal_fail(err, PEAL_E_USAGE, "of %zu floats %zu cannot be dense", plan->value.floats, plan->value.dense);
    }
    peal_comm *comm = calloc(1, kind->size);
    if (comm) {
        comm->kind = kind;
        comm->plan = *plan;
        comm->blocks = calloc(plan->leaves, sizeof *comm->blocks);
        comm->tops = calloc(plan->leaves, sizeof *comm->tops);
    }
    if (!comm || !comm->blocks || !comm->tops) {
        peal_comm_free(comm);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a sum of %zu leaves", plan->leaves);
    }
    cut_blocks(comm);
    find_tops(comm);
    *out = comm;
    return PEAL_OK;
}

void peal_comm_free(peal_comm *comm) {
    if (!comm) return;
    free(comm->blocks);
    free(comm->tops);
    free(comm);
}

/* ---- sums ---- */

size_t peal_comm_hands(const peal_comm *comm) {
    return peal_sum_is_short(comm->block_count, comm->plan.value.dense) ? 1 : comm->plan.members;
}

peal_term peal_comm_term(const peal_comm_sum *sum, const float *vector, size_t first, size_t size) {
    return (peal_term){vector, size == 1 && sum->weights ? sum->weights[first] : 1.0f, size};
}

void peal_comm_add_up(const peal_comm_part *part, float *out, size_t at, size_t end) {
    peal_term terms[PEAL_COMM_LEAVES_MOST];
    for (size_t t = 0; t < part->count; t++) {
        terms[t] = part->terms[t];
        terms[t].values += at;
    }
    peal_sum_terms(out, terms, part->count, 0, end - at);
}

/* Past the caches if others have read what stood there: a cache line that its writer left dirty and another core has
 * read is slow to write again (on AMD's Zen 4 a tenth of the usual rate: the line is "owned", and each write must
 * ask). */
void peal_comm_publish(const peal_comm_part *part, float *published, const float *made, size_t count) {
    if (part->hands == 1) {
        memcpy(published, made, count * sizeof *made);
    } else {
        peal_copy_past_caches(published, made, count);
    }
}

/* Where there is no other work: the sum itself, to `published`. */
static void publish_sum(void *published, const peal_comm_part *part) {
    _Alignas(64) float sum[CHUNK_FLOATS];
    for (size_t at = part->begin; at < part->end; at += CHUNK_FLOATS) {
        const size_t end = part->end - at < CHUNK_FLOATS ? part->end : at + CHUNK_FLOATS;
        peal_comm_add_up(part, sum, at, end);
        peal_comm_publish(part, (float *)published + at, sum, end - at);
    }
}

/* ---- the calls ---- */

size_t peal_comm_bytes(const peal_comm *comm) {
    return comm->kind->bytes(comm);
}

void peal_comm_attach(peal_comm *comm, void *memory) {
    comm->kind->attach(comm, memory);
}

void peal_comm_leave(peal_comm *comm, size_t index, const peal_comm_sum *sum) {
    comm->kind->leave(comm, index, sum);
}

peal_status peal_comm_reduce(peal_comm *comm, size_t rank, const peal_comm_sum *sum, peal_error *err) {
    peal_comm_sum whole = *sum;
    if (whole.hands == 0) whole.hands = peal_comm_hands(comm);
    if (whole.hands > comm->plan.members) whole.hands = comm->plan.members;
    if (!whole.work) {
        whole.work = publish_sum;
        whole.user = whole.published;
    }
    return comm->kind->reduce(comm, rank, &whole, err);
}

peal_status peal_comm_allreduce(peal_comm *comm, size_t rank, const peal_comm_sum *sum, peal_error *err) {
    for (size_t i = 0; i < comm->block_count; i++) {
        if (comm->blocks[i].rank == rank) peal_comm_leave(comm, i, sum);
    }
    return peal_comm_reduce(comm, rank, sum, err);
}

peal_status peal_comm_barrier(peal_comm *comm, size_t rank, peal_error *err) {
    return comm->kind->barrier(comm, rank, err);
}

peal_status peal_comm_gather(peal_comm *comm, size_t rank, void *whole, size_t begin, size_t end, peal_error *err) {
    return comm->kind->gather(comm, rank, whole, begin, end, err);
}

peal_status peal_comm_broadcast(peal_comm *comm, size_t rank, size_t root, void *data, size_t size, peal_error *err) {
    return comm->kind->broadcast(comm, rank, root, data, size, err);
}

void peal_comm_abort(peal_comm *comm) {
    comm->kind->abort(comm);
}

void peal_comm_reset(peal_comm *comm) {
    comm->kind->reset(comm);
}

uint64_t peal_comm_distance(const peal_comm *comm, size_t rank) {
    return comm->kind->distance(comm, rank);
}
