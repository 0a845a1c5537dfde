/* Archives: what is listed and what is left out, the members' bytes, and all that must be refused. Archives are made
 * here, and by others (tests/data/archives). */
#include "etl/archive/archive.h"

#include "core/base/file.h"
#include "core/base/philox.h"
#include "etl/archive/window.h"
#include "tests/etl/archive_writer.h"
#include "tests/support.h"

static bool from_afar;      /* the next streams are */
static size_t bytes_handed; /* by all of them so far */

/* A stream that hands out a few bytes at a time, as it may. */
typedef struct piece_stream {
    peal_stream base;
    const uint8_t *bytes;
    size_t step;
} piece_stream;

static peal_status piece_read_at(peal_stream *base, uint64_t offset, uint8_t *out, size_t capacity, size_t *got,
                                 peal_error *err) {
    (void)err;
    const piece_stream *self = (const piece_stream *)base;
    const uint64_t left = offset < base->size ? base->size - offset : 0;
    *got = capacity < self->step ? capacity : self->step;
    if (*got > left) *got = (size_t)left;
    if (*got) memcpy(out, self->bytes + offset, *got);
    bytes_handed += *got;
    return PEAL_OK;
}

static void piece_close(peal_stream *base) {
    free(base);
}

static peal_stream *stream_of(const void *bytes, size_t size) {
    piece_stream *stream = calloc(1, sizeof *stream);
    *stream =
        (piece_stream){.base = {.read_at = piece_read_at, .close = piece_close, .is_far = from_afar, .size = size},
                       .bytes = bytes,
                       .step = size < 20000 ? 1 + size % 7 : 100000};
    return &stream->base;
}

static peal_status list(const peal_archive *archive, const void *bytes, size_t size, peal_member_list *out,
                        peal_error *err) {
    *out = (peal_member_list){0};
    peal_stream *stream = stream_of(bytes, size);
    const peal_status status = archive->list(stream, "a.arc", out, err);
    peal_stream_close(stream);
    if (status != PEAL_OK) assert_null(out->members);
    return status;
}

/* The plain bytes of a member, read in pieces of `step`. */
static peal_status read_member(const peal_archive *archive, const void *bytes, size_t size, const peal_member *member,
                               size_t step, peal_buffer *out, peal_error *err) {
    peal_stream *stream;
    out->size = 0;
    PEAL_TRY(archive->open(stream_of(bytes, size), "a.arc/m", member, &stream, err));
    assert_int_equal(stream->size, member->plain_size);
    peal_status status = PEAL_OK;
    for (size_t got = 1; status == PEAL_OK && got > 0;) {
        status = peal_buffer_reserve(out, step, err);
        if (status == PEAL_OK) status = stream->read(stream, out->data + out->size, step, &got, err);
        if (status == PEAL_OK) out->size += got;
    }
    peal_stream_close(stream);
    return status;
}

typedef struct expected {
    const char *path, *text;
} expected;

/* Exactly these members, in this order, with these bytes. */
static void check_members(const peal_archive *archive, const peal_buffer *bytes, const expected *members,
                          size_t count) {
    static const size_t steps[] = {1, 7, 4096};
    peal_member_list found;
    peal_buffer out = {0};
    peal_error err;
    assert_ptr_equal(peal_archive_recognise(bytes->data, bytes->size < 512 ? bytes->size : 512), archive);
    assert_ok(list(archive, bytes->data, bytes->size, &found, &err));
    assert_int_equal(found.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(found.members[i].path, members[i].path);
        for (size_t s = 0; s < 3; s++) {
            assert_ok(read_member(archive, bytes->data, bytes->size, &found.members[i], steps[s], &out, &err));
            assert_int_equal(out.size, strlen(members[i].text));
            if (out.size) assert_memory_equal(out.data, members[i].text, out.size);
        }
    }
    peal_buffer_clear(&out);
    peal_member_list_clear(&found);
}

/* An error with these words, from the list. */
static void check_refused(const peal_archive *archive, const peal_buffer *bytes, const char *words) {
    peal_member_list found;
    peal_error err = {0};
    assert_int_equal(list(archive, bytes->data, bytes->size, &found, &err), PEAL_E_DATA);
    assert_has(err.message, "a.arc: ");
    assert_has(err.message, words);
}

/* ---- archives that others made ---- */

static void load(const char *name, peal_buffer *out) {
    peal_error err;
    char *path = test_path("tests/data/archives", name);
    peal_map map;
    assert_ok(peal_map_open(path, &map, &err));
    put(out, map.data, map.size);
    peal_map_close(&map);
    free(path);
}

static void check_file(const char *name, const expected *members, size_t count) {
    peal_buffer bytes = {0};
    load(name, &bytes);
    check_members(strstr(name, ".zip") ? &peal_archive_zip : &peal_archive_tar, &bytes, members, count);
    peal_buffer_clear(&bytes);
}

