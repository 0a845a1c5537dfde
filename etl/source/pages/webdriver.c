/* Answers of drivers; see webdriver.h. */
#include "etl/source/pages/webdriver.h"

#include <stdio.h>
#include <string.h>

/* ---- errors ---- */

/* Codes of errors that are the page's. All others, among them those that nobody knows, are taken for the browser's: one
 * more is started, which does no harm. */
static bool is_of_page(const char *code, const char *message) {
    static const char *const codes[] = {"timeout",          "script timeout",   "unexpected alert open",
                                        "javascript error", "invalid argument", "insecure certificate",
                                        "no such element",  "invalid selector", "stale element reference"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(code, codes[i]) == 0) return true;
    }
    return strstr(message, "net::ERR_") != NULL; /* Chromium's way to say that a server did not answer */
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

pages__verdict pages__webdriver_read(const char *text, size_t size, json_t **value, char *problem, size_t capacity) {
    json_error_t err;
    json_t *answer = json_loadb(text, size, 0, &err);
    json_t *inside = json_object_get(answer, "value");
    *value = NULL;
    if (!inside) {
        snprintf(problem, capacity, "its driver answered what is no WebDriver");
        json_decref(answer);
        return PAGES__BROWSER_FAILS;
    }
    const char *code = text_of(inside, "error"), *message = text_of(inside, "message");
    pages__verdict verdict = PAGES__DONE;
    if (*code) {
        const size_t line = strcspn(message, "\n");
        snprintf(problem, capacity, "%.60s (%.*s)", code, (int)(line < 240 ? line : 240), message);
        verdict = is_of_page(code, message) ? PAGES__PAGE_FAILS : PAGES__BROWSER_FAILS;
    } else {
        *value = json_incref(inside);
    }
    json_decref(answer);
    return verdict;
}

char *pages__webdriver_session(const json_t *value) {
    const char *id = text_of(value, "sessionId");
    for (const char *at = id; *at; at++) {
        const bool right = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                           *at == '-' || *at == '_';
        if (!right) return NULL; /* it becomes part of a URL */
    }
    return *id && strlen(id) < 200 ? peal_strdup(id) : NULL;
}

/* ---- pages ---- */

static bool is_same_page(const char *a, size_t length, const char *b) {
    pages__url first, second;
    return pages__url_resolve(NULL, a, length, &first) && pages__url_resolve(NULL, b, strlen(b), &second) &&
           strcmp(first.text, second.text) == 0;
}

bool pages__webdriver_page(const json_t *value, const char *asked, size_t most_bytes, pages__fetched *out) {
    const json_t *url = json_array_get(value, 0), *type = json_array_get(value, 1), *status = json_array_get(value, 2),
                 *html = json_array_get(value, 3);
    pages__head *head = &out->head;
    if (!json_is_string(url) || !json_is_string(type) || !json_is_integer(status) || !json_is_string(html))
        return false;
    const json_int_t code = json_integer_value(status);
    pages__head_begin(head);
    head->answer.status = code >= 100 && code <= 599 ? (int)code : 200; /* 0: out of a store, or not told */
    head->has_type = true;
    head->is_html = strcmp(json_string_value(type), "text/html") == 0 ||
                    strcmp(json_string_value(type), "application/xhtml+xml") == 0;
    snprintf(head->charset, sizeof head->charset, "utf-8");
    if (!is_same_page(json_string_value(url), json_string_length(url), asked)) {
        head->answer.status = 302;
        if (json_string_length(url) <= PAGES__URL_MOST) {
            snprintf(head->location, sizeof head->location, "%s", json_string_value(url));
        }
    } else if (json_string_length(html) > most_bytes) {
        snprintf(out->problem, sizeof out->problem, "has more than the %zu bytes that are allowed (page-most-bytes)",
                 most_bytes);
    } else if (source__status_passes(head->answer.status)) {
        snprintf(out->problem, sizeof out->problem, "the server answered %d", head->answer.status);
        out->passes = true;
    } else if (head->answer.status == 200 && head->is_html) {
        return peal_buffer_append(&out->body, json_string_value(html), json_string_length(html), NULL) == PEAL_OK;
    }
    return true;
}
