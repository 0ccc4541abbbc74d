"""Starts the real binary on a free port and talks to it like a stranger.

SEXTANT_BINARY names the binary. Nothing here waits for luck: every wait polls for a condition, with a generous deadline
after which the test fails and shows what the server printed.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from local_server import TEXT, Answer, LocalServer

BINARY = os.environ.get("SEXTANT_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "sextant"))
# Debian's own programs, as scripts/peers puts them there.
PEERS = pathlib.Path(os.environ.get("SEXTANT_PEERS", pathlib.Path(__file__).resolve().parents[2] / ".tools" / "peers")) / "usr" / "bin"
DEADLINE_S = 60
# Where a server says that it listens; the log may name other addresses before.
OWN_ADDRESS = re.compile(r"(?:Open +|(?:web requests\.|Listening on)\"? url=)http://127\.0\.0\.1:(\d+)")


def wait_for(what, condition, deadline_s=DEADLINE_S):
    """Polls until `condition` gives something true and returns that."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s} s for {what}")
        time.sleep(0.05)


def free_ports(count):
    """Ports that nobody had a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def free_port():
    return free_ports(1)[0]


class Api:
    """The HTTP face of a server on this machine, ours or a peer's."""

    def __init__(self, port=None):
        self.port = port

    def request(self, method, path, body=None, headers=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, method=method, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, path, **params):
        if params:
            path += "?" + urllib.parse.urlencode(params, doseq=True)
        return self.request("GET", path)

    def api(self, path, **params):
        """The data of a successful API answer."""
        status, body = self.get("/api/v1/" + path, **params)
        answer = json.loads(body)
        assert status == 200 and answer["status"] == "success", body
        return answer["data"]

    def query(self, expression, **params):
        """An instant query's result as {labels (sorted items): value}; a scalar's value alone."""
        data = self.api("query", query=expression, **params)
        if data["resultType"] == "scalar":
            return float(data["result"][1])
        return {tuple(sorted(s["metric"].items())): float(s["value"][1]) for s in data["result"]}

    def one(self, expression, **params):
        """The value of the only series of an instant query, or None when there is none yet."""
        result = self.query(expression, **params)
        assert len(result) <= 1, result
        return next(iter(result.values()), None)


class Server(Api):
    """One process of the binary."""

    def __init__(self, arguments, program=(), cwd=None):
        self.output = ""
        self.process = subprocess.Popen(
            [BINARY, *program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        super().__init__()

    def _read(self):
        for line in self.process.stdout:
            self.output += line

    def wait_ready(self, deadline_s=DEADLINE_S):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"exited with {self.process.returncode}:\n{self.output}")
            match = OWN_ADDRESS.search(self.output)
            if not match:
                return False
            self.port = int(match.group(1))
            with contextlib.suppress(OSError, urllib.error.URLError):
                return self.get("/-/ready")[0] == 200
            return False
        wait_for(f"the server to be ready; it printed:\n{self.output}", ready, deadline_s)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self):
        self._reader.join(5)
        self.process.stdout.close()

    def stop(self, deadline_s=DEADLINE_S):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"did not stop within {deadline_s} s of SIGTERM:\n{self.output}")
        self._close()
        return code


def run(*arguments, timeout_s=DEADLINE_S, **options):
    """Runs the binary to its end: (exit code, output of both kinds)."""
    result = subprocess.run([BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=timeout_s, **options)
    return result.returncode, result.stdout


class LocalTarget(LocalServer):
    """Answers GETs with `body`, keeps what is POSTed."""

    def __init__(self, body="", status=200):
        self.body = body
        self.status = status
        self.content_type = TEXT
        self.posts = []
        self.heads = []  # (path, headers) of every request
        self.gets = 0
        super().__init__()

    def answer(self, request):
        self.heads.append((request.target, request.headers))
        if request.method == "POST":
            is_binary = request.headers.get("Content-Type", "") == "application/x-protobuf"
            self.posts.append((request.target, request.body if is_binary else json.loads(request.body)))
            return Answer("ok", kind=self.content_type)
        self.gets += 1
        return Answer(self.body() if callable(self.body) else self.body, self.status, self.content_type)


class TestCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def start(self, *arguments, program=(), ready=True):
        server = Server(arguments, program=program, cwd=self.folder)
        self.addCleanup(server.kill)
        return server.wait_ready() if ready else server

    def start_exporter(self, *arguments):
        """sextant node_exporter, once it answers."""
        server = self.start("--web.listen-address=127.0.0.1:0", *arguments, program=["node_exporter"], ready=False)

        def port():
            if server.process.poll() is not None:
                raise AssertionError(f"exited with {server.process.returncode}:\n{server.output}")
            return re.search(r"msg=listening address=127\.0\.0\.1:(\d+)", server.output)
        server.port = int(wait_for("the exporter's port", port).group(1))
        return server

    def start_platform(self, *arguments, data="data"):
        return self.start("--data", str(self.folder / data), "--listen", "127.0.0.1:0", *arguments)

    def target(self, body="", status=200):
        target = LocalTarget(body, status)
        self.addCleanup(target.close)
        return target
