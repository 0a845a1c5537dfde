/* The protocol of the barrier in collective.c, for spin: members that meet ROUNDS times, and a supervisor that aborts
 * the collective when a member dies, waits until all are out, resets it and lets a whole group meet again.
 *
 * Checked over all interleavings, with the death of any one member before any step:
 *   - no overtaking: nobody leaves a round into which not all have come, nor finds its work undone;
 *   - the work of a round (the action of the last to come) is done once;
 *   - no wake-up is lost: there is no timeout in the model, so a waiter that nobody wakes is a deadlock that spin reports;
 *   - after a death all others come back, and after the reset the barrier is as new.
 *
 * The labels are the steps that the comments of collective.c name; its [spin] is a [look] before the flag and adds
 * nothing here. Memory is sequentially consistent here; why the
 * weaker orders of the C code suffice is argued there. -DBREAK_... brings back a fault that the check must find. */

#ifndef MEMBERS
#define MEMBERS 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define GENERATIONS 8

byte generation; /* with `aborted`, one word: what the waiters sleep on */
bit aborted;
byte arrived, parked;
bit asleep[MEMBERS]; /* the kernel's side of the futex */

/* What is checked. */
byte came[MEMBERS]; /* rounds that a member has come to */
byte worked;        /* rounds whose work is done */
bit dead[MEMBERS], out[MEMBERS];
bit second_group; /* after the reset */

inline wake_all() {
    d_step {
        i = 0;
        do
        :: i < MEMBERS -> asleep[i] = 0; i++
        :: else -> break
        od;
        i = 0
    }
}

inline barrier_wait() {
    skip;
enter:
    atomic {
        seen = generation;
        over = aborted
    };
    if
    :: over
    :: else ->
        came[me]++; /* no step of the code */
arrive:
        atomic {
            arrived++;
            last = (arrived == MEMBERS)
        };
        if
        :: last -> skip;
act:
            worked++;
#ifdef BREAK_RELEASE_BEFORE_RESET
            generation = (generation + 1) % GENERATIONS;
            arrived = 0;
#else
reset:
            arrived = 0;
release:
            generation = (generation + 1) % GENERATIONS;
#endif
signal:
            if
            :: parked > 0 ->
#ifdef BREAK_WAKER_CLEARS
                parked = 0;
#endif
                wake_all()
            :: else
            fi
        :: else -> skip;
#ifdef BREAK_WAKER_CLEARS
flag:
            parked = 1;
#else
flag:
            parked++;
#endif
look:
            do
            :: generation != seen || aborted -> break
            :: else -> skip;
park:
                atomic {
                    if
#ifdef BREAK_ABORT_BESIDE_THE_WORD
                    :: generation == seen -> asleep[me] = 1
#else
                    :: generation == seen && !aborted -> asleep[me] = 1
#endif
                    :: else
                    fi
                };
                !asleep[me]
            od;
#ifndef BREAK_WAKER_CLEARS
unflag:
            parked--;
#endif
            over = aborted
        fi;
        if
        :: !over ->
            i = 0;
            do
            :: i < MEMBERS -> assert(came[i] >= came[me]); i++ /* no overtaking */
            :: else -> break
            od;
            i = 0;
            assert(worked >= came[me])
        :: else
        fi
    fi
}

proctype member(byte me) {
    byte seen, round = 0, i = 0;
    bit over = 0, last;
    {
        do
        :: round == ROUNDS || over -> break
        :: else ->
            barrier_wait();
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
    byte i = 0, victim;
    start_group();
    if
    :: skip -> select (victim : 0 .. MEMBERS - 1);
        dead[victim] = 1;
abort_mark:
        aborted = 1;
abort_wake:
        wake_all();
        all_out();
again:
        atomic {
            arrived = 0;
            parked = 0;
            generation = 0;
            aborted = 0;
            second_group = 1
        };
        start_group()
    :: skip
    fi;
    all_out();
    assert(worked == ROUNDS)
}
