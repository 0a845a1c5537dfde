/* A schema: the names and types of raw columns, as a job wants them from all of its inputs, and what the indices of
 * sparse features mean. It knows no format. */
#ifndef PEAL_ETL_TABLE_SCHEMA_H
#define PEAL_ETL_TABLE_SCHEMA_H

#include "etl/image/recipe.h"
#include "etl/table/table.h"

/* How numbers are written in texts, where it is not the usual way; all 0: in the usual one. */
enum { PEAL_UNIT_SIZE = 16 };
typedef struct peal_spelling {
    char decimal;              /* 0: a point */
    char thousands;            /* what stands between groups of three digits; 0: nothing */
    bool loose;                /* currency and percent signs and blanks around the number are passed over, (5) is -5 */
    bool scaled;               /* K, M, B, T behind it: thousands, millions, billions and so on */
    uint8_t measure;           /* units of one kind and what they are of each other: etl/format/measure.h; 0: none */
    bool clock;                /* hours, minutes and seconds, as 9:05, 21:30:15, 9:05 PM: a number of hours */
    bool laps;                 /* of a clock: two numbers are minutes and seconds */
    bool fractions;            /* of a unit %: numbers without it are parts of 1, as 0.125 beside 12.5% */
    bool marked;               /* marks and remarks around it are passed over, as in ~5, <0.1, 33.1*, 12 (est.) */
    char unit[PEAL_UNIT_SIZE]; /* what may stand before or behind it, as $ and kg; "": nothing */
} peal_spelling;

/* Which numbers a column can hold: those from 0 on, or above 0. `text` says what they are: "a weight is a number from 0
 * on". What is missing is none. */
typedef struct peal_bound {
    bool is_above;
    const char *text;
} peal_bound;

static inline bool peal_bound_excludes(const peal_bound *bound, double number) {
    return number < 0 || (bound->is_above && number == 0);
}

enum { PEAL_INDEX_BASE_MOST = 1, PEAL_INDEX_BITS_MOST = 31 };

typedef struct peal_field {
    const char *name; /* belongs to the schema */
    peal_type type;
    peal_type item; /* of LIST and FIXED_LIST */
    uint32_t width; /* of FIXED_LIST: items a row */
    bool skip;      /* nobody wants this column: do not convert it */
    bool settled;   /* the type is given, and what does not fit it is bad; else values vote (etl/format/votes.h) */
    bool found;     /* it was settled by what all values speak for, not by what anybody gave */
    bool required;  /* a row that lacks it is bad, as one that lacks a label that is required */
    bool numeric;   /* of a DICTIONARY: texts that must be numbers, of a label whose classes are numbers */
    bool as_number; /* of a DICTIONARY: texts that become numbers in the pipeline (transform number) */
    peal_spelling spelling; /* and how they are written, unless such a transform is named */
    char as_list;           /* of a DICTIONARY: what stands between members of its texts, which are lists (transform
                               members, unless another is named); 0: they are none */
    bool as_date;           /* of a DICTIONARY: its texts are dates (transform date, unless another is named) */
    uint8_t as_time;        /* of a DICTIONARY: its texts are numbers that may be times, in the form before this one of
                               peal_time_forms (etl/format/format.h); 0: they are none */
    bool may_be_codes;      /* of a DICTIONARY: its texts are numbers with zeros in front, which may be codes */
    bool may_be_grouped;    /* of a DICTIONARY: points in its numbers may stand between thousands, for another column
                               has decimal commas */
    bool may_be_date;       /* of a settled DICTIONARY: its texts may still turn out to be dates, or lists */
    bool has_gaps;          /* of a BOOL: it is missing in some rows (transform bins, unless another is named) */
    const char *usual;      /* the transform that it comes to unless another is named; NULL: what its type speaks for */
    bool decided;           /* a sample had values: the type is no mere guess */
    /* Of a LIST of indices, that other inputs must be read by too, so that an index means the same feature: */
    uint32_t base; /* the number that inputs give the first feature, where they say none themselves (libsvm) */
    uint32_t bits; /* of the hashes that features are told apart by (vw); 0: they are no hashes, or it is not known */
    /* Of a FLOAT64: a row with a number that is beyond it is bad. It outlives the schema. NULL: there is none. */
    const peal_bound *bound;
    /* Of an INT32: its values are codes of texts, made as these are read: `encode` gives that of a text that is there,
     * with `encoder`, which belongs to who set it; -1 is missing. NULL of all else. */
    int32_t (*encode)(const void *encoder, peal_text text);
    const void *encoder;
    /* Of a FIXED_LIST of bytes that are an image's pixels: */
    bool is_image;
    peal_image_shape image;          /* what a survey tells of all images; 0 where they differ */
    const peal_image_recipe *recipe; /* what is done to each while it is read; belongs to who set it. NULL: nothing */
} peal_field;

typedef struct peal_schema {
    peal_field *fields;
    size_t count, capacity;
    peal_dictionary names; /* of the fields: a name's code is its field's index */
    peal_arena *texts;     /* the same with a NUL behind each, which never move */
} peal_schema;

void peal_schema_clear(peal_schema *schema);
/* The index of the column, or SIZE_MAX; the time does not depend on how many columns there are. */
size_t peal_schema_find(const peal_schema *schema, const char *name, size_t name_length);
/* Makes room for `more` columns: a table may have many thousands. */
peal_status peal_schema_reserve(peal_schema *schema, size_t more, peal_error *err);
/* The name is copied. PEAL_E_DATA if there is a column of this name already. */
peal_status peal_schema_add(peal_schema *schema, const char *name, size_t name_length, peal_type type, peal_error *err);
/* The same, with all but the name as in `like`. */
peal_status peal_schema_add_like(peal_schema *schema, const char *name, size_t name_length, const peal_field *like,
                                 peal_error *err);
/* The same columns, with names of its own. */
peal_status peal_schema_copy(const peal_schema *from, peal_schema *out, peal_error *err);
/* "'a', 'b', 'c' ...": the first columns' names, for messages that say which there are. */
enum { PEAL_NAMES_TEXT = 256 };
const char *peal_schema_names(const peal_schema *schema, char text[PEAL_NAMES_TEXT]);

#endif
