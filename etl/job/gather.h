/* Many small objects, of which each is a row, become few inputs: a run of them is handed to their format as a whole.
 * Private to this folder. */
#ifndef PEAL_ETL_JOB_GATHER_H
#define PEAL_ETL_JOB_GATHER_H

#include "etl/job/objects.h"

/* The format that reads such objects. */
const peal_format *job__gathering_format(void);
/* True of a path that is of that format by its name; it is not looked into when objects are listed. */
bool job__is_gathered(const char *path);
/* True of a path that may tell the label of an image of the same key. */
bool job__may_be_label(const char *path);
/* Puts one object in the place of each run of up to some thousand that are such; what stands beside them under the same
 * key, tells their label and goes with them, or is left out, which is told. Another format that was asked for gathers
 * nothing. Of a sample (a label, key.jpg, key.mask.png) the image without a further name is the row, unless
 * `all_images` are wanted: the others are its fields, and left out, which is told. */
peal_status job__gather(peal_object_list *list, bool all_images, const peal_reporter *reporter, peal_error *err);

#endif
