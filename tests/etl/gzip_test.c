/* gzip over both inflaters: the same bytes, the same errors. */
#include <zlib.h>

#include "core/base/philox.h"
#include "etl/codec/codec.h"
#include "tests/pieces.h"
#include "tests/support.h"

static const peal_inflater *const inflaters[] = {&peal_inflater_zlib, &peal_inflater_isal};

static peal_status inflate_all(const peal_inflater *inflater, const peal_buffer *packed, size_t in_step,
                               size_t out_step, peal_buffer *out, peal_error *err) {
    peal_stream *stream;
    PEAL_TRY(peal_gzip_open_with(inflater, pieces_open(packed->data, packed->size, in_step), "test.gz", &stream, err));
    return pieces_take(stream, out_step, out, err);
}

static void pack(peal_buffer *out, const void *bytes, size_t size, int level, gz_header *header) {
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    if (header) deflateSetHeader(&stream, header);
    uLong bound = deflateBound(&stream, size) + 70000;
    assert_int_equal(peal_buffer_reserve(out, bound, NULL), PEAL_OK);
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)size;
    stream.next_out = out->data + out->size;
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->size += stream.total_out;
    deflateEnd(&stream);
}

static void make_text(peal_buffer *out, size_t size, uint64_t seed) {
    peal_philox random = peal_philox_stream(seed, PEAL_PURPOSE_USER, 0, 0, 0);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(seed % 3 == 0 ? peal_philox_below(&random, 256) : 'a' + peal_philox_below(&random, 4));
        assert_int_equal(peal_buffer_append(out, &byte, 1, NULL), PEAL_OK);
    }
}

static void check_both(const peal_buffer *packed, const peal_buffer *plain) {
    static const size_t steps[] = {1, 7, 64, 4096, 1 << 17};
    peal_error err;
    for (size_t i = 0; i < 2; i++) {
        for (size_t in = 0; in < 5; in++) {
            peal_buffer out = {0};
            assert_ok(inflate_all(inflaters[i], packed, steps[in], steps[4 - in] + 13, &out, &err));
            assert_int_equal(out.size, plain->size);
            if (out.size) assert_memory_equal(out.data, plain->data, out.size);
            peal_buffer_clear(&out);
        }
    }
}

static void members_of_all_kinds_give_the_same_bytes(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 12; seed++) {
        peal_buffer packed = {0}, plain = {0};
        for (size_t member = 0; member <= seed % 4; member++) {
            size_t before = plain.size;
            make_text(&plain, seed * 700 + member * 31, seed + member);
            pack(&packed, plain.data + before, plain.size - before, (int)(seed % 10), NULL);
            if (seed % 2) pack(&packed, "", 0, 6, NULL); /* an empty member */
        }
        static const uint8_t zeros[600];
        if (seed % 3 == 1) assert_int_equal(peal_buffer_append(&packed, zeros, 600, NULL), PEAL_OK);
        check_both(&packed, &plain);
        peal_buffer_clear(&packed);
        peal_buffer_clear(&plain);
    }
}

static void headers_of_any_length_are_read(void **state) {
    (void)state;
    peal_buffer packed = {0}, plain = {0};
    char *name = malloc(50001);
    memset(name, 'n', 50000);
    name[50000] = '\0';
    gz_header header = {
        .extra = (Bytef *)name, .extra_len = 60, .name = (Bytef *)name, .comment = (Bytef *)"c", .hcrc = 1};
    make_text(&plain, 5000, 1);
    pack(&packed, plain.data, plain.size, 6, &header);
    check_both(&packed, &plain);
    packed.data[20] ^= 1; /* within the extra field, which the header's checksum covers */
    for (size_t i = 0; i < 2; i++) {
        peal_error err;
        peal_buffer out = {0};
        assert_int_equal(inflate_all(inflaters[i], &packed, 100, 100, &out, &err), PEAL_E_DATA);
        assert_has(err.message, "gzip header at byte 0 is corrupt");
        peal_buffer_clear(&out);
    }
    free(name);
    peal_buffer_clear(&packed);
    peal_buffer_clear(&plain);
}

/* Every cut and many flipped bits: an error from both, never a crash; after a cut at the same byte with the same words.
 */
static void damage_is_found_by_both(void **state) {
    (void)state;
    peal_buffer packed = {0}, plain = {0};
    make_text(&plain, 3000, 1);
    pack(&packed, plain.data, plain.size, 6, NULL);
    size_t whole = packed.size;
    for (size_t cut = 1; cut < whole; cut += 3) {
        peal_error errors[2];
        for (size_t i = 0; i < 2; i++) {
            peal_buffer out = {0};
            packed.size = cut;
            assert_int_equal(inflate_all(inflaters[i], &packed, 50, 1000, &out, &errors[i]), PEAL_E_DATA);
            peal_buffer_clear(&out);
        }
        assert_string_equal(errors[0].message, errors[1].message);
        assert_has(errors[0].message, "truncated");
    }
    packed.size = whole;
    for (size_t bit = 0; bit < whole * 8; bit += 5) {
        if (bit / 8 >= 4 && bit / 8 < 10) continue; /* time and system: not covered by anything */
        packed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        for (size_t i = 0; i < 2; i++) {
            peal_error err;
            peal_buffer out = {0};
            peal_status status = inflate_all(inflaters[i], &packed, 50, 1000, &out, &err);
            /* Flags, and the bits that fill the last byte up, may change without harm to the content. */
            bool harmless = status == PEAL_OK && out.size == plain.size && memcmp(out.data, plain.data, out.size) == 0;
            if (status != PEAL_E_DATA && !harmless) fail_msg("bit %zu flipped: %d", bit, status);
            peal_buffer_clear(&out);
        }
        packed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    peal_buffer_clear(&packed);
    peal_buffer_clear(&plain);
}

static void rubbish_behind_the_last_member_is_named_by_its_byte(void **state) {
    (void)state;
    peal_buffer packed = {0};
    pack(&packed, "hello", 5, 6, NULL);
    char expected[64];
    snprintf(expected, sizeof expected, "at byte %zu", packed.size);
    assert_int_equal(peal_buffer_append(&packed, "rubbish, not gzip", 17, NULL), PEAL_OK);
    for (size_t i = 0; i < 2; i++) {
        peal_error err;
        peal_buffer out = {0};
        assert_int_equal(inflate_all(inflaters[i], &packed, 1000, 1000, &out, &err), PEAL_E_DATA);
        assert_has(err.message, expected);
        peal_buffer_clear(&out);
    }
    peal_buffer_clear(&packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_all_kinds_give_the_same_bytes),
        cmocka_unit_test(headers_of_any_length_are_read),
        cmocka_unit_test(damage_is_found_by_both),
        cmocka_unit_test(rubbish_behind_the_last_member_is_named_by_its_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
