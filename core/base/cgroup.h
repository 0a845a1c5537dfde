/* What the control groups of this process allow: CPUs and memory. Both versions of the interface are read, from the
 * process's own group up to the root, since a limit anywhere above holds below. Source: the kernel's documentation,
 * admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst, scheduler/sched-bwc.rst. */
#ifndef PEAL_CORE_CGROUP_H
#define PEAL_CORE_CGROUP_H

#include <stddef.h>
#include <stdint.h>

/* CPUs of time that the quota gives, rounded up; SIZE_MAX: no limit. */
size_t core__cgroup_cpus(void);
/* Bytes left below the tightest limit, caches that can be dropped counted as free; UINT64_MAX: no limit. *limit is the
 * limit itself. */
uint64_t core__cgroup_memory(uint64_t *limit);
/* How often a process of the group was killed because its memory ran out. */
uint64_t core__cgroup_oom_kills(void);

#endif
