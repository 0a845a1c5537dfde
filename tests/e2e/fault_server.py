"""A web server with faults, for http_test.sh: python3 fault_server.py FILE OTHER ADDRESS

Serves FILE at /FAULT/any-name and prints its port. OTHER has the same size and other bytes; of
some faults only the first lines, 3 KB, are served. What a fault does is told
by its function's name and comment; `count` is how many requests for the path came before this one. Each request is
written to standard error as "FAULT/NAME Range If-Range Authorization".
"""
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATA = open(sys.argv[1], "rb").read()
OTHER = open(sys.argv[2], "rb").read()
SMALL = DATA[:DATA.find(b"\n", 3000) + 1]
DATE, LATER = "Tue, 01 Jul 2025 10:00:00 GMT", "Wed, 02 Jul 2025 10:00:00 GMT"
counts, lock = {}, threading.Lock()
late = 0


class Cut(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def wanted(self, size):
        text = self.headers.get("Range")
        if not text:
            return None
        first, last = text.removeprefix("bytes=").split("-")
        return int(first), min(int(last) + 1 if last else size, size)

    # Answers with `data`: a range if one is asked for and `ranges`; `most` bytes are sent before the connection is cut.
    def give(self, data=DATA, etag='"one"', date=DATE, ranges=True, most=None, length=None, stall=None, seconds=4, shift=0):
        span = self.wanted(len(data)) if ranges else None
        if span and etag and self.headers.get("If-Range") not in (None, etag):
            span = None
        if span and span[0] >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = data[span[0]:span[1]] if span else data
        self.send_response(206 if span else 200)
        if span:
            self.send_header("Content-Range", f"bytes {span[0] + shift}-{span[1] - 1 + shift}/{len(data)}")
        if etag:
            self.send_header("ETag", etag)
        if date:
            self.send_header("Last-Modified", date)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        if stall is not None and len(body) > stall:
            self.wfile.write(body[:stall])
            self.wfile.flush()
            time.sleep(seconds)
            raise Cut
        if most is not None and len(body) > most:
            self.wfile.write(body[:most])
            raise Cut
        self.wfile.write(body)
        if length:
            raise Cut

    def refuse(self, status, after=None, to=None):
        self.send_response(status)
        if after is not None:
            self.send_header("Retry-After", str(after))
        if to:
            self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def is_rest(self):
        return not (self.headers.get("Range") or "").startswith("bytes=0-")

    def good(self, count):
        self.give()

    def late(self, count):  # and tells how many are so at a time
        global late
        with lock:
            late += 1
            print("at once:", late, file=sys.stderr, flush=True)
        time.sleep(0.1)
        with lock:
            late -= 1
        self.give()

    def cut(self, count):  # in the middle of the rest, twice: goes on by ranges
        self.give(most=150000 if self.is_rest() and count < 4 else None)

    def cut_no_etag(self, count):  # begins again, and what was there is compared
        self.give(etag=None, most=1200000 if self.is_rest() and count < 3 else None)

    def cut_nothing(self, count):  # neither etag nor date: the bytes are taken whole, and compared after the cut
        self.give(etag=None, date=None, ranges=False, most=1200000 if count < 2 else None)

    def cut_always(self, count):
        self.give(most=1000)

    def stall(self, count):
        self.give(stall=50000 if self.is_rest() and count < 2 else None)

    def stuck(self, count):
        self.give(stall=50000 if self.is_rest() and count < 2 else None, seconds=60)

    def stall_always(self, count):
        self.give(stall=100)

    def trickle(self, count):  # a byte at a time, without an end
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        for i in range(len(DATA)):
            self.wfile.write(DATA[i:i + 1])
            self.wfile.flush()
            time.sleep(0.2)

    def busy(self, count):  # 429 that names a time
        self.give() if count else self.refuse(429, after=1)

    def busy_for_long(self, count):
        self.refuse(429, after=86400)

    def failing(self, count):
        self.give() if count > 1 else self.refuse(500)

    def unavailable(self, count):
        self.refuse(503)

    def missing(self, count):
        self.refuse(404)

    def closed(self, count):  # not one byte of an answer
        if count < 2:
            raise Cut
        self.give()

    def long_length(self, count):  # promises more than comes
        self.give(ranges=False, length=len(DATA) + 1000)

    def other_etag(self, count):
        self.give(etag='"two"', data=OTHER) if self.is_rest() else self.give()

    def other_later(self, count):  # when most of it has been read
        if self.is_rest() and count == 1:
            self.give(most=len(DATA) - (1 << 20) - 1000)
        else:
            self.give(etag='"two"') if self.is_rest() else self.give()

    def other_date(self, count):
        self.give(etag=None, date=LATER, data=OTHER) if self.is_rest() else self.give(etag=None)

    def other_size(self, count):
        self.give(etag=None, data=DATA + b"1,2\n", date=None) if self.is_rest() else self.give(etag=None)

    def other_bytes(self, count):  # changed, and nothing but the bytes tells it
        self.give(etag=None, data=OTHER) if self.is_rest() else self.give(etag=None)

    def other_range(self, count):
        self.give(shift=7) if self.is_rest() else self.give()

    def stuck_late(self, count):  # each range from the second half, but for the last 3 MB, the first time
        begin = (self.wanted(len(DATA)) or (0, 0))[0]
        with lock:
            again = counts.get(begin)
            counts[begin] = True
        self.give(stall=0 if len(DATA) / 2 < begin < len(DATA) - (3 << 20) and not again else None, seconds=60)

    def no_ranges(self, count):
        self.give(ranges=False)

    def no_range_at_all(self, count):  # refuses them, and does not say why
        self.refuse(416) if self.headers.get("Range") else self.give(ranges=False)

    def nothing_there(self, count):
        self.refuse(416)

    def brotli(self, count):  # encoded though nobody asked
        self.send_response(200)
        self.send_header("Content-Encoding", "br")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"a,y\n")

    def empty(self, count):
        self.give(data=b"")

    def chunked(self, count, data=DATA, ends=True):  # no length, no version
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for begin in range(0, len(data), 100000):
            part = data[begin:begin + 100000]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if ends:
            self.wfile.write(b"0\r\n\r\n")

    def short_chunked(self, count):  # a small object, cut once before it is whole
        self.chunked(count, SMALL if count else SMALL[:1000], count > 0)
        if count == 0:
            raise Cut

    def short_closed(self, count):  # a small object that ends with the connection
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(SMALL)
        raise Cut

    def endless(self, count):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"1,2\n" * 10000)

    def endless_head(self, count):
        self.send_response(200)
        self.flush_headers()
        while True:
            self.wfile.write(b"X-Filler: " + b"x" * 1000 + b"\r\n")

    def no_http(self, count):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        raise Cut

    def loop(self, count):
        self.refuse(302, to=self.path)

    def moved(self, count):
        self.refuse(301, to="/good/a.csv")

    def elsewhere(self, count):  # to a loopback address
        self.refuse(302, to=f"http://127.0.0.1:{self.server.server_port}/good/a.csv")

    def to_file(self, count):
        self.refuse(302, to="file:///etc/passwd")

    def secret(self, count):
        self.give() if self.headers.get("Authorization") else self.refuse(401)

    def do_GET(self):
        fault = self.path.split("/")[1]
        with lock:
            count = counts.get(self.path, 0)
            counts[self.path] = count + 1
        told = [self.headers.get(name, "-") for name in ("Range", "If-Range", "Authorization")]
        print(self.path[1:], *told, file=sys.stderr, flush=True)
        try:
            getattr(self, fault)(count)
        except (Cut, OSError):
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server((sys.argv[3], 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