static const char *four_hundred(void) {
    static char text[2048];
    size_t size = 0;
    for (int i = 1; i <= 400; i++) size += (size_t)snprintf(text + size, sizeof text - size, "%d\n", i);
    return text;
}

static const char *fifty(void) {
    static char text[256];
    size_t size = (size_t)snprintf(text, sizeof text, "x,y\n");
    for (int i = 0; i < 50; i++) size += (size_t)snprintf(text + size, sizeof text - size, "1,2\n");
    return text;
}

#define FOLDERS_5 "folderfolderfolderfolderfolder"
#define FOLDERS FOLDERS_5 FOLDERS_5 FOLDERS_5
#define LONG_10 "longlonglonglonglonglonglonglonglonglong"
#define LONG LONG_10 LONG_10 LONG_10 LONG_10 ".csv"

static void archives_of_other_programs_are_read(void **state) {
    (void)state;
    const char *b = four_hundred();
    const expected three[] = {{"data/a.csv", "x,y\n1,2\n"}, {"data/deep/er/b.csv", b}, {"data/empty.csv", ""}};
    check_file("zip.zip", three, 3);
    check_file("v7.tar", three, 3);
    const expected all[] = {{"data/a.csv", "x,y\n1,2\n"},
                            {"data/deep/er/b.csv", b},
                            {"data/empty.csv", ""},
                            {"data/" FOLDERS "/c.csv", "x,y\n1,2\n"},
                            {"data/" LONG, "x,y\n1,2\n"}};
    check_file("gnu.tar", all, 5);
    check_file("pax.tar", all, 5);
    const expected dotted[] = {{"./data/a.csv", "x,y\n1,2\n"},
                               {"./data/deep/er/b.csv", b},
                               {"./data/empty.csv", ""},
                               {"./data/" FOLDERS "/c.csv", "x,y\n1,2\n"}};
    check_file("ustar.tar", dotted, 4);
    check_file("stored.zip", three, 1);
    check_file("streamed.zip", &(expected){"-", b}, 1);
    const expected two[] = {{"a.csv", fifty()}, {"b.csv", fifty()}};
    check_file("zip64.zip", two, 2);
    check_file("descriptor.zip", two, 2);
    check_file("empty.zip", NULL, 0);
    check_file("empty.tar", NULL, 0);
}

static void what_is_left_out_is_counted(void **state) {
    (void)state;
    static const char *const names[] = {"zip.zip", "gnu.tar"};
    for (size_t i = 0; i < 2; i++) {
        peal_buffer bytes = {0};
        peal_member_list found;
        peal_error err;
        load(names[i], &bytes);
        assert_ok(list(i ? &peal_archive_tar : &peal_archive_zip, bytes.data, bytes.size, &found, &err));
        assert_int_equal(found.hidden, 2); /* .hidden, __MACOSX/a.csv */
        assert_int_equal(found.special, 1);
        peal_member_list_clear(&found);
        peal_buffer_clear(&bytes);
    }
}

