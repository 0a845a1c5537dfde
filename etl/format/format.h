/* Formats: how bytes become rows. A *reader* is one input under way, the one way from bytes to rows for ETL, evaluation
 * and prediction alike: it cuts its input into blocks of whole records, in order, and any thread parses a block into
 * typed columns. What is wanted is told by names and types; what a format needs of its own (marks, a header, a file of
 * labels) stays in the format, and every input may have its own dialect.
 *
 * To add one: a file with a `const peal_format`, and a line in the table of format.c. */
#ifndef PEAL_ETL_FORMAT_FORMAT_H
#define PEAL_ETL_FORMAT_FORMAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/event.h"
#include "core/base/option.h"
#include "core/base/status.h"
#include "etl/archive/item.h"
#include "etl/codec/codec.h"
#include "etl/format/cell.h"
#include "etl/format/digits.h"
#include "etl/table/room.h"

/* ---- what goes in ---- */

/* One input, opened: plain bytes from the beginning. */
typedef struct peal_input {
    const char *name;    /* for messages; lasts as long as the reader */
    peal_stream *stream; /* reads on; if it has read_at, it reads at an offset and knows its size */
    peal_stream *labels; /* a second file that belongs to it (is_companion), or NULL */
    const char *labels_name;
    const peal_items *items; /* of a format that `gathers`: in place of the stream, which is NULL then */
} peal_input;

/* What the one who reads wants; outlives the reader. */
struct peal_image_crew; /* etl/image/crew.h */

typedef struct peal_wanted {
    const peal_schema *schema; /* the columns, by name and type; those that are not settled vote */
    const peal_nulls *nulls;
    size_t label;        /* index of the label column, SIZE_MAX if none */
    bool label_required; /* a row without it is bad; else the column may even be absent */
    bool label_as_text;  /* the user said that the label is text: NA is a class */
    bool hash_rows;
    bool tell_ends;    /* of formats of text: where each record ends */
    bool is_joined;    /* the input is several, one behind the other: a header that comes again is none's row */
    bool tell_extra;   /* columns of an input that are not wanted are told */
    size_t block_size; /* bytes of a block; 0: the default */
    const peal_reporter *reporter; /* is told what a person might not expect of an input; may be NULL */
    struct peal_image_crew *crew;  /* processes that decode images; NULL: the threads do */
    const peal_reporter *damage;   /* is told, when a reader is closed, what it passed over; may be NULL */
} peal_wanted;

/* What is known before there is a schema. */
typedef struct peal_survey {
    const peal_nulls *nulls;
    const char *label;             /* the column's name, or NULL: where it stands in a first line, that is a header */
    struct peal_image_crew *crew;  /* as in peal_wanted */
    const peal_reporter *reporter; /* may be NULL */
} peal_survey;

/* What a survey tells of a column's values. */
typedef struct peal_guess {
    uint64_t numbers, missing, others; /* values of each kind in the sample; empty ones are none */
    bool few_whole;                    /* all numbers are whole, and there are few different ones */
    peal_digit_votes digits;           /* of the numbers */
    uint64_t decimal_commas;           /* of the others: numbers with such a comma */
    unsigned not_times;                /* bits of those of peal_time_forms that some number is none of */
    uint64_t other_line;               /* of the first of the others; 0: not known */
    char other[40];                    /* that one, cut */
} peal_guess;

/* Times that are written as numbers: formats of the transform date, and what people call them. */
enum { PEAL_TIME_FORMS = 4 };
extern const char *const peal_time_forms[PEAL_TIME_FORMS];
extern const char *const peal_time_names[PEAL_TIME_FORMS];
/* Bits of those that the number is none of: seconds and thousandths from the year 2000 to 2038, days from 1900 to 2100,
 * days of Excel from 1927 to 2119. */
unsigned peal_not_times(double number);

typedef struct peal_found {
    peal_schema schema;  /* with types as far as the beginning tells */
    peal_guess *guesses; /* [schema.count] */
    const char *label;   /* the column that the format itself knows to be the label, or NULL */
} peal_found;
void peal_found_clear(peal_found *found);

/* ---- what comes out ---- */

