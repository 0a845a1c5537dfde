#!/usr/bin/env python3
"""Images to arrays: Peal beside a loader of Pillow with two worker processes, and beside turbojpeg's decoding alone.

usage: images.py FOLDER [REPEATS] [PNGS] [JPEGS]     (the files are made in FOLDER, once; 60,000 and 10,000 of them)

Grey PNG of 28 x 28 in folders of classes, and the same in tar shards; JPEG of 500 x 375 made 64 x 64. Wall seconds of a
process of its own for each, taking turns; medians, files in the page cache. Pillow: two processes with what they decode
going back as arrays in batches of 256, as a data loader does; JPEG with draft() and BILINEAR; tar shards are read by the
worker that decodes them. Peal writes its dataset to disk, checksummed and fsynced, which the others do not. turbojpeg (by
ctypes, tjDecompress2 with the accurate DCT, scaled as Peal asks: the least eighth that is not below 64) only decodes, on one core,
and Peal beside it has one thread.
"""
import ctypes
import ctypes.util
import glob
import io
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PEAL = os.path.join(HERE, "../../bazel-bin/tools/peal")
BATCH, SHARDS, WORKERS = 256, 6, 2


# ---- the files ----


def write_pngs(folder, count):
    """Strokes on black, much as handwriting compresses."""
    import numpy
    from PIL import Image, ImageDraw

    random = numpy.random.default_rng(1)
    for i in range(count):
        image = Image.new("L", (56, 56))
        points = [tuple(p) for p in random.integers(8, 48, (4, 2))]
        ImageDraw.Draw(image).line(points, fill=255, width=5)
        image.resize((28, 28), Image.BILINEAR).save(os.path.join(folder, str(i % 10), f"{i:06d}.png"))


def write_jpegs(folder, count):
    """Smooth shapes with some noise: about 40 KB each at quality 90."""
    import numpy
    from PIL import Image

    random = numpy.random.default_rng(2)
    for i in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=numpy.uint8)).resize((500, 375), Image.BICUBIC)
        fine = numpy.asarray(coarse, dtype=numpy.int16) + random.integers(-8, 9, (375, 500, 1), dtype=numpy.int16)
        image = Image.fromarray(numpy.clip(fine, 0, 255).astype(numpy.uint8))
        image.save(os.path.join(folder, str(i % 10), f"{i:06d}.jpg"), quality=90)


def make(folder, count, write):
    """The folder and its classes, whole or not at all."""
    if os.path.exists(folder):
        return
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    for label in range(10):
        os.makedirs(os.path.join(part, str(label)))
    write(part, count)
    os.rename(part, folder)


def make_shards(folder, out):
    if os.path.exists(out):
        return
    part = out + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    files = sorted(glob.glob(os.path.join(folder, "*", "*")))
    for shard in range(SHARDS):
        with tarfile.open(os.path.join(part, f"{shard:03d}.tar"), "w") as tar:
            for path in files[shard::SHARDS]:
                tar.add(path, arcname=os.path.relpath(path, folder))
    os.rename(part, out)


# ---- the peers, each run as `images.py --peer NAME PATH` ----


def decode(file, side):
    import numpy
    from PIL import Image

    image = Image.open(file)
    if side:
        image.draft("RGB", (side, side))
        image = image.convert("RGB").resize((side, side), Image.BILINEAR)
    return numpy.asarray(image)


def load_files(work):
    import numpy

    paths, side = work
    return numpy.stack([decode(path, side) for path in paths])


def load_shard(path):
    import numpy

    with tarfile.open(path, "r|") as tar:
        return numpy.stack([decode(io.BytesIO(tar.extractfile(member).read()), 0) for member in tar])


def pillow(path, side):
    import multiprocessing

    shards = sorted(glob.glob(os.path.join(path, "*.tar")))
    files = sorted(glob.glob(os.path.join(path, "*", "*")))
    work = shards or [(files[i : i + BATCH], side) for i in range(0, len(files), BATCH)]
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        rows = sum(len(batch) for batch in pool.imap(load_shard if shards else load_files, work))
    print(rows)


