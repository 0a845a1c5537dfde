/* Lists the members of an archive, and leaves out what is no data; see members.h. */
#include "etl/job/members.h"

#include <stdlib.h>
#include <string.h>

#include "etl/job/gather.h"

static peal_status list_all(const peal_source *source, const peal_archive *archive, peal_member_list *out,
                            peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_source_stream_open(source, NULL, &stream, err));
    const peal_status status = archive->list(stream, peal_source_name(source), out, err);
    peal_stream_close(stream);
    if (status != PEAL_OK || out->count > 0) return status;
    return peal_fail(err, PEAL_E_DATA, "%s: there is no file in this %s archive", peal_source_name(source),
                     archive->name);
}

static void tell_of_members(const peal_source *source, const peal_member_list *members, const peal_reporter *reporter) {
    const char *name = peal_source_name(source);
    if (members->special) {
        peal_report(reporter, PEAL_EVENT_NOTE, "%s: left out: %zu that are no files (links, devices)", name,
                    members->special);
    }
    if (members->lacks_end) {
        peal_report(reporter, PEAL_EVENT_WARNING,
                    "%s: the archive ends behind a member, without the zeros that end an archive: it may have been cut "
                    "there, and members be missing",
                    name);
    }
}

/* A workbook is a zip archive, but no file in it is a table. */
static peal_status check_workbook(const peal_source *source, const peal_member_list *members, peal_error *err) {
    for (size_t i = 0; i < members->count; i++) {
        const char *path = members->members[i].path;
        if (strncmp(path, "xl/", 3) != 0 && strncmp(path, "word/", 5) != 0) continue;
        return peal_fail(err, PEAL_E_DATA,
                         "%s is an Excel workbook or a document, which Peal cannot read: save its "
                         "sheets as CSV",
                         peal_source_name(source));
    }
    return PEAL_OK;
}

/* ---- what stands beside data ---- */

/* True of a file for people or programs. A picture is none here, for it may be a row; nor is, beside pictures, what may
 * be a label. */
static bool is_beside(const peal_member *member, bool has_images) {
    const char *slash = strrchr(member->path, '/');
    if (job__is_gathered(member->path) || (has_images && job__may_be_label(member->path))) return false;
    return peal_source_is_beside_data(slash ? slash + 1 : member->path);
}

static void tell_of_beside(const peal_source *source, size_t count, const char *first, const peal_reporter *reporter) {
    peal_report(reporter, PEAL_EVENT_NOTE, "%s: left out: %zu file%s that %s no data (%s%s)", peal_source_name(source),
                count, count == 1 ? "" : "s", count == 1 ? "is" : "are", first, count == 1 ? "" : "...");
}

static void leave_out_beside(const peal_source *source, const peal_reporter *reporter, peal_member_list *list) {
    size_t count = 0, kept = 0, first = SIZE_MAX;
    bool has_images = false;
    for (size_t i = 0; i < list->count; i++) has_images |= job__is_gathered(list->members[i].path);
    for (size_t i = list->count; i-- > 0;) {
        if (!is_beside(&list->members[i], has_images)) continue;
        first = i;
        count++;
    }
    if (count == 0 || count == list->count) return;
    tell_of_beside(source, count, list->members[first].path, reporter);
    for (size_t i = 0; i < list->count; i++) {
        if (is_beside(&list->members[i], has_images)) {
            free(list->members[i].path);
        } else {
            list->members[kept++] = list->members[i];
        }
    }
    list->count = kept;
}

peal_status job__members_list(const peal_source *source, const peal_archive *archive, const peal_reporter *reporter,
                              peal_member_list *out, peal_error *err) {
    PEAL_TRY(list_all(source, archive, out, err));
    PEAL_TRY(check_workbook(source, out, err));
    tell_of_members(source, out, reporter);
    leave_out_beside(source, reporter, out);
    return PEAL_OK;
}
