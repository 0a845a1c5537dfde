/* Peal, the library: everything that an embedder includes.
 *
 *   peal_etl            from sources to a dataset               etl/job/etl.h
 *   peal_images_write   from images to images               etl/job/images.h
 *   peal_train          from a dataset to a model               models/train/train.h
 *   peal_follow         from a stream of rows to models, window by window     models/online/follow.h
 *   peal_predictor      from a model and raw rows to predictions, and peal_eval to metrics   models/predict/predictor.h
 *   peal_permute, peal_depend   what a column is worth, and what its values do   models/predict/explain.h
 *   peal_import, peal_export   models of LightGBM and XGBoost to models of Peal's and back
 *                                                           models/interchange/interchange.h
 *   peal_executor       a pool of threads                       core/thread/executor.h
 *   peal_process_pool   a pool of processes                     core/process/process_pool.h
 *   peal_group, peal_ring, peal_comm   what the trainer stands on: forked workers, messages, sums and meetings
 *
 * tools/examples has a program for each of the pools, for training and for prediction.
 *
 * There is no global state, nothing is printed and no signal handler is installed: a function returns a peal_status,
 * the message comes in the peal_error that the caller passes last, and events go to the caller's peal_reporter. Options
 * are plain structs: begin with ..._default() and set what you need. Sources of web servers are read by libcurl, on a
 * thread of the job's own that is gone when the call returns; its global state is counted, so that the host's use of it
 * before, beside and behind is left alone (libcurl 7.84 or newer may be begun by any thread). */
#ifndef PEAL_H
#define PEAL_H

#include "core/base/event.h"
#include "core/base/machine.h"
#include "core/base/philox.h"
#include "core/base/status.h"
#include "core/base/version.h"
#include "core/process/comm.h"
#include "core/process/group.h"
#include "core/process/process_pool.h"
#include "core/process/ring.h"
#include "core/process/slab.h"
#include "core/process/sum.h"
#include "core/thread/executor.h"
#include "etl/dataset/dataset.h"
#include "etl/job/etl.h"
#include "etl/job/images.h"
#include "models/interchange/interchange.h"
#include "models/online/follow.h"
#include "models/predict/explain.h"
#include "models/predict/metrics.h"
#include "models/predict/predictor.h"
#include "models/train/train.h"

#endif
