#!/usr/bin/env python3
"""Allreduce and barrier between two processes: Peal beside Open MPI and gloo, in one run.

usage: collectives.py [ROUNDS]        (needs openmpi-bin, libopenmpi-dev; gloo comes with PyTorch)

Each round runs the three one after the other; the figures are medians of all repetitions. Float32 sums of 1 KB to 256 MB.
Peal's are those of the trainer's steps: each process leaves its vector in memory that both share, both add up a half of it
(one of them all, if it is short) and publish it, so both see the one result; Open MPI and gloo leave a result in each
process. `limit` is what the triad bandwidth, measured in the same run with both processes at it, allows for two reads and one
write of each process's half: the time that takes over the time that Peal took (above 1 in the caches). `bcast` is Peal's
broadcast between memories of their own.
"""
import collections
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/bench/collectives")
SIZES = [1 << shift for shift in range(10, 29, 2)]

GLOO = """
import os, sys, time, torch, torch.distributed as dist
dist.init_process_group("gloo", init_method="file://" + sys.argv[1], rank=int(sys.argv[2]), world_size=2)
torch.set_num_threads(1)
for shift in range(10, 29, 2):
    data = torch.ones((1 << shift) // 4)
    times = max(2, min(500, (64 << 20) >> shift))
    for repeat in range(-1, 5):
        dist.barrier()
        begin = time.perf_counter()
        for _ in range(times):
            dist.all_reduce(data)
        if repeat >= 0 and sys.argv[2] == "0":
            print("gloo", 1 << shift, (time.perf_counter() - begin) / times, flush=True)
dist.barrier()
os._exit(0)  # its threads do not always end in good order
"""


def lines(commands, environment=None):
    processes = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True, env=environment) for c in commands]
    outputs = [p.communicate()[0] for p in processes]
    if any(p.returncode for p in processes):
        sys.exit(f"failed: {commands[0]}")
    return [line.split() for output in outputs for line in output.splitlines()]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as work:
        mpi = os.path.join(work, "mpi_allreduce")
        subprocess.run(["mpicc", "-O2", "-o", mpi, os.path.join(HERE, "mpi_allreduce.c")], check=True)
        environment = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                           GLOO_SOCKET_IFNAME="lo", TORCH_CPP_LOG_LEVEL="ERROR")
        for turn in range(rounds):
            commands = {"peal": [[PEAL]], "mpi": [["mpirun", "-np", "2", mpi]],
                        "gloo": [[sys.executable, "-c", GLOO, os.path.join(work, f"meet{turn}"), str(rank)] for rank in range(2)]}
            for who, command in commands.items():
                for name, size, seconds in lines(command, environment):
                    found[who, name, int(size)].append(float(seconds))
    medians = {key: statistics.median(values) for key, values in found.items()}
    bandwidth = statistics.median(size / seconds for (_, name, size), values in found.items() if name == "triad" for seconds in values)
    print(f"triad: {bandwidth / 1e9:.1f} GB/s in each of two processes at once")
    print(f"barrier: Peal spinning {medians['peal', 'barrier_spinning', 0] * 1e6:.2f} us, parked "
          f"{medians['peal', 'barrier_parked', 0] * 1e6:.1f} us; Open MPI {medians['mpi', 'barrier', 0] * 1e6:.2f} us")
    print(f"{'bytes':>10s} {'Peal us':>10s} {'Open MPI':>10s} {'gloo':>10s}   {'MPI/Peal':>8s} {'gloo/Peal':>9s} {'limit':>6s} {'bcast us':>10s}")
    for size in SIZES:
        ours = medians["peal", "allreduce", size]
        broadcast = medians["peal", "broadcast", size]
        theirs = min(medians["mpi", "separate", size], medians["mpi", "in_place", size])
        gloo, limit = medians["gloo", "gloo", size], 1.5 * size / bandwidth
        print(f"{size:10d} {ours * 1e6:10.1f} {theirs * 1e6:10.1f} {gloo * 1e6:10.1f}   {theirs / ours:8.1f} {gloo / ours:9.1f} {limit / ours:6.2f} {broadcast * 1e6:10.1f}")


if __name__ == "__main__":
    main()