enum { PEAL_NO_COLUMN = -1 };

typedef struct peal_bad_row {
    char *file;     /* that is the row, of an input that is many; else NULL */
    uint64_t line;  /* 1-based; of binary formats the row */
    size_t before;  /* good rows of the block that stand before it */
    size_t end;     /* where its record ends in the block's text, without what ends a line; 0: it is no text */
    int64_t column; /* of a value that does not fit the column's type, settled or not; else PEAL_NO_COLUMN */
    char *reason;
    char *text; /* the raw record, cut to a few hundred bytes */
} peal_bad_row;

/* What the values of a column say of its type. Kept for numbers; texts are counted by their vocabulary, and only those
 * of rows that are bad for another column's sake are counted here. */
typedef struct peal_votes {
    uint64_t numbers, missing, others; /* usual spellings of a missing value are `missing` */
    uint64_t bools;                    /* the others that are true or false, of texts */
    uint64_t other_line;               /* of the first of the others */
    char other[40], spelling[8];       /* the first of the others, cut; the first usual spelling */
} peal_votes;
/* Adds `more`, which comes later. */
void peal_votes_add(peal_votes *votes, const peal_votes *more);

/* A run of whole records and what parsing made of it. Reused from block to block. */
typedef struct peal_block {
    char *text; /* with PEAL_BLOCK_PADDING readable bytes behind */
    size_t size, capacity;
    uint64_t number;     /* within its input, from 0 */
    uint64_t first_line; /* 1-based line of the first record */
    uint64_t offset;     /* of formats of text: bytes of the input in front of it, as they came from the stream */
    size_t came;         /* bytes of the text that came from there: the end of a last line may have been added */
    uint64_t records;    /* of formats that count them before they parse */
    /* Parsed. */
    peal_table_room table;
    uint64_t *hashes; /* [rows] of the raw record, if asked for */
    size_t hash_capacity;
    uint32_t *ends; /* [rows] where the record ends in the text, without what ends a line, if asked for */
    size_t end_capacity;
    peal_votes *votes; /* [fields]; what is settled has none that count */
    peal_bad_row *bad_rows;
    size_t bad_count;
    uint32_t *marks; /* scratch of the parsers */
    size_t mark_capacity;
} peal_block;

/* An empty block; or columns for one that is zeroed, or into which `next` has read: parsing needs them, reading does
 * not.
 */
peal_status peal_block_init(peal_block *block, const peal_schema *schema, peal_error *err);
peal_status peal_block_add_columns(peal_block *block, const peal_schema *schema, peal_error *err);
void peal_block_clear(peal_block *block);
/* Room for `capacity` bytes of text; what is there stays. */
peal_status peal_block_grow(peal_block *block, size_t capacity, peal_error *err);
/* Makes room for `rows` rows, and forgets rows, votes and bad rows. */
peal_status peal_block_reserve(peal_block *block, const peal_wanted *wanted, size_t rows, peal_error *err);
peal_status peal_block_add_bad_row(peal_block *block, uint64_t line, int64_t column, const char *text, size_t size,
                                   peal_error *err, const char *reason, ...) __attribute__((format(printf, 7, 8)));
/* The row that was added last is this file. */
peal_status peal_block_name_bad_row(peal_block *block, char *file, peal_error *err);
/* PEAL_E_DATA, of a row that fails the job; `name` is the input's. */
peal_status peal_bad_row_fail(const peal_bad_row *bad, const char *name, peal_error *err);
void peal_block_forget_bad_rows(peal_block *block);

/* ---- readers and formats ---- */

typedef struct peal_reader peal_reader;

/* What an implementation provides; the struct stands first in its own. */
struct peal_reader {
    /* The next whole records; block->size == 0 and block->records == 0 at the end. Called in order. */
    peal_status (*next)(peal_reader *self, peal_block *block, peal_error *err);
    /* Parses a block; safe on several threads at once with different blocks. */
    peal_status (*parse)(const peal_reader *self, peal_block *block, peal_error *err);
    void (*close)(peal_reader *self);
};
void peal_reader_close(peal_reader *reader); /* NULL is allowed */

