/* The program: finds the subcommand, runs it, and turns what happened into a message and an exit code. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/base/version.h"
#include "ops/arithmetic.h"
#include "tools/command.h"
#include "tools/display.h"
#include "tools/resume.h"

enum { EXIT_INTERRUPTED = 4 };

/* The first wish to stop is left to the job, which ends in good order; a second one ends the process at once, and its
 * workers die with it. What comes within a blink of the first is the same wish: `timeout` and some shells signal the
 * process and its group. */
static void on_signal(int signal_number) {
    (void)signal_number;
    static _Atomic int64_t first;
    const int64_t now = peal_now_ns(), blink = 300000000;
    int64_t then = 0;
    if (!atomic_compare_exchange_strong(&first, &then, now) && now - then > blink) _exit(EXIT_INTERRUPTED);
    atomic_store(&tools_stop, 1);
}

static void install_signals(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction before; /* ignored under nohup(1), and so it stays */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

/* A reader of our output that goes away, and a limit on the size of files, are errors of the write, not the end of the
 * process in the middle of a job.
 * Streams that came closed are taken, each in the way in which it cannot be used, so that no file of a job becomes one
 * of them. */
static void guard_streams(void) {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

/* PEAL_E_FAILED if something of what was printed did not arrive. */
static peal_status close_output(peal_error *err) {
    bool failed = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !failed) return PEAL_OK;
    if (errno == 0) return peal_fail(err, PEAL_E_FAILED, "cannot write to standard output");
    return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot write to standard output");
}

static int exit_code(peal_status status) {
    switch (status) {
    case PEAL_OK:
        return 0;
    case PEAL_E_USAGE:
        return 2;
    case PEAL_E_DATA:
        return 3;
    case PEAL_E_INTERRUPTED:
        return EXIT_INTERRUPTED;
    default:
        return 1;
    }
}

/* Whether --resume would go on: what came through a pipe is gone. */
static bool is_resumable(const tools_command *command, const tools_options *options) {
    if (command->bit != FOR_ETL && command->bit != FOR_TRAIN) return false;
    for (size_t i = 0; i < options->source_count; i++) {
        if (peal_source_comes_once(options->sources[i])) return false;
    }
    return true;
}

/* Appends a word for the shell. False if it holds what a terminal must not get, or there is no memory. */
static bool add_word(peal_buffer *line, const char *word) {
    char *printable = peal_text_printable(word, strlen(word)), *quoted = peal_text_shell_word(word);
    const bool fit = printable && quoted && strcmp(printable, word) == 0 &&
                     peal_buffer_append(line, " ", 1, NULL) == PEAL_OK &&
                     peal_buffer_append(line, quoted, strlen(quoted), NULL) == PEAL_OK;
    free(printable);
    free(quoted);
    return fit;
}

/* The same command with --resume; it stands in front, as behind a "--" it would be a source. */
static void tell_to_go_on(const tools_options *options, int count, char **words) {
    static const char begin[] = "peal: to go on:";
    peal_buffer line = {0};
    bool fit = peal_buffer_append(&line, begin, sizeof begin - 1, NULL) == PEAL_OK;
    for (int i = 0; fit && i < count; i++) {
        fit = add_word(&line, words[i]);
        if (fit && i == 1 && !options->resume) fit = add_word(&line, "--resume");
    }
    if (fit && peal_buffer_append(&line, "", 1, NULL) == PEAL_OK) {
        tools_complain_whole((const char *)line.data);
    } else {
        tools_complain("%s the same command with --resume (a word of it cannot be shown)", begin);
    }
    peal_buffer_clear(&line);
}

/* "peal 0.5.1 (openblas-0.3.21/SkylakeX glibc-2.36/fma)" */
static void print_version(void) {
    char arithmetic[PEAL_ARITHMETIC_TEXT];
    tools_print("peal %s (%s)", peal_version(), peal_arithmetic(arithmetic));
}

static bool is_one_of(const char *word, const char *one, const char *other) {
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* What the words ask for. *command is what was found of it, also on failure. */
static peal_status run(int count, char **words, const tools_command **command, tools_options *options,
                       peal_error *err) {
    const char *name = count > 1 ? words[1] : "help";
    if (is_one_of(name, "--version", "-V")) {
        print_version();
        return PEAL_OK;
    }
    if (is_one_of(name, "--help", "-h")) name = "help";
    PEAL_TRY(tools_command_find(name, command, err));
    PEAL_TRY(
        tools_options_parse((*command)->bit, (*command)->name, count > 2 ? count - 2 : 0, words + 2, options, err));
    options->words = words;
    if (options->help) {
        tools_command_print(*command);
        return PEAL_OK;
    }
    tools_display_init(options->quiet);
    install_signals();
    return (*command)->run(options, err);
}

int main(int count, char **words) {
    tools_start_under_better_kernel(words);
    prctl(PR_SET_NAME, "peal"); /* to ps and killall: a program that started itself again is called "exe" */
    guard_streams();
    const tools_command *command = NULL;
    tools_options options = {0};
    peal_error error = {0};
    peal_status status = run(count, words, &command, &options, &error);
    tools_display_clear();
    if (status == PEAL_OK) status = close_output(&error);
    if (status != PEAL_OK) tools_complain("peal: %s", error.message);
    if (status == PEAL_E_INTERRUPTED && is_resumable(command, &options)) tell_to_go_on(&options, count, words);
    tools_options_clear(&options);
    return exit_code(status);
}
