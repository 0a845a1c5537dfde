/* Pages as trees; see html.h.
 *
 * gumbo frees a tree by a function that calls itself, as deep as tags are nested, and has no bounds. So its memory
 * comes from an arena that is freed as a whole, and is where it is stopped: each tag asks for some, and when too much
 * was asked for, or time is up, the allocator jumps out of the parser, which holds nothing else. */
#include "etl/source/pages/html.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/stop.h"

enum { CHUNK = 1 << 16, ASK_EACH = 4096, SECONDS_MOST = 10 };
#define MEMORY_LEAST ((size_t)16 << 20)
#define MEMORY_FACTOR 64 /* bytes of a tree for a byte of text: tags of three letters take as many */

/* ---- bounds ---- */

static peal_status judge(const atomic_int *stop, int64_t until_ns, peal_error *err) {
    if (peal_is_stopped(stop)) return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while a page was read");
    if (peal_now_ns() < until_ns) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "its HTML takes more than %d s to be read", SECONDS_MOST);
}

peal_status pages__document_check(const pages__document *document, peal_error *err) {
    return judge(document->stop, document->until_ns, err);
}

typedef struct parsing {
    pages__document *document;
    size_t most; /* bytes */
    unsigned calls;
    peal_status status;
    peal_error *err;
    jmp_buf out;
} parsing;

static void *take(void *user, size_t size) {
    parsing *self = user;
    if (++self->calls % ASK_EACH == 0) self->status = pages__document_check(self->document, self->err);
    if (self->status == PEAL_OK && peal_arena_size(self->document->memory) > self->most) {
        self->status = peal_fail(self->err, PEAL_E_DATA, "its HTML has too many elements");
    }
    void *memory = self->status == PEAL_OK ? peal_arena_alloc(self->document->memory, size ? size : 1) : NULL;
    if (self->status == PEAL_OK && !memory) self->status = peal_fail(self->err, PEAL_E_MEMORY, "no memory for a page");
    if (!memory) longjmp(self->out, 1);
    return memory;
}

static void give_back(void *user, void *memory) {
    (void)user;
    (void)memory;
}

/* All that changes between setjmp and longjmp stands in *self. */
static peal_status run(parsing *self) {
    if (setjmp(self->out) == 0) {
        GumboOptions options = kGumboDefaultOptions;
        options.allocator = take;
        options.deallocator = give_back;
        options.userdata = self;
        options.max_errors = 0;
        const GumboOutput *output = gumbo_parse_with_options(&options, self->document->text, self->document->text_size);
        self->document->root = output->root;
    }
    return self->status;
}

peal_status pages__document_parse(const char *text, size_t size, const atomic_int *stop, pages__document *out,
                                  peal_error *err) {
    *out = (pages__document){.memory = peal_arena_new(CHUNK),
                             .text = peal_strndup(text, size),
                             .text_size = size,
                             .until_ns = peal_now_ns() + SECONDS_MOST * INT64_C(1000000000),
                             .stop = stop};
    parsing self = {.document = out, .most = MEMORY_LEAST + MEMORY_FACTOR * size, .err = err};
    const peal_status status =
        out->memory && out->text ? run(&self) : peal_fail(err, PEAL_E_MEMORY, "no memory for a page");
    if (status != PEAL_OK) pages__document_clear(out);
    return status;
}

void pages__document_clear(pages__document *document) {
    peal_arena_free(document->memory);
    free(document->text);
    *document = (pages__document){0};
}

/* ---- nodes ---- */

bool pages__is_element(const GumboNode *node) {
    return node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
}

bool pages__is_tag(const GumboNode *node, GumboTag tag) {
    return pages__is_element(node) && node->v.element.tag == tag &&
           node->v.element.tag_namespace == GUMBO_NAMESPACE_HTML;
}

const char *pages__attribute(const GumboNode *element, const char *name) {
    const GumboAttribute *found = gumbo_get_attribute(&element->v.element.attributes, name);
    return found ? found->value : NULL;
}

const GumboNode *pages__first_child(const GumboNode *node) {
    if (node->type != GUMBO_NODE_ELEMENT || node->v.element.children.length == 0) return NULL;
    return node->v.element.children.data[0];
}

const GumboNode *pages__next_sibling(const GumboNode *node) {
    const GumboNode *parent = node->parent;
    if (!parent || parent->type != GUMBO_NODE_ELEMENT) return NULL;
    const GumboVector *all = &parent->v.element.children;
    return node->index_within_parent + 1 < all->length ? all->data[node->index_within_parent + 1] : NULL;
}

const GumboNode *pages__next(const GumboNode *top, const GumboNode *node, bool inside) {
    const GumboNode *next = inside ? pages__first_child(node) : NULL;
    while (!next) {
        if (node == top) return NULL;
        next = pages__next_sibling(node);
        if (!next) node = node->parent;
    }
    return next;
}

/* ---- text ---- */

