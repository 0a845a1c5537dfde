/* Writes messages into error objects, in English and with the C locale's numbers; see status.h. */
#include "core/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/locale.h"

static void error_format(peal_error *err, peal_status status, const char *format, va_list args) {
    const locale_t before = peal_locale_enter();
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, args);
    peal_locale_leave(before);
}

peal_status peal_fail(peal_error *err, peal_status status, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        error_format(err, status, format, args);
        va_end(args);
    }
    return status;
}

peal_status peal_fail_errno(peal_error *err, peal_status status, int error_number, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        error_format(err, status, format, args);
        va_end(args);
        const char *reason = strerrordesc_np(error_number); /* in English, whatever the locale */
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason ? reason : "unknown error");
    }
    return status;
}

void peal_error_context(peal_error *err, const char *format, ...) {
    if (!err) return;
    char rest[PEAL_ERROR_MESSAGE_SIZE];
    memcpy(rest, err->message, sizeof rest);
    va_list args;
    va_start(args, format);
    error_format(err, err->status, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", rest);
}

const char *peal_status_name(peal_status status) {
    switch (status) {
    case PEAL_OK:
        return "done";
    case PEAL_E_FAILED:
        return "failed";
    case PEAL_E_USAGE:
        return "wrong usage";
    case PEAL_E_DATA:
        return "bad input data";
    case PEAL_E_INTERRUPTED:
        return "interrupted";
    case PEAL_E_MEMORY:
        return "out of memory";
    case PEAL_E_CANCELLED:
        return "cancelled";
    case PEAL_E_BUSY:
        return "in use by another job";
    }
    return "unknown";
}
