/* Reads a file of sparse text on one thread, for benchmarks and for comparisons with other programs, which have no
 * other way to the rows yet.
 *
 * usage: sparse FORMAT FILE         prints rows, features and seconds
 *        sparse FORMAT FILE print   prints the rows: label, then index:value with all digits of a float32 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "etl/format/format.h"

typedef struct reading {
    peal_found found;
    peal_block block;
    peal_reader *reader;
    bool print;
    uint64_t rows, features;
} reading;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static peal_status open_file(const char *path, peal_source_list *list, peal_input *input, peal_error *err) {
    const peal_source_options options = {.names = &path, .count = 1};
    if (!list->count) PEAL_TRY(peal_source_list_make(&options, list, err));
    *input = (peal_input){.name = path};
    return peal_decode_source(&list->sources[0], NULL, &input->stream, err);
}

static peal_status print_row(const peal_column *label, const peal_column *indices, const peal_column *values,
                             size_t row, peal_error *err) {
    peal_buffer text = {0};
    peal_status status = peal_types[label->type].text(label, row, &text, err);
    if (status == PEAL_OK) fwrite(text.data, 1, text.size, stdout);
    peal_buffer_clear(&text);
    for (int32_t i = indices->offsets[row]; i < indices->offsets[row + 1]; i++) {
        printf(" %" PRIu32 ":%.9g", ((const uint32_t *)indices->child->values)[i],
               (double)((const float *)values->child->values)[i]);
    }
    putchar('\n');
    return status;
}

static peal_status take_block(reading *self, peal_error *err) {
    PEAL_TRY(self->reader->parse(self->reader, &self->block, err));
    const peal_schema *schema = &self->found.schema;
    const peal_column *columns = peal_table_room_view(&self->block.table), *indices = &columns[schema->count - 2];
    const size_t rows = self->block.table.rows;
    self->rows += rows;
    self->features += (uint64_t)indices->offsets[rows];
    for (size_t row = 0; self->print && row < rows; row++) PEAL_TRY(print_row(columns, indices, indices + 1, row, err));
    if (self->block.bad_count == 0) return PEAL_OK;
    const peal_bad_row *bad = &self->block.bad_rows[0];
    return peal_fail(err, PEAL_E_DATA, "line %" PRIu64 ": %s", bad->line, bad->reason);
}

static peal_status read_blocks(reading *self, const peal_format *format, const peal_input *input, peal_error *err) {
    static const peal_nulls none = {0};
    const peal_wanted wanted = {.schema = &self->found.schema, .nulls = &none};
    PEAL_TRY(format->open(NULL, &wanted, input, &self->reader, err));
    PEAL_TRY(peal_block_init(&self->block, &self->found.schema, err));
    for (;;) {
        PEAL_TRY(self->reader->next(self->reader, &self->block, err));
        if (self->block.size == 0) return PEAL_OK;
        PEAL_TRY(take_block(self, err));
    }
}

static peal_status run(reading *self, const char *format_name, const char *path, peal_error *err) {
    static const peal_nulls none = {0};
    const peal_survey what = {.nulls = &none};
    const peal_format *format;
    peal_source_list list = {0};
    peal_input input;
    PEAL_TRY(peal_format_find(format_name, &format, err));
    peal_status status = open_file(path, &list, &input, err);
    if (status == PEAL_OK) status = format->survey(NULL, &what, &input, &self->found, err);
    if (status == PEAL_OK) status = open_file(path, &list, &input, err);
    if (status == PEAL_OK) status = read_blocks(self, format, &input, err);
    peal_block_clear(&self->block);
    peal_reader_close(self->reader);
    peal_found_clear(&self->found);
    peal_source_list_clear(&list);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4 || (argc == 4 && strcmp(argv[3], "print") != 0)) {
        fputs("usage: sparse FORMAT FILE [print]\n", stderr);
        return PEAL_E_USAGE;
    }
    reading self = {.print = argc == 4};
    peal_error err;
    const double begin = now();
    const peal_status status = run(&self, argv[1], argv[2], &err);
    if (status != PEAL_OK) {
        fprintf(stderr, "%s\n", err.message);
        return (int)status;
    }
    if (!self.print) printf("%" PRIu64 " rows %" PRIu64 " features %.3f s\n", self.rows, self.features, now() - begin);
    return 0;
}
