/* Makes a process stand still without stopping it, as a loop without end or a device that does not answer would: its
 * parent sees no change of state. Holds it until this program is killed. usage: freeze PID */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 2) return 2;
    pid_t pid = atoi(words[1]);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0) {
        perror("ptrace");
        return 1;
    }
    waitpid(pid, NULL, __WALL);
    puts("frozen");
    fflush(stdout);
    waitpid(pid, NULL, __WALL); /* until it is killed */
    return 0;
}
