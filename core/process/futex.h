/* Waiting on a word of shared memory: spin briefly, then park in the kernel with a timeout. */
#ifndef PEAL_CORE_FUTEX_H
#define PEAL_CORE_FUTEX_H

#include <stdatomic.h>
#include <stdint.h>

/* Parks while *word == expected, for at most `timeout_ns` (INT64_MAX: no limit). Returns on a wake, a change, a signal
 * or the timeout; the caller looks again. Works between processes. */
void peal_futex_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
void peal_futex_wake_all(_Atomic uint32_t *word);

/* A hint to the CPU that this is a spinning loop. */
static inline void peal_cpu_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