static void sorts_that_cannot_be_read_are_named(void **state) {
    (void)state;
    static const struct {
        const char *file, *words;
    } cases[] = {
        {"encrypted.zip", "the member 'data/a.csv' is encrypted"},
        {"bzip2.zip", "the member 'data/deep/er/b.csv' is compressed by method 12 (bzip2)"},
        {"sparse_gnu.tar", "the member 'sparse.bin' is sparse"},
        {"sparse_pax.tar", "the member 'sparse.bin' is sparse"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_buffer bytes = {0};
        load(cases[i].file, &bytes);
        check_refused(i < 2 ? &peal_archive_zip : &peal_archive_tar, &bytes, cases[i].words);
        peal_buffer_clear(&bytes);
    }
}

/* ---- zip ---- */

enum { REGULAR = 0100644, UNIX = 0x0314 };

static const zip_part stored = {.path = "s.csv", .text = "a,b\n1,2\n", .made_by = UNIX, .attributes = REGULAR << 16};
static const zip_part deflated = {.path = "deep/er/d.csv",
                                  .text = "a,b\n1,2\n1,2\n1,2\n1,2\n1,2\n",
                                  .method = 8,
                                  .made_by = UNIX,
                                  .attributes = REGULAR << 16};

/* An archive of `stored` and another member. */
static void two_parts(zip_writer *zip, const zip_part *second) {
    *zip = (zip_writer){0};
    zip_put(zip, &stored);
    zip_put(zip, second);
    zip_finish(zip, false, "");
}

static void zip_of_all_kinds_is_read(void **state) {
    (void)state;
    const expected members[] = {{stored.path, stored.text}, {deflated.path, deflated.text}};
    for (int kind = 0; kind < 16; kind++) {
        zip_writer zip = {0};
        zip_part first = stored, second = deflated;
        from_afar = kind & 8;
        first.wide = second.wide = kind & 1;
        first.flags = second.flags = kind & 2 ? 8 | 1 << 11 : 0;
        zip_put(&zip, &(zip_part){.path = "deep/", .text = "", .attributes = 0x10});
        zip_put(&zip, &first);
        zip_put(&zip, &(zip_part){.path = "_private/x.csv", .text = "1", .method = 12});
        zip_put(&zip, &second);
        zip_put(&zip, &(zip_part){.path = "link", .text = "s.csv", .made_by = UNIX, .attributes = 0120777u << 16});
        zip_put(&zip, &(zip_part){.path = "", .text = "no name"});
        /* A comment that looks like an end record, but of another length. */
        zip_finish(&zip, kind & 4, kind & 1 ? "PK\5\6 a comment of more than the 22 bytes of a record" : "");
        check_members(&peal_archive_zip, &zip.bytes, members, 2);
        zip_clear(&zip);
    }
    from_afar = false;
}

static void zip_from_afar_is_listed_by_its_directory(void **state) {
    (void)state;
    enum { LARGE = 1 << 20, TAIL_MOST = 1 << 17 };
    char *text = calloc(1, LARGE + 1);
    memset(text, 'x', LARGE);
    zip_part large = stored;
    large.path = "large.csv";
    large.text = text;
    zip_writer zip = {0};
    zip_put(&zip, &stored);
    zip_put(&zip, &large);
    zip_put(&zip, &deflated);
    zip_finish(&zip, false, "");
    peal_member_list found;
    peal_buffer out = {0};
    peal_error err;
    from_afar = true;
    bytes_handed = 0;
    assert_ok(list(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found, &err));
    assert_in_range(bytes_handed, 1, TAIL_MOST);
    for (size_t i = 0; i < 3; i += 2) {
        const char *text_of = i == 0 ? stored.text : deflated.text;
        bytes_handed = 0;
        assert_ok(read_member(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found.members[i], 4096, &out, &err));
        assert_in_range(bytes_handed, 1, 200);
        assert_int_equal(out.size, strlen(text_of));
        assert_memory_equal(out.data, text_of, out.size);
    }
    from_afar = false;
    peal_member_list_clear(&found);
    peal_buffer_clear(&out);
    zip_clear(&zip);
    free(text);
}

/* What the list of a file finds at once is found when the member is opened. */
static void local_headers_from_afar_are_checked_when_opened(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t bits;
        const char *words;
    } cases[] = {
        {0, 1, "instead of a local header of a zip archive"},
        {8, 8, "differ in the method of the member 's.csv'"},
        {6, 1, "differ in the encryption of the member 's.csv'"},
        {14, 1, "differ in the checksum of the member 's.csv'"},
        {22, 1, "differ in the size of the member 's.csv'"},
        {28, 1, "it must end before byte 43"},
        {30, 1, "differ in the name of the member 's.csv'"},
    };
    zip_writer zip;
    two_parts(&zip, &deflated);
    from_afar = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_member_list found;
        peal_buffer out = {0};
        peal_error err = {0};
        zip.bytes.data[cases[i].at] ^= cases[i].bits;
        assert_ok(list(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found, &err));
        assert_int_equal(
            read_member(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found.members[0], 7, &out, &err),
            PEAL_E_DATA);
        assert_has(err.message, "a.arc/m: ");
        assert_has(err.message, cases[i].words);
        assert_ok(read_member(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found.members[1], 7, &out, &err));
        zip.bytes.data[cases[i].at] ^= cases[i].bits;
        peal_buffer_clear(&out);
        peal_member_list_clear(&found);
    }
    from_afar = false;
    zip_clear(&zip);
}

