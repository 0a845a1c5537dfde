/* CSS selectors, as much of them as tells an element of a page from others. Private to this folder and its tests.
 *
 *   h1   *   #id   .class   [a]   [a=v] [a~=v] [a|=v] [a^=v] [a$=v] [a*=v]   (a value in quotes, or a word)
 *   :first-child   :last-child   :nth-child(2n+1), (odd), (even), (3)
 *   a b (within)   a > b (child)   a + b (next)   a ~ b (later sibling)   a, b (either)
 *
 * Names of elements and attributes are compared in any letters, all else as it stands. Source: Selectors Level 4. */
#ifndef PEAL_ETL_SOURCE_PAGES_SELECTOR_H
#define PEAL_ETL_SOURCE_PAGES_SELECTOR_H

#include "etl/source/pages/html.h"

typedef struct pages__selector pages__selector;

/* PEAL_E_USAGE names the character that was not expected. */
peal_status pages__selector_new(const char *text, size_t length, pages__selector **out, peal_error *err);
void pages__selector_free(pages__selector *selector);

/* Elements within `top` (which is none of them) that fit, in the order of the text. What stands outside of `top` is not
 * looked at. One walk, whatever the selector. */
typedef struct pages__search pages__search;
peal_status pages__search_new(const pages__document *document, const pages__selector *selector, const GumboNode *top,
                              pages__search **out, peal_error *err);
/* *out is NULL when there are no more. */
peal_status pages__search_next(pages__search *search, const GumboNode **out, peal_error *err);
void pages__search_free(pages__search *search);

#endif
