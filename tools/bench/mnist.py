#!/usr/bin/env python3
"""Training throughput of an MLP (784-512-256-10) on MNIST: Peal beside PyTorch, in one run.

usage: mnist.py MNIST_FOLDER [--epochs N] [--repeats N] [--python PYTHON ...]

Rows a second over whole epochs, data in memory, validation left out; medians over repeats, the contenders taking turns. PyTorch
runs each configuration that could be its best: one process with one thread and with all, batches of 128 and 512, the data as
float tensors; and DistributedDataParallel over two processes (gloo) of 64 rows each, which is what Peal's two workers step over. Each --python names an interpreter with torch: give
the distribution's and, beside it, one with the newest. An OpenBLAS behind torch is given the kernel that Peal takes ("Peal's kernel"), and
each configuration also runs as it comes: for a CPU that it does not know, OpenBLAS takes a poor one. The limit is what the matrix products of the same steps take alone, by
the same BLAS, one process a CPU (gemm.c; bazel build //tools/bench:gemm).
"""
import os

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # each side chooses its kernels
    os.environ.pop(variable, None)

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")
GEMM = os.path.join(HERE, "../../bazel-bin/tools/bench/gemm")

TORCH = r"""
import gzip, json, os, struct, sys, time, array
import torch
def read(path, skip):
    raw = gzip.open(path).read()
    return torch.frombuffer(bytearray(raw[skip:]), dtype=torch.uint8)
def worker(rank, world, folder, batch, threads, epochs, port):
    torch.set_num_threads(threads)
    x = read(folder + "/train-images-idx3-ubyte.gz", 16).reshape(-1, 784).float() / 255
    y = read(folder + "/train-labels-idx1-ubyte.gz", 8).long()
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    model = net
    if world > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
        model = torch.nn.parallel.DistributedDataParallel(net)
    step = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    loss = torch.nn.CrossEntropyLoss()
    def epoch():
        order = torch.randperm(len(x))[rank::world]
        for i in range(0, len(order) - batch + 1, batch):
            rows = order[i:i + batch]
            step.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            step.step()
    epoch()
    begin = time.perf_counter()
    for _ in range(epochs): epoch()
    seconds = time.perf_counter() - begin
    if rank == 0: print(json.dumps({"rate": len(x) * epochs / seconds, "torch": torch.__version__}), flush=True)
    if world > 1: torch.distributed.destroy_process_group()
if __name__ == "__main__":
    folder, world, batch, threads, epochs, port = sys.argv[1], *map(int, sys.argv[2:7])
    if world == 1: worker(0, 1, folder, batch, threads, epochs, port)
    else:
        import torch.multiprocessing as mp
        mp.spawn(worker, args=(world, folder, batch, threads, epochs, port), nprocs=world)
"""


def kernel():
    """Peal's BLAS kernel. The distribution's OpenBLAS, which torch may have behind it, takes a poor one for a CPU that it does not know;
    Peal does better, and so may torch."""
    text = subprocess.run([PEAL, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return text.split("openblas-")[1].split("/")[1].split()[0]


def run_torch(python, script, folder, world, batch, threads, epochs, port, blas=1, as_it_comes=False):
    """`threads` of torch, or `blas` threads of an OpenBLAS behind it: with both they would be in each other's way."""
    core = {} if as_it_comes else {"OPENBLAS_CORETYPE": kernel()}
    words = [python, script, folder, str(world), str(batch), str(threads), str(epochs), str(port)]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120,
                              env={**os.environ, "OPENBLAS_NUM_THREADS": str(blas), "OMP_NUM_THREADS": str(threads), **core})
    except subprocess.TimeoutExpired:
        return None
    if done.returncode != 0:
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def run_peal(dataset, work, epochs, options):
    done = subprocess.run([PEAL, "train", dataset, "--model", "mlp:hidden=512x256", "--epochs", str(epochs), "--json", "--quiet",
                           "--out", os.path.join(work, "m.safetensors"), *options], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["rows_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--python", action="append")
    args = parser.parse_args()
    pythons = args.python or ["/usr/bin/python3", sys.executable]
    cpus = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as work:
        script = os.path.join(work, "torch_mlp.py")
        with open(script, "w") as out:
            out.write(TORCH)
        dataset = os.path.join(work, "mnist")
        subprocess.run([PEAL, "etl", os.path.join(args.folder, "train-images-idx3-ubyte.gz"),
                        os.path.join(args.folder, "train-labels-idx1-ubyte.gz"), "--out", dataset, "--quiet"], check=True)
        contenders = {f"peal, {name}": (lambda options=options: {"rate": run_peal(dataset, work, args.epochs, options)})
                      for name, options in [("default (--sync epoch)", []), ("--sync step", ["--sync", "step"]),
                                            ("--batch 128 --lr 0.1", ["--batch", "128", "--lr", "0.1"])]}
        for python in dict.fromkeys(pythons):
            probe = run_torch(python, script, args.folder, 1, 512, cpus, 1, 0)
            if not probe:
                print(f"{python}: no torch here")
                continue
            name = f"torch {probe['torch']}"
            for batch in (128, 512):
                for threads, blas in sorted({(1, 1), (cpus, 1), (1, cpus)}):
                    contenders[f"{name}, batch {batch}, {threads} threads, {blas} of BLAS"] = (
                        lambda p=python, b=batch, t=threads, o=blas: run_torch(p, script, args.folder, 1, b, t, args.epochs, 0, o))
                    contenders[f"{name}, batch {batch}, {threads} threads, {blas} of BLAS, as it comes"] = (
                        lambda p=python, b=batch, t=threads, o=blas: run_torch(p, script, args.folder, 1, b, t, args.epochs, 0, o, True))
            for batch in (64,):
                contenders[f"{name}, DDP x 2, batch {batch} each"] = lambda p=python, b=batch: run_torch(
                    p, script, args.folder, 2, b, max(1, cpus // 2), args.epochs, 29511)
        contenders["limit: the matrix products alone"] = lambda: {"rate": json.loads(subprocess.run(
            [GEMM, "64", "3", "784", "512", "256", "10"], stdout=subprocess.PIPE, check=True,
            env={**os.environ, "OPENBLAS_CORETYPE": kernel()}).stdout)["all"]}
        rates = {name: [] for name in contenders}
        for _ in range(args.repeats):
            for name, contender in contenders.items():
                got = contender()
                print(f"  {name}: {got['rate']:.0f}" if got else f"  {name}: failed or took over 120 s", flush=True)
                if got:
                    rates[name].append(got["rate"])
    medians = {name: statistics.median(values) for name, values in rates.items() if values}
    ours = medians["peal, default (--sync epoch)"]
    for name, rate in medians.items():
        print(f"{name:66s} {rate:10.0f} rows/s   peal is {ours / rate:5.2f} x")


if __name__ == "__main__":
    main()
