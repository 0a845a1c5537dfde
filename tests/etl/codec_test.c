/* zstd, bzip2 and xz: what their own libraries packed comes back, in pieces of any size; what is damaged is an error
 * that names the byte. */
#include <bzlib.h>
#include <lzma.h>
#include <zstd.h>

#include "core/base/philox.h"
#include "etl/codec/codec.h"
#include "tests/pieces.h"
#include "tests/support.h"

/* ---- the libraries' own compressors ---- */

static void pack_zstd(peal_buffer *out, const void *bytes, size_t size, int level) {
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    const size_t bound = ZSTD_compressBound(size);
    assert_int_equal(peal_buffer_reserve(out, bound, NULL), PEAL_OK);
    const size_t packed = ZSTD_compress2(context, out->data + out->size, bound, bytes, size);
    assert_false(ZSTD_isError(packed));
    out->size += packed;
    ZSTD_freeCCtx(context);
}

static void pack_bzip2(peal_buffer *out, const void *bytes, size_t size, int level) {
    unsigned packed = (unsigned)(size + size / 100 + 600);
    assert_int_equal(peal_buffer_reserve(out, packed, NULL), PEAL_OK);
    assert_int_equal(
        BZ2_bzBuffToBuffCompress((char *)out->data + out->size, &packed, (char *)bytes, (unsigned)size, level, 0, 0),
        BZ_OK);
    out->size += packed;
}

static void pack_xz(peal_buffer *out, const void *bytes, size_t size, int level) {
    const size_t bound = lzma_stream_buffer_bound(size);
    assert_int_equal(peal_buffer_reserve(out, bound, NULL), PEAL_OK);
    size_t packed = 0;
    const lzma_check check = level % 2 ? LZMA_CHECK_CRC32 : LZMA_CHECK_CRC64;
    assert_int_equal(
        lzma_easy_buffer_encode((uint32_t)level, check, NULL, bytes, size, out->data + out->size, &packed, bound),
        LZMA_OK);
    out->size += packed;
}

typedef struct packer_kind {
    const peal_codec *codec;
    const char *name;
    void (*pack)(peal_buffer *out, const void *bytes, size_t size, int level);
    int levels[3];
} packer_kind;

static const packer_kind packers[] = {
    {&peal_codec_zstd, "zstd", pack_zstd, {-5, 3, 12}},
    {&peal_codec_bzip2, "bzip2", pack_bzip2, {1, 5, 9}},
    {&peal_codec_xz, "xz", pack_xz, {0, 3, 4}},
};

enum { PACKERS = sizeof packers / sizeof *packers };

/* ---- helpers ---- */

static peal_status decode(const packer_kind *packer, const void *bytes, size_t size, size_t in_step, size_t out_step,
                          peal_buffer *out, peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(packer->codec->open(pieces_open(bytes, size, in_step), "f", &stream, err));
    return pieces_take(stream, out_step, out, err);
}

static void expect_plain(const packer_kind *packer, const peal_buffer *packed, const peal_buffer *plain, size_t in_step,
                         size_t out_step) {
    peal_error err;
    peal_buffer out = {0};
    assert_ok(decode(packer, packed->data, packed->size, in_step, out_step, &out, &err));
    assert_int_equal(out.size, plain->size);
    if (out.size) assert_memory_equal(out.data, plain->data, out.size);
    peal_buffer_clear(&out);
}

/* PEAL_E_DATA, in the same words however the input comes. */
static void expect_error(const packer_kind *packer, const void *bytes, size_t size, const char *words) {
    static const size_t steps[] = {1, 1 << 17};
    for (size_t i = 0; i < 2; i++) {
        peal_error err;
        peal_buffer out = {0};
        assert_int_equal(decode(packer, bytes, size, steps[i], steps[1 - i], &out, &err), PEAL_E_DATA);
        assert_has(err.message, words);
        peal_buffer_clear(&out);
    }
}

static void append(peal_buffer *out, const void *bytes, size_t size) {
    assert_int_equal(peal_buffer_append(out, bytes, size, NULL), PEAL_OK);
}

/* Half of it text of four letters, half of it noise that no codec makes shorter. */
static void make_bytes(peal_buffer *out, size_t size, uint64_t seed) {
    peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
    assert_int_equal(peal_buffer_reserve(out, size + 1, NULL), PEAL_OK);
    for (size_t i = 0; i < size; i++) {
        const uint32_t value = peal_philox_below(&random, 256);
        out->data[out->size++] = (uint8_t)(i < size / 2 ? 'a' + value % 4 : value);
    }
}

/* ---- whole data ---- */

static void all_sizes_and_levels_come_back(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 15, 100, 4095, 65537, (1 << 20) + 1, 3 << 20};
    static const size_t steps[] = {1, 7, 64, 4096, 1 << 17};
    for (size_t k = 0; k < PACKERS; k++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            peal_buffer plain = {0};
            const bool large = sizes[s] > 65537; /* its test takes long */
            make_bytes(&plain, sizes[s], s);
            for (size_t level = 0; level < (large ? 1 : 3); level++) {
                peal_buffer packed = {0};
                packers[k].pack(&packed, plain.data, plain.size, packers[k].levels[level]);
                for (size_t in = large ? 3 : 0; in < 5; in++) {
                    expect_plain(&packers[k], &packed, &plain, steps[in], steps[4 - in]);
                }
                peal_buffer_clear(&packed);
            }
            peal_buffer_clear(&plain);
        }
    }
}

