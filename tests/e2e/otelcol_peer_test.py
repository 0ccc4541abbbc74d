"""The same telemetry through the Go collector and ours, with the same configuration: what comes out is the same.

Skipped where the Go collector is not there; scripts/go-peers builds it.
"""
import collections
import json
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from harness import BINARY, free_port, wait_for
from local_server import Answer, LocalServer

PEER = pathlib.Path(__file__).resolve().parents[2] / ".tools" / "peers" / "otelcol"
SIGNALS = ("traces", "metrics", "logs")


class Sink(LocalServer):
    """Takes OTLP as JSON and keeps it, by signal."""

    def __init__(self):
        self.requests = collections.defaultdict(list)
        super().__init__()

    def answer(self, request):
        self.requests[request.path.rsplit("/", 1)[1]].append(json.loads(request.body))
        return Answer("{}", kind="application/json")


CONFIG = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{receive}"}}}}}}}}
{parts}
exporters:
  otlp_http: {{endpoint: "http://127.0.0.1:{sink}", encoding: json, compression: none, sending_queue: {{enabled: false}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
{pipelines}
"""


class Run:
    """One collector between us and a sink."""

    def __init__(self, command, parts, pipelines):
        self.sink = Sink()
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory()
        config = pathlib.Path(self.folder.name) / "config.yaml"
        config.write_text(CONFIG.format(receive=self.port, sink=self.sink.port, parts=parts, pipelines=pipelines))
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        self.process = subprocess.Popen([*command, f"--config={config}"], stdout=self.log, stderr=subprocess.STDOUT)
        wait_for("the receiver", self.is_listening)

    def output(self):
        self.log.seek(0)
        return self.log.read()

    def is_listening(self):
        if self.process.poll() is not None:
            raise AssertionError(self.output())
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def send(self, kind, request):
        posted = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/{kind}", json.dumps(request).encode(),
                                        {"Content-Type": "application/json"})
        with urllib.request.urlopen(posted, timeout=30) as response:
            assert response.status == 200

    def end(self):
        """Ends the collector; what came out, by signal."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()
        self.folder.cleanup()
        self.sink.close()
        return self.sink.requests


def value_of(value):
    """An AnyValue in one way of writing it."""
    ((kind, inner),) = value.items() if value else (("none", None),)
    if kind == "intValue":
        return kind, int(inner)
    if kind == "arrayValue":
        return kind, tuple(value_of(one) for one in inner.get("values", []))
    if kind == "kvlistValue":
        return kind, attributes_of(inner.get("values", []))
    return kind, inner


def attributes_of(attributes):
    return tuple(sorted((one["key"], value_of(one.get("value", {}))) for one in attributes or []))


def plain(item):
    """A span, a record or a point in one way of writing it: what is left out and what is 0 are the same."""
    if isinstance(item, dict):
        out = {}
        for key, value in item.items():
            if key in ("attributes", "filteredAttributes"):
                out[key] = attributes_of(value)
            elif key == "body":
                out[key] = value_of(value)
            else:
                value = plain(value)
                if value not in (None, 0, "", "0", [], {}, ()):
                    out[key] = value
        return {key: value for key, value in out.items() if value != ()}
    if isinstance(item, list):
        return [plain(one) for one in item]
    if isinstance(item, str) and item.lstrip("-").isdigit():
        return int(item)
    return item


GROUPS = {"traces": ("resourceSpans", "scopeSpans", "spans"), "metrics": ("resourceMetrics", "scopeMetrics", "metrics"),
          "logs": ("resourceLogs", "scopeLogs", "logRecords")}


def items_of(kind, requests):
    """(resource, scope, item) of all that came, as texts, sorted."""
    resources, scopes, items = GROUPS[kind]
    out = []
    for request in requests:
        for resource in request.get(resources, []):
            about = attributes_of(resource.get("resource", {}).get("attributes"))
            for scope in resource.get(scopes, []):
                for item in scope.get(items, []):
                    out.append(json.dumps([about, plain(scope.get("scope", {})), plain(item)], sort_keys=True))
    return sorted(out)


def attribute(key, value):
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def resource(service, **more):
    return {"attributes": [attribute("service.name", service), *(attribute(key, value) for key, value in more.items())]}


def spans_request(count=200, seed=1):
    """Traces of two services, with everything that a span may have."""
    rng = random.Random(seed)
    groups = []
    for service in ("shop", "bank"):
        spans = []
        for _ in range(count // 2):
            begin = 1_700_000_000_000_000_000 + rng.randrange(10**12)
            span = {"traceId": rng.randbytes(16).hex(), "spanId": rng.randbytes(8).hex(), "name": rng.choice(["GET /", "pay", "list"]),
                    "kind": rng.randrange(1, 6), "startTimeUnixNano": str(begin),
                    "endTimeUnixNano": str(begin + rng.randrange(1, 3 * 10**10)),
                    "attributes": [attribute("http.response.status_code", rng.choice([200, 404, 500])),
                                   attribute("http.route", rng.choice(["/a", "/b"])), attribute("sampled", rng.random() < 0.5),
                                   attribute("weight", rng.choice([0.5, 2.25]))],
                    "status": {"code": rng.choice([0, 1, 2]), "message": rng.choice(["", "broken"])}}
            if rng.random() < 0.3:
                span["parentSpanId"] = rng.randbytes(8).hex()
                span["events"] = [{"timeUnixNano": str(begin + 1), "name": "exception", "attributes": [
                    attribute("exception.type", "Oops"), attribute("exception.message", rng.choice(["no", "never"]))]}]
                span["links"] = [{"traceId": rng.randbytes(16).hex(), "spanId": rng.randbytes(8).hex(), "traceState": "a=b"}]
            spans.append(span)
        groups.append({"resource": resource(service, region="eu"), "scopeSpans": [
            {"scope": {"name": "lib", "version": "1.2"}, "spans": spans}]})
    return {"resourceSpans": groups}


def logs_request(count=100, seed=2):
    rng = random.Random(seed)
    records = [{"timeUnixNano": str(1_700_000_000_000_000_000 + i), "observedTimeUnixNano": str(1_700_000_000_000_000_001 + i),
                "severityNumber": rng.randrange(1, 25), "severityText": "WARN",
                "body": rng.choice([{"stringValue": "text"}, {"kvlistValue": {"values": [attribute("a", 1)]}},
                                    {"arrayValue": {"values": [{"intValue": "1"}, {"doubleValue": 1.5}]}}]),
                "attributes": [attribute("host", rng.choice(["h1", "h2", "h3"])), attribute("n", rng.randrange(5))],
                "traceId": rng.randbytes(16).hex(), "spanId": rng.randbytes(8).hex()} for i in range(count)]
    return {"resourceLogs": [{"resource": resource("shop", tier=1), "scopeLogs": [{"scope": {"name": "app"}, "logRecords": records}]}]}


def number_point(value, at, begin=0, **labels):
    return {"timeUnixNano": str(at), "startTimeUnixNano": str(begin), "asDouble": value,
            "attributes": [attribute(key, one) for key, one in labels.items()]}


def metrics_request(step, temporality, seed=3):
    """The step-th report of sums, gauges and histograms, of which one begins anew at the third."""
    rng = random.Random(seed * 1000 + step)
    second = 10**9
    begin = 1_700_000_000 * second
    at = begin + (step + 1) * 10 * second
    start = at - 10 * second if temporality == 1 else begin
    grown = 1 if temporality == 1 else step + 1
    reset = 1 if step >= 2 and temporality == 2 else grown
    bounds = [1, 5, 10]
    counts = [rng.randrange(5) + 3 * grown for _ in range(4)] if temporality == 1 else [3 * grown, 2 * grown, grown, grown]
    metrics = [
        {"name": "sales", "unit": "1", "sum": {"aggregationTemporality": temporality, "isMonotonic": True, "dataPoints": [
            number_point(10.5 * grown, at, start, till="1"), number_point(4 * reset, at, start, till="2")]}},
        {"name": "stock", "sum": {"aggregationTemporality": temporality, "isMonotonic": False, "dataPoints": [
            number_point(7 - step, at, start)]}},
        {"name": "heat", "gauge": {"dataPoints": [number_point(20 + step, at)]}},
        {"name": "took", "unit": "s", "histogram": {"aggregationTemporality": temporality, "dataPoints": [
            {"timeUnixNano": str(at), "startTimeUnixNano": str(start), "count": str(sum(counts)), "sum": 2.5 * sum(counts),
             "bucketCounts": [str(one) for one in counts], "explicitBounds": bounds, "attributes": [attribute("path", "/a")]}]}},
        {"name": "spread", "exponentialHistogram": {"aggregationTemporality": temporality, "dataPoints": [
            {"timeUnixNano": str(at), "startTimeUnixNano": str(start), "count": str(4 * grown), "sum": 8 * grown, "scale": 2,
             "zeroCount": str(grown), "positive": {"offset": 1, "bucketCounts": [str(grown), "0", str(2 * grown)]}}]}},
    ]
    return {"resourceMetrics": [{"resource": resource("shop"), "scopeMetrics": [{"scope": {"name": "app"}, "metrics": metrics}]}]}


def without(item, *keys):
    """The same without these keys, wherever they are."""
    if isinstance(item, dict):
        return {key: without(value, *keys) for key, value in item.items() if key not in keys}
    return [without(one, *keys) for one in item] if isinstance(item, list) else item


@unittest.skipUnless(PEER.exists(), "the Go collector is not here; scripts/go-peers builds it")
class PeerTest(unittest.TestCase):
    maxDiff = 4000

    def both(self, parts, pipelines, sent, wait_s=0):
        """What came out of both, by signal; `sent` is [(signal, request)]."""
        results = []
        for command in ([str(BINARY), "otelcol"], [str(PEER)]):
            run = Run(command, parts, pipelines)
            try:
                for kind, request in sent:
                    run.send(kind, request)
                time.sleep(wait_s)
            finally:
                results.append(run.end())
        return results

    def same(self, processors, sent, kinds=SIGNALS):
        names = ", ".join(line.split(":")[0].strip() for line in processors.splitlines() if line.strip())
        parts = "processors:\n" + "\n".join("  " + line for line in processors.splitlines())
        pipelines = "\n".join(f"    {kind}: {{receivers: [otlp], processors: [{names}], exporters: [otlp_http]}}" for kind in kinds)
        ours, theirs = self.both(parts, pipelines, sent)
        for kind in kinds:
            expected = items_of(kind, theirs[kind])
            self.assertTrue(expected, kind)
            self.assertEqual(items_of(kind, ours[kind]), expected, kind)
        return ours

    ALL = [("traces", spans_request()), ("logs", logs_request()), ("metrics", metrics_request(0, 2)), ("metrics", metrics_request(1, 1))]

    def test_all_signals_pass_unchanged(self):
        self.same("batch: {timeout: 100ms}", self.ALL)

    def test_resources_are_changed(self):
        self.same("resource: {attributes: [{key: region, action: update, value: us}, {key: tier, action: convert, converted_type: string},"
                  " {key: service.name, action: hash}, {key: added, action: insert, value: 1.5}, {key: copy, from_attribute: region,"
                  " action: upsert}, {key: gone, action: delete}]}", self.ALL)

    def test_groups_by_attributes(self):
        self.same("groupbyattrs: {keys: [http.route, host, till]}", self.ALL)
        self.same("groupbyattrs: {}", self.ALL)

    def test_samples_the_same_spans_and_records(self):
        for settings in ("sampling_percentage: 30", "sampling_percentage: 30, hash_seed: 22", "sampling_percentage: 12.5, mode: proportional",
                         "sampling_percentage: 50, mode: equalizing, sampling_precision: 5"):
            with self.subTest(settings):
                self.same(f"probabilistic_sampler: {{{settings}}}", self.ALL[:2], ("traces", "logs"))

    def test_differences_of_counts(self):
        for settings in ("{}", "{initial_value: keep}", "{initial_value: drop, include: {metrics: [sales], match_type: strict}}"):
            with self.subTest(settings):
                self.same(f"cumulativetodelta: {settings}", [("metrics", metrics_request(step, 2)) for step in range(5)], ("metrics",))

    def test_sums_of_differences(self):
        self.same("deltatocumulative: {}", [("metrics", metrics_request(step, 1)) for step in range(5)], ("metrics",))

    def newest_points(self, requests):
        """The newest value of each series that spanmetrics makes, without what differs from run to run."""
        series = {}
        for request in requests:
            for group in request.get("resourceMetrics", []):
                about = [one for one in group["resource"]["attributes"] if one["key"] != "collector.instance.id"]
                for scope in group["scopeMetrics"]:
                    for metric in scope["metrics"]:
                        ((kind, data),) = ((key, value) for key, value in metric.items() if key in ("sum", "histogram", "exponentialHistogram"))
                        for point in data.get("dataPoints", []):
                            labels = [one for one in point.get("attributes", []) if one["key"] != "collector.instance.id"]
                            key = (attributes_of(about), scope["scope"].get("name"), metric["name"], metric.get("unit"), kind,
                                   data.get("aggregationTemporality"), data.get("isMonotonic"), attributes_of(labels))
                            series[json.dumps(key)] = plain(without(point, "timeUnixNano", "startTimeUnixNano", "attributes", "exemplars"))
        return series

    def test_metrics_of_spans(self):
        for settings in ("", "dimensions: [{name: http.route}, {name: absent, default: none}], exclude_dimensions: [status.code]",
                         "histogram: {unit: s, explicit: {buckets: [100ms, 1s, 10s]}}, namespace: span.shop",
                         "histogram: {exponential: {max_size: 32}}, exemplars: {enabled: true}",
                         "events: {enabled: true, dimensions: [{name: exception.type}]}",
                         "aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA, calls_dimensions: [{name: http.response.status_code}]",
                         "aggregation_cardinality_limit: 4", "resource_metrics_key_attributes: [service.name]"):
            with self.subTest(settings):
                parts = f"connectors: {{spanmetrics: {{metrics_flush_interval: 700ms{', ' + settings if settings else ''}}}}}"
                pipelines = ("    traces: {receivers: [otlp], exporters: [spanmetrics]}\n"
                             "    metrics: {receivers: [spanmetrics], exporters: [otlp_http]}")
                ours, theirs = self.both(parts, pipelines, [("traces", spans_request(count=60))], wait_s=2.5)
                expected = self.newest_points(theirs["metrics"])
                self.assertTrue(expected)
                self.assertEqual(self.newest_points(ours["metrics"]), expected)


if __name__ == "__main__":
    unittest.main()
