/* Threads that leave signals to the host's; see thread.h. */
#include "core/thread/thread.h"

#include <signal.h>

int core__thread_start(pthread_t *handle, void *(*run)(void *), void *argument) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int reason = pthread_create(handle, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return reason;
}
