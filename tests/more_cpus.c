/* Has a program believe in more CPUs than there are, to be linked or preloaded: TEST_CPUS, if set, says how many its
 * affinity shows at least. How work is cut by CPUs is then tested on any machine. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
    const char *cpus = getenv("TEST_CPUS");
    memset(set, 0, size);
    if (syscall(SYS_sched_getaffinity, pid, size, set) < 0) return -1;
    for (size_t cpu = 0; cpus && cpu < (size_t)atol(cpus); cpu++) CPU_SET_S(cpu, size, set);
    return 0;
}
