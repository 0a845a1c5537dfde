/* The members of an archive that a job reads. Private to this folder. */
#ifndef PEAL_ETL_JOB_MEMBERS_H
#define PEAL_ETL_JOB_MEMBERS_H

#include "core/base/event.h"
#include "etl/archive/archive.h"

/* Fills `out`, which is empty before, with what `source`, an archive of that kind, holds. What is plainly no data (a
 * README, a checksum) is left out, as of a folder, unless there is nothing else; that, and what the list itself leaves
 * out, is told. PEAL_E_DATA if the archive is damaged, has no file, or is a workbook. */
peal_status job__members_list(const peal_source *source, const peal_archive *archive, const peal_reporter *reporter,
                              peal_member_list *out, peal_error *err);

#endif
