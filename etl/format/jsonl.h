/* What the parts of JSON Lines share: where records end, and one input under way. Private to the format. */
#ifndef PEAL_ETL_FORMAT_JSONL_H
#define PEAL_ETL_FORMAT_JSONL_H

#include <pthread.h>

#include "etl/format/jsonl_walk.h"

/* Values of keys that are no column: what came behind the sample. */
typedef struct jsonl__late {
    pthread_mutex_t lock;
    uint64_t values, line;          /* of all such keys; the first one's */
    char name[JSONL_PATH_MOST + 1]; /* of the first key, by the order of lines */
} jsonl__late;

/* How an input is written. */
typedef enum jsonl__layout {
    JSONL_LINES, /* an object a line */
    JSONL_LIST   /* one array of objects, in lines or not */
} jsonl__layout;

/* A search for the commas between the elements of an array; it can stop anywhere and go on. */
typedef struct jsonl__split {
    size_t depth; /* arrays and objects that are open; within the outer array 1 */
    bool text, escape;
} jsonl__split;
/* The first byte from `at` on that is a comma between elements or the bracket that closes the array; NULL: not before
 * `end`. What is no JSON is searched all the same. */
const char *jsonl__find_split(jsonl__split *split, const char *at, const char *end);

/* Where the record that begins at `at` ends: at a newline (LINES), or a comma (LIST). */
const char *jsonl__record_end(jsonl__layout layout, const char *at, const char *end);

/* One input under way; jsonl.c reads, jsonl_parse.c parses. */
typedef struct jsonl__reader {
    peal_reader base;
    const peal_wanted *wanted;
    peal_stream *stream;
    char *name;
    jsonl__layout layout;
    peal_buffer carry;  /* what is read and not yet handed out */
    jsonl__split split; /* LIST: at the end of what is carried */
    bool begun, closed; /* LIST: its brackets were read */
    bool ended;
    bool added;            /* the last line lacked its end, and got one */
    uint64_t line, number; /* of the next record, of the next block */
    uint64_t offset;       /* bytes of the input in front of that */
    jsonl__late *late;     /* guarded by its lock; NULL: nobody asks */
} jsonl__reader;

/* A reader of `stream`, which it takes over, even on failure. */
peal_status jsonl__reader_new(const peal_wanted *wanted, const char *name, peal_stream *stream, jsonl__reader **out,
                              peal_error *err);
peal_status jsonl__parse(const peal_reader *base, peal_block *block, peal_error *err);
peal_status jsonl__survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                          peal_error *err);
/* PEAL_E_DATA if `text`, the beginning of an input, has none of the columns that are wanted, or lacks a label that is
 * required. The reporter is told of others that it lacks. */
peal_status jsonl__check_columns(const peal_wanted *wanted, const char *name, const char *text, size_t size,
                                 peal_error *err);

#endif
