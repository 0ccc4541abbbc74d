"""A collector of traces on this machine, and a reader of what it gets (opentelemetry.proto.collector.trace.v1)."""
import gzip
import struct

from local_server import Answer, LocalServer


def fields(message):
    """The fields of a protobuf message: (number, value); submessages and texts are bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            yield number, varint()
        elif kind == 1:
            yield number, struct.unpack_from("<Q", message, at)[0]
            at += 8
        elif kind == 2:
            size = varint()
            yield number, message[at:at + size]
            at += size
        elif kind == 5:
            yield number, struct.unpack_from("<I", message, at)[0]
            at += 4
        else:
            raise ValueError(f"wire type {kind}")


def value_of(message):
    for number, value in fields(message):
        if number == 1:
            return value.decode()
        if number == 2:
            return bool(value)
        if number == 3:
            return value
        if number == 4:
            return struct.unpack("<d", struct.pack("<Q", value))[0]
        if number == 5:
            return [value_of(item) for n, item in fields(value) if n == 1]
    return None


def attributes_of(message, number):
    result = {}
    for n, item in fields(message):
        if n == number:
            parts = dict(fields(item))
            result[parts[1].decode()] = value_of(parts[2])
    return result


class Span:
    def __init__(self, message, resource):
        parts = dict(fields(message))
        self.resource = resource
        self.trace, self.id = parts[1].hex(), parts[2].hex()
        self.parent = parts.get(4, b"").hex()
        self.name = parts[5].decode()
        self.kind = {1: "internal", 2: "server", 3: "client"}[parts[6]]
        self.start_ns, self.end_ns = parts[7], parts[8]
        self.attributes = attributes_of(message, 9)
        self.events = [(dict(fields(e))[2].decode(), attributes_of(e, 3)) for n, e in fields(message) if n == 11]
        self.failed = dict(fields(parts[15])).get(3) == 2 if 15 in parts else False


class Collector(LocalServer):
    """Takes OTLP over HTTP. `answers` are statuses to give first, None for no answer until it is closed; then 200. With an SSL
    context it speaks TLS."""

    def __init__(self, tls=None):
        self.spans, self.requests, self.answers = [], [], []
        super().__init__(tls=tls)
        if tls:
            self.address = f"localhost:{self.port}"  # as the certificate says

    def answer(self, request):
        self.requests.append((request.target, request.headers))
        status = self.answers.pop(0) if self.answers else 200
        if status is None:
            self.closed.wait()
            return None
        if status == 200:
            is_packed = request.headers.get("Content-Encoding") == "gzip"
            self.take(gzip.decompress(request.body) if is_packed else request.body)
        return Answer(status=status, kind="application/x-protobuf")

    def take(self, body):
        for number, resource_spans in fields(body):
            assert number == 1
            resource = {}
            for n, part in fields(resource_spans):
                if n == 1:
                    resource = attributes_of(part, 1)
            for n, part in fields(resource_spans):
                if n == 2:
                    self.spans += [Span(span, resource) for m, span in fields(part) if m == 2]

    def named(self, name):
        return [span for span in list(self.spans) if span.name == name]

    def children(self, parent):
        return [span for span in list(self.spans) if span.parent == parent.id and span.trace == parent.trace]
