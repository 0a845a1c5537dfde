/* Arrow IPC from anybody: files (with a footer) and streams. The reader of Peal's own shards, which trusts more and
 * keeps all, is etl/table/arrow/file.h.
 *
 *   arrow_message.c   bytes -> messages           arrow_schema.c      a schema message -> nodes and columns
 *   arrow_batch.c     a record batch -> parts     arrow_dictionary.c  dictionary batches -> texts
 *   arrow_unpack.c    compressed buffers          arrow_array.c       a part's pieces -> arrays, checked
 *   arrow_values.c    values as numbers and texts arrow_parse.c       arrays -> a block's columns
 *
 * `next` hands out a *part*: some rows of one record batch, of the wanted columns only, as bytes in block->text.
 * `parse` unpacks and converts them. What is out of bounds is found before it is used: places in `next`, contents in
 * `parse`.
 *
 * Source: "Arrow Columnar Format" and Schema.fbs, Message.fbs, File.fbs. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_ARROW_H
#define PEAL_ETL_FORMAT_ARROW_H

#include <pthread.h>

#include "etl/format/format.h"
#include "etl/table/arrow/flatbuffer.h"
#include "etl/table/arrow/schema.h"

/* ---- the schema ---- */

typedef struct ipc__type {
    uint8_t kind;   /* a TYPE_ of etl/table/arrow/schema.h */
    uint8_t unit;   /* a TIME_UNIT_ */
    bool is_signed; /* of integers */
    bool zoned;     /* a timestamp is an instant in UTC */
    bool has_place; /* its zone is that of a place, whose clock is not known here */
    int32_t zone;   /* minutes by which its zone's clock is before UTC's */
    uint32_t bits;  /* of a value of a fixed size; 0: of another size */
    int32_t precision, scale;
    uint32_t width; /* of a FIXED_SIZE_LIST: items */
} ipc__type;

/* A field of the schema's tree. They stand in the order in which a record batch counts them: depth first. */
typedef struct ipc__node {
    char *path;     /* "a.b" */
    size_t parent;  /* SIZE_MAX: none */
    ipc__type type; /* of the values */
    bool coded;     /* values are numbers of a dictionary's entries */
    ipc__type index;
    int64_t dictionary_id;
    size_t dictionary;   /* index into ipc__dictionaries, if coded */
    size_t buffer_count; /* that a record batch has for it, without those of views */
} ipc__node;

typedef struct ipc__schema {
    ipc__node *nodes;
    size_t count, capacity;
    peal_schema columns;  /* those that can be read, with the types that a survey tells */
    size_t *column_nodes; /* [columns.count] */
    int version;
} ipc__schema;

void ipc__schema_clear(ipc__schema *schema);

/* ---- messages ---- */

typedef struct ipc__message {
    uint64_t at; /* its first byte in the input */
    uint8_t kind;
    int version;
    arrow__reader reader; /* on its metadata, which lasts until the next message */
    arrow__at header;
    uint64_t body_size;
} ipc__message;

typedef struct ipc__source {
    const char *name;
    peal_stream *stream;
    uint64_t at;      /* bytes read so far */
    bool footed;      /* it is a file, whose footer is known; else a stream */
    bool lacks_end;   /* a stream that ended without the mark that says so, which its writer may leave out */
    bool has_ahead;   /* the first message's prefix was read to tell files from streams */
    uint8_t ahead[8]; /* that prefix */
    arrow_block *batches, *dictionaries;
    size_t batch_count, dictionary_count, met;
    peal_buffer metadata, footer;
    peal_buffer whole; /* of a file that only reads on: all of it */
} ipc__source;

/* Reads the magic number and, of a file, the footer. */
peal_status ipc__source_begin(ipc__source *source, peal_error *err);
void ipc__source_clear(ipc__source *source);
/* The next message, whose body is to be read or skipped; *ended at the end, which is checked. */
peal_status ipc__source_next(ipc__source *source, ipc__message *out, bool *ended, peal_error *err);
/* Appends `size` bytes of a body to `out`, or passes over them. */
peal_status ipc__source_read(ipc__source *source, uint64_t size, peal_buffer *out, peal_error *err);
peal_status ipc__source_skip(ipc__source *source, uint64_t size, peal_error *err);
/* `size` bytes at an offset of the input. */
peal_status ipc__source_read_at(const ipc__source *source, uint64_t offset, uint8_t *out, size_t size, peal_error *err);
/* The message that the footer names, with its body, which is read into `body`. */
peal_status ipc__source_message_at(ipc__source *source, const arrow_block *block, ipc__message *out, peal_buffer *body,
                                   peal_error *err);
