/* The protocol of ring.c, for spin: one producer, one consumer, a supervisor that closes the ring when a side dies.
 *
 * Checked over all interleavings, with the death of either side before any step:
 *   - messages arrive whole, each once, in order; a slot is not filled before its last message has been taken;
 *   - no wake-up is lost: there is no timeout in the model, so a waiter that nobody wakes is a deadlock that spin reports;
 *   - a side whose peer has died, or whose ring is closed, comes back.
 *
 * The labels are the steps that the comments of ring.c name. Memory is sequentially consistent here; why the weaker
 * orders of the C code suffice is argued there, pair by pair. Indices count modulo INDICES, a multiple of twice the
 * slots, as the C code's do modulo 2^31, so that they wrap within the run.
 *
 * -DBREAK_... brings back a fault that the check must find; tests/core/protocol_test.sh runs them all. */

#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef MESSAGES
#define MESSAGES 5
#endif
#define INDICES (2 * SLOTS)

#define PRODUCER 0
#define CONSUMER 1

/* The words of the ring: an index and the mark of the closing change together, as one word does. */
typedef word {
    byte index;
    bit closed
}
word head, tail;
bit parked[2]; /* by side */

/* A message has two halves, so that a torn one shows. */
byte first_half[SLOTS], second_half[SLOTS];

/* The kernel's side of the futexes; a side sleeps on the other side's word. */
bit asleep[2];
bit dead[2], ended[2];

inline wake(side) {
    asleep[side] = 0
}

/* Waits until the word is no longer what was seen: an index with no mark. */
inline wait_for_change(side, awaited, seen) {
    skip;
wait_flag:
    parked[side] = 1;
wait_look:
    if
    :: awaited.index != seen || awaited.closed
    :: else -> skip;
wait_park:
        atomic {
            if
#if defined(BREAK_CLOSE_BESIDE_THE_WORD)
            :: awaited.index == seen -> asleep[side] = 1
#elif defined(BREAK_SLEEP_UNCOMPARED)
            :: true -> asleep[side] = 1
#else
            :: awaited.index == seen && !awaited.closed -> asleep[side] = 1
#endif
            :: else
            fi
        };
        !asleep[side]
    fi;
wait_clear:
    parked[side] = 0
}

inline signal(side) {
    if
    :: parked[side] ->
#ifdef BREAK_WAKER_CLEARS
        parked[side] = 0;
#endif
        wake(side)
    :: else
    fi
}

inline close_ring() {
    skip;
close_mark:
    head.closed = 1;
    tail.closed = 1;
close_wake:
    wake(CONSUMER);
    wake(PRODUCER)
}

active proctype producer() {
    byte next = 0, seen;
    bit over = 0;
    {
        do
        :: next == MESSAGES || over -> break
        :: else -> skip;
push_look:
            atomic {
                seen = tail.index;
                over = tail.closed
            };
            if
            :: over
            :: !over && (head.index + INDICES - seen) % INDICES == SLOTS ->
                wait_for_change(PRODUCER, tail, seen)
            :: else -> skip;
push_fill:
                first_half[head.index % SLOTS] = next;
#ifdef BREAK_PUBLISH_BEFORE_FILLED
                head.index = (head.index + 1) % INDICES;
                second_half[(head.index + INDICES - 1) % SLOTS] = next;
#else
                second_half[head.index % SLOTS] = next;
push_publish:
                head.index = (head.index + 1) % INDICES;
#endif
                next++;
push_signal:
#ifdef BREAK_NO_SIGNAL
                skip
#else
                signal(CONSUMER)
#endif
            fi
        od;
        /* The last message is followed by a close, as a producer that is done does. */
        close_ring()
    } unless {
        dead[PRODUCER]
    };
    ended[PRODUCER] = 1
}

active proctype consumer() {
    byte expected = 0, seen, one, other;
    bit over = 0, last_look;
    {
        do
        :: over -> break
        :: else -> skip;
pop_look:
            atomic {
                seen = head.index;
                last_look = head.closed
            };
            if
            :: seen != tail.index -> skip;
#ifdef BREAK_FREE_BEFORE_TAKEN
                tail.index = (tail.index + 1) % INDICES;
                one = first_half[(tail.index + INDICES - 1) % SLOTS];
                other = second_half[(tail.index + INDICES - 1) % SLOTS];
                assert(one == other && one == expected);
                expected++;
#else
pop_take:
                one = first_half[tail.index % SLOTS];
                other = second_half[tail.index % SLOTS];
                assert(one == other);    /* whole */
                assert(one == expected); /* in order, each once */
                expected++;
pop_free:
                tail.index = (tail.index + 1) % INDICES;
#endif
pop_signal:
                signal(PRODUCER)
            :: seen == tail.index && last_look -> over = 1
            :: else -> wait_for_change(CONSUMER, head, seen)
            fi
        od;
        assert(expected == MESSAGES || dead[PRODUCER])
    } unless {
        dead[CONSUMER]
    };
    ended[CONSUMER] = 1
}

/* Kills one side at any moment, or none; then closes the ring, as the group's parent does when it sees a death. */
active proctype supervisor() {
    if
    :: dead[PRODUCER] = 1
    :: dead[CONSUMER] = 1
    :: goto quiet
    fi;
    close_ring();
quiet:
    ended[PRODUCER] && ended[CONSUMER]
}
