/* Parting the rows of a leaf. Private to this folder. */
#ifndef PEAL_MODELS_PART_H
#define PEAL_MODELS_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is read behind a column's end, and written behind the end of `spare`: room for so many bytes and rows more. */
enum { MODELS__PART_BYTES = 3, MODELS__PART_ROWS = 16 };

/* Parts `list`, row numbers below 2^31, by their bytes in `column`: those of which `sides` [256] is true stay in front,
 * the others come behind them, both in their order. Returns how many are in front. `spare` [count] is room. The vector
 * unit of the CPU is used, if it can; the other one does the same without. */
size_t models__part(uint32_t *list, size_t count, const uint8_t *column, const bool *sides, uint32_t *spare);
size_t models__part_plainly(uint32_t *list, size_t count, const uint8_t *column, const bool *sides, uint32_t *spare);

#endif
