"""HTTP/2 and gRPC with other programs' clients: curl, and gRPC's own library for Python."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import DEADLINE_S, TestCase, wait_for

RPC_SERVER = os.environ.get("SEXTANT_RPC_TEST_SERVER",
                            str(pathlib.Path(__file__).resolve().parents[2] / "build" / "tests" / "rpc_test_server"))
# Debian's grpcio belongs to the system's Python, which need not be the one that runs the tests.
PYTHONS = (sys.executable, "/usr/bin/python3")


def python_with_grpc():
    for python in PYTHONS:
        if subprocess.run([python, "-c", "import grpc"], capture_output=True, check=False).returncode == 0:
            return python
    raise unittest.SkipTest("no Python has grpcio: scripts/install-deps test installs it")


def curl(*arguments, check=True):
    """The answer's body, and (version, status, size)."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(DEADLINE_S), "-w", r"\n%{http_version} %{http_code} %{size_download}",
                           *arguments], capture_output=True, check=False)
    assert done.returncode == 0 or not check, done.stderr.decode()
    body, _, facts = done.stdout.decode(errors="replace").rpartition("\n")
    return body, tuple(facts.split())


def make_certificate(folder):
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                           "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost",
                           "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise unittest.SkipTest(f"openssl cannot make certificates here: {done.stderr}")


