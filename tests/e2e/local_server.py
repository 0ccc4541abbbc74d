"""HTTP servers on this machine, for tests to be asked: a subclass, or a function, says what is answered."""
import contextlib
import dataclasses
import http.server
import socket
import socketserver
import sys
import threading
import traceback
import urllib.parse

TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclasses.dataclass
class Request:
    method: str
    target: str  # as it stands in the request's first line
    headers: dict  # names as they came
    body: bytes
    connection: socket.socket  # to speak past HTTP

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]

    def form(self):
        """The fields of a form, each by its last value; {} for another body."""
        is_form = "urlencoded" in self.headers.get("Content-Type", "")
        return dict(urllib.parse.parse_qsl(self.body.decode())) if is_form else {}


@dataclasses.dataclass
class Answer:
    body: str | bytes = b""
    status: int = 200
    kind: str = TEXT  # Content-Type
    headers: dict = dataclasses.field(default_factory=dict)


class LocalServer:
    """Serves on a free port, or on `port`, from its making until it is closed; with an SSL context it speaks TLS. Each
    connection has a thread of its own."""

    def __init__(self, answer=None, port=0, tls=None):
        if answer:
            self.answer = answer
        self.closed = threading.Event()  # for answers that wait
        self._servers = []
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http{'s' if tls else ''}://{self.address}"
        self._serve(server)

    def answer(self, request):
        """An Answer, or its body alone; None closes the connection without one."""
        raise NotImplementedError

    def listen_unix(self, path):
        """Serves at this path, too."""
        class UnixServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
            address_family = socket.AF_UNIX
            daemon_threads = True

            def server_bind(self):
                socketserver.TCPServer.server_bind(self)
                self.server_name, self.server_port = "unix", 0

        self._serve(UnixServer(path, self._handler()))

    def close(self):
        self.closed.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _serve(self, server):
        server.handle_error = self._report
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    @staticmethod
    def _report(*_):
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # which is a client that goes away while it is answered
            traceback.print_exception(error)

    def _handler(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = outer.answer(Request(self.command, self.path, dict(self.headers), body, self.connection))
                if answer is None:
                    self.close_connection = True
                    return
                if not isinstance(answer, Answer):
                    answer = Answer(answer)
                data = answer.body.encode() if isinstance(answer.body, str) else answer.body
                with contextlib.suppress(OSError):  # who asked may have given up, or be dead
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.kind)
                    self.send_header("Content-Length", str(len(data)))
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)

            do_POST = do_PUT = do_GET

            def address_string(self):
                return "local"  # one at a path has no address

            def log_message(self, *_):
                pass

        return Handler
