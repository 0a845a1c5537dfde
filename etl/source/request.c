/* Requests to web servers; see request.h. */
#include "etl/source/request.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/philox.h"
#include "etl/source/address.h"

enum { BACK_OFF_MS = 100, BACK_OFF_MOST_MS = 10000 };

/* Judges the very address that is connected to, whatever name or redirect led there. */
static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to) {
    source__request *self = user;
    (void)purpose;
    const char *kind = source__address_kind(&to->addr);
    if (kind && !self->allow_private) {
        char text[64];
        source__address_text(&to->addr, text);
        snprintf(self->refused, sizeof self->refused, "%s, %s", text, kind);
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static bool is_secure(const char *url) {
    return strncasecmp(url, "https:", 6) == 0;
}

static CURLcode set_credentials(const source__request *self, CURL *easy) {
    const char *file = getenv("NETRC");
    const bool may = is_secure(self->url) || self->allow_private;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    if (code == CURLE_OK && file && *file) code = curl_easy_setopt(easy, CURLOPT_NETRC_FILE, file);
    if (code != CURLE_OK || !self->bearer || !may) return code;
    code = curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, self->bearer) : code;
}

CURLcode source__request_apply(source__request *self, CURL *easy) {
    CURLcode code = CURLE_OK;
    self->refused[0] = '\0';
#define SET(option, value) \
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value)
    SET(CURLOPT_URL, self->url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, is_secure(self->url) ? "https" : "http,https");
    SET(CURLOPT_FOLLOWLOCATION, self->redirects > 0 ? 1L : 0L);
    SET(CURLOPT_MAXREDIRS, self->redirects);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1); /* many connections: one that is paused holds up no other */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)self->connect_ms);
    SET(CURLOPT_USERAGENT, self->agent);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, self);
#undef SET
    return code == CURLE_OK && !self->signs ? set_credentials(self, easy) : code;
}

bool source__status_passes(int status) {
    return status == 408 || status == 425 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

bool source__code_passes(CURLcode code) {
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_LOGIN_DENIED:
        return false;
    default:
        return true;
    }
}

int64_t source__back_off_ms(const char *url, unsigned failures, uint64_t seed) {
    int64_t most = (int64_t)BACK_OFF_MS << (failures < 8 ? failures - 1 : 7);
    if (most > BACK_OFF_MOST_MS) most = BACK_OFF_MOST_MS;
    peal_philox stream = peal_philox_task(peal_hash(url, strlen(url), seed), failures);
    return most / 2 + (int64_t)(peal_philox_unit64(&stream) * (double)(most / 2));
}

static bool is_token(const char *text) {
    for (; *text; text++) {
        if (*text <= ' ' || *text >= 127) return false;
    }
    return true;
}

peal_status source__bearer_find(char **out, peal_error *err) {
    const char *token = getenv("PEAL_HTTP_BEARER"), *file = getenv("PEAL_HTTP_BEARER_FILE");
    peal_buffer text = {0};
    *out = NULL;
    if (token && *token) {
        *out = peal_strdup(token);
    } else if (file && *file) {
        PEAL_TRY(peal_file_read(file, &text, err));
        while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r')) text.size--;
        *out = peal_strndup((const char *)text.data, text.size);
        explicit_bzero(text.data, text.size);
        peal_buffer_clear(&text);
    } else {
        return PEAL_OK;
    }
    if (!*out) return peal_fail(err, PEAL_E_MEMORY, "no memory for a token");
    if (is_token(*out)) return PEAL_OK;
    free(*out);
    *out = NULL;
    return peal_fail(err, PEAL_E_USAGE, "the token for web servers has a character that no token has");
}
