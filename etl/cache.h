/* Where cached datasets lie: a folder that nobody but the user can write to. */
#ifndef PEAL_ETL_CACHE_H
#define PEAL_ETL_CACHE_H

/* $PEAL_CACHE, else $XDG_CACHE_HOME/peal, else ~/.cache/peal; made if it is not there. NULL, with *why, if there is
 * none or it is not private. Both are freed by the caller. */
char *peal_cache_folder(char **why);

#endif