static void frames_of_all_sizes_follow_each_other(void **state) {
    (void)state;
    for (size_t k = 0; k < PACKERS; k++) {
        peal_buffer packed = {0}, plain = {0};
        for (size_t frame = 0; frame < 12; frame++) {
            const size_t before = plain.size;
            make_bytes(&plain, frame % 3 == 1 ? 0 : frame * 3001, frame);
            packers[k].pack(&packed, plain.data + before, plain.size - before, packers[k].levels[frame % 3]);
        }
        expect_plain(&packers[k], &packed, &plain, 1, 1);
        expect_plain(&packers[k], &packed, &plain, 1, 1 << 17);
        expect_plain(&packers[k], &packed, &plain, 13, 1000);
        expect_plain(&packers[k], &packed, &plain, 1 << 17, 1 << 20);
        peal_buffer_clear(&packed);
        peal_buffer_clear(&plain);
    }
}

/* Data is taken for a codec's by its first bytes, whatever its name. */
static void data_is_recognised(void **state) {
    (void)state;
    for (size_t k = 0; k < PACKERS; k++) {
        for (size_t size = 0; size < 20; size += 19) {
            peal_error err;
            peal_stream *inner, *stream;
            peal_buffer packed = {0}, out = {0};
            packers[k].pack(&packed, "nineteen characters", size, packers[k].levels[0]);
            assert_ok(peal_memory_stream_open(packed.data, packed.size, &inner, &err));
            assert_ok(peal_decode(inner, "f", &stream, &err));
            assert_ok(pieces_take(stream, 100, &out, &err));
            assert_int_equal(out.size, size);
            for (size_t other = 0; peal_codecs[other]; other++) {
                assert_int_equal(peal_codecs[other]->recognise(packed.data, packed.size),
                                 peal_codecs[other] == packers[k].codec);
            }
            assert_false(packers[k].codec->recognise(packed.data, 3));
            peal_buffer_clear(&packed);
            peal_buffer_clear(&out);
        }
    }
}

static void skippable_zstd_frames_are_skipped(void **state) {
    (void)state;
    static const uint8_t empty[] = {0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0};
    static const uint8_t some[] = {0x5F, 0x2A, 0x4D, 0x18, 5, 0, 0, 0, 0x28, 0xB5, 0x2F, 0xFD, 9};
    peal_buffer packed = {0}, plain = {0};
    make_bytes(&plain, 5000, 2);
    append(&packed, some, sizeof some);
    append(&packed, empty, sizeof empty);
    pack_zstd(&packed, plain.data, 2000, 3);
    append(&packed, some, sizeof some);
    pack_zstd(&packed, plain.data + 2000, 3000, 3);
    append(&packed, empty, sizeof empty);
    assert_true(peal_codec_zstd.recognise(packed.data, packed.size));
    expect_plain(&packers[0], &packed, &plain, 1, 1000);
    expect_plain(&packers[0], &packed, &plain, 1000, 1);
    expect_error(&packers[0], some, sizeof some - 1, "truncated: it ends at byte 12 within the frame at byte 0");
    peal_buffer_clear(&packed);
    peal_buffer_clear(&plain);
}

static void xz_padding_is_a_multiple_of_four(void **state) {
    (void)state;
    static const uint8_t zeros[8];
    for (size_t padding = 0; padding <= 8; padding++) {
        for (int more = 0; more < 2; more++) {
            peal_buffer packed = {0}, plain = {0};
            char expected[80];
            make_bytes(&plain, 400, padding);
            pack_xz(&packed, plain.data, more ? 300 : 400, 3);
            snprintf(expected, sizeof expected, "at byte %zu: %zu zero bytes", packed.size, padding);
            append(&packed, zeros, padding);
            if (more) pack_xz(&packed, plain.data + 300, 100, 3);
            if (padding % 4) {
                expect_error(&packers[2], packed.data, packed.size, expected);
            } else {
                expect_plain(&packers[2], &packed, &plain, 1, 7);
                expect_plain(&packers[2], &packed, &plain, 1000, 1000);
            }
            peal_buffer_clear(&packed);
            peal_buffer_clear(&plain);
        }
    }
}

/* ---- damage ---- */

static void each_cut_is_named_by_its_byte(void **state) {
    (void)state;
    for (size_t k = 0; k < PACKERS; k++) {
        peal_buffer packed = {0}, plain = {0};
        make_bytes(&plain, 900, 1);
        packers[k].pack(&packed, plain.data, 600, packers[k].levels[1]);
        const size_t first = packed.size;
        packers[k].pack(&packed, plain.data + 600, 300, packers[k].levels[1]);
        for (size_t cut = 0; cut < packed.size; cut++) {
            char expected[80];
            snprintf(expected, sizeof expected, "f: %s data is truncated: it ends at byte %zu within", packers[k].name,
                     cut);
            if (cut != first) expect_error(&packers[k], packed.data, cut, expected);
        }
        peal_buffer_clear(&packed);
        peal_buffer_clear(&plain);
    }
}

