/* Connections: tcp://HOST:PORT and unix:PATH. Peal connects, and reads what the other side sends, to the end: as of a
 * pipe the bytes come once. What a user types here is his own will, so addresses of his own machine and network are as
 * good as others (unlike those that a URL of the web may lead to). */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/memory.h"
#include "core/base/stop.h"
#include "etl/source/address.h"
#include "etl/source/live.h"

/* A server that does not answer is given up after CONNECT_MS; one that refuses is asked again every RETRY_MS, for as
 * long as the user wishes. */
enum { CONNECT_MS = 10000, RETRY_MS = 100, CONNECT_SECONDS_MOST = 86400 };

static const char tcp_prefix[] = "tcp://", unix_prefix[] = "unix:";

static const peal_option tcp_options[] = {
    {.name = "connect-seconds",
     .kind = PEAL_OPTION_COUNT,
     .least = 0,
     .most = CONNECT_SECONDS_MOST,
     .argument = "N",
     .help = "of tcp: and unix: sources: go on trying for N seconds where nobody listens yet (one try)"},
    {.name = NULL},
};
static const peal_option no_options[] = {{.name = NULL}};

static bool has_prefix(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* ---- addresses ---- */

/* Where to connect to. */
typedef struct address {
    struct sockaddr_storage bytes;
    socklen_t size;
    char text[64]; /* in digits */
} address;

enum { ADDRESSES_MOST = 16 };

typedef struct addresses {
    address all[ADDRESSES_MOST];
    size_t count;
} addresses;

/* Takes a name apart: the host (an IPv6 address stands in brackets) and the port. Both are the caller's. */
static peal_status split_name(const char *name, char **host, char **port, peal_error *err) {
    const char *at = name + strlen(tcp_prefix), *end = at + strcspn(at, "/"), *colon = end;
    while (colon > at && colon[-1] != ':' && colon[-1] != ']') colon--;
    const bool has_port = colon > at + 1 && colon[-1] == ':' && colon < end && end - colon <= 5 &&
                          strspn(colon, "0123456789") == (size_t)(end - colon);
    const bool rest = end[0] == '/' && end[1] != '\0';
    const char *host_end = colon - 1;
    if (has_port && *at == '[' && host_end[-1] == ']') {
        at++;
        host_end--;
    }
    if (!has_port || rest || host_end <= at || atoi(colon) < 1 || atoi(colon) > 65535) {
        return peal_fail(err, PEAL_E_USAGE, "'%s' is no address: tcp://HOST:PORT was expected, as tcp://localhost:9000",
                         name);
    }
    *host = peal_strndup(at, (size_t)(host_end - at));
    *port = peal_strndup(colon, (size_t)(end - colon));
    if (*host && *port) return PEAL_OK;
    free(*host);
    free(*port);
    return peal_fail(err, PEAL_E_MEMORY, "no memory for an address");
}

static peal_status find_tcp(const char *name, addresses *out, peal_error *err) {
    char *host, *port;
    struct addrinfo *found = NULL;
    PEAL_TRY(split_name(name, &host, &port, err));
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    int problem = getaddrinfo(host, port, &wanted, &found);
    if (problem == EAI_NONAME || problem == EAI_ADDRFAMILY) { /* a machine that has a loopback only */
        const struct addrinfo any = {.ai_socktype = SOCK_STREAM};
        problem = getaddrinfo(host, port, &any, &found);
    }
    for (const struct addrinfo *one = found; one && out->count < ADDRESSES_MOST; one = one->ai_next) {
        address *next = &out->all[out->count++];
        memcpy(&next->bytes, one->ai_addr, one->ai_addrlen);
        next->size = one->ai_addrlen;
        source__address_text(one->ai_addr, next->text);
    }
    if (found) freeaddrinfo(found);
    free(host);
    free(port);
    if (problem == 0 && out->count > 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s: there is no such host: %s", name, gai_strerror(problem));
}

static peal_status find_unix(const char *name, addresses *out, peal_error *err) {
    const char *path = name + strlen(unix_prefix);
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof local.sun_path) {
        return peal_fail(err, PEAL_E_USAGE, "'%s': a path of 1 to %zu bytes was expected, as unix:/run/rows.sock", name,
                         sizeof local.sun_path - 1);
    }
    memcpy(local.sun_path, path, strlen(path) + 1);
    out->count = 1;
    memcpy(&out->all[0].bytes, &local, sizeof local);
    out->all[0].size = sizeof local;
    out->all[0].text[0] = '\0';
    return PEAL_OK;
}

/* ---- connecting ---- */

/* Waits until the connection stands; 0, or an errno. */
static int wait_connected(int fd, const atomic_int *stop) {
    for (int waited_ms = 0; waited_ms < CONNECT_MS; waited_ms += SOURCE__WAIT_MS) {
        struct pollfd ready = {.fd = fd, .events = POLLOUT};
        if (peal_is_stopped(stop)) return EINTR;
        if (poll(&ready, 1, SOURCE__WAIT_MS) <= 0) continue;
        int problem = 0;
        socklen_t size = sizeof problem;
        return getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 ? problem : errno;
    }
    return ETIMEDOUT;
}

/* One try; the socket, or -1 and *problem. */
static int try_address(const address *to, const atomic_int *stop, int *problem) {
    const int fd = socket(to->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *problem = fd < 0 ? errno : 0;
    if (fd < 0) return -1;
    if (connect(fd, (const struct sockaddr *)&to->bytes, to->size) != 0) {
        *problem = errno == EINPROGRESS || errno == EINTR ? wait_connected(fd, stop) : errno;
    }
    if (*problem == 0) return fd;
    close(fd);
    return -1;
}

/* A peer that is gone without a word is noticed within some two minutes. */
static void keep_alive(int fd) {
    const int on = 1, idle_seconds = 60, step_seconds = 15, probes = 4;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step_seconds, sizeof step_seconds);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static bool may_come(int problem) {
    return problem == ECONNREFUSED || problem == ENOENT || problem == EAGAIN || problem == ETIMEDOUT ||
           problem == EHOSTUNREACH || problem == ENETUNREACH;
}

static peal_status connect_any(const peal_source_options *options, const char *name, const addresses *to, int *out,
                               peal_error *err) {
    const uint64_t seconds = peal_option_count(options->access, tcp_options[0].name, 0);
    const int64_t until = peal_now_ns() + (int64_t)seconds * 1000000000;
    int problem = 0;
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    for (;;) {
        size_t i = 0;
        for (*out = -1; *out < 0 && i < to->count && !peal_is_stopped(options->stop); i++) {
            *out = try_address(&to->all[i], options->stop, &problem);
        }
        if (*out >= 0) return PEAL_OK;
        if (peal_is_stopped(options->stop)) {
            return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while connecting to %s", name);
        }
        if (!may_come(problem) || peal_now_ns() >= until) break;
        peal_report_progress(options->reporter, "connecting", "connections", 0, 0);
        nanosleep(&pause, NULL);
    }
    const char *digits = to->all[to->count - 1].text;
    return peal_fail_errno(err, PEAL_E_DATA, problem, "cannot connect to %s%s%s%s", name, *digits ? " (" : "", digits,
                           *digits ? ")" : "");
}

static peal_status add_connection(source__making *self, const char *name, const addresses *to, bool is_tcp,
                                  peal_error *err) {
    struct stat info;
    int fd;
    PEAL_TRY(connect_any(self->options, name, to, &fd, err));
    if (is_tcp) keep_alive(fd);
    peal_status status = fstat(fd, &info) == 0 ? source__add_once(self, name, fd, &info, err)
                                               : peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read %s", name);
    close(fd);
    return status;
}

/* ---- the kinds ---- */

static bool is_tcp(const char *name) {
    return has_prefix(name, tcp_prefix);
}

static bool is_unix(const char *name) {
    return has_prefix(name, unix_prefix);
}

static peal_status check_tcp(const char *name, peal_error *err) {
    char *host, *port;
    PEAL_TRY(split_name(name, &host, &port, err));
    free(host);
    free(port);
    return PEAL_OK;
}

static peal_status check_unix(const char *name, peal_error *err) {
    addresses to = {.count = 0};
    return find_unix(name, &to, err);
}

static peal_status list_tcp(source__making *making, const char *name, peal_error *err) {
    addresses to = {.count = 0};
    PEAL_TRY(find_tcp(name, &to, err));
    return add_connection(making, name, &to, true, err);
}

static peal_status list_unix(source__making *making, const char *name, peal_error *err) {
    addresses to = {.count = 0};
    PEAL_TRY(find_unix(name, &to, err));
    return add_connection(making, name, &to, false, err);
}

static char *no_file(const char *name) {
    (void)name;
    return NULL;
}

const peal_source_kind peal_source_tcp = {
    .name = "tcp",
    .documentation = "tcp://HOST:PORT: a connection that is made and read to its end, copied once, or with follow as "
                     "its bytes come. The address is taken as it stands, of this machine or network, too.",
    .options = tcp_options,
    .recognise = is_tcp,
    .check = check_tcp,
    .list = list_tcp,
    .file = no_file,
    .comes_once = true,
};

const peal_source_kind peal_source_unix = {
    .name = "unix",
    .documentation = "unix:PATH: the same of a socket of this machine",
    .options = no_options,
    .recognise = is_unix,
    .check = check_unix,
    .list = list_unix,
    .file = no_file,
    .comes_once = true,
};
