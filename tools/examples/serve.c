/* Prediction from several threads at once: each has a predictor of its own for the same model file, and takes lines of
 * raw CSV as they come. Prints the scores' sum and the rate; the sum does not depend on the number of threads.
 *
 * usage: serve MODEL ROWS.csv THREADS       (rows without a header, in the order of the model's columns) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peal.h"

typedef struct serving {
    const char *model;
    char **lines;
    size_t count, threads;
    double *sums; /* a line each: scores weighted by class, so that a swapped row would show */
} serving;

static peal_status serve(void *user, size_t thread, peal_error *err) {
    serving *self = user;
    peal_predictor *predictor;
    PEAL_TRY(peal_predictor_open(self->model, &predictor, err));
    size_t width = peal_predictor_scores(predictor), rows;
    double *scores = calloc(width, sizeof *scores);
    peal_status status = PEAL_OK;
    for (size_t i = thread; i < self->count && status == PEAL_OK; i += self->threads) {
        status = peal_predictor_text(predictor, self->lines[i], strlen(self->lines[i]), scores, 1, &rows, err);
        for (size_t c = 0; c < width && rows; c++) self->sums[i] += scores[c] * (double)c; /* an empty line is no row */
    }
    free(scores);
    peal_predictor_free(predictor);
    return status;
}

static void read_lines(FILE *file, serving *self) {
    size_t room = 0;
    char *line = NULL;
    while (getline(&line, &room, file) > 0) {
        self->lines = realloc(self->lines, (self->count + 1) * sizeof *self->lines);
        self->lines[self->count++] = strdup(line);
    }
    free(line);
}

int main(int count, char **words) {
    FILE *file = count == 4 ? fopen(words[2], "r") : NULL;
    if (!file) return fprintf(stderr, "usage: serve MODEL ROWS.csv THREADS\n"), 2;
    peal_error err;
    peal_executor *executor;
    serving self = {.model = words[1], .threads = strtoul(words[3], NULL, 10)};
    read_lines(file, &self);
    self.sums = calloc(self.count + 1, sizeof *self.sums);
    fclose(file);

    int64_t begin = peal_now_ns();
    const peal_map_work work = {.work = serve, .user = &self};
    peal_status status = peal_executor_new(self.threads, &executor, &err);
    if (status == PEAL_OK) status = peal_executor_map(executor, self.threads, self.threads, &work, &err);
    if (status != PEAL_OK) return fprintf(stderr, "%s\n", err.message), 1;
    double seconds = (double)(peal_now_ns() - begin) * 1e-9, sum = 0;
    peal_executor_free(executor);
    for (size_t i = 0; i < self.count; i++) sum += self.sums[i];
    printf("%zu rows, sum %.9g\n", self.count, sum);
    fprintf(stderr, "%.0f rows/s from %zu threads, one row at a time\n", (double)self.count / seconds, self.threads);
    for (size_t i = 0; i < self.count; i++) free(self.lines[i]);
    free(self.lines);
    free(self.sums);
    return 0;
}
