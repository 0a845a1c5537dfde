/* The barrier's protocol. core/process/barrier.pml is its model, which CI checks over all interleavings and deaths; the
 * names in brackets here are the model's labels.
 *
 * Members count themselves in. All but the last few go straight to sleep or spin until the generation moves. The last
 * few, the hands, wait on a word of their own, `gathered`, until all are in; each does a part of the round's work, and
 * the last one to finish clears the counts and moves the generation. A plain barrier has one hand and no work. The
 * lowest bit of both words says that the collective is aborted, so that aborting changes the words on which they sleep,
 * and no abort can be missed.
 *
 * What pairs with what, for machines that order less than x86:
 *   - [arrive] is an acquire-release addition: the last to come sees all that the others wrote before they came (each
 *     addition continues the release sequence of those before it). [gather] is a release of `gathered`, and the other
 *     hands acquire it ([look]): they see the same, so [work] may read what anybody wrote before the meeting.
 *   - [finish] is an acquire-release addition: the last hand to finish sees the work of the others.
 *   - [release] is a release of `generation`; who leaves has acquired it ([look]) and sees all work, and the counts
 *     cleared by [reset]: its next [arrive] counts from 0.
 *   - [gather] and [release], [signal]'s load of the sleepers, [flag] and [look] are sequentially consistent, all of
 *     them: either the mover's load comes after the waiter's flag, and it wakes, or the waiter's look comes after the
 *     move, and it does not sleep. The kernel compares the word again before it lets it sleep ([park]).
 *   - [abort_mark] takes part in the same order.
 * `parked` counts the sleepers on a word, each of whom takes itself off ([unflag]): a waker that cleared it could clear
 * the flag of a sleeper of the next round (BREAK_WAKER_CLEARS in the model). Who dies asleep stays counted, which costs
 * needless wakes until the reset.
 *
 * Each member tells how far it has come, in such an order that where all stand still, the one for whom they wait has
 * come least far: [come] before it is counted in, [await_work] and [await_end] before it waits. A release keeps each
 * word behind what it tells of. */
#include "core/process/collective.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/process/futex.h"
#include "core/process/sum.h"

/* A word on which members wait, and how many sleep on it. */
typedef struct gate {
    _Alignas(64) _Atomic uint32_t word;
    _Atomic uint32_t parked;
} gate;

/* Of one member, which alone writes it. */
typedef struct standing {
    _Alignas(64) _Atomic uint64_t distance; /* rounds times STAGES, and the stage of the present one */
    uint32_t spins;                         /* how often it looks before it sleeps, next time */
} standing;

struct peal_collective {
    _Alignas(64) _Atomic uint32_t arrived;
    _Atomic uint32_t finished; /* hands of the present round */
    gate gathered, generation;
    _Alignas(64) uint32_t members;
    bool spin;
    int32_t timeout_ms;
    standing standings[]; /* [members] */
};

/* Of a round, in the order in which a member comes to them. */
enum { CAME, AWAITS_WORK, AWAITS_END, STAGES };

enum { ABORTED = 1, ONE = 2 }; /* of a gate's word */
/* A member spins for half a millisecond or so at most, several times what it takes to wake a sleeper. Where another job
 * has the CPU of the one that is waited for, spinning only keeps that one from running: who has slept for longer than
 * the most that it would have spun spins half as long the next time, who was woken sooner twice as long. */
enum { MOST_SPINS = 20000, LEAST_SPINS = 64, MOST_SPINS_NS = 500000 };

size_t peal_collective_size(size_t members) {
    return sizeof(peal_collective) + members * sizeof(standing);
}

peal_collective *peal_collective_init(void *memory, size_t members, bool spin, int timeout_ms) {
    peal_collective *collective = memory;
    memset(collective, 0, peal_collective_size(members));
    collective->members = (uint32_t)members;
    collective->spin = spin;
    collective->timeout_ms = timeout_ms;
    for (size_t rank = 0; rank < members; rank++) collective->standings[rank].spins = MOST_SPINS;
    return collective;
}

/* ---- the barrier ---- */

static peal_status aborted(peal_error *err) {
    return peal_fail(err, PEAL_E_CANCELLED, "the collective was aborted");
}

static peal_status passed(uint32_t word, peal_error *err) {
    return word & ABORTED ? aborted(err) : PEAL_OK;
}

/* What a sleep of `slept_ns` says about the next wait. */
static void adapt(standing *own, int64_t slept_ns) {
    const bool would_do = slept_ns < MOST_SPINS_NS;
    own->spins = would_do ? own->spins * 2 : own->spins / 2;
    if (own->spins > MOST_SPINS) own->spins = MOST_SPINS;
    if (own->spins < LEAST_SPINS) own->spins = LEAST_SPINS;
}