/* Elements within a line; all others stand on lines of their own. */
static bool is_inline(const GumboNode *node) {
    static const GumboTag tags[] = {
        GUMBO_TAG_A,     GUMBO_TAG_ABBR,     GUMBO_TAG_ACRONYM, GUMBO_TAG_B,       GUMBO_TAG_BDI,    GUMBO_TAG_BDO,
        GUMBO_TAG_BIG,   GUMBO_TAG_BUTTON,   GUMBO_TAG_CITE,    GUMBO_TAG_CODE,    GUMBO_TAG_DATA,   GUMBO_TAG_DEL,
        GUMBO_TAG_DFN,   GUMBO_TAG_EM,       GUMBO_TAG_FONT,    GUMBO_TAG_I,       GUMBO_TAG_IMG,    GUMBO_TAG_INPUT,
        GUMBO_TAG_INS,   GUMBO_TAG_KBD,      GUMBO_TAG_LABEL,   GUMBO_TAG_MARK,    GUMBO_TAG_METER,  GUMBO_TAG_NOBR,
        GUMBO_TAG_Q,     GUMBO_TAG_RP,       GUMBO_TAG_RT,      GUMBO_TAG_RUBY,    GUMBO_TAG_S,      GUMBO_TAG_SAMP,
        GUMBO_TAG_SMALL, GUMBO_TAG_SPAN,     GUMBO_TAG_STRIKE,  GUMBO_TAG_STRONG,  GUMBO_TAG_SUB,    GUMBO_TAG_SUP,
        GUMBO_TAG_TIME,  GUMBO_TAG_TT,       GUMBO_TAG_U,       GUMBO_TAG_UNKNOWN, GUMBO_TAG_VAR,    GUMBO_TAG_WBR,
        GUMBO_TAG_SVG,   GUMBO_TAG_PROGRESS, GUMBO_TAG_OUTPUT,  GUMBO_TAG_OBJECT,  GUMBO_TAG_SELECT,
    };
    if (node->v.element.tag_namespace != GUMBO_NAMESPACE_HTML) return true;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (tags[i] == node->v.element.tag) return true;
    }
    return false;
}

static bool is_unseen(const GumboNode *node) {
    static const GumboTag tags[] = {GUMBO_TAG_SCRIPT,   GUMBO_TAG_STYLE,  GUMBO_TAG_NOSCRIPT, GUMBO_TAG_HEAD,
                                    GUMBO_TAG_TEMPLATE, GUMBO_TAG_IFRAME, GUMBO_TAG_OBJECT,   GUMBO_TAG_NOFRAMES};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (tags[i] == node->v.element.tag) return true;
    }
    return false;
}

static bool is_cell(const GumboNode *node) {
    return pages__is_tag(node, GUMBO_TAG_TD) || pages__is_tag(node, GUMBO_TAG_TH);
}

/* What must stand between the last word and the next one. */
typedef enum gap { GAP_NONE, GAP_BLANK, GAP_LINE } gap;

typedef struct writer {
    peal_buffer *out;
    size_t begin;
    gap gap;
} writer;

static void want(writer *self, gap wanted) {
    if (wanted > self->gap) self->gap = wanted;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static peal_status put_words(writer *self, const char *text, peal_error *err) {
    while (*text) {
        const char *word = text;
        while (is_blank(*word)) word++;
        if (word > text) want(self, GAP_BLANK);
        for (text = word; *text && !is_blank(*text);) text++;
        if (text == word) break;
        if (self->gap != GAP_NONE && self->out->size > self->begin) {
            PEAL_TRY(peal_buffer_append(self->out, self->gap == GAP_LINE ? "\n" : " ", 1, err));
        }
        self->gap = GAP_NONE;
        PEAL_TRY(peal_buffer_append(self->out, word, (size_t)(text - word), err));
    }
    return PEAL_OK;
}

/* What its beginning and its end mean for the gap between words. */
static gap gap_of(const GumboNode *node) {
    if (!pages__is_element(node)) return GAP_NONE;
    if (is_cell(node)) return GAP_BLANK; /* cells of a row stand side by side */
    return is_inline(node) ? GAP_NONE : GAP_LINE;
}

/* What follows `node`, whose inside is done: its ends, from the inside to the outside, part words as beginnings do. */
static const GumboNode *leave(writer *self, const GumboNode *top, const GumboNode *node, bool unseen) {
    for (;; unseen = false) {
        if (!unseen) want(self, gap_of(node));
        if (node == top) return NULL;
        const GumboNode *next = pages__next_sibling(node);
        if (next) return next;
        node = node->parent;
    }
}

peal_status pages__append_text(const pages__document *document, const GumboNode *top, peal_buffer *out,
                               peal_error *err) {
    writer self = {.out = out, .begin = out->size};
    unsigned steps = 0;
    for (const GumboNode *node = top; node;) {
        if (++steps % ASK_EACH == 0) PEAL_TRY(pages__document_check(document, err));
        const bool unseen = pages__is_element(node) && node != top && is_unseen(node);
        if (!unseen) want(&self, gap_of(node));
        if (node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_CDATA || node->type == GUMBO_NODE_WHITESPACE) {
            PEAL_TRY(put_words(&self, node->v.text.text, err));
        }
        const GumboNode *child = unseen ? NULL : pages__first_child(node);
        node = child ? child : leave(&self, top, node, unseen);
    }
    return PEAL_OK;
}
