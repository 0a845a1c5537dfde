/* Open MPI's side of tools/bench/collectives.py: the same sizes, repetitions and output lines as collectives.c. The
 * faster of MPI_IN_PLACE and separate buffers counts, size by size. Built by the script with mpicc. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { REPEATS = 5 };

static void measure(float *send, float *receive, size_t bytes, int in_place, int rank) {
    int count = (int)(bytes / sizeof(float)), times = (int)(((size_t)64 << 20) / bytes);
    times = times < 2 ? 2 : times > 2000 ? 2000 : times;
    for (int repeat = -1; repeat < REPEATS; repeat++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double begin = MPI_Wtime();
        for (int i = 0; i < times; i++) {
            MPI_Allreduce(in_place ? MPI_IN_PLACE : send, receive, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        }
        double seconds = (MPI_Wtime() - begin) / times;
        if (rank == 0 && repeat >= 0) printf("%s %zu %.9f\n", in_place ? "in_place" : "separate", bytes, seconds);
    }
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    size_t largest = (size_t)256 << 20;
    float *send = malloc(largest), *receive = malloc(largest);
    if (!send || !receive) return 1;
    for (size_t i = 0; i < largest / sizeof(float); i++) send[i] = receive[i] = (float)(i % 7);
    for (size_t bytes = 1 << 10; bytes <= largest; bytes *= 4) {
        measure(send, receive, bytes, 0, rank);
        measure(send, receive, bytes, 1, rank);
    }
    for (int repeat = -1; repeat < REPEATS; repeat++) {
        double begin = MPI_Wtime();
        for (int i = 0; i < 100000; i++) MPI_Barrier(MPI_COMM_WORLD);
        if (rank == 0 && repeat >= 0) printf("barrier 0 %.9f\n", (MPI_Wtime() - begin) / 100000);
    }
    free(send);
    free(receive);
    MPI_Finalize();
    return 0;
}
