/* Marks that people put around a number: that it is rough (~5, ca. 5), a bound (<0.1, >100, 10+), doubtful (5?), or has
 * a remark or a note (33.1*, 12 (est.), 7 [3]). The number is plain within them. */
#ifndef PEAL_ETL_FORMAT_MARKS_H
#define PEAL_ETL_FORMAT_MARKS_H

#include <stdbool.h>
#include <stddef.h>

/* Takes the marks off: what is left begins at *begin and has *length bytes. False if there were none, or nothing is
 * left. */
bool marks__take(const char *text, size_t *begin, size_t *length);

#endif