static void stored_members_read_at_an_offset(void **state) {
    (void)state;
    zip_writer zip;
    peal_error err;
    peal_member_list found;
    peal_stream *stream;
    uint8_t bytes[16];
    size_t got;
    two_parts(&zip, &deflated);
    assert_ok(list(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found, &err));
    peal_stream *inner = stream_of(zip.bytes.data, zip.bytes.size);
    assert_ok(peal_archive_zip.open(inner, "m", &found.members[0], &stream, &err));
    assert_ok(stream->read_at(stream, 4, bytes, sizeof bytes, &got, &err));
    assert_in_range(got, 1, 4);
    assert_memory_equal(bytes, "1,2\n", got);
    assert_ok(stream->read_at(stream, 8, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 0);
    assert_ok(peal_stream_fill(stream, bytes, sizeof bytes, &got, &err)); /* from its beginning */
    assert_int_equal(got, 8);
    peal_stream_close(stream);
    peal_member_list_clear(&found);
    zip_clear(&zip);
}

/* An inflater takes bytes ahead and gives them back, also across the border of what was read at once (128 KB). */
static void deflated_members_of_any_length_are_read(void **state) {
    (void)state;
    enum { INPUT = 128 * 1024, MOST = INPUT + 20 };
    char *text = calloc(1, 4 * INPUT + 1);
    peal_philox random = peal_philox_stream(5, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t i = 0; i < 4 * INPUT; i++) text[i] = (char)(1 + peal_philox_below(&random, 255));
    for (size_t size = INPUT - 60; size <= MOST; size++) {
        zip_writer zip = {0};
        zip_part part = deflated;
        char *begin = text + 4 * INPUT - (size == MOST ? 4 * INPUT : size);
        part.text = begin;
        zip_put(&zip, &part);
        zip_finish(&zip, false, "");
        peal_member_list found;
        peal_buffer out = {0};
        peal_error err;
        assert_ok(list(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found, &err));
        assert_ok(
            read_member(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found.members[0], 1 << 16, &out, &err));
        assert_int_equal(out.size, strlen(begin));
        assert_memory_equal(out.data, begin, out.size);
        peal_buffer_clear(&out);
        peal_member_list_clear(&found);
        zip_clear(&zip);
    }
    free(text);
}

/* What the directory promises of a member's bytes and they do not keep. */
static void member_that_is_not_what_was_promised_is_found(void **state) {
    (void)state;
    zip_part parts[4] = {stored, deflated, deflated, deflated};
    static const char *const words[] = {"checksum", "checksum", "more than the 23 bytes", "24 bytes, expected 25"};
    parts[0].path = "other.csv";
    parts[0].crc32 = parts[1].crc32 = 7;
    parts[2].plain_size = strlen(deflated.text) - 1;
    parts[3].plain_size = strlen(deflated.text) + 1;
    for (size_t i = 0; i < 4; i++) {
        zip_writer zip;
        peal_error err = {0};
        peal_member_list found;
        peal_buffer out = {0};
        two_parts(&zip, &parts[i]);
        assert_ok(list(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found, &err));
        for (size_t step = 1; step < 100; step += 11) {
            assert_int_equal(
                read_member(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found.members[1], step, &out, &err),
                PEAL_E_DATA);
            assert_has(err.message, "a.arc/m: the member's data at bytes ");
            assert_has(err.message, words[i]);
        }
        peal_buffer_clear(&out);
        peal_member_list_clear(&found);
        zip_clear(&zip);
    }
}

static void zip_that_lies_is_refused(void **state) {
    (void)state;
    zip_part parts[9] = {stored, stored, stored, stored, stored, stored, stored, stored, stored};
    static const char *const words[] = {
        "differ in the name of the member 'x.csv'",
        "two members are named 's.csv', at bytes",
        "two members overlap: one has bytes 0 to ",
        "it must end before byte",
        "it must end before byte",
        "is encrypted",
        "is a patch of another file",
        "compressed by method 14 (LZMA)",
        "a zero byte in the name of the member 'x'",
    };
    for (size_t i = 0; i < 9; i++) parts[i].path = i == 1 ? stored.path : "x.csv";
    parts[0].local_path = "y.csv";
    parts[2] = stored;
    parts[2].local = 1; /* where the first one is */
    parts[3].local = 1 << 20;
    parts[4].size = parts[4].plain_size = 1 << 20;
    parts[5].flags = 1;
    parts[6].flags = 1 << 5;
    parts[7].method = 14;
    parts[8].path = "x\0y";
    parts[8].path_length = 3;
    for (size_t i = 0; i < 9; i++) {
        zip_writer zip;
        two_parts(&zip, &parts[i]);
        check_refused(&peal_archive_zip, &zip.bytes, words[i]);
        zip_clear(&zip);
    }
}

static void set_number(uint8_t *at, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++, number >>= 8) at[i] = (uint8_t)number;
}

