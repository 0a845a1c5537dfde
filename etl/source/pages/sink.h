/* Where the rows of a crawl go: a file without a name, as the format rows reads it. Private to this folder.
 *
 * Columns of tables are known when the last page was read: rows are kept as they come, and written once more at the
 * end, behind a header and with what they lack. */
#ifndef PEAL_ETL_SOURCE_PAGES_SINK_H
#define PEAL_ETL_SOURCE_PAGES_SINK_H

#include "etl/source/pages/page.h"
#include "etl/source/source.h"

typedef struct pages__sink pages__sink;

peal_status pages__sink_new(const pages__wanted *wanted, pages__sink **out, peal_error *err);
/* Takes the rows of the next page in order. */
peal_status pages__sink_put(pages__sink *sink, const pages__page *page, peal_error *err);
uint64_t pages__sink_rows(const pages__sink *sink);
/* Makes them what `source` is read from. */
peal_status pages__sink_finish(pages__sink *sink, peal_source *source, peal_error *err);
void pages__sink_free(pages__sink *sink);

#endif
