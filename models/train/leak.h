/* Columns that give the label away: of which one alone tells it, as a copy of it would, or what is known after it only.
 * A model of such a column is worthless where it is needed, and looks perfect until then. */
#ifndef PEAL_MODELS_LEAK_H
#define PEAL_MODELS_LEAK_H

#include "models/train/trainer.h"

/* Reports a warning that names such columns, if there are others besides. Looks at a sample of the training rows; rows
 * without features of a fixed place (sparse ones) and bytes are passed over. */
void models__warn_of_leaks(const models__trainer *trainer);

#endif
