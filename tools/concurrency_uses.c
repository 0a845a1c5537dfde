/* Images, queries and requests for `peal help concurrency`; see concurrency_uses.h. */
#include "tools/concurrency_uses.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/machine.h"
#include "core/base/memory.h"
#include "etl/image/encode.h"
#include "etl/image/image.h"
#include "etl/source/stream.h"

enum { WIDTH = 640, HEIGHT = 480, ROWS = 10000 };

static peal_buffer photo;
static char *database, *query;

/* ---- images and queries ---- */

static bool make_photo(void) {
    peal_image image = {0};
    const peal_image_shape shape = {.width = WIDTH, .height = HEIGHT, .channels = 3};
    bool made = peal_image_reshape(&image, &shape, NULL) == PEAL_OK;
    for (size_t i = 0; made && i < peal_image_size(&shape); i++) {
        image.pixels[i] = (uint8_t)((i / 3 % WIDTH) * (i / 3 / WIDTH) / 97 + i * 2654435761u / 16777216u % 32);
    }
    made = made && peal_image_encode(&image, 0, 90, &photo, NULL) == PEAL_OK;
    peal_image_clear(&image);
    return made;
}

static bool make_database(void) {
    static const char rows[] = "with recursive n(i) as (select 1 union all select i + 1 from n where i < %d) "
                               "insert into rows select i, i * 7919 %% 1000 / 7.0, 'text ' || (i %% 100) from n";
    char insert[sizeof rows + 32];
    sqlite3 *handle = NULL;
    database = peal_sprintf("%s/peal-uses-%d.db", peal_temporary_folder(), (int)getpid());
    query = database ? peal_sprintf("sqlite:%s?query=select i, x, word from rows", database) : NULL;
    snprintf(insert, sizeof insert, rows, ROWS);
    bool made = query && sqlite3_open(database, &handle) == SQLITE_OK;
    made =
        made && sqlite3_exec(handle, "create table rows (i integer, x real, word text)", NULL, NULL, NULL) == SQLITE_OK;
    made = made && sqlite3_exec(handle, insert, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_close(handle);
    return made;
}

bool tools_uses_begin(void) {
    return make_photo() && make_database();
}

void tools_uses_end(void) {
    if (database) unlink(database);
    free(database);
    free(query);
    database = query = NULL;
    peal_buffer_clear(&photo);
}

void tools_use_image(void) {
    peal_image image = {0}, spare = {0};
    char warning[PEAL_IMAGE_WARNING];
    peal_image_decode(photo.data, photo.size, &(peal_image_wish){0}, &image, &spare, warning, NULL);
    peal_image_clear(&image);
    peal_image_clear(&spare);
}

void tools_use_query(void) {
    const char *name = query;
    uint8_t bytes[1 << 14];
    peal_source_list list;
    peal_stream *stream;
    if (peal_source_list_make(&(peal_source_options){.names = &name, .count = 1}, &list, NULL) != PEAL_OK) return;
    if (peal_source_stream_open(&list.sources[0], NULL, &stream, NULL) == PEAL_OK) {
        for (size_t got = 1; got > 0;) {
            if (stream->read(stream, bytes, sizeof bytes, &got, NULL) != PEAL_OK) break;
        }
        peal_stream_close(stream);
    }
    peal_source_list_clear(&list);
}

/* ---- a server that answers late ---- */

enum { CONNECTIONS = 64 };

typedef struct guest {
    int64_t due_ns; /* of the answer; 0: none is asked for */
    char last[4];   /* bytes: the end of a head is an empty line */
} guest;

static pid_t server;
static int port;

static void note_bytes(guest *self, const char *bytes, ssize_t size) {
    for (ssize_t i = 0; i < size; i++) {
        memmove(self->last, self->last + 1, 3);
        self->last[3] = bytes[i];
        if (memcmp(self->last, "\r\n\r\n", 4) == 0)
            self->due_ns = peal_now_ns() + TOOLS_USES_LATE_MS * INT64_C(1000000);
    }
}

/* Until it is killed. [0] is where guests come in. */
static void serve(int door) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nETag: \"1\"\r\n\r\na,b\n";
    struct pollfd open[CONNECTIONS] = {{.fd = door, .events = POLLIN}};
    guest guests[CONNECTIONS] = {{0}};
    char bytes[4096];
    for (size_t count = 1;;) {
        const int64_t now = peal_now_ns();
        int wait = -1;
        for (size_t i = 1; i < count; i++) {
            if (guests[i].due_ns && guests[i].due_ns <= now) {
                guests[i].due_ns = 0;
                if (send(open[i].fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) open[i].revents = POLLHUP;
            } else if (guests[i].due_ns) {
                wait = 1;
            }
        }
        poll(open, count, wait);
        if (open[0].revents && count < CONNECTIONS) {
            open[count] = (struct pollfd){.fd = accept(door, NULL, NULL), .events = POLLIN};
            guests[count] = (guest){0};
            count += open[count].fd >= 0;
        }
        for (size_t i = count; i-- > 1;) {
            if (!open[i].revents) continue;
            const ssize_t size = recv(open[i].fd, bytes, sizeof bytes, MSG_DONTWAIT);
            note_bytes(&guests[i], bytes, size);
            if (size > 0) continue;
            close(open[i].fd);
            open[i] = open[--count];
            guests[i] = guests[count];
        }
    }
}

bool tools_uses_serve(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    const int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const pid_t parent = getpid();
    bool stands = door >= 0 && bind(door, (struct sockaddr *)&address, size) == 0 && listen(door, CONNECTIONS) == 0 &&
                  getsockname(door, (struct sockaddr *)&address, &size) == 0;
    port = ntohs(address.sin_port);
    server = stands ? fork() : -1;
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) serve(door);
        _exit(0);
    }
    if (door >= 0) close(door);
    return server > 0;
}

double tools_use_server(size_t connections) {
    char name[64];
    const char *names[] = {name};
    snprintf(name, sizeof name, "http://127.0.0.1:%d/{1..%d}", port, TOOLS_USES_OBJECTS);
    json_t *access = json_pack("{s:b, s:I, s:I}", "allow-private", 1, "connections", (json_int_t)connections,
                               "http-stall-seconds", (json_int_t)2);
    const peal_source_options options = {.names = names, .count = 1, .access = access};
    peal_source_list list;
    const int64_t begin = peal_now_ns();
    const peal_status status = access ? peal_source_list_make(&options, &list, NULL) : PEAL_E_MEMORY;
    const double seconds = (double)(peal_now_ns() - begin) * 1e-9;
    if (status == PEAL_OK) peal_source_list_clear(&list);
    json_decref(access);
    return status == PEAL_OK ? seconds : (double)NAN;
}

void tools_uses_serve_end(void) {
    if (server <= 0) return;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    server = 0;
}
