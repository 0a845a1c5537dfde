/* The table of archives, the choice among them by an object's first bytes, and their lists of members; see archive.h
 * and member.h. */
#include "etl/archive/archive.h"

#include <stdlib.h>
#include <string.h>

#include "etl/archive/member.h"

const peal_archive *const peal_archives[] = {&peal_archive_zip, &peal_archive_tar, NULL};

const peal_archive *peal_archive_recognise(const uint8_t *head, size_t size) {
    for (size_t i = 0; peal_archives[i]; i++) {
        if (peal_archives[i]->recognise(head, size)) return peal_archives[i];
    }
    return NULL;
}

peal_status peal_archive_check_name(const char *name, const uint8_t *head, size_t size, peal_error *err) {
    const size_t length = strlen(name);
    for (size_t i = 0; peal_archives[i]; i++) {
        const peal_archive *archive = peal_archives[i];
        const size_t suffix_length = strlen(archive->suffix);
        if (length < suffix_length || strcmp(name + length - suffix_length, archive->suffix) != 0) continue;
        if (size == 0)
            return peal_fail(err, PEAL_E_DATA, "%s is empty: a %s archive was expected", name, archive->name);
        return peal_fail(err, PEAL_E_DATA,
                         "%s is named %s but is not a whole %s archive: it begins with bytes %02x %02x", name,
                         archive->suffix, archive->name, head[0], size > 1 ? head[1] : 0);
    }
    return PEAL_OK;
}

void peal_member_list_clear(peal_member_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->members[i].path);
    free(list->members);
    *list = (peal_member_list){0};
}

peal_status archive__read(peal_stream *stream, const char *name, uint64_t offset, void *out, size_t size,
                          const char *what, peal_error *err) {
    uint8_t *to = out;
    for (size_t done = 0, got; done < size; done += got) {
        PEAL_TRY(stream->read_at(stream, offset + done, to + done, size - done, &got, err));
        if (got == 0) {
            return peal_fail(err, PEAL_E_DATA, "%s: the archive is truncated: it ends at byte %llu within %s", name,
                             (unsigned long long)(offset + done), what);
        }
    }
    return PEAL_OK;
}

/* ---- paths ---- */

static bool part_is_hidden(const char *part, size_t length) {
    if (length == 0 || (part[0] != '.' && part[0] != '_')) return false;
    const bool is_dots = part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.'));
    return !is_dots;
}

bool archive__path_is_hidden(const char *path, size_t length) {
    size_t begin = 0;
    for (size_t i = 0; i < length; i++) {
        if (path[i] != '/') continue;
        if (part_is_hidden(path + begin, i - begin)) return true;
        begin = i + 1;
    }
    return begin == length || part_is_hidden(path + begin, length - begin);
}

const char *archive__path_shown(const char *path, size_t length, char out[ARCHIVE_SHOWN_SIZE]) {
    /* One byte more than is shown, so that the cut sees that there is more. */
    char beginning[ARCHIVE_SHOWN_MOST + 2];
    if (length > ARCHIVE_SHOWN_MOST + 1) length = ARCHIVE_SHOWN_MOST + 1;
    if (length > 0) memcpy(beginning, path, length);
    beginning[length] = '\0';
    return peal_text_cut(beginning, ARCHIVE_SHOWN_MOST, out);
}

/* ---- lists ---- */

static peal_status reserve(peal_member_list *list, peal_error *err) {
    if (list->count < list->capacity) return PEAL_OK;
    const size_t capacity = list->capacity ? list->capacity * 2 : 16;
    peal_member *members = reallocarray(list->members, capacity, sizeof *members);
    if (!members) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of %zu members", capacity);
    list->members = members;
    list->capacity = capacity;
    return PEAL_OK;
}

peal_status archive__member_add(peal_member_list *list, const char *name, const char *path, size_t length,
                                const peal_member *member, peal_error *err) {
    if (archive__path_is_hidden(path, length)) {
        list->hidden++;
        return PEAL_OK;
    }
    if (memchr(path, '\0', length)) {
        char shown[ARCHIVE_SHOWN_SIZE];
        return peal_fail(err, PEAL_E_DATA, "%s: there is a zero byte in the name of the member '%s' at byte %llu", name,
                         archive__path_shown(path, length, shown), (unsigned long long)member->begin);
    }
    PEAL_TRY(reserve(list, err));
    char *copy = peal_strndup(path, length);
    if (!copy) return peal_fail(err, PEAL_E_MEMORY, "no memory for a name of %zu bytes", length);
    list->members[list->count] = *member;
    list->members[list->count++].path = copy;
    return PEAL_OK;
}

static int by_path(const void *a, const void *b) {
    const peal_member *first = *(const peal_member *const *)a, *second = *(const peal_member *const *)b;
    const int order = strcmp(first->path, second->path);
    return order ? order : (first->begin > second->begin) - (first->begin < second->begin);
}

peal_status archive__members_check(const peal_member_list *list, const char *name, peal_error *err) {
    const peal_member **sorted = NULL;
    PEAL_TRY(peal_alloc_checked(&sorted, list->count, sizeof *sorted, "names", err));
    for (size_t i = 0; i < list->count; i++) sorted[i] = &list->members[i];
    qsort(sorted, list->count, sizeof *sorted, by_path);
    peal_status status = PEAL_OK;
    for (size_t i = 1; i < list->count && status == PEAL_OK; i++) {
        const peal_member *a = sorted[i - 1], *b = sorted[i];
        if (strcmp(a->path, b->path) != 0) continue;
        char shown[ARCHIVE_SHOWN_SIZE];
        status =
            peal_fail(err, PEAL_E_DATA,
                      "%s: two members are named '%s', at bytes %llu and %llu: unpack it and name the files to use",
                      name, archive__path_shown(a->path, strlen(a->path), shown), (unsigned long long)a->begin,
                      (unsigned long long)b->begin);
    }
    free(sorted);
    return status;
}
