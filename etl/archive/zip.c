/* zip archives: each record of the directory is held against the local header that stands before the member's bytes,
 * and becomes a member if it is a regular file that can be read. From afar that header is read with the member, when it
 * is opened, so that the list costs the directory alone. Source: PKWARE, APPNOTE.TXT 6.3.10; see zip.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "etl/archive/member.h"
#include "etl/archive/zip.h"

enum { FLAG_PATCH = 1 << 5, FLAG_STRONG = 1 << 6, FLAG_MASKED = 1 << 13 };
enum { SYSTEM_DOS = 0, SYSTEM_UNIX = 3, SYSTEM_MAC = 19, DOS_FOLDER = 0x10 };

static bool zip_recognise(const uint8_t *head, size_t size) {
    if (size < 4) return false;
    return archive__zip_signed(head, 3, 4) || /* a local header */
           archive__zip_signed(head, 5, 6) || /* the end of an empty archive */
           archive__zip_signed(head, 6, 6) || /* the same as Zip64 */
           archive__zip_signed(head, 7, 8);   /* the first part of a split archive */
}

/* ---- what an entry is ---- */

typedef enum entry_kind { ENTRY_FILE, ENTRY_FOLDER, ENTRY_SPECIAL } entry_kind;

static entry_kind kind_of(const archive__zip_entry *entry) {
    if (entry->path_length > 0 && entry->path[entry->path_length - 1] == '/') return ENTRY_FOLDER;
    const unsigned system = entry->made_by >> 8;
    if (system == SYSTEM_UNIX || system == SYSTEM_MAC) {
        const mode_t mode = (mode_t)(entry->attributes >> 16) & S_IFMT;
        /* 0: the writer did not say. What was packed from a pipe (`... | zip a.zip -`) is said to be one. */
        if (mode == 0 || S_ISREG(mode) || (S_ISFIFO(mode) && entry->plain_size > 0)) return ENTRY_FILE;
        return S_ISDIR(mode) ? ENTRY_FOLDER : ENTRY_SPECIAL;
    }
    const bool is_folder = system == SYSTEM_DOS && (entry->attributes & DOS_FOLDER) && entry->plain_size == 0;
    return is_folder ? ENTRY_FOLDER : ENTRY_FILE;
}

/* The methods that are in use (section 4.4.5). */
static const char *method_name(unsigned method) {
    static const struct {
        unsigned method;
        const char *name;
    } names[] = {{1, "shrunk"}, {6, "imploded"}, {9, "Deflate64"}, {12, "bzip2"}, {14, "LZMA"}, {20, "zstd"},
                 {93, "zstd"},  {95, "xz"},      {96, "JPEG"},     {98, "PPMd"},  {99, "AES"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].method == method) return names[i].name;
    }
    return "of no known name";
}

/* PEAL_E_DATA, with its name, if a file is stored in a way that cannot be read. */
static peal_status check_readable(const archive__zip_entry *entry, const char *name, peal_error *err) {
    char shown[ARCHIVE_SHOWN_SIZE];
    archive__path_shown(entry->path, entry->path_length, shown);
    const unsigned long long at = entry->at;
    if (entry->flags & (ZIP_FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED)) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: the member '%s' is encrypted; unpack it with its password",
                         name, at, shown);
    }
    if (entry->flags & FLAG_PATCH) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: the member '%s' is a patch of another file", name, at,
                         shown);
    }
    if (entry->method != ZIP_STORED && entry->method != ZIP_DEFLATED) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: byte %llu: the member '%s' is compressed by method %u (%s); stored (0) or deflated (8) "
                         "was expected",
                         name, at, shown, entry->method, method_name(entry->method));
    }
    if (entry->method == ZIP_STORED && entry->size != entry->plain_size) {
        return peal_fail(err, PEAL_E_DATA,
                         "%s: byte %llu: the member '%s' is stored as it is, but has %llu and %llu bytes", name, at,
                         shown, (unsigned long long)entry->size, (unsigned long long)entry->plain_size);
    }
    return PEAL_OK;
}

/* ---- what entries share ---- */

typedef struct listing {
    peal_stream *stream;
    const char *name;
    uint64_t directory; /* where it begins: all members end before */
    peal_member_list *out;
    peal_buffer extents; /* of archive__zip_extent */
} listing;

static int by_begin(const void *a, const void *b) {
    const archive__zip_extent *first = a, *second = b;
    return (first->begin > second->begin) - (first->begin < second->begin);
}

