/* Lines, the progress bar and JSON on their way to the screen; see display.h. */
#include "tools/display.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "tools/options.h"

enum { REDRAW_MS = 100, LINE_MS = 5000, METRIC_MS = 1000, WIDTH = 80, BAR_LEAST = 8, BAR_MOST = 40 };

/* The program has one screen, so this is a static. */
static struct {
    bool quiet, terminal, drawn;
    char stage[64];
    int64_t begin, last; /* of the stage; of the last drawing */
    uint64_t first;      /* what of the stage was done when it began, as after a resumption */
    uint64_t done;       /* seen last; if it falls, another one of the same name has begun */
    char *metric;        /* the newest one, not shown yet, or NULL */
    int64_t last_metric; /* when one was shown; 0: never */
} screen;

void tools_display_init(bool quiet) {
    screen.quiet = quiet;
    screen.terminal = isatty(STDERR_FILENO);
}

/* ---- lines ---- */

static size_t width_of(FILE *to) {
    struct winsize size;
    return ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH;
}

/* Bytes of `text` that take up to `columns` columns; a character counts one. */
static size_t bytes_within(const char *text, size_t columns) {
    size_t at = 0;
    for (size_t seen = 0; text[at]; at++) {
        const bool begins = ((unsigned char)text[at] & 0xC0) != 0x80;
        if (begins && seen++ == columns) break;
    }
    return at;
}

/* Breaks a line between words; what follows is indented by two more than the line is. */
static void wrap(FILE *to, const char *text) {
    const size_t width = width_of(to), indent = strspn(text, " ") + 2;
    size_t room = width;
    while (strlen(text) > bytes_within(text, room)) {
        const size_t most = bytes_within(text, room);
        size_t cut = most;
        while (cut > 0 && text[cut] != ' ') cut--;
        if (strspn(text, " ") >= cut) cut = most; /* one word is longer than the line */
        fprintf(to, "%.*s\n%*s", (int)cut, text, (int)indent, "");
        text += cut + strspn(text + cut, " ");
        room = width > indent ? width - indent : 1;
    }
    fprintf(to, "%s\n", text);
}

/* The one place where text goes to a stream. */
static void put_line(FILE *to, bool wrapped, const char *text, size_t size) {
    char *printable = peal_text_printable(text, size);
    if (!printable) {
        fputs("(no memory to show a line)\n", to);
    } else if (wrapped) {
        wrap(to, printable);
    } else {
        fprintf(to, "%s\n", printable);
    }
    free(printable);
}

/* The library names an option as (label) or (type x=text); here it gets its dashes. NULL if there is no memory. */
static char *with_dashes(const char *text) {
    size_t options = 0, used = 0;
    for (const char *at = text; *at; at++) options += *at == '(';
    char *out = malloc(strlen(text) + 2 * options + 1);
    for (const char *at = text; out && *at; at++) {
        out[used++] = *at;
        if (*at != '(') continue;
        const size_t length = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz-");
        const char behind = at[1 + length];
        if (length == 0 || (behind != ')' && behind != ' ' && behind != ',')) continue;
        if (!tools_is_option(at + 1, length)) continue;
        out[used++] = '-';
        out[used++] = '-';
    }
    if (out) out[used] = '\0';
    return out;
}

static void put_formatted(FILE *to, const char *format, va_list args) {
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) text = NULL;
    if (text && to == stderr) {
        char *plain = text;
        text = with_dashes(plain);
        free(plain);
    }
    tools_display_clear();
    put_line(to, isatty(fileno(to)), text ? text : "(no memory)", text ? strlen(text) : 11);
    free(text);
}

void tools_display_clear(void) {
    if (screen.drawn) fputs("\r\033[K", stderr);
    screen.drawn = false;
    if (!screen.metric) return;
    put_line(stderr, screen.terminal, screen.metric, strlen(screen.metric));
    free(screen.metric);
    screen.metric = NULL;
}

void tools_say(const char *format, ...) {
    if (screen.quiet) return;
    va_list args;
    va_start(args, format);
    put_formatted(stderr, format, args);
    va_end(args);
}

void tools_complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_formatted(stderr, format, args);
    va_end(args);
}

void tools_complain_whole(const char *line) {
    tools_display_clear();
    put_line(stderr, false, line, strlen(line));
}

void tools_print(const char *format, ...) {
    va_list args;
    va_start(args, format);
    put_formatted(stdout, format, args);
    va_end(args);
}

/* The next line of a row begins: a new line, and blanks up to `column`. */
static size_t begin_row(int column) {
    printf("\n%*s", column, "");
    return (size_t)column;
}

void tools_print_row(const char *left, int column, const char *text) {
    size_t at = (size_t)printf("%*s", -column, left);
    if (column > 0 && strlen(left) >= (size_t)column) at = begin_row(column);
    while (*text) {
        const size_t length = strcspn(text, " \n"); /* of a word; help is ASCII */
        if (at > (size_t)column) {
            if (at + 1 + length > WIDTH) {
                at = begin_row(column);
            } else {
                at += (size_t)printf(" ");
            }
        }
        at += (size_t)printf("%.*s", (int)length, text);
        text += length;
        if (*text == '\n') at = begin_row(column);
        text += *text != '\0';
    }
    putchar('\n');
}

