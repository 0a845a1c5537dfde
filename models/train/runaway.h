/* Why a training ran away: values that are far from all others take the loss beyond what float32 can hold, or the steps
 * are too long. */
#ifndef PEAL_MODELS_RUNAWAY_H
#define PEAL_MODELS_RUNAWAY_H

#include "models/train/trainer.h"

/* The error of a training whose loss or parameters are no longer finite in an epoch, counted from 0. Reads the rows
 * that are trained on again: PEAL_E_DATA names the column whose values are out of the way, its largest one and that
 * one's row, or a shard that has changed; PEAL_E_FAILED if the rows are as they should be: lr is then too high. */
peal_status models__ran_away(const models__trainer *trainer, size_t epoch, peal_error *err);

#endif
