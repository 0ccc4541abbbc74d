"""Each component of the collector in a process of its own: real bytes go in, and what comes out is in a file."""
import base64
import contextlib
import gzip
import json
import os
import pathlib
import socket
import tempfile
import time
import unittest
import urllib.request
from unittest import mock

from harness import BINARY, free_ports, wait_for
from local_server import Answer, LocalServer
from otelcol_test import CollectorTest, run_where_grpc_is
from otlp_peer import all_of, varint

TRACE = "0102030405060708090a0b0c0d0e0f10"


def attribute(key, value):
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue"}.get(type(value), "stringValue")
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def attributes(**pairs):
    return [attribute(key.replace("__", "."), value) for key, value in pairs.items()]


def span(name, *, span_id="0102030405060708", parent="", kind=2, trace=TRACE, start=1_000, end=2_000, **pairs):
    return {"traceId": trace, "spanId": span_id, "parentSpanId": parent, "name": name, "kind": kind,
            "startTimeUnixNano": str(start), "endTimeUnixNano": str(end), "attributes": attributes(**pairs)}


def traces(*spans, **resource):
    return {"resourceSpans": [{"resource": {"attributes": attributes(**resource)}, "scopeSpans": [{"spans": list(spans)}]}]}


def sum_metric(name, value, *, time_s, start_s=1, temporality=2, **pairs):
    point = {"asInt": str(value), "timeUnixNano": str(time_s * 10**9), "startTimeUnixNano": str(start_s * 10**9),
             "attributes": attributes(**pairs)}
    return {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [
        {"name": name, "sum": {"dataPoints": [point], "aggregationTemporality": temporality, "isMonotonic": True}}]}]}]}


def logs(*bodies, **resource):
    return {"resourceLogs": [{"resource": {"attributes": attributes(**resource)}, "scopeLogs": [
        {"logRecords": [{"body": {"stringValue": body}} for body in bodies]}]}]}


def values(items):
    return {item["key"]: next(iter(item["value"].values()), None) for item in items or []}


class Stand(LocalServer):
    """Answers a path with what `answer_to` says, (status, body), and keeps what it was asked."""

    def __init__(self, answer_to):
        self.answer_to = answer_to
        self.seen = []
        super().__init__()

    def answer(self, request):
        self.seen.append((request.target, request.headers, request.body))
        status, body = self.answer_to(request.target)
        return Answer(body, status, "text/plain; version=0.0.4")


class ComponentTest(CollectorTest):
    """A collector with one pipeline per signal, from OTLP over HTTP into a file."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out.json"
        self.http, self.own = free_ports(2)

    def run_with(self, *, receivers="", processors="", connectors="", extensions="", exporters="", pipelines=None,
                 signals=("traces", "metrics", "logs")):
        """Sections as lines of YAML; without pipelines, these signals go from otlp through the processors to file."""
        def section(name, lines):
            return f"{name}:\n" + "\n".join("  " + line for line in lines.strip("\n").splitlines()) + "\n" if lines else ""
        names = [line.split(":")[0].strip() for line in processors.splitlines() if line and not line.startswith(" ")]
        pipelines = pipelines or "\n".join(
            f"{signal}: {{receivers: [otlp], processors: [{', '.join(names)}], exporters: [file]}}"
            for signal in signals)
        extension_names = [line.split(":")[0].strip() for line in extensions.splitlines() if line and not line.startswith(" ")]
        config = (section("receivers", f'otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.http}"}}}}}}\n{receivers}')
                  + section("processors", processors) + section("connectors", connectors)
                  + section("extensions", extensions) + section("exporters", f"file: {{path: {self.out}}}\n{exporters}")
                  + f"""service:
  extensions: [{', '.join(extension_names)}]
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {self.own}}}}}}}}}]}}}}
  pipelines:
