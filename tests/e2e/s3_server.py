"""A store like S3 with faults, for s3_test.sh: python3 s3_server.py FILE OTHER

Prints its port. Every bucket has the same objects, whose bytes are FILE's; a bucket's name is a fault, told by its
function's comment, "good" has none. Lists come in pages of two keys. Signatures are checked by a computation of its
own: they must hold for all heads x-amz-* and for host. Each request is written to standard error as
"METHOD PATH Range If-Match signed-by".
"""
import base64
import datetime
import hashlib
import hmac
import re
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

DATA = open(sys.argv[1], "rb").read()
OTHER = open(sys.argv[2], "rb").read()
OBJECTS = {"d/": b"", "d/_SUCCESS": b"", "d/README.md": b"words", "d/a.csv": DATA, "d/e f+\u00fc&~'.csv": DATA, "d/s/c.csv": DATA,
           "empty.csv": b"", "part-1.csv": DATA, "part-2.csv": DATA, "part-3.csv.gz": b"", "sub/part-4.csv": DATA}
SECRETS = {"AKIDTEST": ("secret/of+mine", None), "ASIATEST": ("secret/of+theirs", "token/of+mine==")}
ETAG = '"%s"' % hashlib.md5(DATA).hexdigest()
NOTHING = hashlib.sha256(b"").hexdigest()
counts, lock = {}, threading.Lock()


class Cut(Exception):
    pass


class Wrong(Exception):
    pass


