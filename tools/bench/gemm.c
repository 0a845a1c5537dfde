/* The limit of training a net of dense layers: its matrix products alone, by the BLAS that Peal uses, one process a
 * CPU.
 *
 * usage: gemm BATCH SECONDS WIDTH WIDTH...      such as 64 3 784 512 256 10
 *
 * A step multiplies, for each layer, what goes forward, the weights' gradient and (but for the first layer) what goes
 * back. Prints the rows a second of one process alone, and of all together. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WIDTHS_MOST = 16 };

typedef struct net {
    int batch, layers, widths[WIDTHS_MOST];
    float *values[WIDTHS_MOST], *weights[WIDTHS_MOST];
} net;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Small numbers: neither zeros nor such as overflow. */
static float *some(size_t count) {
    float *out = malloc(count * sizeof *out);
    if (!out) exit(1);
    for (size_t i = 0; i < count; i++) out[i] = 0.01f * (float)(i % 17);
    return out;
}

static void step(const net *self, float *out) {
    const int n = self->batch;
    for (int i = 0; i < self->layers; i++) {
        const int d = self->widths[i], k = self->widths[i + 1];
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, k, d, 1, self->values[i], d, self->weights[i], k, 0,
                    out, k);
    }
    for (int i = self->layers - 1; i >= 0; i--) {
        const int d = self->widths[i], k = self->widths[i + 1];
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, d, k, n, 1, self->values[i], d, self->values[i + 1], k, 0,
                    out, k);
        if (i == 0) continue;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, d, k, 1, self->values[i + 1], k, self->weights[i], k, 0,
                    out, d);
    }
}

/* Rows a second of this process. */
static double run(net *self, double seconds) {
    size_t most = 0;
    for (int i = 0; i <= self->layers; i++) {
        const size_t width = (size_t)self->widths[i], next = i < self->layers ? (size_t)self->widths[i + 1] : 1;
        self->values[i] = some((size_t)self->batch * width);
        self->weights[i] = some(width * next);
        const size_t size = width * (next > (size_t)self->batch ? next : (size_t)self->batch);
        if (size > most) most = size;
    }
    float *out = some(most);
    for (int i = 0; i < 20; i++) step(self, out);
    double steps = 0;
    const double begin = now();
    while (now() - begin < seconds) {
        for (int i = 0; i < 20; i++) step(self, out);
        steps += 20;
    }
    return steps * self->batch / (now() - begin);
}

/* The sum over `count` processes at once. */
static double run_all(net *self, double seconds, int count) {
    double *rates =
        mmap(NULL, sizeof *rates * (size_t)count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rates == MAP_FAILED) exit(1);
    for (int i = 0; i < count; i++) {
        const pid_t pid = fork();
        if (pid < 0) exit(1);
        if (pid == 0) {
            rates[i] = run(self, seconds);
            _exit(0);
        }
    }
    double sum = 0;
    while (wait(NULL) > 0) continue;
    for (int i = 0; i < count; i++) sum += rates[i];
    munmap(rates, sizeof *rates * (size_t)count);
    return sum;
}

int main(int argc, char **argv) {
    net self = {0};
    if (argc < 5 || argc > 3 + WIDTHS_MOST) {
        fprintf(stderr, "usage: gemm BATCH SECONDS WIDTH WIDTH...\n");
        return 2;
    }
    self.batch = atoi(argv[1]);
    const double seconds = atof(argv[2]);
    for (int i = 3; i < argc; i++) self.widths[i - 3] = atoi(argv[i]);
    self.layers = argc - 4;
    for (int i = 0; i <= self.layers; i++) {
        if (self.widths[i] < 1 || self.batch < 1) return 2;
    }
    const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    printf("{\"one\": %.0f, ", run_all(&self, seconds, 1));
    printf("\"all\": %.0f, \"processes\": %d, \"kernel\": \"%s\"}\n", run_all(&self, seconds, cpus), cpus,
           openblas_get_corename());
    return 0;
}
