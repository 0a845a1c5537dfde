/* Communication in memory that all members share; see comm.h. Blocks stay where their owners have filled them, and who
 * comes to a meeting last finds all of them there. The meetings are those of collective.h.
 *
 * The names in brackets are the labels of tree.pml, which CI checks over all interleavings and deaths. */
#include <stdatomic.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/process/collective.h"
#include "core/process/comm.h"
#include "core/process/slab.h"

enum { MAIL_BYTES = 64 << 10 }; /* a broadcast goes in pieces of this size */

/* A node of the tree. */
typedef struct node {
    _Atomic uint32_t came; /* children since the reset: the second one of a sum finds it odd */
    uint32_t block;        /* whose vector holds the node's value; written before the child comes */
} node;

typedef struct shared_comm {
    peal_comm comm;
    peal_collective *collective;
    node *nodes;   /* [levels][leaves], by level and first leaf */
    uint8_t *mail; /* [MAIL_BYTES] of a broadcast */
} shared_comm;

/* Where each part lies in the shared memory. */
typedef struct places {
    size_t collective, mail, nodes, blocks; /* offsets */
    size_t block_bytes, beside;             /* of a block; where in it that lies which is beside the vector */
    size_t size;
} places;

/* ---- memory ---- */

static places places_of(const peal_comm *comm) {
    const peal_comm_plan *plan = &comm->plan;
    const size_t leaves = plan->value.floats ? plan->leaves : 0; /* there is a tree if there are vectors */
    size_t levels = 1;
    while ((size_t)1 << levels <= leaves) levels++;
    places at;
    peal_slab_plan all = {0}, block = {0};
    at.collective = peal_slab_plan_take(&all, 1, peal_collective_size(plan->members));
    at.mail = peal_slab_plan_take(&all, 1, MAIL_BYTES);
    at.nodes = peal_slab_plan_take(&all, levels * leaves, sizeof(node));
    peal_slab_plan_take(&block, plan->value.floats, sizeof(float));
    at.beside = peal_slab_plan_take(&block, plan->value.beside, 1);
    at.block_bytes = block.size;
    at.blocks = peal_slab_plan_take(&all, comm->block_count, at.block_bytes);
    at.size = all.size;
    return at;
}

static size_t bytes(const peal_comm *comm) {
    return places_of(comm).size;
}

static void clear_tree(shared_comm *self) {
    const places at = places_of(&self->comm);
    memset(self->nodes, 0, at.blocks - at.nodes);
}

static void attach(peal_comm *comm, void *memory) {
    shared_comm *self = (shared_comm *)comm;
    const places at = places_of(comm);
    uint8_t *base = memory;
    self->collective =
        peal_collective_init(base + at.collective, comm->plan.members, comm->plan.spin, comm->plan.timeout_ms);
    self->mail = base + at.mail;
    self->nodes = (node *)(base + at.nodes);
    for (size_t i = 0; i < comm->block_count; i++) {
        uint8_t *block = base + at.blocks + i * at.block_bytes;
        comm->blocks[i].vector = (float *)block;
        comm->blocks[i].beside = block + at.beside;
    }
    clear_tree(self);
}

/* ---- sums ---- */

static node *node_of(const shared_comm *self, size_t first, size_t size) {
    return &self->nodes[(size_t)__builtin_ctzll(size) * self->comm.plan.leaves + first];
}

static const peal_comm_block *block_of(const shared_comm *self, size_t first, size_t size) {
    return &self->comm.blocks[node_of(self, first, size)->block];
}

/* Makes block `own` the sum of two neighbours, one of which it is. */
static void add_neighbours(const shared_comm *self, const peal_comm_block *own, size_t first, size_t size,
                           const peal_comm_sum *sum) {
    const peal_comm_block *left = block_of(self, first, size), *right = block_of(self, first + size, size);
    const peal_term halves[2] = {peal_comm_term(sum, left->vector, first, size),
                                 peal_comm_term(sum, right->vector, first + size, size)};
    peal_sum_terms(own->vector, halves, 2, 0, self->comm.plan.value.dense);
    if (sum->merge) sum->merge(sum->user, own, own == left ? right : left, halves);
}

/* Leaves the value of a block that its owner has filled [fill] in the tree [leave], and adds it to its neighbour's if
 * that is there already [come] [add], and so on up. [come] is an acquire-release addition: who comes second sees what
 * the first has left. */
