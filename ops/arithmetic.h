/* Whose arithmetic this process computes with. GEMM's sums have the bits of a kernel that OpenBLAS chooses by the type
 * of CPU as a program begins, or as OPENBLAS_CORETYPE says; libm's last bits depend on whether it has fused
 * multiply-add. */
#ifndef PEAL_OPS_ARITHMETIC_H
#define PEAL_OPS_ARITHMETIC_H

#include <stddef.h>

enum { PEAL_ARITHMETIC_TEXT = 96 };
/* "openblas-0.3.21/SkylakeX glibc-2.36/fma": what was made under another text has other bits. Returns `text`. */
const char *peal_arithmetic(char text[PEAL_ARITHMETIC_TEXT]);

/* The kernel of an arithmetic if this CPU can run it, and nothing else in it differs from this process's; else NULL. */
const char *peal_arithmetic_kernel(const char *arithmetic);

/* The kernel that should be used in place of this process's, or NULL. OpenBLAS takes its oldest kernel for a CPU that
 * it does not know, which is newer than itself: GEMM is then several times slower than this CPU can do. */
const char *peal_arithmetic_better_kernel(void);

/* From here on this thread takes floats too small to be normal (below 1.2e-38) for 0. An optimizer's moments of units
 * that have gone silent fall to them and stay, and a CPU calculates with them a hundred times slower. Does nothing on
 * processors other than x86-64 and AArch64. */
void peal_arithmetic_flush_tiny(void);

#endif