typedef struct peal_format {
    const char *name;
    const char *documentation;
    const char *const *suffixes; /* of file names, in lower case, that speak for it: ".csv"; ends with NULL */
    const peal_option *options;  /* its own */
    /* How sure it is that bytes that begin so are of this format: 0 to 100. */
    int (*recognise)(const uint8_t *head, size_t size, const char *name);
    /* Learns columns and types from the beginning of an input; takes its streams over, even on failure. An input
     * without rows gives the columns that it names, perhaps none. */
    peal_status (*survey)(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                          peal_error *err);
    /* Opens an input; takes its streams over, even on failure. */
    peal_status (*open)(const json_t *options, const peal_wanted *wanted, const peal_input *input, peal_reader **out,
                        peal_error *err);
    /* Of formats whose inputs come in pairs: whether bytes that begin so are the labels of another file. */
    bool (*is_companion)(const uint8_t *head, size_t size);
    /* Small objects, of which each is a row, are handed to it many at once (peal_input.items) if they have one of its
     * suffixes. */
    bool gathers;
    /* Whether an input that begins so is of lines, of which the first ones are an input of their own; NULL: it never
     * is. Such a format's records are texts, one behind the other, so an input can be read on as it grows: blocks know
     * their `offset` and `ends`. A line break between two `quote` is none, unless that is 0. */
    bool (*is_lines)(const uint8_t *head, size_t size);
    char quote;
} peal_format;

extern const peal_format *const peal_formats[]; /* ends with NULL */

uint64_t peal_count_newlines(const char *text, size_t size);
/* How many bytes of a text count with which `stream` has ended: all of them, or, if it was cut off, those up to the end
 * of its last whole line; then `reporter` (NULL is allowed) is told by the input's `name`. */
size_t peal_whole_lines(const peal_stream *stream, const char *name, const peal_reporter *reporter, const char *text,
                        size_t size);

/* For formats whose inputs all are of lines: true but of text in 16 bits. */
bool peal_format_is_text(const uint8_t *head, size_t size);

/* The format called `name`; PEAL_E_USAGE with the nearest right name otherwise. */
peal_status peal_format_find(const char *name, const peal_format **out, peal_error *err);
/* The format that is surest of these plain bytes, the input's first ones (PEAL_HEAD_SIZE if there are as many).
 * PEAL_E_DATA says what they are, if that is known, or what they look like. */
peal_status peal_format_recognise(const uint8_t *head, size_t size, const char *name, const peal_format **out,
                                  peal_error *err);
/* PEAL_E_USAGE if one of the options is none of the format's, or if `format` is NULL, of no format's. */
peal_status peal_format_check_options(const peal_format *format, const json_t *options, peal_error *err);

enum { PEAL_BLOCK_SIZE = 4 << 20, PEAL_BLOCK_PADDING = 64, PEAL_SAMPLE_SIZE = 1 << 20, PEAL_HEAD_SIZE = 4096 };

/* The values that are few: distinct whole numbers up to which a label of numbers is taken for classes. */
enum { PEAL_FEW_VALUES = 20 };
typedef struct peal_few {
    double values[PEAL_FEW_VALUES];
    size_t count;
    bool many; /* there are more, or some are not whole */
} peal_few;
void peal_few_note(peal_few *few, double number);
/* Collects the guess of one column, value by value. */
typedef struct peal_guesser {
    peal_guess guess;
    peal_few few;
} peal_guesser;
/* True: it is the first of the others, whose line the caller may put into the guess. */
bool peal_guess_value(peal_guesser *guesser, const peal_nulls *nulls, const peal_spelling *spelling, const char *text,
                      size_t length);
/* The type that the values so far speak for: FLOAT64 or DICTIONARY; `field` is told whether there were any. */
void peal_guess_type(peal_guesser *guesser, peal_field *field);

/* True of text that begins with the mark of UTF-16, as spreadsheets write it. */
bool peal_format_is_utf16(const uint8_t *head, size_t size);
/* True if a file's name ends in one of the suffixes, or in one with a codec's behind (.json.gz). */
bool peal_format_is_named(const char *name, const char *const *suffixes);

#endif
