/* Resuming under the arithmetic of the run. GEMM's sums have the bits of OpenBLAS's kernel, which it chooses by the
 * type of CPU as a program begins, or as OPENBLAS_CORETYPE says. A run that was begun under another kernel goes on
 * under that one where this CPU can run it: the program starts itself again. */
#ifndef PEAL_TOOLS_RESUME_H
#define PEAL_TOOLS_RESUME_H

#include "tools/options.h"

/* Before any other work of a job that resumes the run in `run_dir`: nothing is open, locked or read yet. If the run's
 * kernel is another one than this process's, and it can be had, says so and does not return: the process becomes the
 * same command under that kernel. If nothing is to be done, or nothing can be, PEAL_OK: training refuses a run of
 * another arithmetic. PEAL_E_INTERRUPTED if the user wants to stop. */
peal_status tools_resume_arithmetic(const tools_options *options, const char *run_dir, peal_error *err);

#endif
