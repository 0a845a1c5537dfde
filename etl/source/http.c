/* The kind of source that reads web servers: options, credentials, and names to objects; see http.h. */
#include "etl/source/http.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/source/http_names.h"
#include "etl/source/request.h"

static const peal_option options[] = {
    {"connections", PEAL_OPTION_COUNT, NULL, 1, 256, "N",
     "connections to web servers and stores at once, at most (16)"},
    {"http-retries", PEAL_OPTION_COUNT, NULL, 0, 100, "N",
     "tries after a cut, a stall, 408, 429 or 5xx, if nothing comes between them (5)"},
    {"http-stall-seconds", PEAL_OPTION_COUNT, NULL, 1, 3600, "S",
     "give a connection up on which nothing has come for so long (30)"},
    {"http-most-bytes", PEAL_OPTION_COUNT, NULL, 1, INT64_MAX, "N", "refuse an object of more bytes (none is refused)"},
    {"allow-private", PEAL_OPTION_FLAG, NULL, 0, 0, NULL,
     "read web servers at private and loopback addresses, too (they are refused, after redirects as well)"},
    {.name = NULL},
};

/* ---- the session ---- */

static peal_status http_begin(const peal_source_options *wishes, void **out, peal_error *err) {
    char *bearer;
    source__http_session *session = NULL;
    PEAL_TRY(source__bearer_find(&bearer, err));
    const peal_status status = source__http_session_new(wishes, &(source__http_way){.bearer = bearer}, &session, err);
    if (bearer) explicit_bzero(bearer, strlen(bearer));
    free(bearer);
    *out = session;
    return status;
}

static void http_end(void *session) {
    source__http_session_free(session);
}

/* ---- the list ---- */

static peal_status add_url(void *opaque, const char *url, const uint8_t *sha256, peal_error *err) {
    source__making *making = opaque;
    return source__http_add(making->session, making, &(source__http_named){.name = url, .url = url, .sha256 = sha256},
                            err);
}

static peal_status http_list(source__making *making, const char *name, peal_error *err) {
    return source__http_expand(name, add_url, making, err);
}

static peal_status http_look(source__making *making, peal_error *err) {
    return source__http_look(making->session, making, err);
}

static void http_usage(void *session, peal_source_usage *out) {
    source__transfers_usage(((source__http_session *)session)->transfers, out);
}

const peal_source_kind peal_source_http = {
    .name = "http",
    .documentation = "https://host/path and http://: an object of a web server, read while it arrives. {000..999} and "
                     "{a,b} stand for many, #sha256=DIGITS behind one for what its bytes must be. Names and passwords "
                     "come from ~/.netrc, a token from PEAL_HTTP_BEARER or the file PEAL_HTTP_BEARER_FILE.",
    .options = options,
    .recognise = source__is_http,
    .check = source__http_check,
    .begin = http_begin,
    .end = http_end,
    .list = http_list,
    .look = http_look,
    .open = source__http_open,
    .usage = http_usage,
    .forget = source__http_forget,
};