/* A flipped bit is an error, or it stands where nothing depends on it; it is never other data. */
static void a_flipped_bit_never_gives_other_data(void **state) {
    (void)state;
    for (size_t k = 0; k < PACKERS; k++) {
        size_t harmless = 0;
        peal_buffer packed = {0}, plain = {0};
        make_bytes(&plain, 900, 1);
        packers[k].pack(&packed, plain.data, plain.size, packers[k].levels[1]);
        for (size_t bit = 0; bit < packed.size * 8; bit++) {
            peal_error err;
            peal_buffer out = {0};
            packed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            const peal_status status = decode(&packers[k], packed.data, packed.size, 100, 1000, &out, &err);
            if (status == PEAL_OK) {
                assert_int_equal(out.size, plain.size);
                assert_memory_equal(out.data, plain.data, plain.size);
                harmless++;
            } else {
                assert_int_equal(status, PEAL_E_DATA);
                assert_has(err.message, "byte");
            }
            packed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            peal_buffer_clear(&out);
        }
        assert_true(harmless * 20 < packed.size * 8); /* in bzip2 there are whole tables that no symbol uses */
        peal_buffer_clear(&packed);
        peal_buffer_clear(&plain);
    }
}

static void rubbish_behind_the_data_is_named_by_its_byte(void **state) {
    (void)state;
    static const char *const rubbish[] = {"r", "rubbish, not compressed", "\x1f\x8b and so on"};
    for (size_t k = 0; k < PACKERS; k++) {
        peal_buffer packed = {0};
        char expected[80];
        packers[k].pack(&packed, "hello", 5, packers[k].levels[0]);
        const size_t whole = packed.size;
        for (size_t i = 0; i < 3; i++) {
            append(&packed, rubbish[i], strlen(rubbish[i]));
            snprintf(expected, sizeof expected, "f: at byte %zu: bytes %02x", whole, (uint8_t)rubbish[i][0]);
            expect_error(&packers[k], packed.data, packed.size, expected);
            packed.size = whole;
        }
        peal_buffer_clear(&packed);
    }
}

/* ---- what is refused ---- */

/* Empty frames of windows of 128 MB and 256 MB, and one that names a dictionary. */
static void zstd_windows_and_dictionaries_are_refused_by_name(void **state) {
    (void)state;
    static const uint8_t allowed[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 17 << 3, 1, 0, 0};
    static const uint8_t large[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 18 << 3, 1, 0, 0};
    static const uint8_t dictionary[] = {0x28, 0xB5, 0x2F, 0xFD, 0x21, 77, 0, 1, 0, 0};
    const peal_buffer packed = {.data = (uint8_t *)allowed, .size = sizeof allowed}, plain = {0};
    expect_plain(&packers[0], &packed, &plain, 1, 10);
    expect_error(&packers[0], large, sizeof large, "the zstd frame at byte 0 has a window of more than 128 MB");
    expect_error(&packers[0], dictionary, sizeof dictionary, "the zstd frame at byte 0 needs the dictionary 77");
}

/* The header of the first block, at byte 12, says how large the dictionary is: a byte of its size, one of flags, the
 * block's two sizes, the filter LZMA2 (21), the size of its properties, the dictionary's code, and a checksum. */
static void xz_memory_is_bounded(void **state) {
    (void)state;
    peal_buffer packed = {0}, plain = {0};
    make_bytes(&plain, 100, 1);
    pack_xz(&packed, plain.data, plain.size, 3);
    const size_t header = 12, size = (packed.data[header] + 1u) * 4 - 4;
    assert_int_equal(packed.data[header + 4], 0x21);
    for (uint8_t code = 30; code <= 34; code += 4) { /* 128 MB, 512 MB */
        packed.data[header + 6] = code;
        const uint32_t crc = lzma_crc32(packed.data + header, size, 0);
        for (size_t i = 0; i < 4; i++) packed.data[header + size + i] = (uint8_t)(crc >> (8 * i));
        if (code == 30) expect_plain(&packers[2], &packed, &plain, 1, 10);
    }
    expect_error(&packers[2], packed.data, packed.size, "the xz stream at byte 0 needs 513 MB of memory");
    peal_buffer_clear(&packed);
    peal_buffer_clear(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sizes_and_levels_come_back),
        cmocka_unit_test(frames_of_all_sizes_follow_each_other),
        cmocka_unit_test(data_is_recognised),
        cmocka_unit_test(skippable_zstd_frames_are_skipped),
        cmocka_unit_test(xz_padding_is_a_multiple_of_four),
        cmocka_unit_test(each_cut_is_named_by_its_byte),
        cmocka_unit_test(a_flipped_bit_never_gives_other_data),
        cmocka_unit_test(rubbish_behind_the_data_is_named_by_its_byte),
        cmocka_unit_test(zstd_windows_and_dictionaries_are_refused_by_name),
        cmocka_unit_test(xz_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
