#!/usr/bin/env python3
"""Objects of a web server into a dataset, beside programs that download them: tools/bench/web.py PEAL [FOLDER]

Three loads, from a server on 127.0.0.1: 2,000 files of 20 KB that each answer 20 ms late (a small server in this script),
and 16 files of 64 MB (nginx): arrays, which need no parsing, and CSV. 16 connections for all. Peers: aria2c -j16 and curl --parallel, which write the files to a
folder; then what a user would do next: Polars reads that folder and writes Arrow. Each is run in turn, round after
round; the best of each is told. Needs aria2c, curl, nginx and, for the last peer, polars.
"""
import asyncio
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time

ROUNDS, CONNECTIONS, DELAY = 3, 16, 0.02
SMALL, SMALL_BYTES, LARGE, LARGE_BYTES = 2000, 20_000, 16, 64 << 20


def write_csv(path, size, seed, wide):
    """Rows of a label, numbers and a category; wide ones have 13 numbers and 8 categories."""
    numbers = random.Random(seed)

    def line():
        many = [f"{numbers.randint(0, 9999)}" for _ in range(12)] + [f"{numbers.choice('abcdef')}{numbers.randint(0, 99)}" for _ in range(7)]
        return f"{numbers.randint(0, 9)},{numbers.random():.9f},{numbers.choice('abcdef')}" + "".join("," + one for one in many if wide) + "\n"

    head = "y,x,c" + "".join(f",n{i}" for i in range(12) if wide) + "".join(f",c{i}" for i in range(7) if wide) + "\n"
    block = "".join(line() for _ in range(min(20_000, size // 16)))
    with open(path, "w") as file:
        file.write(head)
        while file.tell() < size:
            file.write(block)


def write_npy(path, size, seed):
    """Bytes that need no parsing: an array of uint8, [rows, 1024]."""
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 1024), }" % (size // 1024)
    head = head.ljust(117) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
        file.write(random.Random(seed).randbytes(size // 1024 * 1024))


class Late(asyncio.Protocol):
    """Answers each GET of a file after DELAY, with a range if one is asked for."""
    files = {}

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        path = data.split(b" ", 2)[1].decode()
        body = self.files[path]
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: \"{len(body)}-{path}\"\r\nAccept-Ranges: bytes\r\n"
        asyncio.get_running_loop().call_later(DELAY, self.transport.write, head.encode() + b"\r\n" + body)


def serve_late(folder, port):
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", "rb") as file:
            Late.files["/" + name] = file.read()

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Late, "127.0.0.1", port, backlog=512)
        await server.serve_forever()
    asyncio.run(serve())


NGINX = """daemon off; worker_processes 1; pid {0}/nginx.pid; error_log {0}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; client_body_temp_path {0}/t1; proxy_temp_path {0}/t2; fastcgi_temp_path {0}/t3;
uwsgi_temp_path {0}/t4; scgi_temp_path {0}/t5; server {{ listen 127.0.0.1:{1} backlog=512; root {0}/large; }} }}
"""


def timed(command, before):
    shutil.rmtree(before, ignore_errors=True)
    os.makedirs(before)
    begin = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begin


def measure(peal, folder, name, urls, template, label=True):
    down, out = f"{folder}/down", f"{folder}/out"
    with open(f"{folder}/urls", "w") as file:
        file.writelines(url + "\n" for url in urls)
    with open(f"{folder}/curl", "w") as file:
        file.writelines(f'url = "{url}"\nremote-name\n' for url in urls)
    polars = ("import polars; polars.scan_csv('{0}/*.csv').sink_ipc('{1}/all.arrow', compression='uncompressed')"
              .format(down, out))
    aria = ["aria2c", "-q", f"-j{CONNECTIONS}", "-x1", "-s1", "--file-allocation=none", "-i", f"{folder}/urls", "-d", down]
    runs = {
        "peal etl": lambda: timed([peal, "etl", template, "--out", f"{out}/d", "--allow-private", "--quiet", "--connections",
                                   str(CONNECTIONS)] + ["--label", "y"] * label, out),
        "aria2c": lambda: timed(aria, down),
        "curl": lambda: timed(["curl", "-s", "--parallel", "--parallel-immediate", "--parallel-max", str(CONNECTIONS),
                               "--output-dir", down, "-K", f"{folder}/curl"], down),
        "aria2c, then Polars": lambda: timed(aria, down) + timed([sys.executable, "-c", polars], out),
    }
    if not label:
        del runs["aria2c, then Polars"]
    size, best = sum_of(urls), {}
    for _ in range(ROUNDS):
        for key, run in runs.items():
            seconds = run()
            best[key] = min(best.get(key, seconds), seconds)
    for key, seconds in best.items():
        print(f"{name:>8} {key:<20} {seconds:7.2f} s {size / seconds / 1e6:8.1f} MB/s   {seconds / best['peal etl']:.2f} x peal")
    return best


def sum_of(urls):
    return SMALL * SMALL_BYTES if len(urls) == SMALL else LARGE * LARGE_BYTES


def main():
    peal = os.path.abspath(sys.argv[1])
    folder = sys.argv[2] if len(sys.argv) > 2 else "/tmp/peal-bench-http"
    os.makedirs(f"{folder}/small", exist_ok=True)
    os.makedirs(f"{folder}/large", exist_ok=True)
    for i in range(SMALL):
        if not os.path.exists(f"{folder}/small/s-{i:04}.csv"):
            write_csv(f"{folder}/small/s-{i:04}.csv", SMALL_BYTES, i, False)
    for i in range(LARGE):
        if not os.path.exists(f"{folder}/large/l-{i:02}.csv"):
            write_csv(f"{folder}/large/l-{i:02}.csv", LARGE_BYTES, i, True)
            write_npy(f"{folder}/large/n-{i:02}.npy", LARGE_BYTES, i)
    late_port, nginx_port = 18431, 18432
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(NGINX.format(folder, nginx_port))
    late = multiprocessing.Process(target=serve_late, args=(f"{folder}/small", late_port), daemon=True)
    late.start()
    nginx = subprocess.Popen(["nginx", "-p", folder, "-c", f"{folder}/nginx.conf"], stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    try:
        base = f"http://127.0.0.1:{late_port}/s-"
        measure(peal, folder, "small", [f"{base}{i:04}.csv" for i in range(SMALL)], f"{base}{{0000..{SMALL - 1:04}}}.csv")
        base, many = f"http://127.0.0.1:{nginx_port}/", f"{{00..{LARGE - 1:02}}}"
        measure(peal, folder, "arrays", [f"{base}n-{i:02}.npy" for i in range(LARGE)], f"{base}n-{many}.npy", False)
        measure(peal, folder, "large", [f"{base}l-{i:02}.csv" for i in range(LARGE)], f"{base}l-{many}.csv")
    finally:
        nginx.terminate()
        nginx.wait()
        late.terminate()
        shutil.rmtree(f"{folder}/down", ignore_errors=True)
        shutil.rmtree(f"{folder}/out", ignore_errors=True)


main()
