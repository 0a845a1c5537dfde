/* Folders of images: a tree of JPEG and PNG files, which is told by names alone. Private to this folder. */
#ifndef PEAL_ETL_SOURCE_IMAGE_FOLDER_H
#define PEAL_ETL_SOURCE_IMAGE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "core/base/status.h"

typedef struct source__image_walk {
    /* Is given each image, and each file of the same key that may tell its label, folder by folder. */
    peal_status (*take)(void *user, const char *path, const struct stat *info, peal_error *err);
    /* Is told of each entry that cannot be looked at, as a link that leads nowhere; `why` tells it. */
    peal_status (*miss)(void *user, const char *path, const peal_error *why, peal_error *err);
    void *user;
    size_t images;   /* that were found */
    size_t left_out; /* files of other kinds, */
    char names[160]; /* and the first ones' names: "a.gif, b.txt" */
} source__image_walk;

/* Walks the tree at `path`, sorted by name, the files of a folder before its folders; what is hidden or begins with "_"
 * is passed over. Nothing is found if the folder itself holds data of another kind. */
peal_status source__walk_images(source__image_walk *walk, const char *path, peal_error *err);

#endif
