/* Communication: how the members of a training meet and add up what they have made.
 *
 * What is added up are the *leaves* of one tree (core/process/sum.h): the partitions of a training, one vector of
 * floats each. The tree belongs to the job, so a sum has the same bits for any number of members. Neighbouring leaves
 * belong to one member. They are cut into *blocks*, the largest whole subtrees that fit; each block has one vector,
 * which its owner fills with the sum of the block's leaves.
 *
 *   the parent       peal_comm_new, peal_comm_bytes, peal_comm_attach; then it forks the members
 *   each member      fills its blocks, and leaves each as soon as it is filled (peal_comm_leave): the second of two
 *                    neighbours to come adds both up, up to a node for each member or a few
 *   all of them      reduce (peal_comm_reduce): they meet, and a few hands add up what is left, a segment each, and
 *                    do with it what the caller wants
 *   a supervisor     when a member dies: peal_comm_abort, waits until all are out, peal_comm_reset
 *
 * Every wait ends: by the others' arrival, by peal_comm_abort, or by the timeout. All members make the same calls in
 * the same order.
 *
 * An implementation is a table of functions, peal_comm_kind, in a file of its own. Shared memory is the first one: its
 * members are processes (or threads) of one machine. */
#ifndef PEAL_CORE_COMM_H
#define PEAL_CORE_COMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/process/sum.h"

enum { PEAL_COMM_LEAVES_MOST = 1024 };

typedef struct peal_comm peal_comm;
typedef struct peal_comm_kind peal_comm_kind;

/* ---- what is to be added up, and between how many ---- */

/* The value of a leaf or a block. */
typedef struct peal_comm_value {
    size_t floats; /* of its vector; 0: nothing is added up, members only meet */
    size_t dense;  /* the floats [0, dense) are added up here, those behind them by the caller's `merge` and `work` */
    size_t beside; /* bytes that a block has beside its vector, for `merge` */
} peal_comm_value;

typedef struct peal_comm_plan {
    size_t leaves; /* 1 to PEAL_COMM_LEAVES_MOST */
    size_t members;
    peal_comm_value value;
    bool spin; /* waiters may spin before they sleep: right if every member has a CPU of its own */
    int timeout_ms;
} peal_comm_plan;

/* Some neighbouring leaves of one member: a node of the tree. */
typedef struct peal_comm_block {
    size_t first, size; /* leaves; the size is a power of two */
    size_t rank;        /* of the owner, who alone writes to it before it is left */
    float *vector;      /* [floats] one leaf as it is, more of them as their weighted sum */
    void *beside;       /* [beside] */
} peal_comm_block;

/* A node of the tree that is added up in the reduce. */
typedef struct peal_comm_node {
    size_t first, size;
} peal_comm_node;

/* Made before the fork, in memory that members inherit; nothing in it changes after peal_comm_attach. An
 * implementation's own struct begins with it. */
struct peal_comm {
    const peal_comm_kind *kind;
    peal_comm_plan plan;
    peal_comm_block *blocks; /* [block_count] in the order of the leaves */
    size_t block_count;
    size_t merge_size;    /* who leaves a block adds up nodes of up to so many leaves */
    peal_comm_node *tops; /* [top_count] what is then left to the reduce, in the order of the leaves */
    size_t top_count;
};

/* PEAL_E_USAGE for a plan that cannot be. */
peal_status peal_comm_new(const peal_comm_kind *kind, const peal_comm_plan *plan, peal_comm **out, peal_error *err);
void peal_comm_free(peal_comm *comm);

/* How much memory all members must share for it, 64-byte aligned; SIZE_MAX: more than can be. */
size_t peal_comm_bytes(const peal_comm *comm);
/* Takes that memory, which outlives it, and gives each block its part. Before the fork, and once. */
void peal_comm_attach(peal_comm *comm, void *memory);

/* ---- sums ---- */

/* Adds block `from` to `into` behind the dense floats and beside the vector; both are whole. The sum is that of
 * halves[0] and halves[1], in this order and with their weights; one of them is the vector of `into`, the other that of
 * `from`. */
typedef void (*peal_comm_merge)(void *user, const peal_comm_block *into, const peal_comm_block *from,
                                const peal_term halves[2]);

/* A segment of the sum, for one of the hands: the floats [begin, end) of the sum of all terms, in their order
 * (peal_sum_terms). */
typedef struct peal_comm_part {
    const peal_term *terms;               /* [count] */
    const peal_comm_block *const *blocks; /* [count] in which they lie */
    size_t count;
    size_t begin, end;
    size_t hands;
} peal_comm_part;
typedef void (*peal_comm_work)(void *user, const peal_comm_part *part);