""" + "\n".join("    " + line for line in pipelines.splitlines()) + "\n")
        self.collector = self.start(config)
        self.collector.port = self.own
        return self.collector

    def stand(self, answer):
        stand = Stand(answer)
        self.addCleanup(stand.close)
        return stand

    def send(self, signal, data):
        status, body, _ = self.post(self.http, f"/v1/{signal}", json.dumps(data).encode(), Content_Type="application/json")
        self.assertEqual(status, 200, body)

    def written(self):
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in self.out.read_text().splitlines()]
        return []

    def spans(self):
        """(resource, span) of all that was written, with attributes as dicts."""
        found = []
        for batch in self.written():
            for resource in batch.get("resourceSpans", []):
                for scope in resource.get("scopeSpans", []):
                    for one in scope.get("spans", []):
                        found.append((values(resource["resource"].get("attributes")),
                                      {**one, "attributes": values(one.get("attributes"))}))
        return found

    def points(self, name=None):
        """(name, kind, point) of all metrics' points."""
        found = []
        for batch in self.written():
            for resource in batch.get("resourceMetrics", []):
                for scope in resource.get("scopeMetrics", []):
                    for metric in scope.get("metrics", []):
                        for kind in ("gauge", "sum", "histogram", "exponentialHistogram", "summary"):
                            for point in metric.get(kind, {}).get("dataPoints", []):
                                found.append((metric["name"], metric[kind].get("aggregationTemporality"),
                                              {**point, "attributes": values(point.get("attributes"))}))
        return [one for one in found if name is None or one[0] == name]


