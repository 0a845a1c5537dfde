#include "tools/display.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/machine.h"

enum { REDRAW_MS = 100, LINE_MS = 5000 };

/* The program has one screen, so this is a static. */
static struct {
    bool quiet, terminal, drawn;
    char stage[64];
    int64_t begin, last; /* of the stage; of the last drawing */
} screen;

void tools_display_init(bool quiet) {
    screen.quiet = quiet;
    screen.terminal = isatty(STDERR_FILENO);
}

void tools_display_clear(void) {
    if (screen.drawn) fputs("\r\033[K", stderr);
    screen.drawn = false;
}

static const char *amount(uint64_t number, const char *unit, char text[48]) {
    char bytes[32];
    if (strcmp(unit, "bytes") == 0) {
        snprintf(text, 48, "%s", peal_bytes_text(number, bytes));
    } else if (number >= 10000000) {
        snprintf(text, 48, "%.1fM %s", (double)number / 1e6, unit);
    } else if (number >= 10000) {
        snprintf(text, 48, "%.1fk %s", (double)number / 1e3, unit);
    } else {
        snprintf(text, 48, "%llu %s", (unsigned long long)number, unit);
    }
    return text;
}

static int bar_width(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 20;
    int width = (int)size.ws_col - 66;
    return width < 8 ? 8 : width > 40 ? 40 : width;
}

static void draw(const peal_event *event, double seconds) {
    char done[48], rate[48], left[32] = "", bar[64] = "";
    double per_second = seconds > 0.05 ? (double)event->done / seconds : 0;
    if (event->total && per_second > 0) {
        double eta = (double)(event->total - event->done) / per_second;
        if (eta < 60) {
            snprintf(left, sizeof left, ", %.0f s left", eta);
        } else {
            snprintf(left, sizeof left, ", %.0f min left", eta / 60);
        }
    }
    amount(event->done, event->unit, done);
    amount((uint64_t)per_second, event->unit, rate);
    double share = event->total ? (double)event->done / (double)event->total : 0;
    if (!screen.terminal) {
        fprintf(stderr, "%s: %3.0f%%, %s, %s/s%s\n", event->stage, 100 * share, done, rate, left);
        return;
    }
    int width = bar_width(), full = (int)(share * width);
    for (int i = 0; event->total && i < width; i++) bar[i] = i < full ? '#' : '.';
    if (event->total) {
        fprintf(stderr, "\r\033[K%-12.20s [%s] %3.0f%% %s, %s/s%s", event->stage, bar, 100 * share, done, rate, left);
    } else {
        fprintf(stderr, "\r\033[K%-12.20s %s, %s/s", event->stage, done, rate);
    }
    fflush(stderr);
    screen.drawn = true;
}

static void progress(const peal_event *event) {
    int64_t now = peal_now_ns();
    if (strncmp(screen.stage, event->stage, sizeof screen.stage - 1) != 0) {
        snprintf(screen.stage, sizeof screen.stage, "%s", event->stage);
        screen.begin = screen.last = now;
        if (!screen.terminal) return;
    }
    bool ended = event->total && event->done == event->total;
    if (ended) {
        tools_display_clear();
        screen.stage[0] = '\0';
        return;
    }
    if (now - screen.last < (int64_t)(screen.terminal ? REDRAW_MS : LINE_MS) * 1000000) return;
    screen.last = now;
    draw(event, (double)(now - screen.begin) * 1e-9);
}

static void handle(void *user, const peal_event *event) {
    (void)user;
    if (event->kind == PEAL_EVENT_PROGRESS) {
        if (!screen.quiet) progress(event);
        return;
    }
    if (screen.quiet && event->kind != PEAL_EVENT_WARNING) return;
    tools_display_clear();
    fprintf(stderr, "%s%s\n", event->kind == PEAL_EVENT_WARNING ? "warning: " : "", event->text);
}

const peal_reporter *tools_display_reporter(void) {
    static const peal_reporter reporter = {.handle = handle};
    return &reporter;
}

void tools_say(const char *format, ...) {
    if (screen.quiet) return;
    tools_display_clear();
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}
