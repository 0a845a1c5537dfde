/* Starts the program again under the BLAS kernel of the run that is to be resumed; see resume.h. */
#include "tools/resume.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/train/train.h"
#include "ops/graph.h"
#include "tools/command.h"
#include "tools/display.h"

/* OpenBLAS reads it as the program begins. */
static const char variable[] = "OPENBLAS_CORETYPE";

/* ---- what kernels need ---- */

enum {
    SSE3 = 1 << 0,
    SSSE3 = 1 << 1,
    SSE4_1 = 1 << 2,
    SSE4_2 = 1 << 3,
    AVX = 1 << 4,
    FMA = 1 << 5,
    FMA4 = 1 << 6,
    AVX2 = 1 << 7,
    BMI2 = 1 << 8,
    AVX512 = 1 << 9, /* F, BW, DQ and VL */
};

typedef struct kernel {
    const char *name;
    unsigned needs;
} kernel;

/* The kernels that OpenBLAS has for x86-64 and can be told to take, with the instructions in them (by disassembly of
 * 0.3.21). It takes a kernel that it is told to take without a look at the CPU, which then ends the process (SIGILL).
 * Left out are Opteron and Opteron_SSE3, which need 3DNow!, and Cooperlake, which it does not take by its name. */
static const kernel kernels[] = {
    {"Prescott", SSE3},
    {"Barcelona", SSE3},
    {"Core2", SSE3 | SSSE3},
    {"Atom", SSE3 | SSSE3},
    {"Nano", SSE3 | SSSE3},
    {"Bobcat", SSE3 | SSSE3},
    {"Penryn", SSE3 | SSSE3 | SSE4_1},
    {"Dunnington", SSE3 | SSSE3 | SSE4_1},
    {"Nehalem", SSE3 | SSSE3 | SSE4_1 | SSE4_2},
    {"Sandybridge", AVX},
    {"Bulldozer", AVX | FMA4},
    {"Piledriver", AVX | FMA4 | FMA},
    {"Steamroller", AVX | FMA4 | FMA},
    {"Excavator", AVX | FMA4 | FMA},
    {"Haswell", AVX | AVX2 | FMA},
    {"Zen", AVX | AVX2 | FMA},
    {"SkylakeX", AVX | AVX2 | FMA | BMI2 | AVX512},
};

/* What this CPU and its kernel of the system have. */
static unsigned features(void) {
    unsigned have = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse3")) have |= SSE3;
    if (__builtin_cpu_supports("ssse3")) have |= SSSE3;
    if (__builtin_cpu_supports("sse4.1")) have |= SSE4_1;
    if (__builtin_cpu_supports("sse4.2")) have |= SSE4_2;
    if (__builtin_cpu_supports("avx")) have |= AVX;
    if (__builtin_cpu_supports("fma")) have |= FMA;
    if (__builtin_cpu_supports("fma4")) have |= FMA4;
    if (__builtin_cpu_supports("avx2")) have |= AVX2;
    if (__builtin_cpu_supports("bmi2")) have |= BMI2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
        have |= AVX512;
    }
#endif
    return have;
}

/* The kernel of an arithmetic ("openblas-0.3.21/Zen glibc-2.36/fma") if this CPU can run it, and nothing else in it
 * differs from `own`; else NULL. */
static const char *find_kernel(const char *arithmetic, const char *own) {
    const unsigned have = features();
    const size_t front = strcspn(own, "/"), rest = strcspn(own, " ");
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        char with[PEAL_ARITHMETIC_TEXT];
        snprintf(with, sizeof with, "%.*s/%s%s", (int)front, own, kernels[i].name, own + rest);
        if (strcmp(with, arithmetic) == 0) return (kernels[i].needs & ~have) == 0 ? kernels[i].name : NULL;
    }
    return NULL;
}

/* ---- starting again ---- */

/* A signal that came before has set tools_stop, a later one ends the process, which has done nothing yet. */
static void drop_handlers(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN) signal(signals[i], SIG_DFL);
    }
}

/* Returns on failure only. That the variable is then set is why the program never does it twice. */
static peal_status start_again(char **words, const char *kernel_name, peal_error *err) {
    drop_handlers();
    if (atomic_load(&tools_stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted");
    if (setenv(variable, kernel_name, 1) != 0) return peal_fail(err, PEAL_E_MEMORY, "no memory for the environment");
    execv("/proc/self/exe", words);
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot start again under the run's arithmetic; set %s=%s",
                           variable, kernel_name);
}

peal_status tools_resume_arithmetic(const tools_options *options, const char *run_dir, peal_error *err) {
    char own[PEAL_ARITHMETIC_TEXT], *recorded;
    if (getenv(variable)) return PEAL_OK; /* the user's wish, or ours from before */
    PEAL_TRY(peal_train_arithmetic(run_dir, &recorded, err));
    if (!recorded) return PEAL_OK;
    const char *name = strcmp(recorded, peal_graph_arithmetic(own)) != 0 ? find_kernel(recorded, own) : NULL;
    if (name) tools_say("the run was begun under the arithmetic of %s; going on with it", recorded);
    free(recorded);
    return name ? start_again(options->words, name, err) : PEAL_OK;
}
