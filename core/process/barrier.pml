/* The protocol of the barrier in collective.c, for spin: members that meet ROUNDS times, and a supervisor that aborts
 * the collective when a member dies, waits until all are out, resets it and lets a whole group meet again.
 *
 * Checked over all interleavings, with the death of any one member before any step:
 *   - no overtaking: nobody leaves a round into which not all have come, nor finds its work undone;
 *   - the work of a round is done once by each of the last HANDS to come, when all are in, before anybody leaves;
 *   - no wake-up is lost: no wait ends by time in the model, so a waiter that nobody wakes is a deadlock that spin reports;
 *   - after a death all others come back, and after the reset the barrier is as new;
 *   - -DFREEZE: when one member stands still for ever before any step, and so in the end nobody moves, all others have
 *     come farther than it, by what each tells of itself.
 *
 * The labels (and in wait_at, which is used for both gates, the comments) are the steps that collective.c names. To spin
 * is to look before the flag, and adds nothing here. Memory is sequentially consistent here; why the
 * weaker orders of the C code suffice is argued there. -DBREAK_... brings back a fault that the check must find. */

#ifndef MEMBERS
#define MEMBERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#ifndef HANDS /* members who do the work of a round */
#define HANDS 1
#endif
#define MOVES 8 /* words count modulo this */

#define GATHERED 0
#define GENERATION 1

/* The two gates: a word each, which with `aborted` is one, and those who sleep on it. */
byte word[2];
bit aborted[2];
byte parked[2];
byte arrived, finished;
byte asleep[MEMBERS]; /* the kernel's side of the futex: 1 + the gate on whose word a member sleeps; 0: awake */

/* What is checked. */
byte came[MEMBERS]; /* rounds that a member has come to */
byte worked;        /* parts of the work that are done */
bit dead[MEMBERS], out[MEMBERS];
bit second_group; /* after the reset */

#ifdef FREEZE
/* The stages of a round, in their order, and how far each member has come. */
#define CAME 0
#define AWAITS_WORK 1
#define AWAITS_END 2
#define STAGES 3
byte distance[MEMBERS];
bit frozen[MEMBERS];
#define TELL(stage) distance[me] = came[me] * STAGES + stage;
#define WHILE_NOT_FROZEN provided (!frozen[me])
#else
#define TELL(stage)
#define WHILE_NOT_FROZEN
#endif

inline wake_all(gate) {
    d_step {
        i = 0;
        do
        :: i < MEMBERS ->
            if
            :: asleep[i] == gate + 1 -> asleep[i] = 0
            :: else
            fi;
            i++
        :: else -> break
        od;
        i = 0
    }
}

/* Waits until the gate's word is no longer `seen`. */
inline wait_at(gate, seen) {
    skip;
#ifdef BREAK_WAKER_CLEARS
    parked[gate] = 1;
#else
    parked[gate]++; /* flag */
#endif
    do
    :: word[gate] != seen || aborted[gate] -> break /* look */
    :: else -> skip;
        atomic { /* park */
            if
#ifdef BREAK_ABORT_BESIDE_THE_WORD
            :: word[gate] == seen -> asleep[me] = gate + 1
#else
            :: word[gate] == seen && !aborted[gate] -> asleep[me] = gate + 1
#endif
            :: else
            fi
        };
        asleep[me] == 0
    od;
#ifndef BREAK_WAKER_CLEARS
    parked[gate]--; /* unflag */
#endif
    over = aborted[gate]
}

inline wake_sleepers(gate) {
    if
    :: parked[gate] > 0 ->
#ifdef BREAK_WAKER_CLEARS
        parked[gate] = 0;
#endif
        wake_all(gate)
    :: else
    fi
}

/* Leaves the round, which must be whole. */
inline check_round() {
    i = 0;
    do
    :: i < MEMBERS -> assert(came[i] >= came[me]); i++ /* no overtaking */
    :: else -> break
    od;
    i = 0;
    assert(worked >= HANDS * came[me]) /* all of the work is done */
}

