/* CPUs, memory and time, as the system gives them to this process; see machine.h. */
#include "core/base/machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/cgroup.h"
#include "core/base/memory.h"

size_t peal_machine_cpus(void) {
    cpu_set_t set;
    size_t cpus = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = (size_t)CPU_COUNT(&set);
    size_t quota = core__cgroup_cpus();
    if (quota < cpus) cpus = quota;
    return cpus > 0 ? cpus : 1;
}

static uint64_t meminfo_available(void) {
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file) return UINT64_MAX;
    char line[256];
    unsigned long long kib = 0;
    uint64_t bytes = UINT64_MAX;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) bytes = kib * 1024;
    }
    fclose(file);
    return bytes;
}

static uint64_t address_space_left(uint64_t *limit_out) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    *limit_out = limit.rlim_cur;
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return limit.rlim_cur;
    int found = fscanf(file, "%llu", &pages);
    fclose(file);
    if (found != 1) return limit.rlim_cur;
    uint64_t used = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

uint64_t peal_machine_memory(void) {
    uint64_t limit, bytes = meminfo_available(), cgroup = core__cgroup_memory(&limit);
    return cgroup < bytes ? cgroup : bytes;
}

peal_status peal_machine_memory_check(uint64_t needed, const char *what, peal_error *err) {
    uint64_t limit = 0, available = meminfo_available(), cgroup = core__cgroup_memory(&limit);
    if (needed <= available && needed <= cgroup) return PEAL_OK;
    char needed_text[32], there_text[32], limit_text[32], source[96] = "of the machine's memory";
    if (cgroup < available) {
        snprintf(source, sizeof source, "under the cgroup's limit of %s", peal_bytes_text(limit, limit_text));
    }
    return peal_fail(err, PEAL_E_MEMORY, "%s needs %s of memory, but only %s can still be had %s", what,
                     peal_bytes_text(needed, needed_text),
                     peal_bytes_text(cgroup < available ? cgroup : available, there_text), source);
}

peal_status peal_machine_address_space_check(uint64_t needed, const char *what, peal_error *err) {
    uint64_t limit = 0, there = address_space_left(&limit);
    if (needed <= there) return PEAL_OK;
    char needed_text[32], there_text[32], limit_text[32];
    return peal_fail(err, PEAL_E_MEMORY,
                     "%s needs %s of address space, but only %s of the limit of %s can still be mapped (ulimit -v)",
                     what, peal_bytes_text(needed, needed_text), peal_bytes_text(there, there_text),
                     peal_bytes_text(limit, limit_text));
}

uint64_t peal_machine_oom_kills(void) {
    return core__cgroup_oom_kills();
}

int64_t peal_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const char *peal_bytes_text(uint64_t bytes, char text[32]) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    double number = (double)bytes;
    size_t unit = 0;
    while (number >= 1000 && unit < 6) {
        number /= 1000;
        unit++;
    }
    peal_snprintf(text, 32, unit && number < 10 ? "%.1f %s" : "%.0f %s", number, units[unit]);
    return text;
}
