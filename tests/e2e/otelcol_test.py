"""The collector as its users run it: real SDKs send, stand-ins receive, configurations are right and wrong."""
import gzip
import json
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

from harness import Server, free_ports, run, wait_for
from otlp_peer import OtlpPeer, field, text_attribute, trace_request, varint

SDK = pathlib.Path(__file__).resolve().parents[1] / "otel_sdk"


class Collector(Server):
    """`sextant otelcol` with a configuration given as text."""

    def __init__(self, config, *arguments):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "config.yaml"
        self.path.write_text(config)
        super().__init__(["--config", str(self.path), *arguments], program=("otelcol",))

    def wait_running(self):
        def is_running():
            if self.process.poll() is not None:
                raise AssertionError(f"exited with {self.process.returncode}:\n{self.output}")
            return "Everything is ready" in self.output
        wait_for("the collector to run", is_running)
        return self

    def metric(self, series):
        """The value of one of its own metrics, by name and the labels that are asked for."""
        name, _, wanted = series.partition("{")
        labels = [label for label in wanted.rstrip("}").split(",") if label]
        status, text = self.get("/metrics")
        assert status == 200, text
        for line in text.splitlines():
            if (line.startswith(name + "{") or line.startswith(name + " ")) and all(label in line for label in labels):
                return float(line.rsplit(" ", 1)[1])
        return None


def config_for(grpc, http, own, exporter, processors="batch: {timeout: 100ms}", extra=""):
    names = ", ".join(line.split(":")[0].strip() for line in processors.split("\n") if line and not line.startswith(" "))
    pipelines = "\n".join(
        f"    {signal}: {{receivers: [otlp], processors: [{names}], exporters: [{exporter.split(':')[0]}]}}"
        for signal in ("traces", "metrics", "logs"))
    indented = "\n".join("  " + line for line in processors.split("\n"))
    exporters = "\n".join("  " + line for line in exporter.split("\n"))
    return f"""
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}"}}
      http:
        endpoint: "127.0.0.1:{http}"
        cors: {{allowed_origins: ["https://*.shop.test"], max_age: 60}}
processors:
{indented}
exporters:
{exporters}
{extra}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]}}}}
  pipelines:
{pipelines}
"""


def quick_retry(extra=""):
    return ("\n  retry_on_failure: {initial_interval: 20ms, max_interval: 100ms, max_elapsed_time: 300s}" + extra)


