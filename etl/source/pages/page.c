/* One page to rows and links; see page.h. */
#include "etl/source/pages/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/digest.h"
#include "etl/source/pages/charset.h"
#include "etl/source/rows.h"

enum { LINKS_MOST = 10000, LINK_SLOTS = 1 << 15, FIELDS_MOST = 1000 };
_Static_assert(LINK_SLOTS > 2 * LINKS_MOST, "the set of links stays half empty");

/* ---- fields of rows ---- */

peal_status pages__put_count(peal_buffer *out, uint16_t count, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(out, 2, err));
    source__put16(out->data + out->size, count);
    out->size += 2;
    return PEAL_OK;
}

peal_status pages__put_text(peal_buffer *out, const char *text, size_t size, bool tagged, peal_error *err) {
    if (size > PAGES__ROWS_MOST) return pages__check_rows(&(peal_buffer){.size = size}, err);
    PEAL_TRY(peal_buffer_reserve(out, 5 + size, err));
    const uint32_t length = size ? (uint32_t)(size + tagged) : (uint32_t)ROWS_MISSING;
    uint8_t *to = source__put32(out->data + out->size, length);
    if (size && tagged) *to++ = 't';
    if (size) memcpy(to, text, size);
    out->size += 4 + (size ? size + tagged : 0);
    return PEAL_OK;
}

peal_status pages__put_number(peal_buffer *out, uint32_t number, peal_error *err) {
    PEAL_TRY(peal_buffer_reserve(out, 8, err));
    source__put32(source__put32(out->data + out->size, 4), number);
    out->size += 8;
    return PEAL_OK;
}

peal_status pages__check_rows(const peal_buffer *rows, peal_error *err) {
    if (rows->size <= PAGES__ROWS_MOST) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "its rows have more than %d MB", PAGES__ROWS_MOST >> 20);
}

/* ---- what is wanted ---- */

static const char *const page_names[] = {"url", "depth", "title", "text", "links", NULL};
static const char *const each_names[] = {"url", "depth", NULL};
static const char *const table_names[] = {"url", "table", NULL};

const char *const *pages__wanted_names(const pages__wanted *wanted) {
    return wanted->tables ? table_names : wanted->each ? each_names : page_names;
}

static void trim(const char **at, const char **end) {
    while (*at < *end && (unsigned char)**at <= ' ') ++*at;
    while (*end > *at && (unsigned char)(*end)[-1] <= ' ') --*end;
}

static bool is_attribute(const char *at, const char *end) {
    if (at == end) return false;
    for (; at < end; at++) {
        const bool right = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                           strchr("-_:", *at);
        if (!*at || !right) return false;
    }
    return true;
}

static peal_status check_name(const pages__wanted *self, const char *name, peal_error *err) {
    for (const char *const *has = pages__wanted_names(self); *has; has++) {
        if (strcmp(*has, name) == 0)
            return peal_fail(err, PEAL_E_USAGE, "page-select: '%s' is a column that each row has", name);
    }
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->fields[i].name, name) == 0)
            return peal_fail(err, PEAL_E_USAGE, "page-select names '%s' twice", name);
    }
    return PEAL_OK;
}

/* "name=CSS@attribute". `[a="x@y"]` has no attribute behind its "@". */
static peal_status read_field(const char *at, const char *end, const pages__wanted *before, pages__field *out,
                              peal_error *err) {
    const char *equals = memchr(at, '=', (size_t)(end - at)), *name_end = equals;
    if (equals) trim(&at, &name_end);
    if (!equals || name_end == at) {
        return peal_fail(
            err, PEAL_E_USAGE,
            "page-select: name=CSS or name=CSS@attribute was expected, with ';' between several, not '%.*s'",
            (int)(end - at), at);
    }
    out->name = peal_strndup(at, (size_t)(name_end - at));
    if (!out->name) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    PEAL_TRY(check_name(before, out->name, err));
    at = equals + 1;
    trim(&at, &end);
    const char *mark = end;
    while (mark > at && *mark != '@') mark--;
    if (mark < end && *mark == '@' && is_attribute(mark + 1, end)) {
        out->attribute = peal_strndup(mark + 1, (size_t)(end - mark - 1));
        if (!out->attribute) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
        end = mark;
        trim(&at, &end);
        if (at == end) return PEAL_OK;
    }
    if (end - at == 6 && memcmp(at, ":scope", 6) == 0) return PEAL_OK;
    const peal_status status = pages__selector_new(at, (size_t)(end - at), &out->selector, err);
    if (status != PEAL_OK) peal_error_context(err, "page-select: %s", out->name);
    return status;
}

