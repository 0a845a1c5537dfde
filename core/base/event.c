/* Formats what the library tells and hands it to the reporter; see event.h. */
#include "core/base/event.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "core/base/locale.h"

void peal_report(const peal_reporter *reporter, peal_event_kind kind, const char *format, ...) {
    if (!reporter || !reporter->handle) return;
    char text[1024];
    const locale_t before = peal_locale_enter();
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    peal_locale_leave(before);
    reporter->handle(reporter->user, &(peal_event){.kind = kind, .text = text});
}

void peal_report_progress(const peal_reporter *reporter, const char *stage, const char *unit, uint64_t done,
                          uint64_t total) {
    if (!reporter || !reporter->handle) return;
    peal_event event = {.kind = PEAL_EVENT_PROGRESS, .stage = stage, .unit = unit, .done = done, .total = total};
    reporter->handle(reporter->user, &event);
}
