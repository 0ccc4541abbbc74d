"""A stand-in for a Kafka broker of one topic with one partition: keeps the records that producers send, or fails as it is
told. Speaks Metadata version 4, InitProducerId version 0 and Produce versions 3 to 7."""
import gzip
import socketserver
import struct
import threading


class Record:
    def __init__(self, key, value):
        self.key, self.value = key, value


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1), at


def records_of(batch):
    """The records of a batch of format 2, which may be compressed with gzip; and who numbered them."""
    assert batch[16] == 2, "format"
    assert struct.unpack(">i", batch[8:12])[0] == len(batch) - 12, "length"
    attributes, = struct.unpack(">h", batch[21:23])
    producer, = struct.unpack(">q", batch[43:51])
    count, = struct.unpack(">i", batch[57:61])
    body = batch[61:]
    if attributes & 7 == 1:
        body = gzip.decompress(body)
    else:
        assert attributes & 7 == 0, "compression"
    records, at = [], 0
    for i in range(count):
        size, at = varint(body, at)
        end = at + size
        _, at = varint(body, at + 1)
        offset, at = varint(body, at)
        assert offset == i
        key_size, at = varint(body, at)
        key = body[at:at + key_size]
        value_size, at = varint(body, at + key_size)
        records.append(Record(key.decode(), body[at:at + value_size]))
        at = end
    return records, producer


class KafkaPeer:
    """`error` is what batches are answered with, `silent` says not to answer them at all; `port` 0 takes a free one. `tls` is
    a context of `ssl`."""

    def __init__(self, topic, port=0, tls=None):
        self.topic, self.error, self.silent = topic, 0, False
        self.records, self.producers, self.clients, self.batches = [], set(), set(), 0
        peer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                while True:
                    head = self.read(4)
                    if head is None:
                        return
                    request = self.read(struct.unpack(">i", head)[0])
                    if request is None:
                        return
                    api, version, correlation, client = struct.unpack(">hhih", request[:10])
                    peer.clients.add(request[10:10 + client].decode())
                    body = peer.answer(api, version, request[10 + client:])
                    if body is not None:
                        body = struct.pack(">i", correlation) + body
                        self.request.sendall(struct.pack(">i", len(body)) + body)

            def read(self, size):
                data = b""
                while len(data) < size:
                    piece = self.request.recv(size - len(data))
                    if not piece:
                        return None
                    data += piece
                return data

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

            def get_request(self):
                connection, address = super().get_request()
                if tls is not None:
                    # The handshake belongs to the handler's thread: one that fails must not end the server.
                    connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                return connection, address

            def handle_error(self, request, client_address):
                peer.failures += 1

        self.failures = 0
        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def text(self, text):
        return struct.pack(">h", len(text)) + text.encode()

    def answer(self, api, version, body):
        if api == 3:
            assert version == 4 and body == struct.pack(">i", 1) + self.text(self.topic) + b"\0", body
            return (struct.pack(">iii", 0, 1, 7) + self.text("127.0.0.1") + struct.pack(">ih", self.port, -1) + self.text("cluster")
                    + struct.pack(">iih", 7, 1, 0) + self.text(self.topic) + b"\0" + struct.pack(">ihii", 1, 0, 0, 7)
                    + struct.pack(">iiii", 1, 7, 1, 7))
        if api == 22:
            return struct.pack(">ihqh", 0, 0, 4711, 0)
        assert api == 0 and 3 <= version <= 7, (api, version)
        at = 2 + 2 + 4 + 4 + 2 + len(self.topic) + 4
        partition, size = struct.unpack(">ii", body[at:at + 8])
        assert partition == 0 and len(body) == at + 8 + size
        self.batches += 1
        if self.silent:
            return None
        if self.error == 0:
            records, producer = records_of(body[at + 8:])
            self.records += records
            self.producers.add(producer)
        if struct.unpack(">h", body[2:4])[0] == 0:
            return None
        return (struct.pack(">i", 1) + self.text(self.topic) + struct.pack(">iihqq", 1, 0, self.error, len(self.records), -1)
                + (struct.pack(">q", 0) if version >= 5 else b"") + struct.pack(">i", 0))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
