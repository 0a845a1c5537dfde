/* The C locale for what Peal reads and writes, whatever locale the host has set. It is set for the calling thread,
 * around the one call that needs it, so nothing of the host's changes: not its other threads, not its callbacks. */
#ifndef PEAL_CORE_LOCALE_H
#define PEAL_CORE_LOCALE_H

#include <locale.h>

/* Puts the calling thread into the C locale; give what it returns to peal_locale_leave. */
locale_t peal_locale_enter(void);
void peal_locale_leave(locale_t before);

#endif