class RpcServer:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([RPC_SERVER, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the server did not start"

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        return code


# Runs under the Python that has grpcio: makes the calls that its argument lists, and prints what came of each.
GRPC_CLIENT = r"""
import base64, grpc, json, sys
address, certificate, calls = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
if certificate:
    with open(certificate, "rb") as file:
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()), options)
else:
    channel = grpc.insecure_channel(address, options)
def text(pairs):
    return {key: base64.b64encode(value).decode() if isinstance(value, bytes) else value for key, value in pairs or ()}
compressions = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
results = []
for call in calls:
    method = channel.unary_unary(call["method"])
    message = call.get("message", "").encode() * call.get("times", 1)
    metadata = [("plain", "value"), ("bytes-bin", b"\x00\x01\xff")]
    try:
        answer, done = method.with_call(message, timeout=call.get("timeout"), metadata=metadata,
                                        compression=compressions.get(call.get("compression")))
        results.append({"code": "OK", "size": len(answer), "is_same": answer == message,
                        "headers": text(done.initial_metadata()), "trailers": text(done.trailing_metadata())})
    except grpc.RpcError as error:
        results.append({"code": error.code().name, "text": error.details(), "trailers": text(error.trailing_metadata())})
print(json.dumps(results))
"""


def grpc_calls(address, calls, certificate=""):
    done = subprocess.run([python_with_grpc(), "-c", GRPC_CLIENT, address, str(certificate), json.dumps(calls)],
                          capture_output=True, text=True, check=False, timeout=DEADLINE_S * 3)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class HttpTest(unittest.TestCase):
    def setUp(self):
        self.server = RpcServer()
        self.addCleanup(self.server.stop)

    def curl(self, path, *arguments, **options):
        return curl("--http2-prior-knowledge", *arguments, f"http://{self.server.address}{path}", **options)

    def test_requests(self):
        body, facts = self.curl("/echo?a=b")
        self.assertEqual((body.strip(), facts[:2]), ("GET /echo?a=b", ("2", "200")))
        body, facts = self.curl("/echo", "--data-binary", "hello")
        self.assertIn("POST /echo?\nhello", body)
        self.assertEqual(self.curl("/nothing")[1][:2], ("2", "404"))
        self.assertEqual(self.curl("/test.Echo/Echo")[1][:2], ("2", "415"))

    def test_large_answers(self):
        plain, facts = self.curl("/big")
        self.assertEqual(facts[:2], ("2", "200"))
        packed, packed_facts = self.curl("/big", "--compressed")
        self.assertEqual(plain, packed)
        self.assertLess(int(packed_facts[2]), int(facts[2]))
        self.assertEqual(len(self.curl("/stream")[0]), 1_001_000)

    def test_a_body_that_is_too_large(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * 3_000_000)
            file.flush()
            body, facts = self.curl("/echo", "--data-binary", f"@{file.name}")
        self.assertEqual(facts[:2], ("2", "413"))
        self.assertIn("the body is larger than 1048576 bytes", body)

    def test_http1_goes_on(self):
        self.assertEqual(curl("--http1.1", f"http://{self.server.address}/echo")[1][:2], ("1.1", "200"))
        # An upgrade is not taken up, which leaves HTTP/1.1.
        self.assertEqual(curl("--http2", f"http://{self.server.address}/echo")[1][:2], ("1.1", "200"))


class TlsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        make_certificate(self.folder)
        self.server = RpcServer(self.folder / "cert.pem", self.folder / "key.pem")
        self.addCleanup(self.server.stop)

    def test_curl(self):
        url = f"https://{self.server.address}/echo"
        certificate = ("--cacert", str(self.folder / "cert.pem"))
        self.assertEqual(curl("--http2", *certificate, url)[1][:2], ("2", "200"))
        self.assertEqual(curl("--http1.1", *certificate, url)[1][:2], ("1.1", "200"))
        body, _ = curl("--http2", *certificate, url, url)
        self.assertEqual(body.count("GET /echo"), 2, "two requests of one connection")

    def test_grpc(self):
        port = self.server.address.rpartition(":")[2]
        (result,) = grpc_calls(f"localhost:{port}", [{"method": "/test.Echo/Echo", "message": "hi"}], self.folder / "cert.pem")
        self.assertEqual((result["code"], result["is_same"]), ("OK", True))


class GrpcTest(unittest.TestCase):
    def setUp(self):
        self.server = RpcServer()
        self.addCleanup(self.server.stop)

    def calls(self, *calls):
        return grpc_calls(self.server.address, calls)

    def test_answers(self):
        echo = {"method": "/test.Echo/Echo", "message": "hello"}
        plain, timed, empty, large, packed, later = self.calls(
            echo, {**echo, "timeout": 30}, {"method": "/test.Echo/Echo"}, {**echo, "times": 800_000},
            {**echo, "times": 10_000, "compression": "gzip"}, {"method": "/test.Echo/Later", "message": "x"})
        for result in plain, timed, empty, large, packed, later:
            self.assertEqual((result["code"], result["is_same"]), ("OK", True), result)
        self.assertEqual(plain["headers"]["seen-plain"], "value")
        self.assertEqual(plain["headers"]["seen-bytes-bin"], "AAH/")
        self.assertEqual(plain["headers"]["seen-authority"], self.server.address)
        self.assertEqual((plain["trailers"]["has-deadline"], timed["trailers"]["has-deadline"]), ("no", "yes"))

    def test_failures(self):
        failed, retry, method, service, large, packing = self.calls(
            {"method": "/test.Echo/Fail", "message": "9 100% \u00e9"}, {"method": "/test.Echo/Fail", "message": "14 retry"},
            {"method": "/test.Echo/Nothing"}, {"method": "/test.Other/Echo"},
            {"method": "/test.Echo/Echo", "message": "x", "times": (4 << 20) + 1},
            {"method": "/test.Echo/Echo", "message": "x", "times": 10_000, "compression": "deflate"})
        self.assertEqual((failed["code"], failed["text"]), ("FAILED_PRECONDITION", "100% \u00e9"))
        self.assertEqual(retry["code"], "UNAVAILABLE")
        self.assertIn("grpc-status-details-bin", retry["trailers"])
        self.assertEqual((method["code"], method["text"]), ("UNIMPLEMENTED", "unknown method Nothing for service test.Echo"))
        self.assertEqual((service["code"], service["text"]), ("UNIMPLEMENTED", "unknown service test.Other"))
        self.assertEqual((large["code"], large["text"]),
                         ("RESOURCE_EXHAUSTED", "grpc: received message larger than max (4194305 vs. 4194304)"))
        self.assertEqual((packing["code"], packing["text"]),
                         ("UNIMPLEMENTED", 'grpc: Decompressor is not installed for grpc-encoding "deflate"'))

    def test_a_deadline_cancels_the_call(self):
        (result,) = self.calls({"method": "/test.Echo/Hang", "timeout": 0.2})
        self.assertEqual(result["code"], "DEADLINE_EXCEEDED")
        wait_for("the handler to be told", lambda: "test_cancelled_total 1" in curl(f"http://{self.server.address}/metrics")[0])


class ProgramTest(TestCase):
    """The real binary's API."""

    def test_api_over_http2(self):
        server = self.start_platform()
        body, facts = curl("--http2-prior-knowledge", f"http://127.0.0.1:{server.port}/api/v1/query?query=1")
        self.assertEqual(facts[:2], ("2", "200"))
        self.assertEqual(json.loads(body)["data"]["result"][1], "1")


if __name__ == "__main__":
    unittest.main()