static void leave(peal_comm *comm, size_t index, const peal_comm_sum *sum) {
    const shared_comm *self = (const shared_comm *)comm;
    const peal_comm_block *own = &comm->blocks[index];
    size_t first = own->first, size = own->size;
    for (;;) {
        node_of(self, first, size)->block = (uint32_t)index;
        const size_t parent = first & ~(2 * size - 1);
        if (2 * size > comm->merge_size || parent + 2 * size > comm->plan.leaves) return;
        if (atomic_fetch_add_explicit(&node_of(self, parent, 2 * size)->came, 1, memory_order_acq_rel) % 2 == 0) return;
        add_neighbours(self, own, parent, size, sum);
        first = parent;
        size *= 2;
    }
}

typedef struct reduction {
    const shared_comm *self;
    const peal_comm_sum *sum;
} reduction;

static void reduce_segment(void *user, size_t begin, size_t end) {
    const reduction *all = user;
    const peal_comm *comm = &all->self->comm;
    const peal_comm_sum *sum = all->sum;
    peal_term terms[PEAL_COMM_LEAVES_MOST];
    const peal_comm_block *blocks[PEAL_COMM_LEAVES_MOST];
    for (size_t i = 0; i < comm->top_count; i++) {
        const peal_comm_node *top = &comm->tops[i];
        blocks[i] = block_of(all->self, top->first, top->size);
        terms[i] = peal_comm_term(sum, blocks[i]->vector, top->first, top->size);
    }
    sum->work(sum->user, &(peal_comm_part){.terms = terms,
                                           .blocks = blocks,
                                           .count = comm->top_count,
                                           .begin = begin,
                                           .end = end,
                                           .hands = sum->hands});
}

/* All are there, so each top of the tree is whole [meet_all]. */
static peal_status reduce(peal_comm *comm, size_t rank, const peal_comm_sum *sum, peal_error *err) {
    const shared_comm *self = (const shared_comm *)comm;
    reduction all = {self, sum};
    return peal_collective_work(self->collective, rank, comm->plan.value.floats, sum->hands, reduce_segment, &all, err);
}

/* ---- all else ---- */

static peal_status barrier(peal_comm *comm, size_t rank, peal_error *err) {
    return peal_barrier_wait(((const shared_comm *)comm)->collective, rank, err);
}

/* What each has written stands where all read it. */
static peal_status gather(peal_comm *comm, size_t rank, void *whole, size_t begin, size_t end, peal_error *err) {
    (void)whole, (void)begin, (void)end;
    return barrier(comm, rank, err);
}

/* Piece by piece, as the others' memory may be out of the root's sight. */
static peal_status broadcast(peal_comm *comm, size_t rank, size_t root, void *data, size_t size, peal_error *err) {
    const shared_comm *self = (const shared_comm *)comm;
    for (size_t at = 0; at < size; at += MAIL_BYTES) {
        const size_t length = size - at < MAIL_BYTES ? size - at : MAIL_BYTES;
        uint8_t *piece = (uint8_t *)data + at;
        if (rank == root) memcpy(self->mail, piece, length);
        PEAL_TRY(barrier(comm, rank, err));
        if (rank != root) memcpy(piece, self->mail, length);
        PEAL_TRY(barrier(comm, rank, err)); /* all have read it */
    }
    return PEAL_OK;
}

static void abort_all(peal_comm *comm) {
    peal_collective_abort(((const shared_comm *)comm)->collective);
}

/* A member that died between two children of a node has left it half counted [clear]. */
static void reset(peal_comm *comm) {
    shared_comm *self = (shared_comm *)comm;
    peal_collective_reset(self->collective);
    clear_tree(self);
}

static uint64_t distance(const peal_comm *comm, size_t rank) {
    return peal_collective_distance(((const shared_comm *)comm)->collective, rank);
}

const peal_comm_kind peal_comm_shared = {
    .name = "shared",
    .documentation = "processes of one machine, over memory that all of them map",
    .size = sizeof(shared_comm),
    .bytes = bytes,
    .attach = attach,
    .leave = leave,
    .reduce = reduce,
    .barrier = barrier,
    .gather = gather,
    .broadcast = broadcast,
    .abort = abort_all,
    .reset = reset,
    .distance = distance,
};