/* ---- for programs ---- */

static peal_status flush_output(bool written, peal_error *err) {
    if (written && fflush(stdout) == 0) return PEAL_OK;
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot write to standard output");
}

peal_status tools_print_bytes(const void *bytes, size_t size, peal_error *err) {
    const char *text = bytes;
    if (!isatty(STDOUT_FILENO)) return flush_output(fwrite(text, 1, size, stdout) == size, err);
    for (size_t at = 0; at < size;) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - text) - at : size - at;
        put_line(stdout, false, text + at, length);
        at += length + 1;
    }
    return flush_output(true, err);
}

/* jansson escapes U+0000 to U+001F; the other control characters, U+007F to U+009F, can stand in texts only. */
static bool put_json(const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        const bool two = *at == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F;
        if (two) at++;
        if ((two || *at == 0x7F ? printf("\\u%04x", *at) : putchar(*at)) < 0) return false;
    }
    return putchar('\n') >= 0;
}

peal_status tools_print_json(json_t *value, peal_error *err) {
    char *text = value ? json_dumps(value, JSON_REAL_PRECISION(17)) : NULL;
    json_decref(value);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for a JSON object");
    const peal_status status = flush_output(put_json(text), err);
    free(text);
    return status;
}

/* ---- progress ---- */

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

static const char *time_left(const peal_event *event, double per_second, char text[32]) {
    const double seconds = per_second > 0 ? (double)(event->total - event->done) / per_second : 0;
    text[0] = '\0';
    if (!event->total || per_second <= 0) return text;
    if (seconds < 60) {
        snprintf(text, 32, ", %.0f s left", seconds);
    } else if (seconds < 36000) {
        snprintf(text, 32, ", %.0f min left", seconds / 60);
    } else {
        snprintf(text, 32, ", %.0f h left", seconds / 3600);
    }
    return text;
}

/* "training [####....]" in what `used` columns leave of the line. */
static void draw_bar(const char *stage, double share, size_t used) {
    const size_t width = width_of(stderr), taken = strlen(stage) + 4 + used;
    size_t room = width > taken ? width - taken : 0;
    char bar[BAR_MOST + 1];
    if (room > BAR_MOST) room = BAR_MOST;
    fprintf(stderr, "\r\033[K%s ", stage);
    if (room < BAR_LEAST) return;
    memset(bar, '.', room);
    memset(bar, '#', (size_t)(share * (double)room));
    fprintf(stderr, "[%.*s]", (int)room, bar);
}

static void draw(const peal_event *event, double seconds) {
    char done[48], rate[48], left[32], percent[16] = "", figures[160];
    const double per_second = seconds > 0.05 ? (double)(event->done - screen.first) / seconds : 0;
    const double share = event->total ? (double)event->done / (double)event->total : 0;
    if (event->total) snprintf(percent, sizeof percent, "%3.0f%%, ", 100 * share);
    snprintf(figures, sizeof figures, "%s%s, %s/s%s", percent, amount(event->done, event->unit, done),
             amount((uint64_t)per_second, event->unit, rate), time_left(event, per_second, left));
    if (!screen.terminal) {
        char line[256];
        put_line(stderr, false, line, (size_t)snprintf(line, sizeof line, "%s: %s", event->stage, figures));
        return;
    }
    if (event->total) {
        draw_bar(event->stage, share, strlen(figures));
    } else {
        fprintf(stderr, "\r\033[K%s ", event->stage);
    }
    fputs(figures, stderr);
    fflush(stderr);
    screen.drawn = true;
}

static void progress(const peal_event *event) {
    int64_t now = peal_now_ns();
    if (strncmp(screen.stage, event->stage, sizeof screen.stage - 1) != 0 || event->done < screen.done) {
        snprintf(screen.stage, sizeof screen.stage, "%s", event->stage);
        screen.begin = screen.last = now;
        screen.first = event->done;
        screen.done = event->done;
        if (!screen.terminal) return;
    }
    screen.done = event->done;
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

/* ---- events ---- */

static void metric(const char *text) {
    const int64_t now = peal_now_ns();
    free(screen.metric);
    screen.metric = peal_strdup(text);
    if (screen.last_metric && now - screen.last_metric < (int64_t)METRIC_MS * 1000000) return;
    screen.last_metric = now;
    tools_display_clear();
}

static void handle(void *user, const peal_event *event) {
    (void)user;
    if (event->kind == PEAL_EVENT_WARNING) {
        tools_complain("warning: %s", event->text);
    } else if (screen.quiet) {
        return;
    } else if (event->kind == PEAL_EVENT_PROGRESS) {
        progress(event);
    } else if (event->kind == PEAL_EVENT_METRIC) {
        metric(event->text);
    } else {
        tools_say("%s", event->text);
    }
}

const peal_reporter *tools_display_reporter(void) {
    static const peal_reporter reporter = {.handle = handle};
    return &reporter;
}