class ReceiverTest(ComponentTest):
    def test_zipkin(self):
        (port,) = free_ports(1)
        self.run_with(receivers=f'zipkin: {{endpoint: "127.0.0.1:{port}", parse_string_tags: true}}',
                      pipelines="traces: {receivers: [zipkin], exporters: [file]}")
        v2 = [{"traceId": "5af7183fb1d4cf5f", "id": "352bff9a74ca9ad2", "name": "two", "kind": "CLIENT", "timestamp": 1_000,
               "duration": 5, "localEndpoint": {"serviceName": "shop"}, "tags": {"count": "7"}}]
        v1 = [{"traceId": "5af7183fb1d4cf5f", "id": "352bff9a74ca9ad3", "name": "one", "timestamp": 1_000, "duration": 5,
               "annotations": [{"timestamp": 1_000, "value": "sr", "endpoint": {"serviceName": "old"}}]}]
        for path, body in (("/api/v2/spans", v2), ("/api/v1/spans", v1)):
            status, answer, _ = self.post(port, path, json.dumps(body).encode(), Content_Type="application/json")
            self.assertEqual(status, 202, answer)
        wait_for("both spans", lambda: len(self.spans()) == 2)
        found = {one["name"]: (resource, one) for resource, one in self.spans()}
        self.assertEqual(found["two"][0]["service.name"], "shop")
        self.assertEqual(found["two"][1]["attributes"]["count"], "7")
        self.assertEqual(found["one"][0]["service.name"], "old")

    @staticmethod
    def jaeger_batch():
        """A Batch of one span in thrift's binary protocol, without the struct's end."""
        def text(number, value):
            return b"\x0b" + number.to_bytes(2, "big") + len(value).to_bytes(4, "big") + value
        def i64(number, value):
            return b"\x0a" + number.to_bytes(2, "big") + value.to_bytes(8, "big")
        one = (i64(1, 2) + i64(2, 1) + i64(3, 3) + i64(4, 0) + text(5, b"thrift")
               + b"\x08\x00\x07" + (1).to_bytes(4, "big") + i64(8, 1_000_000) + i64(9, 5) + b"\0")
        return (b"\x0c\x00\x01" + text(1, b"shop") + b"\0" + b"\x0f\x00\x02\x0c" + (1).to_bytes(4, "big") + one)

    @staticmethod
    def jaeger_compact_packet(name):
        """A call of emitBatch with one span in thrift's compact protocol."""
        def zigzag(value):
            return varint(value << 1)
        def text(value):
            return varint(len(value)) + value
        one = (b"\x16" + zigzag(2) + b"\x16" + zigzag(1) + b"\x16" + zigzag(3) + b"\x16" + zigzag(0)
               + b"\x18" + text(name) + b"\x25" + zigzag(1) + b"\x16" + zigzag(1_000_000) + b"\x16" + zigzag(5) + b"\0")
        batch = b"\x1c" + b"\x18" + text(b"shop") + b"\0" + b"\x19\x1c" + one + b"\0"
        return b"\x82\x81\x00" + text(b"emitBatch") + b"\x1c" + batch + b"\0"

    def test_jaeger(self):
        thrift, compact, binary = free_ports(3)
        self.run_with(receivers=f"""
jaeger:
  protocols:
    thrift_http: {{endpoint: "127.0.0.1:{thrift}"}}
    thrift_compact: {{endpoint: "127.0.0.1:{compact}", queue_size: 10, max_packet_size: 1000, workers: 1}}
    thrift_binary: {{endpoint: "127.0.0.1:{binary}"}}
""", pipelines="traces: {receivers: [jaeger], exporters: [file]}")
        batch = self.jaeger_batch()
        self.assertEqual(self.post(thrift, "/api/traces", batch + b"\0", Content_Type="application/x-thrift")[0], 202)
        wait_for("the span by HTTP", lambda: len(self.spans()) == 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(self.jaeger_compact_packet(b"compact"), ("127.0.0.1", compact))
            wait_for("the compact span", lambda: len(self.spans()) == 2)
            packet = b"\x80\x01\x00\x04" + (9).to_bytes(4, "big") + b"emitBatch" + bytes(4) + b"\x0c\x00\x01" + batch + b"\0\0"
            udp.sendto(packet, ("127.0.0.1", binary))
            wait_for("the binary span", lambda: len(self.spans()) == 3)
            udp.sendto(b"\x82\x81junk", ("127.0.0.1", compact))
            udp.sendto(b"x" * 2_000, ("127.0.0.1", compact))
            dropped = "sextant_otelcol_jaeger_dropped_packets_total{transport=\"udp_thrift_compact\",reason=\"%s\"}"
            wait_for("the junk to be counted", lambda: self.collector.metric(dropped % "malformed") == 1)
            wait_for("the long packet to be counted", lambda: self.collector.metric(dropped % "too_large") == 1)
        self.assertEqual([(resource["service.name"], one["name"]) for resource, one in self.spans()],
                         [("shop", "thrift"), ("shop", "compact"), ("shop", "thrift")])
        self.assertEqual(self.collector.metric('otelcol_receiver_accepted_spans{transport="udp_thrift_compact"}'), 1)
        self.assertEqual(self.collector.metric('otelcol_receiver_accepted_spans{transport="collector_http"}'), 1)

    def test_prometheus(self):
        page = b'# TYPE shop_orders_total counter\nshop_orders_total{region="eu"} 7\n# TYPE temperature gauge\ntemperature 21.5\n'
        target = self.stand(lambda path: (200, page))
        self.run_with(receivers=f"""
prometheus:
  config:
    scrape_configs:
      - {{job_name: shop, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{{targets: ["{target.address}"]}}]}}
""", pipelines="metrics: {receivers: [prometheus], exporters: [file]}")
        wait_for("both metrics", lambda: self.points("temperature") and self.points("shop_orders_total"))
        self.assertEqual(self.points("temperature")[0][2]["asDouble"], 21.5)
        name, temporality, point = self.points("shop_orders_total")[0]
        self.assertEqual((temporality, point["asDouble"], point["attributes"]), (2, 7, {"region": "eu"}))
        self.assertTrue(self.points("up"))


class ProcessorTest(ComponentTest):
    def test_attributes_and_resource(self):
        self.run_with(processors="""
attributes:
  include: {match_type: strict, services: [shop]}
  actions:
    - {key: secret, action: delete}
    - {key: copied, from_attribute: path, action: insert}
    - {key: path, pattern: "^/(?P<first>[a-z]+)", action: extract}
resource: {attributes: [{key: cluster, value: eu, action: upsert}]}
""", signals=["traces"])
        self.send("traces", traces(span("in", secret="x", path="/api/1"), service__name="shop"))
        self.send("traces", traces(span("out", secret="x"), service__name="other"))
        wait_for("both spans", lambda: len(self.spans()) == 2)
        found = {one["name"]: (resource, one["attributes"]) for resource, one in self.spans()}
        self.assertEqual(found["in"], ({"service.name": "shop", "cluster": "eu"},
                                       {"path": "/api/1", "copied": "/api/1", "first": "api"}))
        self.assertEqual(found["out"], ({"service.name": "other", "cluster": "eu"}, {"secret": "x"}))

    def test_batch_and_memory_limiter(self):
        self.run_with(processors="memory_limiter: {check_interval: 1s, limit_mib: 4000}\n"
                                 "batch: {timeout: 200ms, send_batch_size: 1000}")
        for i in range(5):
            self.send("traces", traces(span(f"s{i}")))
        wait_for("all spans", lambda: len(self.spans()) == 5)
        self.assertLess(len(self.written()), 5)  # less batches than requests

    def test_group_by_attrs(self):
        self.run_with(processors="groupbyattrs: {keys: [host]}")
        self.send("traces", traces(span("a", host="one"), span("b", host="two"), span("c", host="one"), app="shop"))
        wait_for("the spans", lambda: len(self.spans()) == 3)
        self.assertEqual([(resource, one["name"]) for resource, one in self.spans()],
                         [({"app": "shop", "host": "one"}, "a"), ({"app": "shop", "host": "one"}, "c"),
                          ({"app": "shop", "host": "two"}, "b")])

    def test_probabilistic_sampler(self):
        self.run_with(processors="probabilistic_sampler: {sampling_percentage: 25, hash_seed: 7}", signals=["traces", "logs"])
        ids = [f"{i:032x}" for i in range(1, 401)]
        self.send("traces", traces(*(span(trace, trace=trace) for trace in ids)))
        wait_for("some spans", lambda: self.spans())
        kept = {one["name"] for _, one in self.spans()}
        self.assertTrue(50 < len(kept) < 150, len(kept))
        # The same ones each time.
        self.send("traces", traces(*(span(trace, trace=trace) for trace in ids)))
        wait_for("the spans again", lambda: len(self.spans()) == 2 * len(kept))
        self.assertEqual({one["name"] for _, one in self.spans()}, kept)

    def test_temporalities(self):
        self.run_with(processors="cumulativetodelta: {initial_value: keep}", signals=["metrics"])
        for seconds, total in ((10, 5), (20, 12)):
            self.send("metrics", sum_metric("orders", total, time_s=seconds))
        wait_for("both points", lambda: len(self.points("orders")) == 2)
        self.assertEqual([(temporality, point["asInt"]) for _, temporality, point in self.points("orders")],
                         [(1, "5"), (1, "7")])
        self.assertEqual(self.collector.stop(), 0)
        self.out = self.folder / "cumulative.json"
        self.http, self.own = free_ports(2)
        self.run_with(processors="deltatocumulative: {max_stale: 5m}", signals=["metrics"])
        for seconds, more in ((10, 5), (20, 7)):
            self.send("metrics", sum_metric("orders", more, time_s=seconds, start_s=seconds - 9, temporality=1))
        wait_for("both points", lambda: len(self.points("orders")) == 2)
        self.assertEqual([(temporality, point["asInt"]) for _, temporality, point in self.points("orders")],
                         [(2, "5"), (2, "12")])

    def test_resource_detection(self):
        docker = self.stand(lambda path: (200, b'{"Name":"machine","OSType":"linux"}'))
        environment = {"OTEL_RESOURCE_ATTRIBUTES": "team=red", "DOCKER_HOST": f"tcp://{docker.address}"}
        with mock.patch.dict(os.environ, environment):
            self.run_with(processors="resourcedetection: {detectors: [env, docker, system], override: false, "
                                     "system: {hostname_sources: [os], resource_attributes: {host.cpu.model.name: "
                                     "{enabled: true}, os.description: {enabled: true}}}}")
        self.send("logs", logs("hello", team="blue"))
        wait_for("the record", lambda: self.written())
        resource = values(self.written()[0]["resourceLogs"][0]["resource"]["attributes"])
        self.assertEqual((resource["team"], resource["host.name"], resource["os.type"]), ("blue", "machine", "linux"))
        self.assertIn("Linux", resource["os.description"])
        self.assertIn("/info", [path for path, _, _ in docker.seen])

    def test_k8s_attributes(self):
        pod = {"metadata": {"name": "shop-1", "namespace": "prod", "uid": "u-1", "labels": {"app": "shop"},
                            "resourceVersion": "5"},
               "spec": {"nodeName": "n1", "containers": []}, "status": {"podIP": "127.0.0.1", "startTime": "2024-05-01T10:00:00Z"}}
        empty = {"kind": "List", "metadata": {"resourceVersion": "5"}, "items": []}

        def answer(path):
            if "watch=" in path:
                time.sleep(2)
                return 200, b""
            listed = {**empty, "items": [pod]} if path.startswith("/api/v1/pods") or "/pods?" in path else empty
            return 200, json.dumps(listed).encode()
        api = self.stand(answer)
        kubeconfig = self.folder / "kubeconfig"
        kubeconfig.write_text(f"""
apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "http://{api.address}"}}}}]
users: [{{name: u, user: {{}}}}]
""")
        with mock.patch.dict(os.environ, {"KUBECONFIG": str(kubeconfig)}):
            self.run_with(processors="""
k8sattributes:
  auth_type: kubeConfig
  wait_for_metadata: true
  extract: {metadata: [k8s.pod.name, k8s.namespace.name, k8s.pod.uid], labels: [{key: app, tag_name: app}]}
  pod_association: [{sources: [{from: connection}]}]
""")
        self.send("traces", traces(span("a"), service__name="x"))
        wait_for("the span", lambda: self.spans())
        resource = self.spans()[0][0]
        self.assertEqual((resource["k8s.pod.name"], resource["k8s.namespace.name"], resource["k8s.pod.uid"], resource["app"]),
                         ("shop-1", "prod", "u-1", "shop"))


class ConnectorTest(ComponentTest):
    def test_spanmetrics(self):
        self.run_with(connectors="spanmetrics: {metrics_flush_interval: 200ms, histogram: {explicit: {buckets: [1ms, 1s]}}}",
                      pipelines="traces: {receivers: [otlp], exporters: [spanmetrics]}\n"
                                "metrics: {receivers: [spanmetrics], exporters: [file]}")
        self.send("traces", traces(span("get", end=500_000_000), span("get", end=500_000_000), service__name="shop"))
        wait_for("the calls", lambda: any(point["asInt"] == "2" for _, _, point in self.points("traces.span.metrics.calls")))
        point = next(point for _, _, point in self.points("traces.span.metrics.duration") if point["count"] == "2")
        self.assertEqual((point["bucketCounts"], point["explicitBounds"]), (["0", "2", "0"], [1, 1000]))
        self.assertEqual(point["attributes"]["span.name"], "get")

    def test_servicegraph(self):
        self.run_with(connectors="servicegraph: {metrics_flush_interval: 200ms, store: {ttl: 2s}}",
                      pipelines="traces: {receivers: [otlp], exporters: [servicegraph]}\n"
                                "metrics: {receivers: [servicegraph], exporters: [file]}")
        self.send("traces", traces(span("call", kind=3, span_id="0102030405060708"), service__name="front"))
        self.send("traces", traces(span("serve", kind=2, span_id="0102030405060709", parent="0102030405060708"),
                                   service__name="back"))
        wait_for("the edge", lambda: self.points("traces_service_graph_request_total"))
        found = self.points("traces_service_graph_request_total")[0][2]["attributes"]
        self.assertEqual((found["client"], found["server"]), ("front", "back"))

    def test_count_and_forward(self):
        self.run_with(connectors="count: {spans: {seen: {description: so many, attributes: [{key: kind}]}}}\nforward: ",
                      pipelines="traces/in: {receivers: [otlp], exporters: [forward]}\n"
                                "traces/out: {receivers: [forward], exporters: [count, file]}\n"
                                "metrics: {receivers: [count], exporters: [file]}")
        kinds = {"attributes": attributes(kind="x")}
        self.send("traces", {"resourceSpans": [{"scopeSpans": [{"spans": [{**span("a"), **kinds}, {**span("b"), **kinds}]}]}]})
        wait_for("the spans", lambda: len(self.spans()) == 2)
        wait_for("the counts", lambda: self.points("seen"))
        _, temporality, point = self.points("seen")[0]
        self.assertEqual((temporality, point["asInt"], point["attributes"]), (1, "2", {"kind": "x"}))


class ExporterTest(ComponentTest):
    def test_file_by_groups(self):
        self.out = self.folder / "tenant-*.json"
        folder = self.folder
        (http_port, own) = free_ports(2)
        self.http, self.own = http_port, own
        collector = self.start(f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{http_port}"}}}}}}}}
exporters:
  file: {{path: {self.out}, group_by: {{enabled: true, resource_attribute: tenant}}, compression: zstd, format: proto}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [file]}}}}
