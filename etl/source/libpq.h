/* libpq, loaded when it is needed. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_LIBPQ_H
#define PEAL_ETL_SOURCE_LIBPQ_H

#include <postgresql/libpq-fe.h>

#include "etl/source/library.h"

/* What is used of it. */
/* clang-format off */
#define SOURCE__PQ_EACH(X) \
    X(cancel) X(clear) X(connectPoll) X(connectStartParams) X(conninfoFree) X(conninfoParse) X(consumeInput) \
    X(errorMessage) X(finish) X(fname) X(freeCancel) X(freemem) X(ftype) X(getCancel) X(getCopyData) X(getResult) X(getvalue) \
    X(isBusy) X(nfields) X(ntuples) X(resultErrorMessage) X(resultStatus) X(sendDescribePrepared) \
    X(sendPrepare) X(sendQuery) X(serverVersion) X(setNoticeReceiver) X(setnonblocking) X(socket) \
    X(status)
/* clang-format on */

#define SOURCE__FIELD(name) __typeof__(&PQ##name) name;
typedef struct source__pq_functions {
    SOURCE__PQ_EACH(SOURCE__FIELD)
} source__pq_functions;
#undef SOURCE__FIELD

extern source__pq_functions source__pq;
/* Before any of them is called: see library.h. */
peal_status source__pq_load(peal_error *err);

/* By their own names. In libpq.c they are those of the library itself. */
#ifndef SOURCE__PQ_LOADER
#define PQcancel source__pq.cancel
#define PQclear source__pq.clear
#define PQconnectPoll source__pq.connectPoll
#define PQconnectStartParams source__pq.connectStartParams
#define PQconninfoFree source__pq.conninfoFree
#define PQconninfoParse source__pq.conninfoParse
#define PQconsumeInput source__pq.consumeInput
#define PQerrorMessage source__pq.errorMessage
#define PQfinish source__pq.finish
#define PQfname source__pq.fname
#define PQfreeCancel source__pq.freeCancel
#define PQfreemem source__pq.freemem
#define PQftype source__pq.ftype
#define PQgetCancel source__pq.getCancel
#define PQgetCopyData source__pq.getCopyData
#define PQgetResult source__pq.getResult
#define PQgetvalue source__pq.getvalue
#define PQisBusy source__pq.isBusy
#define PQnfields source__pq.nfields
#define PQntuples source__pq.ntuples
#define PQresultErrorMessage source__pq.resultErrorMessage
#define PQresultStatus source__pq.resultStatus
#define PQsendDescribePrepared source__pq.sendDescribePrepared
#define PQsendPrepare source__pq.sendPrepare
#define PQsendQuery source__pq.sendQuery
#define PQserverVersion source__pq.serverVersion
#define PQsetNoticeReceiver source__pq.setNoticeReceiver
#define PQsetnonblocking source__pq.setnonblocking
#define PQsocket source__pq.socket
#define PQstatus source__pq.status
#endif

#endif
