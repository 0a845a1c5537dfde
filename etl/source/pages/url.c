/* URLs are resolved and normalised; see url.h. */
#include "etl/source/pages/url.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"

static const char path_marks[] = "!$&'()*+,;=:@/", query_marks[] = "!$&'()*+,;=:@/?";

/* ---- single characters ---- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_unreserved(char c) {
    return is_letter(c) || is_digit(c) || (c && strchr("-._~", c));
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A "%" that begins no %XX becomes %25, so that what is normal stays what it is when it is normalised again. */
char *pages__percent_normalise(const char *text, size_t length, const char *keep, char *out, size_t capacity) {
    static const char digits[] = "0123456789ABCDEF";
    const char *const end = out + capacity;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        const int high = c == '%' && length - i > 2 ? peal_hex_digit(text[i + 1]) : -1;
        const int low = high >= 0 ? peal_hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high * 16 + low);
            i += 2;
        }
        const bool stands = is_unreserved(c) || (low < 0 && c && c != '%' && strchr(keep, c));
        if (end - out < (stands ? 1 : 3)) return NULL;
        if (stands) {
            *out++ = c;
        } else {
            *out++ = '%';
            *out++ = digits[(uint8_t)c >> 4];
            *out++ = digits[(uint8_t)c & 15];
        }
    }
    return out;
}

/* ---- parts ---- */

/* A link as it stands, taken apart. A part that is not there is NULL. */
typedef struct parts {
    bool has_scheme, is_secure;
    const char *authority, *path, *query, *end;
    const char *authority_end, *path_end;
} parts;

/* Copies a link without what browsers take out of it; false if it is too long. */
static bool clean(const char *text, size_t length, char *out, size_t capacity, size_t *size) {
    while (length > 0 && (unsigned char)text[length - 1] <= ' ') length--;
    while (length > 0 && (unsigned char)*text <= ' ') text++, length--;
    bool in_query = false;
    *size = 0;
    for (size_t i = 0; i < length && text[i] != '#'; i++) {
        if (text[i] == '\t' || text[i] == '\n' || text[i] == '\r') continue;
        if (*size == capacity) return false;
        in_query = in_query || text[i] == '?';
        out[(*size)++] = text[i] == '\\' && !in_query ? '/' : text[i];
    }
    return true;
}

/* False if it has another scheme than those of pages. */
static bool split(const char *text, size_t length, parts *out) {
    const char *at = text;
    *out = (parts){.end = text + length};
    while (at < out->end && (is_letter(*at) || (at > text && (is_digit(*at) || strchr("+-.", *at))))) at++;
    if (at > text && at < out->end && *at == ':') {
        const size_t size = (size_t)(at - text);
        out->is_secure = size == 5 && strncasecmp(text, "https", 5) == 0;
        if (!out->is_secure && !(size == 4 && strncasecmp(text, "http", 4) == 0)) return false;
        out->has_scheme = true;
        text = at + 1;
        if (out->end - text < 2 || text[0] != '/' || text[1] != '/') return false;
    }
    at = text;
    if (out->end - at >= 2 && at[0] == '/' && at[1] == '/') {
        out->authority = at = at + 2;
        while (at < out->end && *at != '/' && *at != '?') at++;
        out->authority_end = at;
    }
    out->path = at;
    while (at < out->end && *at != '?') at++;
    out->path_end = at;
    out->query = at < out->end ? at : NULL;
    return true;
}

/* ---- writing ---- */

static bool put(pages__url *out, const char *text, size_t length) {
    if (length > PAGES__URL_MOST - out->length) return false;
    memcpy(out->text + out->length, text, length);
    out->length += length;
    return true;
}

static bool put_host(pages__url *out, const char *at, const char *end) {
    const bool is_literal = at < end && *at == '[';
    out->host = out->length;
    if (!is_literal && end > at && end[-1] == '.') end--; /* the root of all names may be named, or not */
    if (at == end || *at == '.') return false;
    for (; at < end; at++) {
        const char c = lower(*at);
        if (c == '.' && (at + 1 == end || at[1] == '.')) return false; /* a part of the name is empty */
        const bool allowed = is_literal ? peal_hex_digit(c) >= 0 || strchr("[]:.", c) != NULL
                                        : is_letter(c) || is_digit(c) || strchr("-._", c) != NULL;
        if (!c || !allowed || !put(out, &c, 1)) return false;
    }
    out->host_end = out->length;
    return !is_literal || out->text[out->length - 1] == ']';
}

