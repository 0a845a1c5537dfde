/* libcurl, loaded when it is needed. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_LIBCURL_H
#define PEAL_ETL_SOURCE_LIBCURL_H

#define CURL_DISABLE_TYPECHECK /* whose macros stand in the way of those below */
#include <curl/curl.h>

#include "etl/source/library.h"

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

/* What is used of it. */
/* clang-format off */
#define SOURCE__CURL_EACH(X) \
    X(easy_cleanup) X(easy_getinfo) X(easy_init) X(easy_pause) X(easy_perform) X(easy_reset) X(easy_setopt) \
    X(easy_strerror) X(getdate) X(global_cleanup) X(global_init) X(multi_add_handle) \
    X(multi_cleanup) X(multi_info_read) X(multi_init) X(multi_perform) X(multi_poll) \
    X(multi_remove_handle) X(multi_setopt) X(multi_wakeup) X(slist_append) X(slist_free_all)
/* clang-format on */

#define SOURCE__FIELD(name) __typeof__(&curl_##name) name;
typedef struct source__curl_functions {
    SOURCE__CURL_EACH(SOURCE__FIELD)
} source__curl_functions;
#undef SOURCE__FIELD

extern source__curl_functions source__curl;
/* Before any of them is called: see library.h. */
peal_status source__curl_load(peal_error *err);

/* By their own names. In libcurl.c they are those of the library itself. */
#ifndef SOURCE__CURL_LOADER
#define curl_easy_cleanup source__curl.easy_cleanup
#define curl_easy_getinfo source__curl.easy_getinfo
#define curl_easy_init source__curl.easy_init
#define curl_easy_pause source__curl.easy_pause
#define curl_easy_perform source__curl.easy_perform
#define curl_easy_reset source__curl.easy_reset
#define curl_easy_setopt source__curl.easy_setopt
#define curl_easy_strerror source__curl.easy_strerror
#define curl_getdate source__curl.getdate
#define curl_global_cleanup source__curl.global_cleanup
#define curl_global_init source__curl.global_init
#define curl_multi_add_handle source__curl.multi_add_handle
#define curl_multi_cleanup source__curl.multi_cleanup
#define curl_multi_info_read source__curl.multi_info_read
#define curl_multi_init source__curl.multi_init
#define curl_multi_perform source__curl.multi_perform
#define curl_multi_poll source__curl.multi_poll
#define curl_multi_remove_handle source__curl.multi_remove_handle
#define curl_multi_setopt source__curl.multi_setopt
#define curl_multi_wakeup source__curl.multi_wakeup
#define curl_slist_append source__curl.slist_append
#define curl_slist_free_all source__curl.slist_free_all
#endif

#endif
