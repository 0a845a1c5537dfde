/* URLs, and heads of the answers that pages come with: the first line is a base, the second one a link in it, the rest
 * a head. What is normal must stay as it is. */
#include <stdlib.h>
#include <string.h>

#include "etl/source/pages/head.h"
#include "tests/fuzz/fuzz.h"

static void check_url(const pages__url *url) {
    pages__url again;
    if (url->length > PAGES__URL_MOST || strlen(url->text) != url->length) abort();
    if (url->host >= url->host_end || url->host_end > url->path || url->text[url->path] != '/') abort();
    for (const char *at = url->text; *at; at++) {
        if (*at <= ' ' || *at > '~' || *at == '#') abort();
    }
    if (!pages__url_resolve(NULL, url->text, url->length, &again) || strcmp(url->text, again.text) != 0) abort();
    if (strstr(url->text + url->path, "/../") && !strchr(url->text, '?')) abort();
}

static bool resolve(const pages__url *base, const uint8_t *text, size_t size, pages__url *out) {
    char *copy = malloc(size + !size); /* exactly its own bytes */
    if (!copy) abort();
    if (size) memcpy(copy, text, size);
    const bool right = pages__url_resolve(base, copy, size, out);
    if (right) check_url(out);
    free(copy);
    return right;
}

static void read_line(pages__head *head, const uint8_t *line, size_t size) {
    char *copy = malloc(size + !size);
    if (!copy) abort();
    if (size) memcpy(copy, line, size);
    pages__head_line(head, copy, size, 1000000000);
    if (!memchr(head->charset, '\0', sizeof head->charset) || !memchr(head->location, '\0', sizeof head->location) ||
        !memchr(head->robots, '\0', sizeof head->robots) || (head->is_html && !head->has_type)) {
        abort();
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pages__url base, link;
    pages__head head;
    bool has_base = false;
    pages__head_begin(&head);
    for (size_t line = 0; size > 0; line++) {
        const uint8_t *end = memchr(data, '\n', size);
        const size_t length = end ? (size_t)(end - data) : size, whole = length + (end != NULL);
        if (line == 0) has_base = resolve(NULL, data, length, &base);
        if (line == 1) (void)resolve(has_base ? &base : NULL, data, length, &link);
        if (line > 1) read_line(&head, data, whole);
        data += whole;
        size -= whole;
    }
    return 0;
}