/* PEAL_E_DATA with the input's name and the byte. */
peal_status ipc__damaged(const ipc__source *source, uint64_t at, peal_error *err, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
/* Finds the metadata's header and what it is of; what is wrong is an error. */
peal_status ipc__message_parse(const ipc__source *source, ipc__message *message, peal_error *err);

/* The schema of the footer, or of the first message. */
peal_status ipc__schema_read(ipc__source *source, ipc__schema *out, peal_error *err);
/* "a list", "binary data": what is said of a type that is left out; NULL: it can be read. */
const char *ipc__unreadable(const ipc__schema *schema, size_t node);
/* True if a column of the node holds numbers. */
bool ipc__type_is_number(const ipc__type *type);
bool ipc__type_is_text(const ipc__type *type);
/* How many buffers a record batch has for values of a type that can be read, without those of views. */
size_t ipc__buffers_of(const ipc__type *type);

/* ---- dictionaries ---- */

/* The values of one dictionary batch, as texts. */
typedef struct ipc__texts {
    size_t users;
    size_t count;
    peal_buffer bytes;
    size_t *offsets; /* [count + 1] */
    bool sound;      /* all are UTF-8 */
} ipc__texts;

/* A dictionary: a batch and those that were added to it. */
typedef struct ipc__dictionary {
    ipc__texts **texts;
    size_t *first; /* [text_count] the number of each one's first entry */
    size_t text_count, size;
    bool known, sound;
} ipc__dictionary;

/* All dictionaries as they stand for some blocks. They may change from batch to batch of a stream; a block holds on to
 * those that it was made under, from `next` to the end of `parse`. */
typedef struct ipc__edition {
    size_t users;
    struct ipc__edition *next;
    ipc__dictionary *dictionaries;
} ipc__edition;

typedef struct ipc__dictionaries {
    pthread_mutex_t lock; /* of the editions' and texts' users */
    size_t count;
    int64_t *ids;       /* [count] */
    size_t *nodes;      /* [count] a node of each, for its type */
    bool *wanted;       /* [count] */
    ipc__edition *all;  /* a list */
    ipc__edition *last; /* what the next block is made under */
} ipc__dictionaries;

/* Numbers the dictionaries of the schema's coded nodes. PEAL_E_DATA if two of them share one that has another type. */
peal_status ipc__dictionaries_new(ipc__schema *schema, ipc__dictionaries **out, peal_error *err);
void ipc__dictionaries_free(ipc__dictionaries *dictionaries); /* NULL is allowed */
/* Takes a dictionary batch in. `body` holds the message's body. */
peal_status ipc__dictionaries_take(ipc__dictionaries *self, const ipc__source *source, const ipc__schema *schema,
                                   ipc__message *message, const uint8_t *body, peal_error *err);
ipc__edition *ipc__edition_hold(ipc__dictionaries *self);
void ipc__edition_release(ipc__dictionaries *self, ipc__edition *edition);
/* The text of an entry that there is. */
const char *ipc__dictionary_text(const ipc__dictionary *dictionary, size_t entry, size_t *length);

/* ---- record batches and their parts ---- */

typedef enum ipc__packing { IPC_PLAIN, IPC_LZ4, IPC_ZSTD } ipc__packing;

/* Where the bytes of a buffer are. */
typedef struct ipc__place {
    const uint8_t *data; /* in memory; NULL: at `at` of the input */
    uint64_t at, size;
} ipc__place;

typedef struct ipc__batch {
    uint64_t at; /* of its message */
    uint64_t rows;
    ipc__packing packing;
    size_t node_count, buffer_count;
    int64_t *lengths, *null_counts; /* [node_count] */
    size_t *buffers, *views;        /* [node_count] first buffer; how many buffers of bytes a view has */
    ipc__place *places;             /* [buffer_count] */
} ipc__batch;

/* `header` is a RecordBatch table. The body lies in memory (`body`), or at `body_at` of the input. */
peal_status ipc__batch_open(const ipc__source *source, const ipc__schema *schema, ipc__message *message,
                            arrow__at header, const uint8_t *body, uint64_t body_at, ipc__batch *out, peal_error *err);
void ipc__batch_clear(ipc__batch *batch);

typedef struct ipc__piece {
    uint64_t at, size; /* in block->text */
} ipc__piece;

/* One column of a part. Its pieces: `validities` bitmaps, of which all must be set; then the values, or offsets and
 * bytes, or views and their buffers. */
typedef struct ipc__slice {
    size_t node; /* SIZE_MAX: the input has no such column */
    size_t piece, validities, views;
    uint64_t first; /* offsets begin at this one */
} ipc__slice;

/* What stands at the beginning of block->text, with the slices and pieces behind it. */
typedef struct ipc__part {
    uint64_t rows, batch_at;
    unsigned shift; /* bits in front of the first row's one in bitmaps */
    ipc__packing packing;
    ipc__edition *edition;
    size_t slice_count, piece_count;
} ipc__part;

typedef struct ipc__reader {
    peal_reader base;
    const peal_wanted *wanted;
    char *name;
    ipc__source source;
    ipc__schema schema;
    ipc__dictionaries *dictionaries;
    size_t *nodes; /* [wanted fields] SIZE_MAX: none */
    ipc__batch batch;
    bool in_batch;
    peal_buffer body;      /* of the batch, if it is in memory */
    peal_buffer *unpacked; /* [batch.buffer_count] what `next` unpacked; NULL: nothing */
    uint64_t skip;         /* bytes of the body that are still to be passed over */
    uint64_t row, part;    /* the batch's next row; rows of a part */
    uint64_t line, number; /* rows and blocks so far */
    bool told_of_end;
} ipc__reader;

/* Writes rows row .. row + rows - 1 of a batch, the columns of `nodes`, into block->text. A compressed batch is taken
 * as a whole. `edition` is what the part holds on to, or NULL. */
peal_status ipc__part_write(const ipc__source *source, const ipc__schema *schema, const ipc__batch *batch,
                            const size_t *nodes, size_t node_count, uint64_t row, uint64_t rows, ipc__edition *edition,
                            peal_block *block, peal_error *err);
/* A column of a batch must have a value a row, in it and in the structs around it. */
peal_status ipc__batch_check(const ipc__source *source, const ipc__schema *schema, const ipc__batch *batch, size_t node,
                             peal_error *err);
static inline const ipc__slice *ipc__part_slices(const ipc__part *part) {
    return (const ipc__slice *)(const void *)(part + 1);
}
static inline const ipc__piece *ipc__part_pieces(const ipc__part *part) {
    return (const ipc__piece *)(const void *)(ipc__part_slices(part) + part->slice_count);
}
/* Makes the next part of the reader's batch. */
peal_status ipc__part_make(ipc__reader *reader, peal_block *block, peal_error *err);
/* Readies the batch that was opened for parts: unpacks what is too large for one. */
peal_status ipc__parts_begin(ipc__reader *reader, peal_error *err);
void ipc__parts_end(ipc__reader *reader);

/* Unpacks a buffer of a compressed batch: the first `needed` bytes, or all if that is SIZE_MAX. Memory grows with what
 * there is, not with what is promised. `out` has padding behind. */
const char *ipc__unpack(ipc__packing packing, const uint8_t *bytes, size_t size, size_t needed, peal_buffer *out);

/* ---- values ---- */

typedef struct ipc__array {
    ipc__type type; /* of what lies in `values`; of codes, if there is a dictionary */
    size_t rows;
    uint8_t *valid; /* [rows] 1 or 0; NULL: nothing is missing */
    unsigned shift; /* of bits */
    const uint8_t *values, *offsets, *bytes;
    uint64_t first; /* the offset that `bytes` begin with */
    const ipc__piece *views;
    size_t view_count;
    const uint8_t **view_bytes; /* [view_count] */
    const ipc__dictionary *dictionary;
    bool sound; /* all texts are UTF-8 */
    /* Both NULL, or [rows], mostly of NULL. */
    const char **odd;   /* the text of a value that the type cannot hold: an infinite date */
    const char **wrong; /* why a value cannot be read, which makes its row a bad one; the value is missing */
    peal_buffer *own;
    size_t own_count; /* unpacked buffers */
    ipc__piece *own_views;
} ipc__array;

/* The array of one slice, checked. `what` names the column. */
peal_status ipc__array_open(const ipc__schema *schema, const ipc__part *part, const ipc__slice *slice, const char *text,
                            ipc__array *out, const char **wrong);
void ipc__array_clear(ipc__array *array);

static inline bool ipc__array_has(const ipc__array *array, size_t row) {
    return array->type.kind != TYPE_NULL && (!array->valid || array->valid[row]);
}

/* A view is 16 bytes: the text's length, and the text itself, or its first 4 bytes, its buffer and its place there. */
enum { IPC_VIEW_SIZE = 16, IPC_VIEW_SHORT = 12 };

static inline const char *ipc__view_text(const ipc__array *array, size_t row, size_t *length) {
    uint32_t view[4];
    const uint8_t *at = array->values + row * IPC_VIEW_SIZE;
    memcpy(view, at, sizeof view);
    *length = view[0];
    return (const char *)(view[0] <= IPC_VIEW_SHORT ? at + 4 : array->view_bytes[view[2]] + view[3]);
}

enum { IPC_CELL = 256 };
/* A value that is not missing, as text: in `cell`, or where it lies. Readable for 8 bytes. */
const char *ipc__array_text(const ipc__array *array, size_t row, char cell[IPC_CELL], size_t *length);
/* All rows of an array of numbers or booleans; NaN where one is missing. */
void ipc__array_numbers(const ipc__array *array, double *out);
/* The number of a dictionary's entry. */
uint64_t ipc__array_code(const ipc__array *array, size_t row);

/* Fills a block with `rows` rows of arrays, one for each wanted field that is not skipped; another format's too. */
peal_status ipc__fill_block(const peal_wanted *wanted, const ipc__array *arrays, size_t rows, peal_block *block,
                            peal_error *err);
void ipc__arrays_free(ipc__array *arrays, size_t count);

/* Makes a reader that has read its header ready to give what is wanted, which must outlive its use. */
typedef peal_status ipc__begin(peal_reader *reader, const peal_wanted *wanted, peal_error *err);
/* For surveys, another format's too. A label of numbers may be one of classes, if they are whole and few: its type is
 * left open, with what its first values tell. The reader is of no use afterwards but to be closed. */
peal_status ipc__survey_label(peal_reader *reader, ipc__begin *get_ready, const peal_survey *what, peal_found *out,
                              peal_error *err);

peal_status ipc__parse(const peal_reader *base, peal_block *block, peal_error *err);

#endif