class CollectorTest(unittest.TestCase):
    def start(self, config, *arguments):
        collector = Collector(config, *arguments)
        self.addCleanup(collector.folder.cleanup)
        self.addCleanup(collector.kill)
        return collector.wait_running()

    def peer(self, **options):
        peer = OtlpPeer(**options)
        self.addCleanup(peer.stop)
        return peer

    def post(self, port, path, body, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers.setdefault("Content-Type", "application/x-protobuf")
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read(), response.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers


class SdkTest(CollectorTest):
    def test_applications_send_over_every_protocol(self):
        if not (SDK / "node_modules").is_dir():
            self.skipTest("the packages of tests/otel_sdk are not installed")
        grpc, http, own = free_ports(3)
        peer = self.peer().serve_grpc()
        collector = self.start(config_for(grpc, http, own,
                                          f'otlp:\n  endpoint: "127.0.0.1:{peer.grpc_port}"\n  tls: {{insecure: true}}'
                                          + quick_retry()))
        collector.port = own
        ways = [("grpc", f"http://127.0.0.1:{grpc}", ""), ("grpc", f"http://127.0.0.1:{grpc}", "gzip"),
                ("http-proto", f"http://127.0.0.1:{http}", ""), ("http-proto", f"http://127.0.0.1:{http}", "gzip"),
                ("http-json", f"http://127.0.0.1:{http}", "")]
        for i, (protocol, endpoint, coding) in enumerate(ways, 1):
            with self.subTest(protocol=protocol, coding=coding):
                sent = subprocess.run(["node", "send.mjs", protocol, endpoint, coding], cwd=SDK, timeout=120,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                self.assertEqual(sent.returncode, 0, sent.stdout)
                results = json.loads(sent.stdout.splitlines()[-1])
                self.assertEqual({result["signal"] for result in results}, {"traces", "metrics", "logs"}, sent.stdout)
                for result in results:
                    self.assertEqual(result["code"], 0, result)
                wait_for("ten spans", lambda: len(peer.spans()) == 10 * i)
                wait_for("five records", lambda: len(peer.log_records()) == 5 * i)
                wait_for("the metrics", lambda: peer.metric_names().count("orders") >= i)
        resource, span = next(one for one in peer.spans() if one[1]["name"] == "query 3")
        self.assertEqual(resource["service.name"], "shop")
        self.assertEqual(span["attributes"]["index"], 3)
        self.assertEqual(span["attributes"]["text"], 'ä\0"')
        self.assertEqual(collector.metric('otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"}'), 20)
        self.assertEqual(collector.metric('otelcol_receiver_accepted_spans{receiver="otlp",transport="http"}'), 30)
        wait_for("all to be counted as sent",
                 lambda: collector.metric('otelcol_exporter_sent_spans{exporter="otlp"}') == 50)
        status, graph = collector.get("/api/v1/pipelines")
        self.assertEqual(status, 200)
        edges = {(edge["pipeline"], edge["from"], edge["to"]): edge for edge in json.loads(graph)["edges"]}
        self.assertEqual(edges[("traces", "processor batch", "exporter otlp")]["items"], 50)
        self.assertEqual(collector.stop(), 0, collector.output)


class DeliveryTest(CollectorTest):
    """Nothing that was acknowledged is lost."""

    def send(self, http, acknowledged, count, prefix):
        """Sends until all were acknowledged, as clients do."""
        for i in range(count):
            names = [f"{prefix}{i}-{j}" for j in range(5)]
            while True:
                status = self.post(http, "/v1/traces", trace_request(names))[0]
                if status == 200:
                    break
                self.assertIn(status, (429, 503))
            acknowledged.update(names)

    def test_a_receiver_that_fails_half_the_time_gets_everything(self):
        for exporter in ("otlphttp", "otlp"):
            with self.subTest(exporter=exporter):
                dice = random.Random(7)
                peer = self.peer(fails=lambda: dice.random() < 0.5).serve_grpc()
                endpoint = (f'http://127.0.0.1:{peer.port}' if exporter == "otlphttp" else
                            f'127.0.0.1:{peer.grpc_port}')
                grpc, http, own = free_ports(3)
                collector = self.start(config_for(
                    grpc, http, own, f'{exporter}:\n  endpoint: "{endpoint}"\n  tls: {{insecure: true}}'
                    + quick_retry("\n  sending_queue: {queue_size: 20}")))
                acknowledged = set()
                self.send(http, acknowledged, 200, "a")
                wait_for("everything", lambda: acknowledged <= {span["name"] for _, span in peer.spans()})
                self.assertGreater(peer.refused, 0)
                self.assertEqual(collector.stop(), 0, collector.output)

    def test_the_end_sends_what_is_held(self):
        peer = self.peer()
        grpc, http, own = free_ports(3)
        collector = self.start(config_for(grpc, http, own,
                                          f'otlphttp:\n  endpoint: "http://127.0.0.1:{peer.port}"' + quick_retry(),
                                          processors="batch: {timeout: 600s}"))
        acknowledged = set()
        self.send(http, acknowledged, 20, "b")
        self.assertEqual(peer.spans(), [])
        self.assertEqual(collector.stop(), 0, collector.output)
        self.assertEqual(acknowledged, {span["name"] for _, span in peer.spans()})

    def test_a_queue_on_disk_outlives_a_kill(self):
        (port,) = free_ports(1)
        with tempfile.TemporaryDirectory() as folder:
            grpc, http, own = free_ports(3)
            config = config_for(
                grpc, http, own, f'otlphttp:\n  endpoint: "http://127.0.0.1:{port}"' + quick_retry(
                    "\n  sending_queue: {storage: file_storage, queue_size: 1000}"),
                processors="memory_limiter: {check_interval: 1s, limit_mib: 500}",
                extra=f"extensions: {{file_storage: {{directory: {folder}}}}}").replace(
                    "service:\n", "service:\n  extensions: [file_storage]\n")
            collector = self.start(config)
            acknowledged = set()
            self.send(http, acknowledged, 50, "c")
            collector.kill()
            peer = self.peer(port=port)
            collector = self.start(config)
            wait_for("everything", lambda: acknowledged <= {span["name"] for _, span in peer.spans()})
            self.assertIn("batches of an earlier process are sent", collector.output)
            self.assertEqual(collector.stop(), 0, collector.output)
            before = len(peer.spans())
            collector = self.start(config)
            self.assertEqual(collector.stop(), 0, collector.output)
            self.assertEqual(len(peer.spans()), before)

    def test_what_is_full_pushes_back(self):
        def silent():
            import time
            time.sleep(0.5)
            return True
        peer = self.peer(fails=silent)
        grpc, http, own = free_ports(3)
        collector = self.start(config_for(
            grpc, http, own, f'otlphttp:\n  endpoint: "http://127.0.0.1:{peer.port}"' + quick_retry(
                "\n  sending_queue: {queue_size: 2, num_consumers: 1}"),
            processors="batch: {timeout: 10ms, send_batch_size: 10}"))
        collector.port = own
        statuses = [self.post(http, "/v1/traces", trace_request([f"{i}-{j}" for j in range(400)])) for i in range(30)]
        refused = [one for one in statuses if one[0] != 200]
        self.assertTrue(refused)
        self.assertEqual({one[0] for one in refused}, {503})
        self.assertIn(b"sending queue is full", refused[0][1])
        self.assertGreater(collector.metric('otelcol_receiver_refused_spans{receiver="otlp",transport="http"}'), 0)


class BadPeer:
    """Accepts connections and reads nothing of them, or a little and then resets them."""

    def __init__(self, resets):
        self.resets = resets
        self.held = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if not self.resets:
                self.held.append(connection)
                continue
            try:
                connection.recv(1000)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
            connection.close()

    def close(self):
        self.listener.close()
        for connection in self.held:
            connection.close()


class BadPeerTest(CollectorTest):
    """What no peer should do: nothing grows without bound, whoever sends is told, and what a good one gets is whole."""

    def memory_mib(self, process):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def check(self, exporter, resets):
        bad = BadPeer(resets)
        self.addCleanup(bad.close)
        grpc, http, own = free_ports(3)
        endpoint = f"http://127.0.0.1:{bad.port}" if exporter == "otlphttp" else f"127.0.0.1:{bad.port}"
        collector = self.start(config_for(
            grpc, http, own, f'{exporter}:\n  endpoint: "{endpoint}"\n  tls: {{insecure: true}}\n  timeout: 500ms\n'
            "  retry_on_failure: {initial_interval: 50ms, max_interval: 100ms, max_elapsed_time: 1s}\n"
            "  sending_queue: {queue_size: 4, num_consumers: 2}", processors="batch: {timeout: 10ms}"))
        collector.port = own
        statuses = [self.post(http, "/v1/traces", trace_request([f"{i}-{j} " + "x" * 500 for j in range(2_000)]))[0]
                    for i in range(60)]
        self.assertEqual(set(statuses), {200, 503})
        failed = f'otelcol_exporter_send_failed_spans{{exporter="{exporter}"'
        accepted = collector.metric('otelcol_receiver_accepted_spans{transport="http"')
        self.assertEqual(accepted, 2_000 * statuses.count(200))
        # What was acknowledged is counted when it is given up.
        wait_for("everything to be given up", lambda: collector.metric(failed + "}") == accepted)
        self.assertLess(self.memory_mib(collector.process), 300)
        self.assertEqual(collector.stop(), 0, collector.output)

    def test_peers_that_never_read(self):
        for exporter in ("otlphttp", "otlp"):
            with self.subTest(exporter):
                self.check(exporter, resets=False)

    def test_peers_that_reset_in_mid_stream(self):
        for exporter in ("otlphttp", "otlp"):
            with self.subTest(exporter):
                self.check(exporter, resets=True)


class HostileTest(CollectorTest):
    """What no client should send."""

    def setUp(self):
        self.peer_server = self.peer()
        self.grpc, self.http, own = free_ports(3)
        self.collector = self.start(config_for(
            self.grpc, self.http, own, f'otlphttp:\n  endpoint: "http://127.0.0.1:{self.peer_server.port}"' + quick_retry()))
        self.collector.port = own

    def tearDown(self):
        status, _, _ = self.post(self.http, "/v1/traces", trace_request(["alive"]))
        self.assertEqual(status, 200, self.collector.output)

    def test_bodies_that_are_no_messages(self):
        status, body, headers = self.post(self.http, "/v1/traces", b"\xff\xff\xff")
        self.assertEqual((status, headers["Content-Type"]), (400, "application/x-protobuf"))
        self.assertIn(b"malformed ExportTraceServiceRequest", body)
        status, body, headers = self.post(self.http, "/v1/logs", b"{", Content_Type="application/json")
        self.assertEqual((status, headers["Content-Type"]), (400, "application/json"))
        self.assertEqual(json.loads(body)["code"], 3)
        status, body, _ = self.post(self.http, "/v1/traces", b"x", Content_Type="text/plain")
        self.assertEqual(status, 415)
        self.assertIn(b"415 unsupported media type, supported: [application/json, application/x-protobuf]", body)
        self.assertEqual(self.collector.get("/nothing")[0], 404)

    def test_ids_of_wrong_length(self):
        span = field(2, field(1, b"\x01" * 15) + field(5, "short"))
        status, body, _ = self.post(self.http, "/v1/traces", field(1, field(2, span)))
        self.assertEqual(status, 400)
        self.assertIn(b"a trace id has 15 bytes in place of 16", body)

    def test_bombs(self):
        bomb = gzip.compress(b"\0" * (64 << 20))
        status, _, _ = self.post(self.http, "/v1/traces", bomb, Content_Encoding="gzip")
        self.assertEqual(status, 413)
        nested = b""
        for _ in range(200):
            nested = field(6, field(1, field(1, "k") + field(2, nested)))
        request = field(1, field(1, field(1, field(1, "deep") + field(2, nested))))
        status, body, _ = self.post(self.http, "/v1/traces", request)
        self.assertEqual(status, 400)
        self.assertIn(b"nested deeper", body)

    def test_snappy_within_the_limit(self):
        def snappy(text):
            """A block of literals only."""
            pieces = [text[at:at + 60] for at in range(0, len(text), 60)]
            return varint(len(text)) + b"".join(bytes([(len(piece) - 1) << 2]) + piece for piece in pieces)
        status, _, _ = self.post(self.http, "/v1/traces", snappy(trace_request(["snappy"])), Content_Encoding="snappy")
        self.assertEqual(status, 200)
        wait_for("the span", lambda: any(span["name"] == "snappy" for _, span in self.peer_server.spans()))
        self.assertEqual(self.post(self.http, "/v1/traces", varint(25 << 20) + bytes(1 << 20), Content_Encoding="snappy")[0], 413)
        self.assertEqual(self.post(self.http, "/v1/traces", b"\xff\xff", Content_Encoding="snappy")[0], 400)
        self.assertEqual(self.post(self.http, "/v1/traces", b"x", Content_Encoding="br")[0], 415)

    def test_a_span_with_ten_thousand_attributes_and_odd_times(self):
        attributes = b"".join(text_attribute(9, f"key{i}", "v") for i in range(10_000))
        span = field(2, field(5, "wide") + attributes + varint(7 << 3 | 1) + b"\xff" * 8 + varint(8 << 3 | 1) + b"\0" * 8)
        status, _, _ = self.post(self.http, "/v1/traces", field(1, field(2, span)))
        self.assertEqual(status, 200)
        wait_for("the span", lambda: any(len(one["attributes"]) == 10_000 for _, one in self.peer_server.spans()))

    def test_browsers_may_send_from_allowed_origins_only(self):
        def preflight(origin):
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.http}/v1/traces", method="OPTIONS",
                headers={"Origin": origin, "Access-Control-Request-Method": "POST",
                         "Access-Control-Request-Headers": "content-type"})
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.headers
        good = preflight("https://www.shop.test")
        self.assertEqual(good["Access-Control-Allow-Origin"], "https://www.shop.test")
        self.assertEqual(good["Access-Control-Allow-Methods"], "POST")
        self.assertEqual(good["Access-Control-Max-Age"], "60")
        self.assertIsNone(preflight("https://shop.evil")["Access-Control-Allow-Origin"])

    def test_grpc_says_what_is_wrong(self):
        import grpc
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc}") as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            self.assertEqual(export(b""), b"")
            with self.assertRaises(grpc.RpcError) as wrong:
                export(b"\xff\xff\xff")
            self.assertEqual(wrong.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            with self.assertRaises(grpc.RpcError) as large:
                export(field(1, field(2, field(2, field(5, "x" * (5 << 20))))))
            self.assertEqual(large.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            unknown = channel.unary_unary("/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export")
            with self.assertRaises(grpc.RpcError) as missing:
                unknown(b"")
            self.assertEqual(missing.exception.code(), grpc.StatusCode.UNIMPLEMENTED)


class OtherFormatsTest(CollectorTest):
    def test_zipkin_and_jaeger(self):
        peer = self.peer()
        zipkin, jaeger = free_ports(2)
        self.start(f"""
receivers:
  zipkin: {{endpoint: "127.0.0.1:{zipkin}"}}
  jaeger: {{protocols: {{thrift_http: {{endpoint: "127.0.0.1:{jaeger}"}}}}}}
exporters: {{otlphttp: {{endpoint: "http://127.0.0.1:{peer.port}"}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [zipkin, jaeger], exporters: [otlphttp]}}}}
""")
        span = {"traceId": "5af7183fb1d4cf5f", "id": "352bff9a74ca9ad2", "name": "get /api", "kind": "SERVER",
                "timestamp": 1_556_604_172_355_737, "duration": 1431, "localEndpoint": {"serviceName": "backend"},
                "tags": {"http.method": "GET"}}
        status, _, _ = self.post(zipkin, "/api/v2/spans", json.dumps([span]).encode(), Content_Type="application/json")
        self.assertEqual(status, 202)
        wait_for("the span", lambda: peer.spans())
        resource, found = peer.spans()[0]
        self.assertEqual((resource["service.name"], found["name"], found["kind"]), ("backend", "get /api", 2))
        self.assertEqual(found["attributes"]["http.method"], "GET")
        self.assertEqual(self.post(zipkin, "/api/v2/spans", b"{", Content_Type="application/json")[0], 400)
        status, body, _ = self.post(jaeger, "/api/traces", b"\xff", Content_Type="application/x-thrift")
        self.assertEqual(status, 400)
        self.assertIn(b"Unable to process request body", body)
        self.assertEqual(self.post(jaeger, "/api/traces", b"x", Content_Type="text/plain")[0], 415)


class AuthTest(CollectorTest):
    def test_only_who_is_known_may_send(self):
        peer = self.peer()
        grpc, http = free_ports(2)
        self.start(f"""
extensions:
  basicauth/server: {{htpasswd: {{inline: "shop:secret"}}}}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}", auth: {{authenticator: basicauth/server}}}}
      http: {{endpoint: "127.0.0.1:{http}", auth: {{authenticator: basicauth/server}}}}
exporters: {{otlphttp: {{endpoint: "http://127.0.0.1:{peer.port}"}}}}
service:
  extensions: [basicauth/server]
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [otlphttp]}}}}
""")
        import base64
        import grpc as grpc_library
        credentials = "Basic " + base64.b64encode(b"shop:secret").decode()
        self.assertEqual(self.post(http, "/v1/traces", trace_request(["a"]))[0], 401)
        self.assertEqual(self.post(http, "/v1/traces", trace_request(["b"]), Authorization=credentials)[0], 200)
        with grpc_library.insecure_channel(f"127.0.0.1:{grpc}") as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            with self.assertRaises(grpc_library.RpcError) as refused:
                export(trace_request(["c"]))
            self.assertEqual(refused.exception.code(), grpc_library.StatusCode.UNAUTHENTICATED)
            export(trace_request(["d"]), metadata=(("authorization", credentials),))
        wait_for("the spans of who is known", lambda: {span["name"] for _, span in peer.spans()} == {"b", "d"})


class CommandsTest(CollectorTest):
    CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "${env:POD:-127.0.0.1}:0"}}}}
