/* What this process may use of the machine: CPUs and memory as affinity and cgroups give them, not as labelled. */
#ifndef PEAL_CORE_MACHINE_H
#define PEAL_CORE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* CPUs: the smaller of the affinity mask's count and the cgroup's quota (rounded up); at least 1. */
size_t peal_machine_cpus(void);

/* Bytes that can still be had: the smaller of the system's MemAvailable and what the cgroup's limit leaves. */
uint64_t peal_machine_memory(void);

/* PEAL_E_MEMORY with the arithmetic in the message if `needed` bytes for `what` are more than that. */
peal_status peal_machine_memory_check(uint64_t needed, const char *what, peal_error *err);

/* PEAL_E_MEMORY if `needed` bytes for `what` are more than RLIMIT_AS lets this process map. */
peal_status peal_machine_address_space_check(uint64_t needed, const char *what, peal_error *err);

/* How often the kernel has killed a process of this cgroup because its memory ran out. */
uint64_t peal_machine_oom_kills(void);

/* Monotonic time in nanoseconds. */
int64_t peal_now_ns(void);

/* Bytes as people write them: "1.4 GB". Returns `text`. */
const char *peal_bytes_text(uint64_t bytes, char text[32]);

#endif
