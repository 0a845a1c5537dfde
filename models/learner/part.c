/* Parting the rows of a leaf; see part.h. */
#include "models/learner/part.h"

#include <string.h>

#include "core/base/vector.h"

/* Rows `at` .. count - 1, behind `left` and `right` ones that are in their places. */
static size_t part_rest(uint32_t *list, size_t count, const uint8_t *column, const bool *sides, uint32_t *spare,
                        size_t at, size_t left) {
    size_t right = at - left;
    for (; at < count; at++) {
        const uint32_t row = list[at];
        const bool goes_left = sides[column[row]];
        list[left] = row;
        spare[right] = row;
        left += goes_left;
        right += !goes_left;
    }
    memcpy(list + left, spare, right * sizeof *list);
    return left;
}

size_t models__part_plainly(uint32_t *list, size_t count, const uint8_t *column, const bool *sides, uint32_t *spare) {
    return part_rest(list, count, column, sides, spare, 0, 0);
}

#ifdef PEAL_HAS_AVX512
#include <immintrin.h>

/* Sixteen rows at once: their bytes are gathered, a bit of each is looked up, and the rows are pushed together on
 * either side. What is written behind a side's end in the list has been read. */
__attribute__((target("avx512f"))) static size_t part_sixteen(uint32_t *list, size_t count, const uint8_t *column,
                                                              const bool *sides, uint32_t *spare) {
    enum { ROWS = 16 };
    uint32_t bits[ROWS] = {0};
    for (uint32_t byte = 0; byte < 256; byte++) bits[byte / 32] |= (uint32_t)sides[byte] << byte % 32;
    const __m512i table = _mm512_loadu_si512(bits), bytes = _mm512_set1_epi32(255);
    const __m512i one = _mm512_set1_epi32(1), places = _mm512_set1_epi32(31);
    size_t left = 0, at = 0;
    for (; at + ROWS <= count; at += ROWS) {
        const __m512i rows = _mm512_loadu_si512(list + at);
        const __m512i byte = _mm512_and_si512(_mm512_i32gather_epi32(rows, column, 1), bytes);
        const __m512i word = _mm512_permutexvar_epi32(_mm512_srli_epi32(byte, 5), table);
        const __m512i bit = _mm512_srlv_epi32(word, _mm512_and_si512(byte, places));
        const __mmask16 goes_left = _mm512_test_epi32_mask(bit, one);
        _mm512_storeu_si512(list + left, _mm512_maskz_compress_epi32(goes_left, rows));
        _mm512_storeu_si512(spare + (at - left), _mm512_maskz_compress_epi32((__mmask16)~goes_left, rows));
        left += (size_t)__builtin_popcount(goes_left);
    }
    return part_rest(list, count, column, sides, spare, at, left);
}

size_t models__part(uint32_t *list, size_t count, const uint8_t *column, const bool *sides, uint32_t *spare) {
    enum { FEW = 64 }; /* for which a table is not worth its making */
    const bool is_vector = count >= FEW && __builtin_cpu_supports("avx512f");
    return (is_vector ? part_sixteen : models__part_plainly)(list, count, column, sides, spare);
}
#else
size_t models__part(uint32_t *list, size_t count, const uint8_t *column, const bool *sides, uint32_t *spare) {
    return models__part_plainly(list, count, column, sides, spare);
}
#endif