/* A sum, described to peal_comm_leave and peal_comm_reduce; the same for all members but for `user`. */
typedef struct peal_comm_sum {
    const float *weights; /* [leaves]; NULL: ones */
    size_t hands;         /* members that work in the reduce; 0: as many as peal_comm_hands says */
    float *published;     /* [floats] what is made of the sum: all members see it after the reduce. Here it is in shared
                             memory; a kind that has none sends each segment to all. */
    peal_comm_merge merge; /* NULL: all floats are dense */
    peal_comm_work work;   /* writes its segment of `published`; NULL: the sum itself */
    void *user;
} peal_comm_sum;

/* The owner of block `index` has filled it and does not touch it again before the reduce is over. */
void peal_comm_leave(peal_comm *comm, size_t index, const peal_comm_sum *sum);
/* When all members have come, `work` is done by the hands; then all go on. All blocks must have been left, and are free
 * again afterwards. PEAL_E_CANCELLED if it was aborted; PEAL_E_FAILED after the timeout, which aborts it for all. */
peal_status peal_comm_reduce(peal_comm *comm, size_t rank, const peal_comm_sum *sum, peal_error *err);
/* Both: leaves all blocks of the member, which it has filled, and reduces. */
peal_status peal_comm_allreduce(peal_comm *comm, size_t rank, const peal_comm_sum *sum, peal_error *err);

/* How many hands serve a sum best: one where working takes less time than waiting, else all members. */
size_t peal_comm_hands(const peal_comm *comm);
/* The node of `size` leaves from `first` on, whose value is `vector`, as a term of a sum: a leaf is weighed when it is
 * added up, more of them have been weighed in their sum. */
peal_term peal_comm_term(const peal_comm_sum *sum, const float *vector, size_t first, size_t size);
/* For `work`: out[i] is float at + i of the sum, for all of [at, end). */
void peal_comm_add_up(const peal_comm_part *part, float *out, size_t at, size_t end);
/* For `work`: copies what it has made to its place in `published`, 16-byte aligned. */
void peal_comm_publish(const peal_comm_part *part, float *published, const float *made, size_t count);

/* ---- all else; errors as those of peal_comm_reduce ---- */

/* Waits until all members have come. */
peal_status peal_comm_barrier(peal_comm *comm, size_t rank, peal_error *err);
/* Member `rank` has written bytes [begin, end) of `whole`; all members see all parts afterwards. Here `whole` is in
 * shared memory, and this is a barrier. */
peal_status peal_comm_gather(peal_comm *comm, size_t rank, void *whole, size_t begin, size_t end, peal_error *err);
/* `data` [size] of all members becomes what it is at the member `root`; it may be each one's own memory. */
peal_status peal_comm_broadcast(peal_comm *comm, size_t rank, size_t root, void *data, size_t size, peal_error *err);

/* Wakes every waiter with PEAL_E_CANCELLED; later waits fail at once until the reset. */
void peal_comm_abort(peal_comm *comm);
/* As if nobody had ever come or left anything. Only while no member is inside a call. Vectors, and what is beside them,
 * stay as they are. */
void peal_comm_reset(peal_comm *comm);
/* How far member `rank` has come since the beginning or the reset. Where all stand still, they wait for the one that
 * has come least far. */
uint64_t peal_comm_distance(const peal_comm *comm, size_t rank);

/* ---- implementations ---- */

struct peal_comm_kind {
    const char *name, *documentation;
    size_t size; /* of its struct, which begins with a peal_comm */
    size_t (*bytes)(const peal_comm *comm);
    void (*attach)(peal_comm *comm, void *memory);
    void (*leave)(peal_comm *comm, size_t index, const peal_comm_sum *sum);
    peal_status (*reduce)(peal_comm *comm, size_t rank, const peal_comm_sum *sum, peal_error *err);
    peal_status (*barrier)(peal_comm *comm, size_t rank, peal_error *err);
    peal_status (*gather)(peal_comm *comm, size_t rank, void *whole, size_t begin, size_t end, peal_error *err);
    peal_status (*broadcast)(peal_comm *comm, size_t rank, size_t root, void *data, size_t size, peal_error *err);
    void (*abort)(peal_comm *comm);
    void (*reset)(peal_comm *comm);
    uint64_t (*distance)(const peal_comm *comm, size_t rank);
};

extern const peal_comm_kind peal_comm_shared; /* comm_shared.c */

#endif