/* PEAL_E_DATA if two entries share bytes: a few bytes could then be made to unpack into any number. Sorts them. */
static peal_status check_extents(listing *self, peal_error *err) {
    archive__zip_extent *extents = (archive__zip_extent *)self->extents.data;
    const size_t count = self->extents.size / sizeof *extents;
    if (count > 1) qsort(extents, count, sizeof *extents, by_begin);
    for (size_t i = 1; i < count; i++) {
        if (extents[i - 1].end <= extents[i].begin) continue;
        return peal_fail(err, PEAL_E_DATA,
                         "%s: two members overlap: one has bytes %llu to %llu, another begins at byte %llu", self->name,
                         (unsigned long long)extents[i - 1].begin, (unsigned long long)extents[i - 1].end,
                         (unsigned long long)extents[i].begin);
    }
    return PEAL_OK;
}

/* Of members from afar: each must end where the next entry begins, which is checked when it is opened. */
static void set_limits(const listing *self) {
    const archive__zip_extent *extents = (const archive__zip_extent *)self->extents.data;
    const size_t count = self->extents.size / sizeof *extents;
    for (size_t i = 0; i < self->out->count; i++) {
        peal_member *member = &self->out->members[i];
        const archive__zip_extent key = {.begin = member->begin};
        const archive__zip_extent *own = bsearch(&key, extents, count, sizeof *extents, by_begin);
        member->limit = own + 1 < extents + count ? own[1].begin : self->directory;
    }
}

/* ---- the list ---- */

/* What is left out is held against its local header too: else one changed bit of a name would hide a file unseen. From
 * afar it is not: that would fetch what nobody wants. */
static peal_status add_entry(listing *self, const archive__zip_entry *entry, peal_error *err) {
    const entry_kind kind = kind_of(entry);
    if (entry->disk != 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: a part of a split zip archive; join its parts first",
                         self->name, (unsigned long long)entry->at);
    }
    if (kind == ENTRY_FILE && !archive__path_is_hidden(entry->path, entry->path_length)) {
        PEAL_TRY(check_readable(entry, self->name, err));
    }
    archive__zip_extent bytes;
    PEAL_TRY(self->stream->is_far
                 ? archive__zip_local_guess(self->name, entry, self->directory, &bytes, err)
                 : archive__zip_local_read(self->stream, self->name, entry, self->directory, &bytes, err));
    PEAL_TRY(peal_buffer_append(&self->extents, &bytes, sizeof bytes, err));
    if (kind == ENTRY_SPECIAL) self->out->special++;
    if (kind != ENTRY_FILE) return PEAL_OK;
    const peal_member member = {
        .begin = self->stream->is_far ? bytes.begin : bytes.end - entry->size,
        .size = entry->size,
        .plain_size = entry->plain_size,
        .crc32 = entry->crc32,
        .method = entry->method,
        .record = entry->at,
    };
    return archive__member_add(self->out, self->name, entry->path, entry->path_length, &member, err);
}

static peal_status add_entries(listing *self, const archive__zip_directory *directory, peal_error *err) {
    archive__zip_cursor cursor;
    PEAL_TRY(archive__zip_cursor_open(&cursor, self->stream, self->name, directory, err));
    peal_status status = PEAL_OK;
    for (uint64_t i = 0; i < directory->entries && status == PEAL_OK; i++) {
        archive__zip_entry entry;
        status = archive__zip_cursor_next(&cursor, &entry, err);
        if (status == PEAL_OK) status = add_entry(self, &entry, err);
    }
    if (status == PEAL_OK && cursor.at != cursor.end) {
        status = peal_fail(err, PEAL_E_DATA, "%s: byte %llu: there is more in the zip directory than its %llu entries",
                           self->name, (unsigned long long)cursor.at, (unsigned long long)directory->entries);
    }
    archive__zip_cursor_close(&cursor);
    return status;
}

static peal_status zip_list(peal_stream *stream, const char *name, peal_member_list *out, peal_error *err) {
    archive__zip_directory directory;
    PEAL_TRY(archive__zip_directory_find(stream, name, &directory, err));
    listing self = {.stream = stream, .name = name, .directory = directory.begin, .out = out};
    peal_status status = add_entries(&self, &directory, err);
    if (status == PEAL_OK) status = check_extents(&self, err);
    if (status == PEAL_OK) status = archive__members_check(out, name, err);
    if (status == PEAL_OK && stream->is_far) set_limits(&self);
    if (status != PEAL_OK) peal_member_list_clear(out);
    peal_buffer_clear(&self.extents);
    return status;
}

const peal_archive peal_archive_zip = {
    .name = "zip",
    .documentation = "members stored or deflated, Zip64; checked against directory, size and CRC-32",
    .suffix = ".zip",
    .has_directory = true,
    .recognise = zip_recognise,
    .list = zip_list,
    .open = archive__zip_member_open,
};