def turbojpeg(path):
    name = ctypes.util.find_library("turbojpeg")
    if not name:
        sys.exit("libturbojpeg is not there")
    library = ctypes.CDLL(name)
    library.tjInitDecompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(library.tjInitDecompress())
    rgb, accurate = 0, 4096
    width, height = ctypes.c_int(), ctypes.c_int()
    sampling, space = ctypes.c_int(), ctypes.c_int()
    out = ctypes.create_string_buffer(500 * 375 * 3)
    for file in sorted(glob.glob(os.path.join(path, "*", "*"))):
        data = open(file, "rb").read()
        size = ctypes.c_ulong(len(data))
        library.tjDecompressHeader3(handle, data, size, ctypes.byref(width), ctypes.byref(height), ctypes.byref(sampling),
                                    ctypes.byref(space))
        eighths = next(e for e in range(1, 9) if min((width.value * e + 7) // 8, (height.value * e + 7) // 8) >= 64)
        w, h = (width.value * eighths + 7) // 8, (height.value * eighths + 7) // 8
        if library.tjDecompress2(handle, data, size, out, w, 0, h, rgb, accurate) != 0:
            sys.exit(f"{file}: not decoded")


PEERS = {"png": lambda path: pillow(path, 0), "jpeg": lambda path: pillow(path, 64), "turbojpeg": turbojpeg}


# ---- side by side ----


def run(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - begin, usage.ru_utime + usage.ru_stime


def compare(title, contenders, repeats, out, count):
    results = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, command in contenders.items():
            shutil.rmtree(out, ignore_errors=True)
            results[name].append(run(command))
    ours = statistics.median(seconds for seconds, _ in results["peal"])
    print(title)
    for name, values in results.items():
        seconds, cpu = (statistics.median(column) for column in zip(*values))
        print(f"  {name:10s} {seconds:6.2f} s  {cpu:6.2f} s of CPU  {count / seconds:8.0f} images/s   peal is {seconds / ours:5.2f} x", flush=True)


def main():
    if sys.argv[1] == "--peer":
        return PEERS[sys.argv[2]](sys.argv[3])
    folder = sys.argv[1]
    repeats, pngs, jpegs = (int(sys.argv[i]) if len(sys.argv) > i else otherwise for i, otherwise in ((2, 5), (3, 60000), (4, 10000)))
    png, tar, jpeg = (os.path.join(folder, name) for name in (f"png-{pngs}", f"tar-{pngs}", f"jpeg-{jpegs}"))
    make(png, pngs, write_pngs)
    make_shards(png, tar)
    make(jpeg, jpegs, write_jpegs)
    with tempfile.TemporaryDirectory() as work:
        out = os.path.join(work, "d")

        def peal(path, *more):
            return [PEAL, "etl", path, "--out", out, "--quiet", *more]

        def peer(name, path):
            return [sys.executable, os.path.abspath(__file__), "--peer", name, path]

        small = ("--transform", "resize:width=64")
        compare(f"{pngs} PNG of 28 x 28 in folders", {"peal": peal(png), "pillow": peer("png", png)}, repeats, out, pngs)
        compare("the same in tar shards", {"peal": peal(tar), "pillow": peer("png", tar)}, repeats, out, pngs)
        compare(f"{jpegs} JPEG of 500 x 375 to 64 x 64", {"peal": peal(jpeg, *small), "pillow": peer("jpeg", jpeg)}, repeats, out, jpegs)
        one = {"peal": peal(jpeg, "--threads", "1", *small), "turbojpeg": peer("turbojpeg", jpeg)}
        compare("the same on one core, beside decoding alone", one, repeats, out, jpegs)


if __name__ == "__main__":
    main()
