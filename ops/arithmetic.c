/* See arithmetic.h. */
#include "ops/arithmetic.h"

#include <cblas.h>
#include <gnu/libc-version.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Whether libm runs its versions for fused multiply-add, chosen by the CPU as the program begins. */
static bool libm_has_fma(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
#else
    return true;
#endif
}

const char *peal_arithmetic(char text[PEAL_ARITHMETIC_TEXT]) {
    /* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..." */
    const char *version = strchr(openblas_get_config(), ' ');
    int length = version ? (int)strcspn(version + 1, " ") : 0;
    snprintf(text, PEAL_ARITHMETIC_TEXT, "openblas-%.*s/%s glibc-%s/%s", length, version ? version + 1 : "",
             openblas_get_corename(), gnu_get_libc_version(), libm_has_fma() ? "fma" : "no-fma");
    return text;
}

#if defined(__x86_64__)
void peal_arithmetic_flush_tiny(void) {
    const unsigned flush = 0x8000, as_zero = 0x40; /* of the register MXCSR: results, and what comes in */
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | flush | as_zero);
}
#elif defined(__aarch64__)
void peal_arithmetic_flush_tiny(void) {
    const unsigned long flush = 1ul << 24; /* of the register FPCR: both */
    unsigned long mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | flush));
}
#else
void peal_arithmetic_flush_tiny(void) {
}
#endif

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

const char *peal_arithmetic_kernel(const char *arithmetic) {
    char own[PEAL_ARITHMETIC_TEXT];
    const unsigned have = features();
    peal_arithmetic(own);
    const size_t front = strcspn(own, "/"), rest = strcspn(own, " ");
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        char with[PEAL_ARITHMETIC_TEXT];
        snprintf(with, sizeof with, "%.*s/%s%s", (int)front, own, kernels[i].name, own + rest);
        if (strcmp(with, arithmetic) == 0) return (kernels[i].needs & ~have) == 0 ? kernels[i].name : NULL;
    }
    return NULL;
}

const char *peal_arithmetic_better_kernel(void) {
    const unsigned have = features(), modern = AVX2 | FMA;
    const char *name = openblas_get_corename();
    if ((have & modern) != modern) return NULL;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        if (strcmp(kernels[i].name, name) != 0) continue;
        if (kernels[i].needs & AVX2) return NULL;
        return have & AVX512 ? "SkylakeX" : "Haswell";
    }
    return NULL;
}
