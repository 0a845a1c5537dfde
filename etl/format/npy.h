/* NumPy arrays: .npy files, and .npz files, which are zip archives of them.
 *
 *   npy_header.c   what an array is          npy_columns.c   which columns arrays are
 *   npy.c          blocks of rows            npy_parse.c     rows -> Arrow arrays -> a block's columns
 *
 * Several arrays of one length stand beside each other. Source: numpy.lib.format. Private to this folder. */
#ifndef PEAL_ETL_FORMAT_NPY_H
#define PEAL_ETL_FORMAT_NPY_H

#include "etl/format/arrow.h"

enum { NPY_DIMENSIONS_MOST = 32, NPY_COLUMNS_MOST = 100000, NPY_FLAT_MOST = 64 /* bytes that are columns */ };

typedef struct npy__array {
    char *name;      /* of the member, without ".npy"; NULL: the array is the file */
    char *column;    /* what the columns are to be called; NULL: as the format says */
    char kind;       /* b, i, u, f, S or U */
    bool swapped;    /* big-endian */
    bool by_columns; /* in Fortran's order */
    uint32_t size;   /* bytes of an item */
    size_t dimensions;
    uint64_t shape[NPY_DIMENSIONS_MOST];
    uint64_t rows, width; /* items a row */
    size_t row_size;      /* bytes */
    peal_stream *stream;  /* begins with the items once the header was read */
    peal_buffer whole;    /* of one in Fortran's order: its bytes, row by row */
    size_t first;         /* of its columns in npy__arrays.columns */
    size_t column_count;
} npy__array;

typedef struct npy__arrays {
    const char *name;
    npy__array *arrays;
    size_t count;
    peal_schema columns; /* with the types that a survey tells */
    peal_stream *stream; /* of an archive: read along, for who counts its bytes */
} npy__arrays;

/* Reads the header of array->stream and fills the rest in; `name` is for messages. */
peal_status npy__header_read(npy__array *array, const char *name, peal_error *err);
/* "(60000, 28, 28)" */
enum { NPY_SHAPE_TEXT = 256 };
const char *npy__shape_text(const npy__array *array, char text[NPY_SHAPE_TEXT]);
/* Reads all of an array in Fortran's order and turns it. */
peal_status npy__turn(npy__array *array, const char *name, peal_error *err);

void npy__arrays_clear(npy__arrays *arrays);
/* Takes input->stream over, also on failure. */
peal_status npy__open_file(const json_t *options, const peal_input *input, npy__arrays *out, peal_error *err);
peal_status npy__open_archive(const json_t *options, const peal_input *input, npy__arrays *out, peal_error *err);
/* Names the arrays' columns; their lengths must be equal. */
peal_status npy__columns_make(npy__arrays *arrays, peal_error *err);

typedef peal_status (*npy__opener)(const json_t *options, const peal_input *input, npy__arrays *out, peal_error *err);

typedef struct npy__reader {
    peal_reader base;
    const peal_wanted *wanted;
    char *name;
    npy__arrays arrays;
    size_t *columns; /* [wanted fields] index into arrays.columns, SIZE_MAX: none */
    uint64_t rows, row, number, part;
} npy__reader;

peal_status npy__parse(const peal_reader *base, peal_block *block, peal_error *err);

#endif
