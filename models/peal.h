/* Peal, the library: everything that an embedder includes.
 *
 *   peal_etl            from sources to a dataset               etl/etl.h
 *   peal_train          from a dataset to a model               models/train.h
 *   peal_predictor      from a model and raw rows to predictions, and peal_eval to metrics   models/predictor.h
 *   peal_executor       a pool of threads                       core/executor.h
 *   peal_process_pool   a pool of processes                     core/process_pool.h
 *   peal_group, peal_ring, peal_collective   what the trainer stands on: forked workers, messages, allreduce
 *
 * tools/examples has a program for each of the pools, for training and for prediction.
 *
 * There is no global state, nothing is printed and no signal handler is installed: a function returns a peal_status,
 * the message comes in the peal_error that the caller passes last, and events go to the caller's peal_reporter. Options
 * are plain structs: begin with ..._default() and set what you need. */
#ifndef PEAL_H
#define PEAL_H

#include "core/collective.h"
#include "core/event.h"
#include "core/executor.h"
#include "core/group.h"
#include "core/machine.h"
#include "core/philox.h"
#include "core/process_pool.h"
#include "core/ring.h"
#include "core/slab.h"
#include "core/status.h"
#include "core/sum.h"
#include "core/version.h"
#include "etl/dataset.h"
#include "etl/etl.h"
#include "models/metrics.h"
#include "models/predictor.h"
#include "models/train.h"

#endif
