/* Starts the program again under another BLAS kernel; see resume.h. */
#include "tools/resume.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/train/train.h"
#include "ops/arithmetic.h"
#include "tools/command.h"
#include "tools/display.h"

/* OpenBLAS reads it as the program begins. */
static const char variable[] = "OPENBLAS_CORETYPE";
/* That the other variable is not the user's. */
static const char mark[] = "PEAL_CORETYPE_IS_CHOSEN";

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
    const char *name = strcmp(recorded, peal_arithmetic(own)) != 0 ? peal_arithmetic_kernel(recorded) : NULL;
    if (name) tools_say("the run was begun under the arithmetic of %s; going on with it", recorded);
    free(recorded);
    return name ? start_again(options->words, name, err) : PEAL_OK;
}

void tools_start_under_better_kernel(char **words) {
    if (getenv(mark)) { /* done; what starts from here finds the environment as it was */
        unsetenv(mark);
        unsetenv(variable);
        return;
    }
    const char *name = getenv(variable) ? NULL : peal_arithmetic_better_kernel();
    if (!name || setenv(mark, "1", 1) != 0) return;
    if (setenv(variable, name, 1) == 0) execv("/proc/self/exe", words);
    unsetenv(mark);
    unsetenv(variable);
}
