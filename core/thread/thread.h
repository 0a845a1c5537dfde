/* Threads of pools. */
#ifndef PEAL_CORE_THREAD_H
#define PEAL_CORE_THREAD_H

#include <pthread.h>

/* Starts a thread to which no signal is delivered: the handlers of the program belong to its own threads. Returns 0 or
 * the reason, as pthread_create does. */
int core__thread_start(pthread_t *handle, void *(*run)(void *), void *argument);

#endif
