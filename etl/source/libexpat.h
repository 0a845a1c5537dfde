/* expat, loaded when it is needed. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_LIBEXPAT_H
#define PEAL_ETL_SOURCE_LIBEXPAT_H

#include <expat.h>

#include "etl/source/library.h"

/* What is used of it. */
/* clang-format off */
#define SOURCE__EXPAT_EACH(X) \
    X(ErrorString) X(GetCurrentLineNumber) X(GetErrorCode) X(Parse) X(ParserCreate) \
    X(ParserFree) X(SetCharacterDataHandler) X(SetElementHandler) X(SetStartDoctypeDeclHandler) X(SetUserData) \
    X(StopParser)
/* clang-format on */

#define SOURCE__FIELD(name) __typeof__(&XML_##name) name;
typedef struct source__expat_functions {
    SOURCE__EXPAT_EACH(SOURCE__FIELD)
} source__expat_functions;
#undef SOURCE__FIELD

extern source__expat_functions source__expat;
/* Before any of them is called: see library.h. */
peal_status source__expat_load(peal_error *err);

/* By their own names. In libexpat.c they are those of the library itself. */
#ifndef SOURCE__EXPAT_LOADER
#define XML_ErrorString source__expat.ErrorString
#define XML_GetCurrentLineNumber source__expat.GetCurrentLineNumber
#define XML_GetErrorCode source__expat.GetErrorCode
#define XML_Parse source__expat.Parse
#define XML_ParserCreate source__expat.ParserCreate
#define XML_ParserFree source__expat.ParserFree
#define XML_SetCharacterDataHandler source__expat.SetCharacterDataHandler
#define XML_SetElementHandler source__expat.SetElementHandler
#define XML_SetStartDoctypeDeclHandler source__expat.SetStartDoctypeDeclHandler
#define XML_SetUserData source__expat.SetUserData
#define XML_StopParser source__expat.StopParser
#endif

#endif
