/* Log and progress as events. Peal's library prints nothing: it tells a reporter, and the program draws. */
#ifndef PEAL_CORE_EVENT_H
#define PEAL_CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum peal_event_kind {
    PEAL_EVENT_NOTE,     /* something worth knowing: a choice made, a worker replaced */
    PEAL_EVENT_WARNING,  /* something that the user may want to change */
    PEAL_EVENT_PROGRESS, /* `done` of `total` `unit`s of `stage` */
    PEAL_EVENT_METRIC    /* one line of results, such as an epoch's loss; `text` is ready to show */
} peal_event_kind;

typedef struct peal_event {
    peal_event_kind kind;
    const char *stage; /* for progress: what is going on, "epoch 3/10" */
    const char *unit;  /* for progress: "rows", "bytes" */
    uint64_t done;
    uint64_t total;   /* 0 if it is not known */
    const char *text; /* for the other kinds; valid during the call only */
} peal_event;

/* Where events go. `handle` may be NULL: then nothing is said. It is called by one thread at a time, but not always by
 * the caller's own. */
typedef struct peal_reporter {
    void (*handle)(void *user, const peal_event *event);
    void *user;
} peal_reporter;

void peal_report(const peal_reporter *reporter, peal_event_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void peal_report_progress(const peal_reporter *reporter, const char *stage, const char *unit, uint64_t done,
                          uint64_t total);

#ifdef __cplusplus
}
#endif
#endif