static peal_status read_fields(const char *text, pages__wanted *out, peal_error *err) {
    size_t most = 1;
    for (const char *at = text; *at; at++) most += *at == ';';
    if (most > FIELDS_MOST) return peal_fail(err, PEAL_E_USAGE, "page-select has more than %d columns", FIELDS_MOST);
    PEAL_TRY(peal_alloc_checked(&out->fields, most, sizeof *out->fields, "columns", err));
    for (const char *at = text; *at;) {
        const char *begin = at, *stop = at + strcspn(at, ";"), *end = stop;
        at = stop + (*stop == ';');
        trim(&begin, &end);
        if (begin == end) continue;
        pages__field *field = &out->fields[out->count];
        const peal_status status = read_field(begin, end, out, field, err);
        if (status != PEAL_OK) {
            out->count++; /* to be freed */
            return status;
        }
        out->count++;
    }
    return PEAL_OK;
}

static peal_status read_wanted(const char *each, const char *select, pages__wanted *out, peal_error *err) {
    if (out->tables && (each || select)) {
        return peal_fail(err, PEAL_E_USAGE, "page-tables gives the rows of tables: it does not go with %s",
                         each ? "page-each" : "page-select");
    }
    if (each) {
        const peal_status status = pages__selector_new(each, strlen(each), &out->each, err);
        if (status != PEAL_OK) peal_error_context(err, "page-each");
        PEAL_TRY(status);
        if (!select) select = "text=:scope";
    }
    return select ? read_fields(select, out, err) : PEAL_OK;
}

peal_status pages__wanted_new(const char *each, const char *select, bool tables, pages__wanted *out, peal_error *err) {
    *out = (pages__wanted){.tables = tables};
    const peal_status status = read_wanted(each, select, out, err);
    if (status != PEAL_OK) pages__wanted_clear(out);
    return status;
}

void pages__wanted_clear(pages__wanted *wanted) {
    for (size_t i = 0; i < wanted->count; i++) {
        free(wanted->fields[i].name);
        free(wanted->fields[i].attribute);
        pages__selector_free(wanted->fields[i].selector);
    }
    free(wanted->fields);
    pages__selector_free(wanted->each);
    *wanted = (pages__wanted){0};
}

/* ---- links, and what the page says about itself ---- */

typedef struct reader {
    const pages__wanted *wanted;
    const pages__answer *answer;
    const pages__document *document;
    pages__page *page;
    pages__url base;
    const GumboNode *title;
    peal_buffer links;         /* all, with a blank between two */
    uint64_t *seen, *followed; /* [LINK_SLOTS] hashes of those that are there, 0: free */
    size_t link_count;
    peal_buffer text; /* of one field */
} reader;

/* True if it was not there. Two URLs of one hash are taken for one: of 10,000 that is one page in 10^11. */
static bool add_hash(uint64_t *set, const pages__url *url) {
    uint64_t hash = peal_hash(url->text, url->length, 0);
    if (hash == 0) hash = 1;
    size_t slot = hash % LINK_SLOTS;
    for (; set[slot]; slot = (slot + 1) % LINK_SLOTS) {
        if (set[slot] == hash) return false;
    }
    set[slot] = hash;
    return true;
}

static bool has_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    while (text && *text) {
        text += strspn(text, ", \t\n\f\r");
        const size_t size = strcspn(text, ", \t\n\f\r");
        if (size == length && strncasecmp(text, word, length) == 0) return true;
        text += size;
    }
    return false;
}