/* Fields of the end records: where they are from the archive's end, and what is written into them. */
static void end_records_that_lie_are_refused(void **state) {
    (void)state;
    static const struct {
        bool wide;
        size_t from_end, size;
        uint64_t number;
        const char *words;
    } cases[] = {
        {false, 18, 2, 1, "a part of a split zip archive"},
        {false, 12, 2, 1, "a part of a split zip archive"},
        {false, 14, 4, 0x10001, "there is more in the zip directory than its 1 entries"},
        {false, 14, 4, 0x30003, "3 entries are said to stand in a directory of 110 bytes"},
        {false, 22 + 59 - 32, 2, 1, "the zip directory ends at byte "}, /* a comment of the last record */
        {false, 22 + 110, 4, 0, "bytes 00 00 00 00 instead of a record of the zip directory"},
        {false, 14, 4, 0x10001000, "4096 entries are said to stand in a directory of"},
        {false, 10, 4, 1, "it must end here"},
        {false, 6, 4, 1, "it must end here"},
        {false, 2, 2, 1, "truncated or damaged"},
        {true, 22 + 12, 8, UINT64_MAX, "which is not before this"},
        {true, 22 + 12, 8, 0, "a Zip64 end record (50 4b 06 06)"},
        {true, 22 + 16, 4, 1, "a part of a split zip archive"},
        {true, 22 + 4, 4, 2, "a part of a split zip archive"},
        {true, 42 + 52, 8, 45, "with a size of 44 was expected"},
        {true, 42 + 8, 8, UINT64_MAX, "it must end here"},
        {true, 42 + 16, 8, UINT64_MAX - 3, "it must end here"},
        {true, 42 + 32, 8, 7, "a part of a split zip archive"},
        {true, 14, 4, 0x10001, "the end records at bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        zip_writer zip = {0};
        zip_put(&zip, &stored);
        zip_put(&zip, &deflated);
        zip_finish(&zip, cases[i].wide, "");
        set_number(zip.bytes.data + zip.bytes.size - cases[i].from_end, cases[i].number, cases[i].size);
        check_refused(&peal_archive_zip, &zip.bytes, cases[i].words);
        zip_clear(&zip);
    }
}

static void joined_archives_are_refused(void **state) {
    (void)state;
    zip_writer zip;
    two_parts(&zip, &deflated);
    const size_t size = zip.bytes.size;
    peal_buffer twice = {0};
    for (int i = 0; i < 2; i++) put(&twice, zip.bytes.data, size);
    check_refused(&peal_archive_zip, &twice, "it must end here");
    peal_buffer_clear(&twice);
    zip_clear(&zip);

    peal_buffer tar = {0};
    for (int i = 0; i < 2; i++) {
        tar_put(&tar, i ? "b.csv" : "a.csv", '0', "1\n", 2);
        tar_finish(&tar);
    }
    check_refused(&peal_archive_tar, &tar, "byte 2048: there is more behind the zero block at byte 1024");
    peal_buffer_clear(&tar);
}

static void zip_with_more_entries_than_16_bits_is_read(void **state) {
    (void)state;
    zip_writer zip = {0};
    char path[16];
    for (int i = 0; i < 65535; i++) { /* the count that could also mean Zip64 */
        snprintf(path, sizeof path, "%d", i);
        zip_put(&zip, &(zip_part){.path = path, .text = ""});
    }
    zip_writer wide = {.count = zip.count};
    put(&wide.bytes, zip.bytes.data, zip.bytes.size);
    put(&wide.directory, zip.directory.data, zip.directory.size);
    zip_finish(&zip, false, "");
    zip_put(&wide, &(zip_part){.path = "last", .text = ""});
    zip_finish(&wide, true, "");
    peal_member_list found;
    peal_error err;
    assert_ok(list(&peal_archive_zip, zip.bytes.data, zip.bytes.size, &found, &err));
    assert_int_equal(found.count, 65535);
    peal_member_list_clear(&found);
    assert_ok(list(&peal_archive_zip, wide.bytes.data, wide.bytes.size, &found, &err));
    assert_int_equal(found.count, 65536);
    assert_string_equal(found.members[65535].path, "last");
    peal_member_list_clear(&found);
    zip_clear(&zip);
    zip_clear(&wide);
}

/* ---- tar ---- */

static void tar_of_all_kinds_is_read(void **state) {
    (void)state;
    peal_buffer tar = {0};
    tar_put(&tar, "g", 'g', "16 comment=made\n", 16);
    tar_put(&tar, "deep/", '5', "", 0);
    tar_put(&tar, "old/", '\0', "", 0);
    tar_put(&tar, "deep/s.csv", '0', "a,b\n1,2\n", 8);
    tar_put(&tar, "link", '2', "", 0);
    tar_put(&tar, "x", 'x', "22 path=in/the/header\n9 size=3\n9 uid=77\n", 40);
    tar_put(&tar, "short", '0', "1,2", 3);
    tar_put(&tar, "L", 'L', "gnu/name", 9);
    tar_put(&tar, "K", 'K', "target", 7);
    tar_put(&tar, "x", 'x', "10 path=a\n8 path=\n", 18); /* taken back: that of 'L' too */
    tar_put(&tar, "short", '7', "", 0);
    tar_put(&tar, "L", 'L', "gnu/name", 9);
    tar_put(&tar, "short", '\0', "3\n", 2);
    tar_put(&tar, ".hidden", '0', "no", 2);
    tar_finish(&tar);
    const expected members[] = {
        {"deep/s.csv", "a,b\n1,2\n"}, {"in/the/header", "1,2"}, {"short", ""}, {"gnu/name", "3\n"}};
    check_members(&peal_archive_tar, &tar, members, 4);
    peal_buffer_clear(&tar);
}

static void size_of_the_pax_header_counts(void **state) {
    (void)state;
    peal_buffer tar = {0};
    tar_put(&tar, "x", 'x', "9 size=5\n", 9);
    tar_put(&tar, "a", '0', "12345", 5);
    memcpy(tar.data + 1024 + 124, "00000000000", 12);
    tar_seal(tar.data + 1024);
    tar_finish(&tar);
    check_members(&peal_archive_tar, &tar, &(expected){"a", "12345"}, 1);
    peal_buffer_clear(&tar);
}

static void size_of_base_256_is_read(void **state) {
    (void)state;
    static const struct {
        const char *field, *words; /* NULL: it is read */
    } cases[] = {
        {"\x80\0\0\0\0\0\0\0\0\0\0\5", NULL},
        {"\x80\0\0\0\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "the archive is truncated"},
        {"\x80\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "the size in a tar header is no number"},
        {"\x80\0\0\1\0\0\0\0\0\0\0\5", "the size in a tar header is no number"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", "the size in a tar header is no number"},
        {"000000000009", "the size in a tar header is no number"},
        {"777777777777", "the archive is truncated"},
        {"           5", NULL},
        {"5 \0 \0 \0 \0 \0 ", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_buffer tar = {0};
        tar_put(&tar, "a", '0', "12345", 5);
        memcpy(tar.data + 124, cases[i].field, 12);
        tar_seal(tar.data);
        tar_finish(&tar);
        if (cases[i].words) {
            check_refused(&peal_archive_tar, &tar, cases[i].words);
        } else {
            check_members(&peal_archive_tar, &tar, &(expected){"a", "12345"}, 1);
        }
        peal_buffer_clear(&tar);
    }
}

static void tar_that_lies_is_refused(void **state) {
    (void)state;
    static const struct {
        char type;
        const char *text, *words;
    } cases[] = {
        {'x', "9 size=5", "byte 512: a pax header has no line"},
        {'x', "99 size=5\n", "byte 512: a pax header has no line"},
        {'x', "9 size=5\nrubbish\n", "byte 521: a pax header has no line"},
        {'x', "0 size=5\n", "byte 512: a pax header has no line"},
        {'x', "99999999999999999999999 a=\n", "byte 512: a pax header has no line"},
        {'x', "5 =5\n", "byte 512: a pax header has no line"},
        {'x', "9 size=x\n", "the size in a pax header is no number"},
        {'x', "29 size=99999999999999999999\n", "the size in a pax header is no number"},
        {'x', "28 size=9999999999999999999\n", "the archive is truncated"},
        {'x', "29 size=18446744073709551615\n", "the archive is truncated"},
        {'x', "22 GNU.sparse.major=1\n", "the member 'a' is sparse"},
        {'g', "10 path=b\n", "a global pax header gives all members one path"},
        {'g', "9 size=5\n", "a global pax header gives all members one size"},
        {'S', "", "is sparse"},
        {'M', "", "began on another volume"},
        {'Q', "", "is of the unknown type 0x51"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peal_buffer tar = {0};
        tar_put(&tar, "x", cases[i].type, cases[i].text, strlen(cases[i].text));
        tar_put(&tar, "a", '0', "12345", 5);
        tar_finish(&tar);
        check_refused(&peal_archive_tar, &tar, cases[i].words);
        peal_buffer_clear(&tar);
    }
    peal_buffer tar = {0};
    tar_put(&tar, "a", '0', "1", 1);
    tar_put(&tar, "a", '0', "2", 1);
    check_refused(&peal_archive_tar, &tar, "two members are named 'a', at bytes 512 and 1536");
    tar.size = 1024;
    tar_put(&tar, "x", 'x', "10 path=b\n", 10);
    check_refused(&peal_archive_tar, &tar, "no member stands behind the extended header at byte 1024");
    tar.size = 0;
    char *large = calloc(1, (1 << 20) + 1);
    tar_put(&tar, "x", 'x', large, (1 << 20) + 1);
    check_refused(&peal_archive_tar, &tar, "an extended tar header of 1048577 bytes");
    free(large);
    peal_buffer_clear(&tar);
}

static bool lacks_end(const peal_buffer *tar) {
    peal_member_list found;
    peal_error err;
    assert_ok(list(&peal_archive_tar, tar->data, tar->size, &found, &err));
    const bool lacks = found.lacks_end;
    peal_member_list_clear(&found);
    return lacks;
}

static void tar_may_end_without_zero_blocks(void **state) {
    (void)state;
    peal_buffer tar = {0};
    tar_put(&tar, "a", '0', "12345", 5);
    check_members(&peal_archive_tar, &tar, &(expected){"a", "12345"}, 1);
    assert_true(lacks_end(&tar)); /* which is told */
    put(&tar, (uint8_t[512]){0}, 512);
    check_members(&peal_archive_tar, &tar, &(expected){"a", "12345"}, 1);
    assert_false(lacks_end(&tar));
    put(&tar, (uint8_t[30000]){0}, 30000);
    check_members(&peal_archive_tar, &tar, &(expected){"a", "12345"}, 1);
    tar.data[tar.size - 1] = 1;
    check_refused(&peal_archive_tar, &tar, "there is more behind the zero block at byte 1024");
    peal_buffer_clear(&tar);
}

/* ---- damage ---- */

/* What became of an archive: 0 an error, 1 the members `count` first of these with their bytes, 2 something else. */
static int read_all(const peal_archive *archive, const uint8_t *bytes, size_t size, const expected *members,
                    size_t count, peal_member_list *counts) {
    uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees a read beyond the end */
    memcpy(exact, bytes, size);
    peal_member_list found;
    peal_buffer out = {0};
    peal_error err = {0};
    peal_status status = list(archive, exact, size, &found, &err);
    *counts = found;
    bool same = status == PEAL_OK && found.count <= count;
    for (size_t i = 0; same && i < found.count && status == PEAL_OK; i++) {
        status = read_member(archive, exact, size, &found.members[i], 5, &out, &err);
        same = strcmp(found.members[i].path, members[i].path) == 0 && out.size == strlen(members[i].text) &&
               (out.size == 0 || memcmp(out.data, members[i].text, out.size) == 0);
    }
    if (status != PEAL_OK && (status != PEAL_E_DATA || !strstr(err.message, "byte"))) fail_msg("%s", err.message);
    peal_buffer_clear(&out);
    peal_member_list_clear(&found);
    free(exact);
    return status != PEAL_OK ? 0 : same ? 1 : 2;
}

static const expected pair[] = {{"s.csv", "a,b\n1,2\n"}, {"deep/er/d.csv", "a,b\n1,2\n1,2\n1,2\n1,2\n1,2\n"}};

static void tar_of_pair(peal_buffer *tar) {
    tar_put(tar, "s.csv", '0', pair[0].text, strlen(pair[0].text));
    tar_put(tar, "x", 'x', "22 path=deep/er/d.csv\n", 22);
    tar_put(tar, "d.csv", '0', pair[1].text, strlen(pair[1].text));
    tar_finish(tar);
}

static void every_cut_is_found(void **state) {
    (void)state;
    peal_member_list counts;
    for (int wide = 0; wide < 2; wide++) {
        zip_writer zip = {0};
        zip_part first = stored, second = deflated;
        first.wide = second.wide = wide;
        zip_put(&zip, &first);
        zip_put(&zip, &second);
        zip_finish(&zip, wide, "");
        for (size_t cut = 0; cut < zip.bytes.size; cut++) {
            assert_int_equal(read_all(&peal_archive_zip, zip.bytes.data, cut, pair, 2, &counts), 0);
        }
        assert_int_equal(read_all(&peal_archive_zip, zip.bytes.data, zip.bytes.size, pair, 2, &counts), 1);
        zip_clear(&zip);
    }
    /* tar: a cut between two members looks like an end. */
    peal_buffer tar = {0};
    tar_of_pair(&tar);
    for (size_t cut = 0; cut < tar.size; cut++) {
        const bool is_end = cut == 0 || cut == 1024 || cut == 3072 || cut > 3072;
        const bool is_within = cut % 512 != 0 && cut < 3072 + 512;
        const int result = read_all(&peal_archive_tar, tar.data, cut, pair, 2, &counts);
        if (result != (is_end && !is_within)) fail_msg("cut at byte %zu: %d", cut, result);
    }
    peal_buffer_clear(&tar);
}

static void every_flipped_bit_is_found_or_harmless(void **state) {
    (void)state;
    zip_writer zip;
    two_parts(&zip, &deflated);
    peal_member_list counts;
    for (size_t bit = 0; bit < zip.bytes.size * 8; bit++) {
        zip.bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const int result = read_all(&peal_archive_zip, zip.bytes.data, zip.bytes.size, pair, 2, &counts);
        /* Nothing in an archive tells of a changed file type, but a link that was a file is counted. */
        if (result != 0 && counts.count + counts.special != 2) fail_msg("bit %zu: %d", bit, result);
        if (result == 2 && counts.special == 0) fail_msg("bit %zu: other bytes", bit);
        zip.bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    zip_clear(&zip);
    peal_buffer tar = {0};
    tar_of_pair(&tar);
    for (size_t bit = 0; bit < tar.size * 8; bit++) {
        tar.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const int result = read_all(&peal_archive_tar, tar.data, tar.size, pair, 2, &counts);
        /* Only headers have a checksum. */
        const size_t block = bit / 8 / 512;
        const bool is_data = block == 1 || block == 3 || block == 5;
        if (!is_data && (result == 2 || (result == 1 && counts.count != 2))) fail_msg("bit %zu: %d", bit, result);
        tar.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    peal_buffer_clear(&tar);
}

/* ---- parts ---- */

static void window_shows_a_range(void **state) {
    (void)state;
    peal_error err;
    peal_stream *window;
    uint8_t bytes[16];
    size_t got;
    assert_ok(peal_window_stream_open(stream_of("0123456789", 10), "w", 2, 5, &window, &err));
    assert_int_equal(window->size, 5);
    assert_ok(window->read(window, bytes, 3, &got, &err));
    assert_int_equal(got, 3);
    assert_memory_equal(bytes, "234", 3);
    assert_ok(window->read_at(window, 1, bytes, 16, &got, &err));
    assert_int_equal(got, 4);
    assert_memory_equal(bytes, "3456", 4);
    assert_ok(window->read_at(window, UINT64_MAX, bytes, 16, &got, &err));
    assert_int_equal(got, 0);
    assert_ok(window->read(window, bytes, 16, &got, &err));
    assert_int_equal(got, 2);
    assert_ok(window->read(window, bytes, 16, &got, &err));
    assert_int_equal(got, 0);
    peal_stream_close(window);
    assert_ok(peal_window_stream_open(stream_of("0123456789", 10), "w", 10, 0, &window, &err));
    assert_ok(window->read(window, bytes, 16, &got, &err));
    assert_int_equal(got, 0);
    peal_stream_close(window);
    assert_int_equal(peal_window_stream_open(stream_of("0123456789", 10), "w", 6, 5, &window, &err), PEAL_E_DATA);
    assert_string_equal(err.message, "w: the archive ends at byte 10; bytes 6 to 11 were expected");
    assert_int_equal(peal_window_stream_open(stream_of("0123456789", 10), "w", 2, UINT64_MAX, &window, &err),
                     PEAL_E_DATA);
    assert_null(window);
}

static void other_objects_are_no_archives(void **state) {
    (void)state;
    uint8_t head[512] = "a,b\n1,2\n";
    assert_null(peal_archive_recognise(head, 0));
    assert_null(peal_archive_recognise(head, 8));
    assert_null(peal_archive_recognise(head, 512));
    assert_null(peal_archive_recognise((const uint8_t *)"PK\1\2", 4));
    assert_null(peal_archive_recognise((const uint8_t *)"PK\3", 3));
    memset(head, 0, sizeof head);
    assert_null(peal_archive_recognise(head, 511));
}

static void name_that_promises_an_archive_is_held_to_it(void **state) {
    (void)state;
    peal_error err;
    const uint8_t head[] = "a,b\n";
    assert_ok(peal_archive_check_name("zip", head, 4, &err));
    assert_ok(peal_archive_check_name("a.zip.csv", head, 4, &err));
    assert_int_equal(peal_archive_check_name("a.zip", head, 4, &err), PEAL_E_DATA);
    assert_string_equal(err.message, "a.zip is named .zip but is not a whole zip archive: it begins with bytes 61 2c");
    assert_int_equal(peal_archive_check_name("a.tar", head, 0, &err), PEAL_E_DATA);
    assert_string_equal(err.message, "a.tar is empty: a tar archive was expected");
}

static void first_part_of_a_split_archive_is_named(void **state) {
    (void)state;
    peal_buffer part = {0};
    put(&part, "PK\7\10PK\3\4 and so on, to the next part", 36);
    assert_ptr_equal(peal_archive_recognise(part.data, part.size), &peal_archive_zip);
    check_refused(&peal_archive_zip, &part, "byte 0: a part of a split zip archive; join its parts first");
    peal_buffer_clear(&part);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_of_other_programs_are_read),
        cmocka_unit_test(what_is_left_out_is_counted),
        cmocka_unit_test(sorts_that_cannot_be_read_are_named),
        cmocka_unit_test(zip_of_all_kinds_is_read),
        cmocka_unit_test(zip_from_afar_is_listed_by_its_directory),
        cmocka_unit_test(local_headers_from_afar_are_checked_when_opened),
        cmocka_unit_test(stored_members_read_at_an_offset),
        cmocka_unit_test(deflated_members_of_any_length_are_read),
        cmocka_unit_test(member_that_is_not_what_was_promised_is_found),
        cmocka_unit_test(zip_that_lies_is_refused),
        cmocka_unit_test(end_records_that_lie_are_refused),
        cmocka_unit_test(joined_archives_are_refused),
        cmocka_unit_test(zip_with_more_entries_than_16_bits_is_read),
        cmocka_unit_test(tar_of_all_kinds_is_read),
        cmocka_unit_test(size_of_the_pax_header_counts),
        cmocka_unit_test(size_of_base_256_is_read),
        cmocka_unit_test(tar_that_lies_is_refused),
        cmocka_unit_test(tar_may_end_without_zero_blocks),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(every_flipped_bit_is_found_or_harmless),
        cmocka_unit_test(window_shows_a_range),
        cmocka_unit_test(other_objects_are_no_archives),
        cmocka_unit_test(name_that_promises_an_archive_is_held_to_it),
        cmocka_unit_test(first_part_of_a_split_archive_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