processors: {batch: {timeout: 2s}}
exporters: {nop: }
service: {pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [nop]}}}
"""

    def write(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "c.yaml"
        path.write_text(text)
        return str(path)

    def test_validate_and_print(self):
        path = self.write(self.CONFIG)
        self.assertEqual(run("otelcol", "validate", f"--config={path}"), (0, ""))
        code, printed = run("otelcol", "print-config", f"--config=file:{path}", "--set=processors.batch.timeout=7s")
        self.assertEqual(code, 0)
        self.assertIn("timeout: 7s", printed)
        self.assertIn('endpoint: "127.0.0.1:0"', printed)
        code, printed = run("otelcol", "components")
        self.assertEqual(code, 0)
        self.assertIn("- name: otlp", printed)

    def test_mistakes_are_told_by_file_and_line(self):
        path = self.write(self.CONFIG.replace("timeout", "timeuot"))
        code, printed = run("otelcol", f"--config={path}")
        self.assertEqual(code, 1)
        self.assertIn(f'{path}:3:22: processors.batch.timeuot: unknown field; did you mean "timeout"?', printed)
        code, printed = run("otelcol", "validate", f"--config={self.write(self.CONFIG)}", "--set=receivers.nosuch=1")
        self.assertEqual(code, 1)
        self.assertIn('unknown type: "nosuch"', printed)
        code, printed = run("otelcol")
        self.assertEqual(code, 1)
        self.assertIn("at least one config flag must be provided", printed)
        code, printed = run("otelcol", "--confg=x")
        self.assertEqual(code, 2)
        self.assertIn("--config", printed)

    def test_reload(self):
        collector = self.start(self.CONFIG)
        collector.path.write_text(self.CONFIG.replace("2s", "soon"))
        collector.process.send_signal(signal.SIGHUP)
        wait_for("the refusal", lambda: "the new configuration cannot be used, the old one goes on" in collector.output)
        collector.path.write_text(self.CONFIG.replace("2s", "3s"))
        collector.process.send_signal(signal.SIGHUP)
        wait_for("the new pipelines", lambda: collector.output.count("Everything is ready") == 2)
        self.assertEqual(collector.stop(), 0)


def run_where_grpc_is():
    """Debian's grpcio belongs to the system's Python, which need not be this one."""
    python = "/usr/bin/python3"
    try:
        import grpc  # noqa: F401
    except ImportError:
        has_grpc = subprocess.run([python, "-c", "import grpc"], capture_output=True, check=False).returncode == 0
        if not has_grpc:
            sys.exit("no Python has grpcio: scripts/install-deps test installs it")
        os.execv(python, [python, "-B", *sys.argv])


if __name__ == "__main__":
    run_where_grpc_is()
    unittest.main()
