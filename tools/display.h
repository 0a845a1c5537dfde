/* What people see: notes, metrics and progress on standard error, what they asked for on standard output. Every line
 * goes through one place, which shows no control character that came from outside; on a terminal lines are wrapped. */
#ifndef PEAL_TOOLS_DISPLAY_H
#define PEAL_TOOLS_DISPLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/event.h"
#include "core/base/status.h"

void tools_display_init(bool quiet);
/* The reporter that draws. Of metrics that come faster than people read, one a second is shown, and the last. */
const peal_reporter *tools_display_reporter(void);
/* Takes the bar off the screen, and shows the metric that was held back. At the end. */
void tools_display_clear(void);
/* A line on standard error that is shown unless --quiet. */
void tools_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line on standard error that is always shown. */
void tools_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line that is to be pasted: escaped as all are, but never wrapped. Always shown. */
void tools_complain_whole(const char *line);

/* A line on standard output: what was asked for. Whether it arrived is seen when the program ends. */
void tools_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A row of a help page: `left`, and from column `column` on `text`, folded at 80 columns. */
void tools_print_row(const char *left, int column, const char *text);
/* What was made for other programs, as it is; but line by line like the above if standard output is a terminal. */
peal_status tools_print_bytes(const void *bytes, size_t size, peal_error *err);
/* One JSON object on standard output; `value` is freed. Control characters are escaped, also those that JSON allows.
 * NULL is PEAL_E_MEMORY. PEAL_E_FAILED if standard output cannot be written to. */
peal_status tools_print_json(json_t *value, peal_error *err);

#endif