inline meet() {
    skip;
enter:
    atomic {
        generation = word[GENERATION];
        over = aborted[GENERATION]
    };
    gathered = word[GATHERED];
    if
    :: over
    :: else ->
        d_step {
            came[me]++; /* come */
            TELL(CAME)
        };
arrive:
        atomic {
            before = arrived;
            arrived++
        };
        if
        :: before + HANDS < MEMBERS ->
            TELL(AWAITS_END) /* await_end */
            wait_at(GENERATION, generation)
        :: else -> skip;
            /* One of the hands. */
            if
            :: HANDS > 1 && before + 1 == MEMBERS -> skip;
gather:
                word[GATHERED] = (word[GATHERED] + 1) % MOVES;
signal:
                wake_sleepers(GATHERED)
#ifndef BREAK_WORK_UNGATHERED
            :: HANDS > 1 && before + 1 < MEMBERS ->
#ifndef BREAK_AWAIT_UNTOLD
                TELL(AWAITS_WORK) /* await_work */
#endif
                wait_at(GATHERED, gathered)
#endif
            :: else
            fi;
            if
            :: over
            :: else -> skip;
work:
                atomic {
                    i = 0;
                    do
                    :: i < MEMBERS -> assert(came[i] >= came[me]); i++ /* all are in */
                    :: else -> break
                    od;
                    i = 0;
                    worked++
                };
finish:
                atomic {
                    before = finished;
                    finished++
                };
                if
                :: before + 1 < HANDS ->
#ifndef BREAK_END_UNTOLD
                    TELL(AWAITS_END)
#endif
                    wait_at(GENERATION, generation)
                :: else -> skip;
#ifdef BREAK_RELEASE_BEFORE_RESET
                    word[GENERATION] = (word[GENERATION] + 1) % MOVES;
                    finished = 0;
                    arrived = 0;
#else
reset:
                    finished = 0;
                    arrived = 0;
release:
                    word[GENERATION] = (word[GENERATION] + 1) % MOVES;
#endif
                    wake_sleepers(GENERATION)
                fi
            fi
        fi;
        if
        :: !over -> check_round()
        :: else
        fi
    fi
}

proctype member(byte me) WHILE_NOT_FROZEN {
    byte generation, gathered, before, round = 0, i = 0;
    bit over = 0;
    {
        do
        :: round == ROUNDS || over -> break
        :: else ->
            meet();
            round++
        od;
        assert(!over || !second_group)
    } unless {
        dead[me]
    };
    out[me] = 1
}

inline start_group() {
    atomic {
        i = 0;
        do
        :: i < MEMBERS ->
            out[i] = 0;
            dead[i] = 0;
            came[i] = 0;
            asleep[i] = 0;
            run member(i);
            i++
        :: else -> break
        od;
        worked = 0;
        i = 0
    }
}

inline all_out() {
    i = 0;
    do
    :: i < MEMBERS -> out[i]; i++
    :: else -> break
    od;
    i = 0
}

active proctype supervisor() {
    byte i = 0;
    start_group();
#ifdef FREEZE
    frozen[0] = 1; /* at any time, as this is a process like the others */
    timeout; /* nobody moves */
    i = 1;
    do
    :: i < MEMBERS -> assert(out[i] || distance[i] > distance[0]); i++
    :: else -> break
    od;
    frozen[0] = 0;
#else
    if
    :: dead[0] = 1; /* the members are alike: one stands for any */
abort_mark:
        aborted[GATHERED] = 1;
        aborted[GENERATION] = 1;
abort_wake:
        wake_all(GATHERED);
        wake_all(GENERATION);
        all_out();
again:
        atomic {
            arrived = 0;
            finished = 0;
            parked[GATHERED] = 0;
            parked[GENERATION] = 0;
            word[GATHERED] = 0;
            word[GENERATION] = 0;
            aborted[GATHERED] = 0;
            aborted[GENERATION] = 0;
            second_group = 1
        };
        start_group()
    :: skip
    fi;
#endif
    all_out();
    assert(worked == HANDS * ROUNDS)
}
