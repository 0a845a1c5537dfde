/* The program: finds the subcommand, runs it, and turns what happened into a message and an exit code. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/machine.h"
#include "tools/command.h"
#include "tools/display.h"

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
    sigaction(SIGHUP, &action, NULL);
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

static void explain(peal_status status, const peal_error *error, const tools_options *options, int count,
                    char **words) {
    tools_display_clear();
    fprintf(stderr, "peal: %s\n", error->message);
    if (status != PEAL_E_INTERRUPTED) return;
    fputs("peal: to go on:", stderr);
    for (int i = 0; i < count; i++) fprintf(stderr, strpbrk(words[i], " *?'\"$&;|<>()") ? " '%s'" : " %s", words[i]);
    fputs(options->resume ? "\n" : " --resume\n", stderr);
}

int main(int count, char **words) {
    guard_streams();
    const char *name = count > 1 ? words[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    const tools_command *command;
    tools_options options = {0};
    peal_error error = {0};
    peal_status status = tools_command_find(name, &command, &error);
    if (status == PEAL_OK) {
        status =
            tools_options_parse(command->bit, command->name, count > 2 ? count - 2 : 0, words + 2, &options, &error);
    }
    if (status == PEAL_OK && options.help) {
        tools_command_print(command);
    } else if (status == PEAL_OK) {
        tools_display_init(options.quiet);
        install_signals();
        status = command->run(&options, &error);
    }
    if (status == PEAL_OK) status = close_output(&error);
    if (status != PEAL_OK) explain(status, &error, &options, count, words);
    tools_display_clear();
    tools_options_clear(&options);
    return exit_code(status);
}
