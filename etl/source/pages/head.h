/* The head of a web server's answer, as far as a page's reader acts upon it. Private to this folder and its tests. */
#ifndef PEAL_ETL_SOURCE_PAGES_HEAD_H
#define PEAL_ETL_SOURCE_PAGES_HEAD_H

#include "etl/source/http_text.h"
#include "etl/source/pages/url.h"

typedef struct pages__head {
    source__answer answer;
    bool has_type, is_html;             /* has_type: it names a type at all */
    char charset[64];                   /* of the type; "": none */
    char location[PAGES__URL_MOST + 1]; /* as it stands; "": none, or too long */
    char robots[256];                   /* words of X-Robots-Tag that are meant for all, or for peal */
} pages__head;

void pages__head_begin(pages__head *head);
/* Takes one line, with or without its end. A status line begins anew. `now`: seconds since 1970. */
void pages__head_line(pages__head *head, const char *line, size_t size, int64_t now);

#endif
