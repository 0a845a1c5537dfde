/* A member of a meeting of processes that stops, for the tests of what they meet by. */
#ifndef PEAL_TESTS_STOP_H
#define PEAL_TESTS_STOP_H

#include <signal.h>

#include "tests/support.h"

enum { TEST_MEMBERS_MOST = 16 };

/* How far a member has come in `meeting`. */
typedef uint64_t test_distance(const void *meeting, size_t rank);

/* Stops a member, waits until nobody moves any more, and finds that all others have come farther. One that a busy
 * machine keeps from running stands still, too, and is waited for: for half a minute. */
static inline void test_stop_member(const void *meeting, test_distance *distance, const pid_t *pids, size_t count,
                                    size_t victim) {
    uint64_t seen[TEST_MEMBERS_MOST] = {0};
    size_t still = 0, behind = count;
    assert_true(count <= TEST_MEMBERS_MOST);
    kill(pids[victim], SIGSTOP);
    for (size_t nap = 0; nap < 3000 && (still < 20 || behind); nap++) {
        usleep(10000);
        still++;
        for (size_t i = 0; i < count; i++) {
            const uint64_t now = distance(meeting, i);
            if (now != seen[i]) still = 0;
            seen[i] = now;
        }
        behind = 0;
        for (size_t i = 0; i < count; i++) behind += (i != victim && seen[i] <= seen[victim]);
    }
    assert_int_equal(behind, 0);
}

#endif