static void obey(pages__page *page, const char *words) {
    const bool none = has_word(words, "none");
    page->no_rows = page->no_rows || none || has_word(words, "noindex");
    page->no_links = page->no_links || none || has_word(words, "nofollow");
}

static peal_status take_link(reader *self, const GumboNode *node, peal_error *err) {
    const char *href = pages__attribute(node, "href");
    pages__url url;
    if (!href || self->link_count == LINKS_MOST) return PEAL_OK;
    if (!pages__url_resolve(&self->base, href, strlen(href), &url)) return PEAL_OK;
    if (add_hash(self->seen, &url)) {
        self->link_count++;
        if (self->links.size) PEAL_TRY(peal_buffer_append(&self->links, " ", 1, err));
        PEAL_TRY(peal_buffer_append(&self->links, url.text, url.length, err));
    }
    if (has_word(pages__attribute(node, "rel"), "nofollow") || !add_hash(self->followed, &url)) return PEAL_OK;
    return peal_buffer_append(&self->page->links, url.text, url.length + 1, err);
}

static void take_meta(reader *self, const GumboNode *node) {
    const char *name = pages__attribute(node, "name"), *content = pages__attribute(node, "content");
    if (name && content && (strcasecmp(name, "robots") == 0 || strcasecmp(name, "peal") == 0))
        obey(self->page, content);
}

static void take_canonical(reader *self, const GumboNode *node) {
    const char *href = pages__attribute(node, "href");
    if (!href || self->page->has_canonical || !has_word(pages__attribute(node, "rel"), "canonical")) return;
    self->page->has_canonical = pages__url_resolve(&self->base, href, strlen(href), &self->page->canonical);
}

static peal_status walk(reader *self, peal_error *err) {
    const GumboNode *root = self->document->root;
    unsigned steps = 0;
    for (const GumboNode *node = root; node; node = pages__next(root, node, true)) {
        if (++steps % 4096 == 0) PEAL_TRY(pages__document_check(self->document, err));
        if (pages__is_tag(node, GUMBO_TAG_A) || pages__is_tag(node, GUMBO_TAG_AREA)) {
            PEAL_TRY(take_link(self, node, err));
        } else if (pages__is_tag(node, GUMBO_TAG_META)) {
            take_meta(self, node);
        } else if (pages__is_tag(node, GUMBO_TAG_LINK)) {
            take_canonical(self, node);
        } else if (pages__is_tag(node, GUMBO_TAG_TITLE) && !self->title) {
            self->title = node;
        }
    }
    return PEAL_OK;
}

/* The first <base> tells what links are relative to. */
static void find_base(reader *self) {
    const GumboNode *root = self->document->root;
    self->base = *self->answer->url;
    for (const GumboNode *node = root; node; node = pages__next(root, node, !pages__is_tag(node, GUMBO_TAG_BODY))) {
        const char *href = pages__is_tag(node, GUMBO_TAG_BASE) ? pages__attribute(node, "href") : NULL;
        if (!href) continue;
        if (!pages__url_resolve(self->answer->url, href, strlen(href), &self->base)) self->base = *self->answer->url;
        return;
    }
}

/* ---- rows ---- */

static peal_status put_node_text(reader *self, const GumboNode *node, bool tagged, peal_error *err) {
    self->text.size = 0;
    if (node) PEAL_TRY(pages__append_text(self->document, node, &self->text, err));
    return pages__put_text(&self->page->rows, (const char *)self->text.data, self->text.size, tagged, err);
}

static peal_status put_attribute(reader *self, const GumboNode *node, const char *name, peal_error *err) {
    const char *value = pages__attribute(node, name);
    const bool is_link = strcasecmp(name, "href") == 0 || strcasecmp(name, "src") == 0;
    pages__url url;
    if (value && is_link && pages__url_resolve(&self->base, value, strlen(value), &url)) {
        return pages__put_text(&self->page->rows, url.text, url.length, true, err);
    }
    return pages__put_text(&self->page->rows, value ? value : "", value ? strlen(value) : 0, true, err);
}