""")
        collector.port = own
        for tenant in ("red", "blue"):
            self.send("traces", traces(span("a"), tenant=tenant))
        self.send("traces", traces(span("nobody's")))
        wait_for("both files", lambda: {path.name for path in folder.glob("tenant-*")} == {"tenant-red.json", "tenant-blue.json"})
        self.assertEqual(collector.metric("sextant_otelcol_file_dropped_items_total{}"), 1)

    def test_prometheus(self):
        (port,) = free_ports(1)
        self.run_with(exporters=f'prometheus: {{endpoint: "127.0.0.1:{port}", enable_open_metrics: true}}',
                      pipelines="metrics: {receivers: [otlp], exporters: [prometheus]}")
        self.send("metrics", sum_metric("orders", 7, time_s=10, region="eu"))

        def get(accept):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.headers["Content-Type"], response.read().decode()
        kind, text = get("text/plain")
        self.assertIn("text/plain", kind)
        self.assertRegex(text, r'orders_total\{.*region="eu".*\} 7')
        kind, text = get("application/openmetrics-text; version=1.0.0")
        self.assertIn("application/openmetrics-text; version=1.0.0", kind)
        self.assertIn("# TYPE orders counter\n", text)
        self.assertTrue(text.endswith("# EOF\n"))

    def test_prometheus_remote_write(self):
        peer = self.stand(lambda path: (200, b""))
        self.run_with(exporters=f'prometheusremotewrite: {{endpoint: "http://{peer.address}/api/v1/write"}}',
                      pipelines="metrics: {receivers: [otlp], exporters: [prometheusremotewrite]}")
        self.send("metrics", sum_metric("orders", 7, time_s=10, region="eu"))
        wait_for("the request", lambda: peer.seen)
        path, headers, body = peer.seen[0]
        self.assertEqual((path, headers["Content-Encoding"], headers["X-Prometheus-Remote-Write-Version"]),
                         ("/api/v1/write", "snappy", "0.1.0"))
        self.assertIn(b"orders_total", body)

    def test_otlp_over_http_with_other_compressions(self):
        peer = self.stand(lambda path: (200, b""))
        exporters = "\n".join(
            f'otlphttp/{name}: {{endpoint: "http://{peer.address}/{name}", compression: {name}{more}}}'
            for name, more in (("snappy", ""), ("lz4", ""), ("gzip", ", compression_params: {level: 9}")))
        self.run_with(exporters=exporters, pipelines="traces: {receivers: [otlp], exporters: "
                                                     "[otlphttp/snappy, otlphttp/lz4, otlphttp/gzip]}")
        self.send("traces", traces(span("compressed")))
        wait_for("three requests", lambda: len(peer.seen) == 3)
        found = {path: (headers.get("Content-Encoding"), body) for path, headers, body in peer.seen}
        self.assertEqual({path: coding for path, (coding, _) in found.items()},
                         {"/snappy/v1/traces": "snappy", "/lz4/v1/traces": "lz4", "/gzip/v1/traces": "gzip"})
        self.assertIn(b"compressed", gzip.decompress(found["/gzip/v1/traces"][1]))
        self.assertTrue(found["/lz4/v1/traces"][1].startswith(b"\x04\x22\x4d\x18"))
        self.assertIn(b"compressed", found["/snappy/v1/traces"][1])

    def test_debug(self):
        self.run_with(exporters="debug: {verbosity: detailed, use_internal_logger: false}",
                      pipelines="traces: {receivers: [otlp], exporters: [debug]}")
        self.send("traces", traces(span("shown")))
        wait_for("the text", lambda: "Name           : shown" in self.collector.output)


class ExtensionTest(ComponentTest):
    def get(self, port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as response:
            return response.read()

    @staticmethod
    def profile_strings(data):
        """The table of strings of a profile, and its samples' values."""
        def packed(message):
            out, value, shift = [], 0, 0
            for byte in message:
                value |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    out.append(value)
                    value = shift = 0
            return out
        profile = gzip.decompress(data)
        return [text.decode() for text in all_of(profile, 6)], [packed(values) for values in all_of(profile, 2, 2)]

    def test_pprof(self):
        (port,) = free_ports(1)
        self.run_with(extensions=f'pprof: {{endpoint: "127.0.0.1:{port}"}}', processors="batch: {timeout: 600s, send_batch_size: 10000000}")
        for _ in range(2):
            self.send("traces", traces(*(span(f"span {i} " + "x" * 1_000) for i in range(10_000))))
        texts, samples = self.profile_strings(self.get(port, "/debug/pprof/heap"))
        for text in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "count", "bytes", "space"):
            self.assertIn(text, texts)
        self.assertIn(os.path.realpath(BINARY), texts)  # the mapping, for symbols
        # The batch processor holds the 20 MB of names.
        self.assertGreater(sum(sample[3] for sample in samples), 15_000_000)
        texts, samples = self.profile_strings(self.get(port, "/debug/pprof/allocs"))
        self.assertGreater(sum(sample[1] for sample in samples), 15_000_000)
        texts, _ = self.profile_strings(self.get(port, "/debug/pprof/profile?seconds=1"))
        self.assertIn("nanoseconds", texts)
        self.assertIn(b"otelcol", self.get(port, "/debug/pprof/cmdline"))

    def test_health_check_and_zpages(self):
        health, pages = free_ports(2)
        self.run_with(extensions=f'health_check: {{endpoint: "127.0.0.1:{health}"}}\nzpages: {{endpoint: "127.0.0.1:{pages}"}}')
        wait_for("health", lambda: json.loads(self.get(health, "/"))["status"] == "Server available")
        self.assertIn(b"traces", self.get(pages, "/debug/pipelinez"))
        self.assertIn(b"health_check", self.get(pages, "/debug/extensionz"))

    def test_authenticators(self):
        peer = self.stand(lambda path: (200, b""))
        token = self.folder / "token"
        token.write_text("t0k3n\n")
        (port,) = free_ports(1)
        self.run_with(
            extensions=f"bearertokenauth: {{filename: {token}, file_retry: {{enabled: true}}}}\n"
                       'basicauth: {htpasswd: {inline: "anna:$$apr1$$abcdefgh$$1tbvZt3PQE5Gxh1tXXSfl1"}}',
            receivers=f'otlp/guarded: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}", auth: {{authenticator: basicauth}}}}}}}}',
            exporters=f'otlphttp: {{endpoint: "http://{peer.address}", auth: {{authenticator: bearertokenauth}}}}',
            pipelines="traces: {receivers: [otlp/guarded], exporters: [otlphttp]}")
        body = json.dumps(traces(span("a"))).encode()
        self.assertEqual(self.post(port, "/v1/traces", body, Content_Type="application/json")[0], 401)
        good = "Basic " + base64.b64encode(b"anna:se cret").decode()
        self.assertEqual(self.post(port, "/v1/traces", body, Content_Type="application/json", Authorization=good)[0], 200)
        wait_for("the request", lambda: peer.seen)
        self.assertEqual(peer.seen[0][1]["Authorization"], "Bearer t0k3n")


if __name__ == "__main__":
    run_where_grpc_is()
    unittest.main()
