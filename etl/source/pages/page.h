/* One page: its bytes to rows, and what it says about where to go on. Private to this folder and its tests. */
#ifndef PEAL_ETL_SOURCE_PAGES_PAGE_H
#define PEAL_ETL_SOURCE_PAGES_PAGE_H

#include "etl/source/pages/selector.h"
#include "etl/source/pages/url.h"

/* A column that a selector gives. */
typedef struct pages__field {
    char *name;
    pages__selector *selector; /* NULL: the element that the row is made of */
    char *attribute;           /* whose value it is, of href and src as a whole URL; NULL: the text is */
} pages__field;

/* What rows are made of: each page, or each element that fits `each`, or each row of its tables. */
typedef struct pages__wanted {
    bool tables;
    pages__selector *each; /* NULL: the page */
    pages__field *fields;  /* [count] behind the columns that each row has */
    size_t count;
} pages__wanted;

/* `each` and `select` ("name=CSS; link=CSS@href") as the options have them; NULL: not given. PEAL_E_USAGE if one is
 * wrong, or they do not go together. */
peal_status pages__wanted_new(const char *each, const char *select, bool tables, pages__wanted *out, peal_error *err);
void pages__wanted_clear(pages__wanted *wanted);
/* The columns that stand before the fields: names, ended by NULL. */
const char *const *pages__wanted_names(const pages__wanted *wanted);

/* How a page came. */
typedef struct pages__answer {
    const pages__url *url;
    unsigned depth;      /* links from the start */
    const uint8_t *body; /* [size] as it was sent */
    size_t size;
    const char *charset; /* of its Content-Type, or NULL */
    const char *robots;  /* words of its X-Robots-Tag, or NULL */
} pages__answer;

/* What was read of it. Rows are those of etl/source/rows.h, without a header; of tables each table begins with a row
 * of names, whose count has the bit PAGES__NAMES, and rows may be longer than that. */
enum { PAGES__NAMES = 0x8000, PAGES__COLUMNS_MOST = 1000 };
typedef struct pages__page {
    peal_buffer rows;
    peal_buffer links; /* to follow: URLs with a NUL behind each, each once, in the order of the text */
    pages__url canonical;
    bool has_canonical; /* it says that it is another spelling of that page */
    bool no_rows, no_links;
    uint64_t hash; /* XXH3 of the body */
} pages__page;

peal_status pages__page_read(const pages__wanted *wanted, const pages__answer *answer, const atomic_int *stop,
                             pages__page *out, peal_error *err);
void pages__page_clear(pages__page *page);

/* ---- for its files ---- */

enum { PAGES__ROWS_MOST = 64 << 20 /* bytes that one page may become */ };

peal_status pages__put_count(peal_buffer *out, uint16_t count, peal_error *err);
/* `tagged`: of a column whose values tell their types. An empty text is missing. */
peal_status pages__put_text(peal_buffer *out, const char *text, size_t size, bool tagged, peal_error *err);
peal_status pages__put_number(peal_buffer *out, uint32_t number, peal_error *err);
/* PEAL_E_DATA if they are more than a page may become. */
peal_status pages__check_rows(const peal_buffer *rows, peal_error *err);

peal_status pages__tables_read(const pages__document *document, const pages__url *url, peal_buffer *rows,
                               peal_error *err);

#endif
