/* What people see: notes, metrics and progress on standard error; a bar on a terminal, plain lines elsewhere. */
#ifndef PEAL_TOOLS_DISPLAY_H
#define PEAL_TOOLS_DISPLAY_H

#include <stdbool.h>

#include "core/event.h"

void tools_display_init(bool quiet);
/* The reporter that draws. */
const peal_reporter *tools_display_reporter(void);
/* Takes the bar off the screen. Before anything else is printed, and at the end. */
void tools_display_clear(void);
/* A line that is shown unless --quiet. */
void tools_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