def keyed(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, heads=(), kind="application/xml", most=None):
        self.send_response(status)
        for name, value in heads:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:most])
        if most:
            raise Cut

    def refuse(self, status, code, message, more="", heads=()):
        self.answer(status, ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message>%s"
                             "<RequestId>1</RequestId></Error>" % (code, message, more)).encode(), heads)

    # Who signed the request; None: it is not signed. Source: Amazon S3 API Reference, "Signature Calculations".
    def signer(self):
        text = self.headers.get("Authorization")
        if not text:
            return None
        found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/s3/aws4_request, ?"
                             r"SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})", text)
        if not found:
            raise Wrong("the head cannot be read")
        key, day, region, signed, signature = found.groups()
        secret, token = SECRETS[key]
        signed = signed.split(";")
        must = {"host", "x-amz-content-sha256", "x-amz-date"} | {n.lower() for n in self.headers if n.lower().startswith("x-amz-")}
        if signed != sorted(signed) or not must <= set(signed):
            raise Wrong("not all is signed")
        if self.headers["x-amz-content-sha256"] != NOTHING or self.headers.get("x-amz-security-token") != token:
            raise Wrong("another body or token")
        date = self.headers["x-amz-date"]
        age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.strptime(date + "+0000", "%Y%m%dT%H%M%SZ%z")
        if not date.startswith(day) or abs(age.total_seconds()) > 900:
            raise Wrong("another time")
        path, _, query = self.path.partition("?")
        heads = "".join("%s:%s\n" % (n, " ".join(self.headers[n].split())) for n in signed)
        request = "\n".join(["GET", path, "&".join(sorted(query.split("&"))), heads, ";".join(signed), NOTHING])
        scope = "%s/%s/s3/aws4_request" % (day, region)
        words = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()])
        step = ("AWS4" + secret).encode()
        for part in (day, region, "s3", "aws4_request"):
            step = keyed(step, part)
        if hmac.new(step, words.encode(), hashlib.sha256).hexdigest() != signature:
            raise Wrong("another signature")
        return key

    # One page: a token that has to be encoded in a URL names the next one.
    def list(self, keys, query, most=None, backwards=False):
        if query.get("list-type") != "2" or query.get("encoding-type") != "url":
            return self.refuse(400, "InvalidArgument", "another list was expected")
        keys = sorted((k for k in keys if k.startswith(query.get("prefix", ""))), key=str.encode, reverse=backwards)
        folders = set()
        if query.get("delimiter"):
            cut = {k: k.find("/", len(query.get("prefix", ""))) for k in keys}
            folders = {k[:cut[k] + 1] for k in keys if cut[k] >= 0}
            keys = [k for k in keys if cut[k] < 0]
        begin = int(base64.b64decode(query["continuation-token"])[3:]) if "continuation-token" in query else 0
        page, more = keys[begin:begin + 2], begin + 2 < len(keys)
        quoted = urllib.parse.quote_plus
        text = "".join("<Contents><Key>%s</Key><ETag>%s</ETag><Size>%d</Size></Contents>"
                       % (quoted(k, safe="/"), escape(self.etag_of(k)), len(OBJECTS[k])) for k in page)
        text += "".join("<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>" % quoted(f) for f in folders)
        if more:
            token = base64.b64encode(b"\xfb\xff\xfe%d" % (begin + 2)).decode()
            text += "<NextContinuationToken>%s</NextContinuationToken>" % token
        self.page(text, more, most)

    def page(self, text, more, most=None):
        self.answer(200, ('<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/'
                          '2006-03-01/"><IsTruncated>%s</IsTruncated>%s<EncodingType>url</EncodingType>'
                          "</ListBucketResult>" % (str(more).lower(), text)).encode(), most=most)

    def etag_of(self, key):
        return ETAG if OBJECTS[key] is DATA else '"%s"' % hashlib.md5(OBJECTS[key]).hexdigest()

    def give(self, key, data=None, etag=None, most=None):
        if key not in OBJECTS:
            return self.refuse(404, "NoSuchKey", "The specified key does not exist.")
        data, etag = OBJECTS[key] if data is None else data, etag or self.etag_of(key)
        if self.headers.get("If-Match", etag) != etag:
            return self.refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        begin, end = 0, len(data)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            begin = int(wanted[1])
            end = min(int(wanted[2]) + 1, end) if wanted[2] else end
            if begin >= len(data):
                return self.refuse(416, "InvalidRange", "The requested range is not satisfiable")
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (begin, end - 1, len(data)))
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        if most is not None and end - begin > most:
            self.wfile.write(data[begin:begin + most])
            raise Cut
        self.wfile.write(data[begin:end])

    def is_rest(self):
        return not (self.headers.get("Range") or "").startswith("bytes=0-")

    def good(self, key, query, count):
        self.give(key) if key else self.list(OBJECTS, query)

    public = good  # needs no signature

    def backwards(self, key, query, count):  # lists in another order
        self.give(key) if key else self.list(OBJECTS, query, backwards=True)

    def cut(self, key, query, count):  # a list before its end, the rest of an object in the middle
        if key:
            self.give(key, most=150000 if self.is_rest() and count < 4 else None)
        else:
            self.list(OBJECTS, query, None if count else 100)

    def slow_down(self, key, query, count):
        self.good(key, query, count) if count else self.refuse(503, "SlowDown", "Please reduce your request rate.")

    def slow_always(self, key, query, count):
        self.refuse(503, "SlowDown", "Please reduce your request rate.")

    def failing(self, key, query, count):
        self.refuse(500, "InternalError", "We encountered an internal error. Please try again.")

    def changed(self, key, query, count):  # behind the first bytes
        self.give(key, OTHER, '"two"') if key and self.is_rest() else self.good(key, query, count)

    def changed_early(self, key, query, count):  # since it was listed
        self.give(key, OTHER, '"two"') if key else self.list(OBJECTS, query)

    def denied(self, key, query, count):
        self.refuse(403, "AccessDenied", "Access Denied")

    def gone(self, key, query, count):
        self.refuse(404, "NoSuchBucket", "The specified bucket does not exist")

    def echo(self, key, query, count):  # what was sent comes back
        self.refuse(403, "AccessDenied", "You, %s, have no right." % self.headers.get("x-amz-security-token"))

    def permanent(self, key, query, count):
        self.refuse(301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint.",
                    "<Endpoint>permanent.s3-eu-west-1.amazonaws.com</Endpoint>",
                    [("x-amz-bucket-region", "eu-west-1"), ("Location", "/good/part-1.csv")])

    def temporary(self, key, query, count):
        self.refuse(307, "TemporaryRedirect", "Please re-send this request to the specified temporary endpoint.",
                    "<Endpoint>temporary.s3-eu-west-2.amazonaws.com</Endpoint>", [("Location", "/good/part-1.csv")])

    def region(self, key, query, count):
        self.refuse(400, "AuthorizationHeaderMalformed", "The region 'us-east-1' is wrong", "<Region>eu-west-3</Region>")

    def page_of_html(self, key, query, count):
        self.answer(200, b"<html><body>Sign in</body></html>")

    def half_a_page(self, key, query, count):
        self.answer(200, b"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.c")

    def same_page(self, key, query, count):
        self.page("<NextContinuationToken>again</NextContinuationToken>", True)

    def twice(self, key, query, count):
        self.page("<Contents><Key>d/a.csv</Key><Size>1</Size></Contents>" * 2, False)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        bucket, _, key = path[1:].partition("/")
        fault, key = bucket.replace("-", "_"), urllib.parse.unquote(key)
        query = {urllib.parse.unquote(n): urllib.parse.unquote(v) for n, _, v in (p.partition("=") for p in query.split("&"))}
        with lock:
            count = counts.get(path, 0)
            counts[path] = count + 1
        try:
            signer = self.signer()
            print(self.command, self.path, self.headers.get("Range", "-"), self.headers.get("If-Match", "-"), signer, file=sys.stderr, flush=True)
            if not signer and fault != "public":
                return self.refuse(403, "AccessDenied", "Access Denied")
            getattr(self, fault)(key, query, count)
        except (Wrong, KeyError) as wrong:
            print(self.command, self.path, "WRONG", wrong, file=sys.stderr, flush=True)
            self.refuse(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.",
                        "<AWSAccessKeyId>AKIDTEST</AWSAccessKeyId>")
        except (Cut, OSError):
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
