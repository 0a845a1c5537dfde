#!/usr/bin/env python3
"""A crawl of 1,000 generated pages beside what politeness allows: tools/bench/pages.py PEAL

The site of tests/e2e/pages_server.py on 127.0.0.1, whose answers come 50 ms late. Two bounds: with N requests at once to
the host, 1,000 pages cannot take less than 1,000 * 50 ms / N; with a pause of 50 ms between the beginnings of two
requests, not less than 50 s (told for 200 pages: 10 s). Told are the seconds, the bound, and from the server's log: the
pages that were asked for twice, those that robots.txt forbids, and the most requests at once.

Then, where chromium and chromedriver are installed, 60 pages whose scripts wait 300 ms for their data, by one browser
and by two.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/e2e/pages_server.py")


def crawl(peal, folder, pages, delay_ms, options, site="plain", start="/p/0"):
    """Seconds as Peal tells them, and the lines of the server's log."""
    log = os.path.join(folder, "log")
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    with open(log, "w") as errors:
        server = subprocess.Popen([sys.executable, SERVER, site, str(pages), str(delay_ms)], stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        port = server.stdout.readline().strip()
        done = subprocess.run([peal, "etl", f"pages:http://127.0.0.1:{port}{start}", "--out", out, "--allow-private", "--crawl-depth", "9", "--crawl-pages", "5000",
                               "--transform", "keep:columns=url+title+text+links", "--transform", "keep:columns=depth", *options],
                              stderr=subprocess.PIPE, text=True, env={**os.environ, "PEAL_CACHE": os.path.join(folder, "cache")})
    finally:
        server.kill()
        server.wait()
    if done.returncode:
        sys.exit(done.stderr)
    with open(log) as lines:
        return float(re.search(r"asked for in ([0-9.]+) s", done.stderr).group(1)), [line.split() for line in lines]


def tell(name, seconds, bound, lines):
    paths = [line[2] for line in lines]
    print(f"{name}: {seconds:.1f} s, {bound / seconds:.2f} of the bound ({bound:.1f} s); {len(paths)} requests, "
          f"{len(paths) - len(set(paths))} twice, {sum(path == '/private/secret' for path in paths)} forbidden, {max(int(line[3]) for line in lines)} at once", flush=True)


def main():
    peal = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for at_once in (2, 8, 16):
            seconds, lines = crawl(peal, folder, 1000, 50, ["--crawl-per-host", str(at_once)])
            tell(f"1,000 pages, {at_once} at once", seconds, 1000 * 0.05 / at_once, lines)
        seconds, lines = crawl(peal, folder, 200, 0, ["--crawl-delay", "0.05"])
        tell("200 pages, 50 ms apart", seconds, (len(lines) - 1) * 0.05, lines)
        if shutil.which("chromium") and shutil.which("chromedriver"):
            one, two = (crawl(peal, folder, 60, 300, ["--browsers", str(many), "--browser-wait", ".v, a"], "dynamic", "/")[0] for many in (1, 2))
            print(f"60 pages of scripts: one browser {one:.1f} s, two {two:.1f} s, {one / two:.2f} times as fast", flush=True)


if __name__ == "__main__":
    main()
