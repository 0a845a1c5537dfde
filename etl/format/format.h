/* Formats: how bytes become rows. A reader cuts a stream into blocks of whole records, in order; a block is then parsed
 * into typed columns by any thread.
 *
 * To add one: a file with a `const peal_format`, and a line in the table of format.c. */
#ifndef PEAL_ETL_FORMAT_FORMAT_H
#define PEAL_ETL_FORMAT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "etl/codec/codec.h"
#include "etl/table/dictionary.h"

/* What a raw column holds. A missing number is NaN; a missing text is told by its spelling. */
typedef enum peal_raw_kind { PEAL_RAW_NUMBER, PEAL_RAW_TEXT, PEAL_RAW_BYTES } peal_raw_kind;

typedef struct peal_raw_field {
    char *name;
    peal_raw_kind kind;
    uint32_t width; /* of PEAL_RAW_BYTES: bytes per row */
    bool skip;      /* nobody wants this column: do not convert it */
} peal_raw_field;

/* The columns that all inputs of a job share. */
typedef struct peal_raw_schema {
    peal_raw_field *fields;
    size_t count, capacity;
    peal_dictionary names; /* of the fields: a name's code is its field's index */
} peal_raw_schema;

void peal_raw_schema_clear(peal_raw_schema *schema);
/* The index of the column, or SIZE_MAX; the time does not depend on how many columns there are. */
size_t peal_raw_schema_find(const peal_raw_schema *schema, const char *name, size_t name_length);
/* PEAL_E_DATA if there is a column of this name already. */
peal_status peal_raw_schema_add(peal_raw_schema *schema, const char *name, size_t name_length, peal_raw_kind kind,
                                uint32_t width, peal_error *err);

typedef enum peal_header { PEAL_HEADER_AUTO, PEAL_HEADER_YES, PEAL_HEADER_NO } peal_header;

/* How to read the text; zero means "find out" for format, delimiter and header. */
typedef struct peal_format_options {
    const char *format; /* name, or NULL */
    char delimiter;     /* 0: found */
    peal_header header;
    bool trim;    /* drop blanks around fields */
    char **nulls; /* spellings of a missing value; the empty field always is one */
    size_t null_count;
    size_t block_size; /* bytes of text per block; 0: the default */
} peal_format_options;

bool peal_format_is_null(const peal_format_options *options, const char *text, size_t length);

typedef struct peal_bad_row {
    uint64_t line; /* 1-based; of IDX the row */
    char *reason;
    char *text; /* the raw record, cut to a few hundred bytes */
} peal_bad_row;

/* A run of whole records and what parsing made of it. Reused from block to block. */
typedef struct peal_block {
    char *text;
    size_t size, capacity;
    uint64_t number;     /* within its input, from 0 */
    uint64_t first_line; /* 1-based line of the first record */
    /* Parsed; indexed like the schema's fields. */
    size_t rows, row_capacity;
    double **numbers;              /* [fields][rows] of NUMBER */
    int32_t **codes;               /* [fields][rows] of TEXT */
    peal_dictionary *dictionaries; /* [fields] of TEXT; parsing adds to them, whoever owns the block empties them */
    uint8_t **bytes;               /* [fields][rows * width] of BYTES */
    uint64_t *hashes;              /* [rows] of the raw record, if asked for */
    peal_bad_row *bad_rows;
    size_t bad_count;
    uint32_t *marks; /* separators, scratch of the CSV parser */
    size_t mark_capacity;
    size_t field_count;
} peal_block;

peal_status peal_block_init(peal_block *block, const peal_raw_schema *schema, peal_error *err);
void peal_block_clear(peal_block *block);
/* Makes room for `rows` rows of the schema's columns; keeps nothing of what was there. */
peal_status peal_block_reserve(peal_block *block, const peal_raw_schema *schema, size_t rows, peal_error *err);
peal_status peal_block_add_bad_row(peal_block *block, uint64_t line, const char *text, size_t size, peal_error *err,
                                   const char *reason, ...) __attribute__((format(printf, 6, 7)));
void peal_block_forget_bad_rows(peal_block *block);
void peal_block_reset_dictionaries(peal_block *block);

/* One job's view of its inputs. */
typedef struct peal_format_job {
    const peal_format_options *options;
    const peal_raw_schema *schema;
    size_t label;        /* index of the label column, SIZE_MAX if none */
    bool label_required; /* a row without it is bad; else the column may even be absent */
    bool hash_rows;
} peal_format_job;

typedef struct peal_format_reader peal_format_reader;

typedef struct peal_format {
    const char *name;
    const char *documentation;
    /* True if plain bytes that begin so are of this format. */
    bool (*recognise)(const uint8_t *head, size_t size);
    /* Learns columns and types from the beginning (`sample`, at most a block) of the plain bytes at `path`. May fill in
     * what `options` left to be found. `whole` says that the sample is all there is. */
    peal_status (*infer)(const char *path, const char *sample, size_t size, bool whole, peal_format_options *options,
                         peal_raw_schema *schema, peal_error *err);
    /* NULL, or why the format's reader cannot fill these columns with these options. */
    const char *(*fault)(const peal_format_options *options, const peal_raw_schema *schema);
    /* Opens an input; takes the stream over, even on failure. `companion` is the second file of an input or NULL. */
    peal_status (*open)(const peal_format_job *job, const char *path, const peal_source *companion, peal_stream *stream,
                        peal_format_reader **out, peal_error *err);
    /* Fills the block's text with the next whole records; block->size == 0 at the end. Called in order. */
    peal_status (*read)(peal_format_reader *reader, peal_block *block, peal_error *err);
    /* Parses a block's text; safe on several threads at once with different blocks. */
    peal_status (*parse)(const peal_format_reader *reader, peal_block *block, peal_error *err);
    void (*close)(peal_format_reader *reader); /* NULL is allowed */
    /* True if inputs come in pairs, and then which of two paths is the companion (labels) of the other. */
    bool (*is_companion)(const uint8_t *head, size_t size);
} peal_format;

extern const peal_format peal_format_csv;
extern const peal_format peal_format_tsv;
extern const peal_format peal_format_idx;
extern const peal_format *const peal_formats[]; /* ends with NULL */

/* The format called `name`; PEAL_E_USAGE with the nearest right name otherwise. */
peal_status peal_format_find(const char *name, const peal_format **out, peal_error *err);

enum { PEAL_BLOCK_SIZE = 4 << 20, PEAL_BLOCK_PADDING = 64 };

#endif
