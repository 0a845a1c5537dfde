/* Pages of HTML, and what selectors make of them. The first line is what is wanted: "t" the rows of tables, else a
 * selector of elements, a tab, and columns ("" for the default of each). */
#include <stdlib.h>
#include <string.h>

#include "etl/source/pages/page.h"
#include "etl/source/rows.h"
#include "tests/fuzz/fuzz.h"

enum { LINE_MOST = 512 };

static void read_wanted(char *line, pages__wanted *out) {
    char *tab = strchr(line, '\t');
    if (tab) *tab = '\0';
    const char *each = *line ? line : NULL, *select = tab && tab[1] ? tab + 1 : NULL;
    const bool tables = strcmp(line, "t") == 0;
    if (pages__wanted_new(tables ? NULL : each, tables ? NULL : select, tables, out, NULL) == PEAL_OK) return;
    if (pages__wanted_new(NULL, NULL, false, out, NULL) != PEAL_OK) abort();
}

/* Rows are whole, and have the fields that they should. */
static void check_rows(const pages__wanted *wanted, const peal_buffer *rows) {
    size_t expected = wanted->count;
    for (const char *const *name = pages__wanted_names(wanted); *name; name++) expected++;
    const uint8_t *at = rows->data, *const end = at + rows->size;
    while (at < end) {
        if (end - at < 2) abort();
        const unsigned count = source__get16(at);
        at += 2;
        if (!wanted->tables && count != expected) abort();
        if (wanted->tables && (count & (PAGES__NAMES - 1u)) > PAGES__COLUMNS_MOST + 2) abort();
        for (unsigned i = 0; i < (count & (PAGES__NAMES - 1u)); i++) {
            if (end - at < 4) abort();
            const int32_t size = (int32_t)source__get32(at);
            at += 4;
            if (size < ROWS_MISSING || (size > 0 && size > end - at)) abort();
            if (size > 0) at += size;
        }
    }
}

static void check_links(const peal_buffer *links) {
    const char *at = (const char *)links->data, *const end = at + links->size;
    for (; at < end; at += strlen(at) + 1) {
        pages__url url;
        if (!pages__url_resolve(NULL, at, strlen(at), &url) || strcmp(url.text, at) != 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char base[] = "http://host/a/b?c";
    char line[LINE_MOST + 1];
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    const size_t length = end ? (size_t)(end - data) : 0;
    if (!end || length > LINE_MOST) return 0;
    memcpy(line, data, length);
    line[length] = '\0';
    size -= length + 1;
    uint8_t *body = malloc(size + !size); /* exactly its own bytes */
    pages__wanted wanted;
    pages__page page;
    pages__url url;
    if (!body || !pages__url_resolve(NULL, base, sizeof base - 1, &url)) abort();
    if (size) memcpy(body, end + 1, size);
    read_wanted(line, &wanted);
    const pages__answer answer = {.url = &url, .body = body, .size = size};
    if (pages__page_read(&wanted, &answer, NULL, &page, NULL) == PEAL_OK) {
        if (page.rows.size) check_rows(&wanted, &page.rows);
        if (page.links.size) check_links(&page.links);
        pages__page_clear(&page);
    }
    pages__wanted_clear(&wanted);
    free(body);
    return 0;
}
