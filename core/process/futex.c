/* The system call, with a bound on every wait; see futex.h. */
#include "core/process/futex.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void peal_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns) {
    const struct timespec timeout = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    const struct timespec *limit = timeout_ns == INT64_MAX ? NULL : &timeout;
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT, expected, limit, NULL, 0);
}

void peal_futex_wake_all(_Atomic uint32_t *word) {
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}
