/* All formats, one a line. */
#ifndef PEAL_ETL_FORMAT_FORMATS_H
#define PEAL_ETL_FORMAT_FORMATS_H

#include "etl/format/format.h"

extern const peal_format peal_format_csv;
extern const peal_format peal_format_tsv;
extern const peal_format peal_format_idx;
extern const peal_format peal_format_libsvm;
extern const peal_format peal_format_vw;
extern const peal_format peal_format_jsonl;
extern const peal_format peal_format_arrow;
extern const peal_format peal_format_npy;
extern const peal_format peal_format_npz;
extern const peal_format peal_format_image;
extern const peal_format peal_format_rows;

#endif