static bool put_port(pages__url *out, const char *at, const char *end, bool is_secure) {
    unsigned port = 0;
    char text[8];
    if (at == end) return true;
    for (; at < end; at++) {
        if (!is_digit(*at) || port > 6553) return false;
        port = port * 10 + (unsigned)(*at - '0');
    }
    if (port == 0 || port > 65535) return false;
    if (port == (is_secure ? 443u : 80u)) return true;
    return put(out, text, (size_t)snprintf(text, sizeof text, ":%u", port));
}

static bool put_authority(pages__url *out, const char *at, const char *end, bool is_secure) {
    const size_t length = (size_t)(end - at);
    if (length && memchr(at, '@', length)) return false;
    const char *bracket = length && *at == '[' ? memchr(at, ']', length) : at;
    if (!bracket) return false;
    const char *colon = memchr(bracket, ':', (size_t)(end - bracket));
    if (!put_host(out, at, colon ? colon : end)) return false;
    return !colon || put_port(out, colon + 1, end, is_secure);
}

/* Source: RFC 3986, 5.2.4. The path begins with a slash; works in place. Returns the new length. */
static size_t remove_dots(char *path, size_t length) {
    size_t to = 0;
    for (size_t at = 0; at < length;) {
        size_t next = at + 1; /* behind the segment that begins with the slash at `at` */
        while (next < length && path[next] != '/') next++;
        const size_t size = next - at;
        const bool one = size == 2 && path[at + 1] == '.';
        const bool two = size == 3 && path[at + 1] == '.' && path[at + 2] == '.';
        if (two) {
            while (to > 0 && path[--to] != '/') continue;
        }
        if (one || two) {
            if (next == length) path[to++] = '/';
        } else {
            memmove(path + to, path + at, size);
            to += size;
        }
        at = next;
    }
    return to;
}

static size_t path_end(const pages__url *url) {
    const char *query = memchr(url->text + url->path, '?', url->length - url->path);
    return query ? (size_t)(query - url->text) : url->length;
}

/* The path of a link without an authority, behind what it has of its base's (RFC 3986, 5.2.3); dots are still there. */
static bool put_path(pages__url *out, const pages__url *base, const parts *link) {
    const bool is_whole = link->authority || link->path == link->path_end || *link->path == '/';
    if (!link->authority && base && link->path == link->path_end) {
        return put(out, base->text + base->path, path_end(base) - base->path);
    }
    if (!is_whole) {
        size_t folder = path_end(base);
        while (base->text[folder - 1] != '/') folder--;
        if (!put(out, base->text + base->path, folder - base->path)) return false;
    }
    char *end = pages__percent_normalise(link->path, (size_t)(link->path_end - link->path), path_marks,
                                         out->text + out->length, PAGES__URL_MOST - out->length);
    if (!end) return false;
    out->length = (size_t)(end - out->text);
    return out->length > out->path || put(out, "/", 1);
}

static bool put_query(pages__url *out, const pages__url *base, const parts *link) {
    if (link->query) {
        char *end = pages__percent_normalise(link->query, (size_t)(link->end - link->query), query_marks,
                                             out->text + out->length, PAGES__URL_MOST - out->length);
        if (end) out->length = (size_t)(end - out->text);
        return end != NULL;
    }
    if (link->authority || !base || link->path < link->path_end) return true;
    const size_t query = path_end(base);
    return put(out, base->text + query, base->length - query);
}

bool pages__url_resolve(const pages__url *base, const char *text, size_t length, pages__url *out) {
    char cleaned[3 * PAGES__URL_MOST];
    size_t size;
    parts link;
    out->length = 0;
    if (!clean(text, length, cleaned, sizeof cleaned, &size) || !split(cleaned, size, &link)) return false;
    if (!base && !link.has_scheme) return false;
    const bool secure = link.has_scheme ? link.is_secure : base->text[4] == 's';
    if (!put(out, secure ? "https://" : "http://", secure ? 8 : 7)) return false;
    if (link.authority) {
        if (!put_authority(out, link.authority, link.authority_end, secure)) return false;
    } else {
        if (!put(out, base->text + base->host, base->path - base->host)) return false;
        out->host = base->host;
        out->host_end = base->host_end;
    }
    out->path = out->length;
    if (!put_path(out, base, &link)) return false;
    out->length = out->path + remove_dots(out->text + out->path, out->length - out->path);
    if (!put_query(out, base, &link)) return false;
    out->text[out->length] = '\0';
    return true;
}

bool pages__url_is_same_host(const pages__url *a, const pages__url *b) {
    const size_t size = a->path - a->host;
    return size == b->path - b->host && memcmp(a->text + a->host, b->text + b->host, size) == 0;
}

size_t pages__url_origin(const pages__url *url) {
    return url->path;
}
