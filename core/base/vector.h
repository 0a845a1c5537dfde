/* PEAL_VECTOR in front of a function makes the compiler build it once per vector unit (function multiversioning); the
 * right one is picked when the program loads. Its loops are plain C, and since Peal is built without contraction and
 * without reassociation, every version gives the same bits. Sanitizers cannot run the picking code, so there is one
 * plain version under them. */
#ifndef PEAL_CORE_VECTOR_H
#define PEAL_CORE_VECTOR_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(PEAL_SANITIZED)
#define PEAL_VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
/* A function may be written for AVX-512 besides, where no compiler makes it of plain C. */
#define PEAL_HAS_AVX512 1
#else
#define PEAL_VECTOR
#endif

/* In front of a loop: no step reads what another one writes, though the pointers may be equal. */
#if defined(__GNUC__) && !defined(__clang__)
#define PEAL_INDEPENDENT _Pragma("GCC ivdep")
#else
#define PEAL_INDEPENDENT
#endif

#endif
