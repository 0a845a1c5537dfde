/* Starting again under another BLAS kernel (ops/arithmetic.h): a better one than OpenBLAS has chosen for this CPU, or
 * that of the run that is to be resumed. */
#ifndef PEAL_TOOLS_RESUME_H
#define PEAL_TOOLS_RESUME_H

#include "tools/options.h"

/* Before any other work of a job that resumes the run in `run_dir`: nothing is open, locked or read yet. If the run's
 * kernel is another one than this process's, and it can be had, says so and does not return: the process becomes the
 * same command under that kernel. If nothing is to be done, or nothing can be, PEAL_OK: training refuses a run of
 * another arithmetic. PEAL_E_INTERRUPTED if the user wants to stop. */
peal_status tools_resume_arithmetic(const tools_options *options, const char *run_dir, peal_error *err);

/* The first thing that the program does: where OpenBLAS does not know this CPU and took a poor kernel, and the user has
 * named none, the process becomes the same command under the best kernel that the CPU can run. */
void tools_start_under_better_kernel(char **words);

#endif
