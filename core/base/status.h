/* Status codes and error objects: how every Peal function that can fail says so.
 *
 * A function that can fail returns a `peal_status` and takes a `peal_error *` as its last argument (NULL is allowed).
 * The message says what was being done, on what, what went wrong and, where it is known, what to do about it. Context
 * is put in front on the way up, once per floor. */
#ifndef PEAL_CORE_STATUS_H
#define PEAL_CORE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum peal_status {
    PEAL_OK = 0,
    PEAL_E_FAILED = 1,      /* the machine said no: I/O, processes, limits */
    PEAL_E_USAGE = 2,       /* the caller asked for something that cannot be */
    PEAL_E_DATA = 3,        /* the input data is bad */
    PEAL_E_INTERRUPTED = 4, /* stopped on request; what was done is kept and the job can be resumed */
    PEAL_E_MEMORY = 5,      /* not enough memory */
    PEAL_E_CANCELLED = 6,   /* a task was cancelled before it ran */
    PEAL_E_BUSY = 7         /* another job holds what this one needs; the same call works once that one has ended */
} peal_status;

enum { PEAL_ERROR_MESSAGE_SIZE = 1536 };

typedef struct peal_error {
    peal_status status;
    char message[PEAL_ERROR_MESSAGE_SIZE]; /* NUL-terminated, cut if too long */
} peal_error;

/* Fills `err` (if not NULL) and returns `status`, so that `return peal_fail(...)` reads as one thought. */
peal_status peal_fail(peal_error *err, peal_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the text of errno `error_number` appended. */
peal_status peal_fail_errno(peal_error *err, peal_status status, int error_number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "context: " in front of the message that `err` holds. */
void peal_error_context(peal_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The name of a status, for people: "bad input data". */
const char *peal_status_name(peal_status status);

/* Leaves the calling function with the status of `call` if that is not PEAL_OK. */
#define PEAL_TRY(call)                                            \
    do {                                                          \
        peal_status peal_try_status_ = (call);                    \
        if (peal_try_status_ != PEAL_OK) return peal_try_status_; \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
