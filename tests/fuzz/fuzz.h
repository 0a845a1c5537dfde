/* A fuzz target takes bytes and must neither crash nor leak nor read out of bounds. With --config=fuzz it is driven by
 * libFuzzer; otherwise main() below runs it once over every file of its corpus, as a test. */
#ifndef PEAL_TESTS_FUZZ_FUZZ_H
#define PEAL_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