/* The first element within `top` that fits. */
static peal_status find_first(reader *self, const pages__selector *selector, const GumboNode *top,
                              const GumboNode **out, peal_error *err) {
    pages__search *search;
    PEAL_TRY(pages__search_new(self->document, selector, top, &search, err));
    const peal_status status = pages__search_next(search, out, err);
    pages__search_free(search);
    return status;
}

static peal_status put_field(reader *self, const pages__field *field, const GumboNode *top, peal_error *err) {
    const GumboNode *node = top;
    if (field->selector) PEAL_TRY(find_first(self, field->selector, top, &node, err));
    if (node && field->attribute) return put_attribute(self, node, field->attribute, err);
    return put_node_text(self, node, true, err);
}

static peal_status put_row(reader *self, const GumboNode *top, peal_error *err) {
    const pages__wanted *wanted = self->wanted;
    const pages__answer *answer = self->answer;
    peal_buffer *rows = &self->page->rows;
    size_t count = wanted->count;
    for (const char *const *name = pages__wanted_names(wanted); *name; name++) count++;
    PEAL_TRY(pages__put_count(rows, (uint16_t)count, err));
    PEAL_TRY(pages__put_text(rows, answer->url->text, answer->url->length, false, err));
    PEAL_TRY(pages__put_number(rows, answer->depth, err));
    if (!wanted->each) {
        PEAL_TRY(put_node_text(self, self->title, false, err));
        PEAL_TRY(put_node_text(self, top, false, err));
        PEAL_TRY(pages__put_text(rows, (const char *)self->links.data, self->links.size, false, err));
    }
    for (size_t i = 0; i < wanted->count; i++) PEAL_TRY(put_field(self, &wanted->fields[i], top, err));
    return pages__check_rows(rows, err);
}

static peal_status put_each(reader *self, peal_error *err) {
    pages__search *search;
    const GumboNode *node;
    PEAL_TRY(pages__search_new(self->document, self->wanted->each, self->document->root, &search, err));
    peal_status status;
    while ((status = pages__search_next(search, &node, err)) == PEAL_OK && node) {
        status = put_row(self, node, err);
        if (status != PEAL_OK) break;
    }
    pages__search_free(search);
    return status;
}

static peal_status put_rows(reader *self, peal_error *err) {
    if (self->wanted->tables) {
        return pages__tables_read(self->document, self->answer->url, &self->page->rows, err);
    }
    return self->wanted->each ? put_each(self, err) : put_row(self, self->document->root, err);
}

/* ---- all of it ---- */

static peal_status read_tree(reader *self, peal_error *err) {
    find_base(self);
    PEAL_TRY(peal_zeroed_checked(&self->seen, LINK_SLOTS, sizeof *self->seen, "links", err));
    PEAL_TRY(peal_zeroed_checked(&self->followed, LINK_SLOTS, sizeof *self->followed, "links", err));
    PEAL_TRY(walk(self, err));
    if (self->page->no_links) self->page->links.size = 0;
    return self->page->no_rows ? PEAL_OK : put_rows(self, err);
}

peal_status pages__page_read(const pages__wanted *wanted, const pages__answer *answer, const atomic_int *stop,
                             pages__page *out, peal_error *err) {
    pages__document document = {0};
    peal_buffer text = {0};
    reader self = {.wanted = wanted, .answer = answer, .document = &document, .page = out};
    *out = (pages__page){.hash = peal_hash(answer->body, answer->size, 0)};
    if (answer->robots) obey(out, answer->robots);
    peal_status status = pages__to_utf8(answer->body, answer->size, answer->charset, &text, err);
    if (status == PEAL_OK) {
        status = pages__document_parse(text.data ? (const char *)text.data : "", text.size, stop, &document, err);
    }
    peal_buffer_clear(&text);
    if (status == PEAL_OK) {
        status = read_tree(&self, err);
        pages__document_clear(&document);
    }
    free(self.seen);
    free(self.followed);
    peal_buffer_clear(&self.links);
    peal_buffer_clear(&self.text);
    if (status != PEAL_OK) pages__page_clear(out);
    return status;
}

void pages__page_clear(pages__page *page) {
    peal_buffer_clear(&page->rows);
    peal_buffer_clear(&page->links);
    *page = (pages__page){0};
}
