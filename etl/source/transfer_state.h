/* What the files of transfers share: the struct of a download and who may touch what of it. Private to them. */
#ifndef PEAL_ETL_SOURCE_TRANSFER_STATE_H
#define PEAL_ETL_SOURCE_TRANSFER_STATE_H

#include <pthread.h>

#include "core/base/digest.h"
#include "core/thread/executor.h"
#include "etl/source/request.h"
#include "etl/source/transfer.h"

typedef enum source__download_state {
    SOURCE__WAITING, /* for its turn, or for `ready_ns` */
    SOURCE__RUNNING,
    SOURCE__DONE,
    SOURCE__FAILED,
} source__download_state;

/* Fields of the first group are fixed; those of the second are guarded by the transfers' lock; the third is the
 * thread's of libcurl alone, but for `facts` and `ranges`, which others read when bytes have come, or at the end. */
struct source__download {
    source__transfers *owner;
    char *url, *name; /* name: for messages */
    uint64_t begin, end, wanted_hash, most_bytes;
    bool exact;
    size_t capacity;

    source__download *next, *previous;
    source__download_state state;
    bool urgent;    /* its reader waits */
    bool paused;    /* its buffer is full */
    bool resume;    /* there is room again */
    bool ended;     /* its reader has given it up: to be freed */
    uint8_t *bytes; /* a ring of `capacity`: the reader takes at `first`, libcurl's thread puts behind `count` */
    size_t first, count;
    peal_status status;
    peal_error error;
    pthread_cond_t changed;

    CURL *easy;
    struct curl_slist *headers;
    char problem[CURL_ERROR_SIZE];
    source__answer answer;
    bool begun;      /* the answer's head was judged */
    bool discarding; /* its body says what went wrong, at most */
    bool enough;     /* more comes than is wanted */
    bool has_facts, ranges;
    bool asks_range; /* the request is for some of the bytes */
    bool whole;      /* the next one is for all of them, for the server refused a range */
    source__facts facts;
    uint64_t from, skip, at, target; /* bytes of the object: asked for; to pass over; the next one; where it ends */
    uint64_t discarded, expected;    /* expected: hash of what is passed over */
    peal_hasher *hasher, *again;     /* of what was taken so far, unless a strong etag vouches for it */
    unsigned failures;               /* in a row */
    uint64_t mark;                   /* `at` when they were counted last */
    int64_t ready_ns, moved_ns;
    int64_t watched_ns; /* since when bytes are counted, to tell a server that is hardly alive */
    uint64_t watched;   /* bytes of bodies since then */
    source__request request;
    char said[2048]; /* the beginning of a body that says what went wrong */
    size_t said_size;
};

struct source__transfers {
    source__transfer_options options;
    char *bearer;
    CURLM *multi;
    peal_executor *executor;
    peal_future *thread;
    pthread_mutex_t lock;
    source__download *first, *last; /* in the order in which they began */
    size_t running, allowed;        /* connections: in use, and at most for now */
    bool closing;
    CURL *idle[16];
    size_t idle_count;
    uint64_t seed;
    uint64_t moved, moved_before; /* bytes, for the measure that sets `allowed` */
    double best_rate;
    int64_t measured_ns, calm_ns;
    /* For peal_source_usage: sums, when they were added to, and how things have been since. */
    int64_t wanted_ns, receiving_ns, short_ns, noted_ns;
    size_t receiving;
    bool is_wanted, is_short;
};

/* ---- transfer_answer.c: heads and bodies ---- */

/* Tells libcurl all of a request that begins at the right byte. */
peal_status source__request_set(source__download *self, peal_error *err);
/* Judges the answer's head, if that was not done yet: an error is put into `self`. */
void source__answer_judge(source__download *self);
/* Notes an error down, if there is none yet: the download will end with it. */
void source__download_fail(source__download *self, peal_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
