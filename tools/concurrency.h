/* `peal help concurrency`. */
#ifndef PEAL_TOOLS_CONCURRENCY_H
#define PEAL_TOOLS_CONCURRENCY_H

/* Prints the page; takes a few seconds to measure this machine. */
void tools_print_concurrency(void);

#endif
