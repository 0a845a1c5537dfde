/* The program: finds the subcommand, runs it, and turns what happened into a message and an exit code. */
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
    if (status != PEAL_OK) explain(status, &error, &options, count, words);
    tools_display_clear();
    tools_options_clear(&options);
    return exit_code(status);
}
