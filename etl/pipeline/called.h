/* What a column's name says of its numbers. Private to this folder. */
#ifndef PEAL_ETL_PIPELINE_CALLED_H
#define PEAL_ETL_PIPELINE_CALLED_H

#include <stdbool.h>

/* True of a column that is called a date: date, OrderDate, orderdate, dt. */
bool pipeline__is_called_date(const char *name);
/* True of one that is called a time of any kind: timestamp, created_at, ts, epoch. */
bool pipeline__is_called_time(const char *name);

#endif
