/* tar archives: from header to header, with what extended headers say of the member that comes next. A member's bytes
 * stand in the archive as they are, so a window shows them. See tar.h. */
#include "etl/archive/tar.h"

#include <string.h>

#include "etl/archive/member.h"
#include "etl/archive/window.h"

typedef struct walk {
    peal_stream *stream;
    const char *name;
    peal_member_list *out;
    uint64_t at; /* of the present header */
    archive__tar_header header;
    archive__tar_extended extended;
} walk;

/* An archive without members is nothing but zeros. */
static bool tar_recognise(const uint8_t *head, size_t size) {
    return size >= TAR_BLOCK && (archive__tar_is_header(head) || archive__tar_is_zero(head, TAR_BLOCK));
}

/* ---- members ---- */

static const char *shown_path(const walk *self, char out[ARCHIVE_SHOWN_SIZE]) {
    const archive__tar_extended *extended = &self->extended;
    if (!extended->has_path) return archive__path_shown(self->header.path, self->header.path_length, out);
    return archive__path_shown((const char *)extended->path.data, extended->path.size, out);
}

/* Where the header behind `size` bytes of data begins. PEAL_E_DATA if the archive ends before. */
static peal_status skip(const walk *self, uint64_t size, uint64_t *next, peal_error *err) {
    const uint64_t data = self->at + TAR_BLOCK;
    uint64_t end;
    if (!__builtin_add_overflow(data, size, &end) && !__builtin_add_overflow(end, TAR_BLOCK - 1, &end) &&
        (end -= end % TAR_BLOCK) <= self->stream->size) {
        *next = end;
        return PEAL_OK;
    }
    char shown[ARCHIVE_SHOWN_SIZE];
    return peal_fail(
        err, PEAL_E_DATA,
        "%s: the archive is truncated: it ends at byte %llu within the %llu bytes of '%s' that begin at byte "
        "%llu",
        self->name, (unsigned long long)self->stream->size, (unsigned long long)size, shown_path(self, shown),
        (unsigned long long)data);
}

static peal_status refuse(const walk *self, const char *why, peal_error *err) {
    char shown[ARCHIVE_SHOWN_SIZE];
    return peal_fail(err, PEAL_E_DATA, "%s: byte %llu: the member '%s' %s", self->name, (unsigned long long)self->at,
                     shown_path(self, shown), why);
}

static peal_status add_file(walk *self, uint64_t *next, peal_error *err) {
    const archive__tar_extended *extended = &self->extended;
    const char *path = extended->has_path ? (const char *)extended->path.data : self->header.path;
    const size_t length = extended->has_path ? extended->path.size : self->header.path_length;
    const uint64_t size = extended->has_size ? extended->size : self->header.size;
    PEAL_TRY(skip(self, size, next, err));
    if (length > 0 && path[length - 1] == '/') return PEAL_OK; /* how old archives name a folder */
    if (extended->is_sparse && !archive__path_is_hidden(path, length)) {
        return refuse(self, "is sparse, stored without its zeros; make the archive without --sparse", err);
    }
    const peal_member member = {.begin = self->at + TAR_BLOCK, .size = size, .plain_size = size};
    return archive__member_add(self->out, self->name, path, length, &member, err);
}

/* Takes what the present header is the beginning of; *next is where the next header is. */
static peal_status take(walk *self, uint64_t *next, peal_error *err) {
    const uint64_t data = self->at + TAR_BLOCK;
    switch (self->header.type) {
    case 'x':
    case 'g':
    case 'L':
        PEAL_TRY(skip(self, self->header.size, next, err));
        return archive__tar_extended_read(&self->extended, self->stream, self->name, &self->header, data, err);
    case 'K': /* the long target of a link */
        return skip(self, self->header.size, next, err);
    case '0':
    case '\0':
    case '7': /* contiguous on its disk */
        PEAL_TRY(add_file(self, next, err));
        break;
    case '1': /* hard link, link, two devices, pipe: no data, whatever their size says */
    case '2':
    case '3':
    case '4':
    case '6':
        self->out->special++;
        *next = data;
        break;
    case '5':
        *next = data;
        break;
    case 'D': /* GNU: a folder with a list of its files; the label of a tape */
    case 'V':
        PEAL_TRY(skip(self, self->header.size, next, err));
        break;
    case 'S':
        return refuse(self, "is sparse, stored without its zeros; make the archive without --sparse", err);
    case 'M':
        return refuse(self, "began on another volume; join the parts of the archive first", err);
    default: {
        char why[64];
        peal_snprintf(why, sizeof why, "is of the unknown type 0x%02x", (unsigned char)self->header.type);
        return refuse(self, why, err);
    }
    }
    archive__tar_extended_reset(&self->extended);
    return PEAL_OK;
}

/* ---- the list ---- */

/* From the first zero block on all is zero: the second one, and what fills a tape's record. Of archives that were
 * joined only the first would be read. */
static peal_status check_end(const walk *self, peal_error *err) {
    uint8_t bytes[16 * 1024];
    for (uint64_t at = self->at; at < self->stream->size;) {
        size_t size = sizeof bytes;
        if (size > self->stream->size - at) size = (size_t)(self->stream->size - at);
        PEAL_TRY(archive__read(self->stream, self->name, at, bytes, size, "the zeros at its end", err));
        if (!archive__tar_is_zero(bytes, size)) {
            size_t i = 0;
            while (bytes[i] == 0) i++;
            return peal_fail(err, PEAL_E_DATA,
                             "%s: byte %llu: there is more behind the zero block at byte %llu that ends the archive",
                             self->name, (unsigned long long)(at + i), (unsigned long long)self->at);
        }
        at += size;
    }
    return PEAL_OK;
}

/* Other programs read an archive without zeros at its end as a whole one, without a word; but so ends one that was cut
 * between two members, of which nothing else tells. */
static peal_status walk_all(walk *self, peal_error *err) {
    uint8_t block[TAR_BLOCK];
    self->out->lacks_end = true;
    for (uint64_t next; self->at < self->stream->size; self->at = next) {
        PEAL_TRY(archive__read(self->stream, self->name, self->at, block, sizeof block, "a tar header", err));
        if (archive__tar_is_zero(block, sizeof block)) {
            PEAL_TRY(check_end(self, err));
            self->out->lacks_end = false;
            break;
        }
        PEAL_TRY(archive__tar_header_parse(block, self->name, self->at, &self->header, err));
        PEAL_TRY(take(self, &next, err));
    }
    if (!self->extended.is_there) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "%s: the archive is truncated: no member stands behind the extended header at byte %llu",
                     self->name, (unsigned long long)self->extended.at - TAR_BLOCK);
}

static peal_status tar_list(peal_stream *stream, const char *name, peal_member_list *out, peal_error *err) {
    walk self = {.stream = stream, .name = name, .out = out};
    peal_status status = walk_all(&self, err);
    if (status == PEAL_OK) status = archive__members_check(out, name, err);
    if (status != PEAL_OK) peal_member_list_clear(out);
    peal_buffer_clear(&self.extended.path);
    return status;
}

static peal_status tar_open(peal_stream *inner, const char *name, const peal_member *member, peal_stream **out,
                            peal_error *err) {
    return peal_window_stream_open(inner, name, member->begin, member->size, out, err);
}

const peal_archive peal_archive_tar = {
    .name = "tar",
    .documentation = "POSIX ustar and pax, GNU long names and sizes; checksums of headers are checked",
    .suffix = ".tar",
    .recognise = tar_recognise,
    .list = tar_list,
    .open = tar_open,
};
