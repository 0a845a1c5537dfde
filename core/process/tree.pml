/* The tree of sums of comm_shared.c, for spin: members fill the blocks of their leaves, the second one to come to a node
 * adds both halves up, and all meet before they work on the sum. A supervisor that sees a member die aborts the meeting,
 * waits until all are out, clears what belongs to meetings and has the steps done again.
 *
 * Checked over all interleavings, with the death of any one member before any step:
 *   - who adds finds both halves whole, of the present step and attempt, and nobody writes what is being read;
 *   - when all have met, the sum of all leaves is there;
 *   - nobody waits for ever: spin reports a deadlock.
 *
 * The labels are the steps that comm_shared.c names. The meeting is the barrier of barrier.pml, taken here as one that
 * works. -DBREAK_... brings back a fault that the check must find. */

#ifndef MEMBERS
#define MEMBERS 2
#endif
#ifndef CUT /* member 0 has the leaves below it; the others share the rest, in turn */
#define CUT 2
#endif
#define LEAVES 4
#define LEVELS 3
#ifndef STEPS
#define STEPS 2
#endif

#define NODE(level, first) ((level) * LEAVES + (first))
#define OWNER(leaf) ((leaf) < CUT -> 0 : 1 + ((leaf) - CUT) % (MEMBERS - 1))

/* The shared memory: nodes of the tree, and each block by what is in it. */
byte children[LEVELS * LEAVES]; /* that have come */
byte holder[LEVELS * LEAVES];   /* the leaf whose block holds the node's value */
byte stamp[LEAVES];             /* of which step it is; 0: being written */
byte size[LEAVES];              /* how many leaves are in the sum */

/* The meeting, and what is checked. */
byte arrived, generation;
bit aborted, second_group;
bit dead[MEMBERS], out[MEMBERS];

inline is_whole(half) {
    assert(stamp[half] == now && size[half] == span)
}

/* Leaves the block of leaf `own`, and goes up as long as it is the second to come. */
inline climb() {
    span = 1;
    first = own;
    level = 0;
    do
    :: skip;
#ifdef BREAK_COME_BEFORE_LEFT
        before = 0
#else
leave:
        holder[NODE(level, first)] = own
#endif
        if
        :: span == LEAVES -> break
        :: else
        fi;
        parent = first - first % (2 * span);
come:
        atomic {
            before = children[NODE(level + 1, parent)] % 2;
            children[NODE(level + 1, parent)] = (children[NODE(level + 1, parent)] + 1) % 4
        };
#ifdef BREAK_COME_BEFORE_LEFT
        holder[NODE(level, first)] = own;
#endif
        if
        :: before == 0 -> break
        :: else
        fi;
add:
        left = holder[NODE(level, parent)];
        right = holder[NODE(level, parent + span)];
        is_whole(left);
        is_whole(right);
        stamp[own] = 0;
        /* Nobody writes the other half meanwhile. */
        assert(left == own || stamp[left] == now);
        assert(right == own || stamp[right] == now);
        size[own] = 2 * span;
        stamp[own] = now;
        first = parent;
        span = 2 * span;
        level++
    od
}

inline meet() {
    skip;
meet_all:
    atomic {
        seen = generation;
        over = aborted;
        if
        :: over
        :: else ->
            arrived++;
            if
            :: arrived == MEMBERS ->
                left = holder[NODE(LEVELS - 1, 0)];
                assert(stamp[left] == now && size[left] == LEAVES);
                arrived = 0;
                generation++
            :: else
            fi
        fi
    };
    if
    :: over
    :: else ->
        if
        :: generation != seen -> skip
        :: aborted -> over = 1
        fi
    fi
}

proctype member(byte me) {
    byte step = 0, own, now, span, first, level, parent, before, left, right, seen;
    bit over = 0;
    {
        do
        :: step == STEPS || over -> break
        :: else ->
            now = 1 + step + second_group * STEPS;
            own = 0;
            do
            :: own == LEAVES -> break
            :: own < LEAVES && OWNER(own) == me -> skip;
fill:
                stamp[own] = 0;
                size[own] = 1;
                stamp[own] = now;
                climb();
                own++
            :: own < LEAVES && OWNER(own) != me -> own++
            od;
            meet();
            step++
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
            run member(i);
            i++
        :: else -> break
        od
    }
}

inline all_out() {
    i = 0;
    do
    :: i < MEMBERS -> out[i]; i++
    :: else -> break
    od
}

active proctype supervisor() {
    byte i;
    start_group();
    if
    :: dead[0] = 1; goto died
    :: dead[1] = 1; goto died
    :: skip
    fi;
    all_out();
    goto done;
died:
    aborted = 1;
    all_out();
clear:
    atomic {
        arrived = 0;
        aborted = 0;
        second_group = 1;
#ifndef BREAK_COUNTS_STAY
        i = 0;
        do
        :: i < LEVELS * LEAVES -> children[i] = 0; i++
        :: else -> break
        od
#endif
    };
    start_group();
    all_out();
done:
    skip
}
