"""A web site of generated pages, for pages_test.sh and tools/bench/pages.py: python3 pages_server.py SITE [PAGES [DELAY_MS]]

Prints its port. Each request is written to standard error as "MILLISECONDS HOST PATH ACTIVE AGENT": when it began, and
how many are under way with it, until they are answered. SITE is one of

  plain    PAGES pages, each with ten links: /p/0 leads to /p/1 .. /p/10, /p/1 to /p/11 .. and so on; answered after
           DELAY_MS. robots.txt forbids /private/, to which each tenth page leads, and allows /private/open.
  slow     the same with "Crawl-delay: 0.2"
  broken   robots.txt is answered 503
  odd      pages of all kinds, see odd()
  dynamic  "/" leads to PAGES pages, whose scripts fetch a number, which comes after DELAY_MS; /never has nothing to show
"""
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SITE = sys.argv[1]
PAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 100
DELAY = float(sys.argv[3]) / 1000 if len(sys.argv) > 3 else 0
began, lock, active, counts = time.monotonic(), threading.Lock(), 0, {}


def plain(number):
    links = [f"/p/{one}" for one in range(number * 10 + 1, number * 10 + 11) if one < PAGES]
    if number % 10 == 0:
        links[:0] = ["/private/secret", "/private/open", f"/p/{number}#top", "mailto:someone@example.org"]
    body = "".join(f'<li><a href="{one}">to {one}</a>' for one in links)
    return f"""<!DOCTYPE html><html><head><title>Page {number}</title></head><body><h1>Number {number}</h1>
<p class=product>Colour <b class="colour name">{["red", "green", "blue"][number % 3]}</b>, price <span class=price>{number * 7 % 101 / 4}</span></p>
<table><tr><th>k<th>v<tr><td>{number}<td>{number * number}</table><ul>{body}</ul></body></html>"""


def page(body, title="t"):
    return f"<title>{title}</title>{body}"


ODD = {
    "/": page('<a href="/latin1">1</a><a href="/same">2</a><a href="/copy">3</a><a href="/alias?x=1">4</a><a href="/moved">5</a>'
              '<a href="/missing">6</a><a href="/picture">7</a><a href="/noindex">8</a><a href="/nofollow">9</a><a href="/away">10</a>'
              '<a href="/tag">11</a><a rel=nofollow href="/never1">12</a><a href="/A/../same">13</a><a href="/%73ame#x">14</a>'
              '<a href="/flaky">15</a><a href="/loop">16</a><a href="http://localhost:PORT/other">17</a><a href="/moved_private">18</a>', "start"),
    "/same": page("<p>the same</p>", "same"),
    "/copy": page("<p>the same</p>", "same"),
    "/alias?x=1": page('<link rel=canonical href="/alias"><p>alias</p><a href="/alias">a</a>', "alias"),
    "/alias": page("<p>never asked for</p>"),
    "/moved/here": page("<p>moved</p>", "moved"),
    "/noindex": page('<meta name=robots content=noindex><p>hidden</p><a href="/behind">x</a>'),
    "/behind": page("<p>behind</p>", "behind"),
    "/nofollow": page('<meta name=robots content=nofollow><p>no way</p><a href="/never2">x</a>', "nofollow"),
    "/flaky": page("<p>at last</p>", "flaky"),
    "/other": page("<p>of another host</p>", "other"),
    "/private/x": page("<p>forbidden</p>"),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def give(self, body=b"", status=200, kind="text/html; charset=utf-8", **more):
        global active
        with lock:
            active -= 1  # before the answer: who gets it may ask for the next page at once
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def odd(self, count):
        if self.path == "/robots.txt":
            self.give("User-agent: *\nDisallow: /private/\n", kind="text/plain")
        elif self.path == "/latin1":
            self.give(page("<p>gr\xfc\xdfe</p>", "latin1").encode("latin-1"), kind="text/html; charset=iso-8859-1")
        elif self.path == "/moved":
            self.give(status=301, Location="moved/here")
        elif self.path == "/moved_private":
            self.give(status=302, Location="/private/x")
        elif self.path == "/away":
            self.give(status=302, Location="http://127.0.0.2:1/")
        elif self.path == "/loop":
            self.give(status=302, Location="/loop?" + str(count))
        elif self.path.startswith("/loop?"):
            self.give(status=302, Location="/loop?" + str(int(self.path[6:]) + 1))
        elif self.path == "/to_itself":
            self.give(status=302, Location="/to_itself")
        elif self.path == "/nowhere":
            self.give(status=302)
        elif self.path == "/picture":
            self.give(b"\x89PNG" * 1000, kind="image/png")
        elif self.path == "/tag":
            self.give(page('<p>tagged</p><a href="/never3">x</a>', "tag"), X_Robots_Tag="none")
        elif self.path == "/flaky" and count < 2:
            self.give("busy", status=503, Retry_After="0")
        elif self.path in ODD:
            self.give(ODD[self.path].replace("PORT", str(self.server.server_port)))
        else:
            self.give("nothing", status=404)

    def dynamic(self):
        if self.path == "/robots.txt":
            self.give("User-agent: *\nDisallow: /data/\n", kind="text/plain")
        elif self.path == "/":
            self.give(page("".join(f'<a href="/d/{one}">{one}</a>' for one in range(PAGES)), "start"))
        elif self.path.startswith("/d/"):
            self.give(page(f"""<p>wait</p><script>fetch("/data/{self.path[3:]}").then(a => a.text()).then(
                a => document.querySelector("p").innerHTML = "<b class=v>" + a + "</b>")</script>"""))
        elif self.path.startswith("/data/"):
            time.sleep(DELAY)
            self.give(str(int(self.path[6:]) ** 2), kind="text/plain")
        elif self.path == "/never":
            self.give(page("<p>nothing</p>"))
        else:
            self.give("nothing", status=404)

    def answer(self, count):
        if SITE == "odd":
            self.odd(count)
        elif SITE == "dynamic":
            self.dynamic()
        elif self.path == "/robots.txt":
            delay = "Crawl-delay: 0.2\n" if SITE == "slow" else ""
            text = f"User-agent: *\nDisallow: /private/\nAllow: /private/open\n{delay}"
            self.give("busy" if SITE == "broken" else text, status=503 if SITE == "broken" else 200, kind="text/plain")
        elif self.path.startswith("/p/") and self.path[3:].isdigit() and int(self.path[3:]) < PAGES:
            time.sleep(DELAY)
            self.give(plain(int(self.path[3:])))
        elif self.path.startswith("/private/"):
            self.give(page("<p>private</p>", self.path))
        else:
            self.give("nothing", status=404)

    def do_GET(self):
        global active
        with lock:
            active += 1
            count = counts.get(self.path, 0)
            counts[self.path] = count + 1
            print(f"{(time.monotonic() - began) * 1000:.1f} {self.headers.get('Host')} {self.path} {active} "
                  f"{self.headers.get('User-Agent')}", file=sys.stderr, flush=True)
        self.answer(count)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
