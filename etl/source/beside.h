/* Names of files that stand beside data. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_BESIDE_H
#define PEAL_ETL_SOURCE_BESIDE_H

#include <stdbool.h>

/* True if the name ends in one of `endings` (ends with NULL), in whatever case, and has more before it. */
bool source__has_ending(const char *name, const char *const *endings);
/* "photo.jpg", "photo.png". */
bool source__is_image_name(const char *name);
/* A file that may tell the label of an image of the same key: "photo.cls". */
bool source__may_be_label(const char *name);

#endif
