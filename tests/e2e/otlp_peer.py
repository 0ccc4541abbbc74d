"""Stand-ins for servers that take OTLP, and just enough protobuf to look into what they get."""
import gzip
import random
import socket
import struct
import threading
from concurrent import futures

from local_server import Answer, LocalServer

SERVICES = {
    "traces": "opentelemetry.proto.collector.trace.v1.TraceService",
    "metrics": "opentelemetry.proto.collector.metrics.v1.MetricsService",
    "logs": "opentelemetry.proto.collector.logs.v1.LogsService",
}


def fields(message):
    """(field number, value) of a protobuf message; bytes for submessages and texts."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            value = varint()
        elif kind == 1:
            value = message[at:at + 8]
            at += 8
        elif kind == 5:
            value = message[at:at + 4]
            at += 4
        else:
            size = varint()
            value = message[at:at + size]
            at += size
        yield tag >> 3, value


def all_of(message, *path):
    """All values at a path of field numbers."""
    values = [message]
    for number in path:
        values = [value for one in values for field, value in fields(one) if field == number]
    return values


def any_value(message):
    for field, value in fields(message):
        if field == 1:
            return value.decode("utf-8", "replace")
        if field == 2:
            return bool(value)
        if field == 3:
            return value - (1 << 64) if value >> 63 else value
        if field == 4:
            return struct.unpack("<d", value)[0]
    return None


def attributes(message, field):
    found = {}
    for item in all_of(message, field):
        parts = dict(fields(item))
        found[parts.get(1, b"").decode()] = any_value(parts.get(2, b""))
    return found


def spans(request):
    """(resource attributes, span) for every span; a span as {"name":…, "id":…, "attributes":…}."""
    out = []
    for resource_spans in all_of(request, 1):
        resource = {}
        for one in all_of(resource_spans, 1):
            resource = attributes(one, 1)
        for span in all_of(resource_spans, 2, 2):
            parts = dict(fields(span))
            out.append((resource, {"name": parts.get(5, b"").decode(), "id": parts.get(2, b"").hex(),
                                   "trace": parts.get(1, b"").hex(), "kind": parts.get(6, 0),
                                   "attributes": attributes(span, 9)}))
    return out


def records(request):
    return all_of(request, 1, 2, 2)


def metric_names(request):
    return [all_of(metric, 1)[0].decode() for metric in all_of(request, 1, 2, 2)]


class OtlpPeer(LocalServer):
    """Takes OTLP over HTTP and gRPC, and keeps what came. `fails` says, for each request, whether it is to fail."""

    def __init__(self, fails=lambda: False, port=0):
        self.requests = {"traces": [], "metrics": [], "logs": []}
        self.refused = 0
        self.fails = fails
        self.lock = threading.Lock()
        self.grpc_server = None
        self.grpc_port = None
        super().__init__(port=port)

    def answer(self, request):
        if not self.fails():
            is_packed = request.headers.get("Content-Encoding") == "gzip"
            self.keep(request.path.rsplit("/", 1)[-1], gzip.decompress(request.body) if is_packed else request.body)
            return Answer(kind="application/x-protobuf")
        with self.lock:
            self.refused += 1
        if random.random() < 0.3:
            # Resets in the middle of the answer.
            request.connection.sendall(b"HTTP/1.1 200 O")
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        return Answer(status=random.choice((429, 502, 503, 504)))

    def serve_grpc(self, port=0):
        import grpc
        peer = self

        def handler(signal):
            def export(request, context):
                if peer.fails():
                    with peer.lock:
                        peer.refused += 1
                    context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
                peer.keep(signal, request)
                return b""
            return grpc.unary_unary_rpc_method_handler(export)

        self.grpc_server = grpc.server(futures.ThreadPoolExecutor(4),
                                       options=[("grpc.max_receive_message_length", 64 << 20)])
        for signal, service in SERVICES.items():
            self.grpc_server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler(signal)}),))
        self.grpc_port = self.grpc_server.add_insecure_port(f"127.0.0.1:{port}")
        self.grpc_server.start()
        return self

    def keep(self, signal, body):
        with self.lock:
            self.requests[signal].append(body)

    def spans(self):
        with self.lock:
            requests = list(self.requests["traces"])
        return [span for request in requests for span in spans(request)]

    def log_records(self):
        with self.lock:
            requests = list(self.requests["logs"])
        return [record for request in requests for record in records(request)]

    def metric_names(self):
        with self.lock:
            requests = list(self.requests["metrics"])
        return [name for request in requests for name in metric_names(request)]

    def stop(self):
        self.close()
        if self.grpc_server is not None:
            self.grpc_server.stop(0)


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """A field with bytes, a text or a submessage."""
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def text_attribute(number, key, value):
    return field(number, field(1, key) + field(2, field(1, value)))


def trace_request(names, service="shop"):
    """An ExportTraceServiceRequest with a span of each name; ids follow from the names."""
    items = b""
    for name in names:
        digest = name.encode().rjust(8, b"\x01")[-8:]
        items += field(2, field(1, b"\x02" * 8 + digest) + field(2, digest) + field(5, name) + varint(6 << 3) + varint(2) +
                       fixed(7, 1_700_000_000_000_000_000) + fixed(8, 1_700_000_000_250_000_000) +
                       text_attribute(9, "http.route", "/cart"))
    return field(1, field(1, text_attribute(1, "service.name", service)) + field(2, field(1, field(1, "lib")) + items))