/* The member `own` waits until a gate's word is no longer `seen`. */
static peal_status wait_at(peal_collective *collective, standing *own, gate *at, uint32_t seen, peal_error *err) {
    const uint32_t spins = collective->spin ? own->spins : 0;
    for (uint32_t spin = 0; spin < spins; spin++) {
        uint32_t now = atomic_load_explicit(&at->word, memory_order_acquire);
        if (now != seen) return passed(now, err);
        peal_cpu_relax();
    }
    const int64_t begin = peal_now_ns(), deadline = begin + (int64_t)collective->timeout_ms * 1000000;
    uint32_t now;
    atomic_fetch_add(&at->parked, 1);                /* [flag] */
    while ((now = atomic_load(&at->word)) == seen) { /* [look] */
        int64_t left = deadline - peal_now_ns();
        if (left <= 0) break;
        peal_futex_wait(&at->word, seen, left); /* [park] */
    }
    atomic_fetch_sub(&at->parked, 1); /* [unflag] */
    adapt(own, peal_now_ns() - begin);
    if (now != seen) return passed(now, err);
    uint32_t missing = collective->members - atomic_load(&collective->arrived);
    peal_collective_abort(collective); /* who waited in vain is counted in: the round can no longer be whole */
    return peal_fail(err, PEAL_E_FAILED, "a barrier waited %d ms in vain for %u of %u members", collective->timeout_ms,
                     missing, collective->members);
}

/* Moves a gate's word and wakes who sleeps on it; returns what it was. */
static uint32_t open_gate(gate *at) {
    uint32_t before = atomic_fetch_add(&at->word, ONE);           /* [gather] and [release] */
    if (atomic_load(&at->parked)) peal_futex_wake_all(&at->word); /* [signal] */
    return before;
}

static void tell(standing *own, int stage) {
    const uint64_t before = atomic_load_explicit(&own->distance, memory_order_relaxed);
    const uint64_t round = before / STAGES + (stage == CAME);
    atomic_store_explicit(&own->distance, round * STAGES + (uint64_t)stage, memory_order_release);
}

/* A round's work and who does how much of it. */
typedef struct round {
    size_t rank, count;
    uint32_t hands;
    bool by_rank;           /* the part is that of the rank, else that of the order of arrival */
    peal_segment_work work; /* NULL: none */
    void *user;
} round;

static peal_status meet(peal_collective *collective, const round *plan, peal_error *err) {
    const uint32_t members = collective->members, hands = plan->hands;
    const uint32_t generation = atomic_load_explicit(&collective->generation.word, memory_order_acquire); /* [enter] */
    const uint32_t gathered = atomic_load_explicit(&collective->gathered.word, memory_order_acquire);
    standing *own = &collective->standings[plan->rank];
    if (generation & ABORTED) return aborted(err);
    tell(own, CAME);                                                                                  /* [come] */
    const uint32_t before = atomic_fetch_add_explicit(&collective->arrived, 1, memory_order_acq_rel); /* [arrive] */
    if (before + hands < members) {
        tell(own, AWAITS_END); /* [await_end] */
        return wait_at(collective, own, &collective->generation, generation, err);
    }
    if (hands > 1) {
        if (before + 1 == members) {
            PEAL_TRY(passed(open_gate(&collective->gathered), err));
        } else {
            tell(own, AWAITS_WORK); /* [await_work] */
            PEAL_TRY(wait_at(collective, own, &collective->gathered, gathered, err));
        }
    }
    if (plan->work) { /* [work] */
        size_t begin, end;
        const size_t part = plan->by_rank ? plan->rank : before + hands - members;
        peal_segment(plan->count, part, hands, &begin, &end);
        if (begin < end) plan->work(plan->user, begin, end);
    }
    if (hands > 1 &&
        atomic_fetch_add_explicit(&collective->finished, 1, memory_order_acq_rel) + 1 != hands) { /* [finish] */
        tell(own, AWAITS_END);
        return wait_at(collective, own, &collective->generation, generation, err);
    }
    atomic_store_explicit(&collective->finished, 0, memory_order_relaxed); /* [reset] */
    atomic_store_explicit(&collective->arrived, 0, memory_order_relaxed);
    return passed(open_gate(&collective->generation), err);
}

peal_status peal_barrier_wait(peal_collective *collective, size_t rank, peal_error *err) {
    const round plan = {.rank = rank, .hands = 1};
    return meet(collective, &plan, err);
}

void peal_collective_abort(peal_collective *collective) {
    atomic_fetch_or(&collective->gathered.word, ABORTED); /* [abort_mark] */
    atomic_fetch_or(&collective->generation.word, ABORTED);
    peal_futex_wake_all(&collective->gathered.word); /* [abort_wake] */
    peal_futex_wake_all(&collective->generation.word);
}

void peal_collective_reset(peal_collective *collective) { /* [again] */
    atomic_store(&collective->arrived, 0);
    atomic_store(&collective->finished, 0);
    atomic_store(&collective->gathered.parked, 0);
    atomic_store(&collective->gathered.word, 0);
    atomic_store(&collective->generation.parked, 0);
    atomic_store(&collective->generation.word, 0);
    for (size_t rank = 0; rank < collective->members; rank++) atomic_store(&collective->standings[rank].distance, 0);
}

uint64_t peal_collective_distance(const peal_collective *collective, size_t rank) {
    return atomic_load_explicit(&collective->standings[rank].distance, memory_order_acquire);
}

/* ---- work by segments ---- */

peal_status peal_collective_work(peal_collective *collective, size_t rank, size_t count, size_t hands,
                                 peal_segment_work work, void *user, peal_error *err) {
    if (hands == 0) hands = 1;
    if (hands > collective->members) hands = collective->members;
    const round plan = {.rank = rank,
                        .count = count,
                        .hands = (uint32_t)hands,
                        .by_rank = hands == collective->members,
                        .work = work,
                        .user = user};
    return meet(collective, &plan, err);
}
