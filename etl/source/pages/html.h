/* A page as a tree, by gumbo, and walks over it that need no stack of their own. Private to this folder and its tests.
 *
 * Any bytes are a page. What is bounded is what a hostile one can cost: memory, and the time of the parser, whose rules
 * for badly nested tags take time that grows with the square of their number. */
#ifndef PEAL_ETL_SOURCE_PAGES_HTML_H
#define PEAL_ETL_SOURCE_PAGES_HTML_H

#include <gumbo.h>
#include <stdatomic.h>

#include "core/base/memory.h"

typedef struct pages__document {
    peal_arena *memory; /* of the whole tree */
    const GumboNode *root;
    char *text; /* [text_size] UTF-8, that parts of the tree point into */
    size_t text_size;
    int64_t until_ns; /* when work on it is given up */
    const atomic_int *stop;
} pages__document;

/* Parses `text`, in UTF-8, which is copied. PEAL_E_DATA if it is too large as a tree or takes more than ten seconds;
 * PEAL_E_INTERRUPTED at `stop` (NULL: never). */
peal_status pages__document_parse(const char *text, size_t size, const atomic_int *stop, pages__document *out,
                                  peal_error *err);
void pages__document_clear(pages__document *document);
/* Work on a document asks now and then: the same two errors. */
peal_status pages__document_check(const pages__document *document, peal_error *err);

/* ---- nodes ---- */

bool pages__is_element(const GumboNode *node);
/* True of an element of HTML with this tag. */
bool pages__is_tag(const GumboNode *node, GumboTag tag);
/* The value of an attribute, or NULL. */
const char *pages__attribute(const GumboNode *element, const char *name);
/* The first child, or NULL. What a <template> holds is no part of the page. */
const GumboNode *pages__first_child(const GumboNode *node);
const GumboNode *pages__next_sibling(const GumboNode *node);
/* The next node within `top`, in the order of the text; with `inside` false what `node` holds is passed over. NULL at
 * the end. */
const GumboNode *pages__next(const GumboNode *top, const GumboNode *node, bool inside);

/* Appends what a reader sees of `node`: blanks are one blank, what stands on lines of its own is parted by a line end;
 * none at either end. Scripts and styles are not seen. */
peal_status pages__append_text(const pages__document *document, const GumboNode *node, peal_buffer *out,
                               peal_error *err);

#endif
