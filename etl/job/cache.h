/* Where cached datasets lie: a folder that nobody but the user can write to. */
#ifndef PEAL_ETL_CACHE_H
#define PEAL_ETL_CACHE_H

#include "core/base/file.h"

/* $PEAL_CACHE, else $XDG_CACHE_HOME/peal, else ~/.cache/peal; made if it is not there. NULL, with *why, if there is
 * none or it is not private. Both are freed by the caller. */
char *peal_cache_folder(char **why);

/* What lies under an entry's name holds nothing but files with the names of a dataset's. What they hold does not count,
 * so that a damaged entry, too, is made anew and can be removed. */
extern const peal_folder_kind peal_cached_kind;

#endif
