"""OTLP metrics into ours over HTTP, protobuf and JSON, whole and gzipped: what comes is what Prometheus makes of it.

The messages are encoded here by hand, so that both ends are not of one mind by chance.
"""
import gzip
import json
import pathlib
import os
import struct
import time
import unittest

from harness import TestCase, run, wait_for

PATH = "/api/v1/otlp/v1/metrics"
CONFORMANCE = pathlib.Path(os.environ.get("SEXTANT_CONFORMANCE_DIR",
                                          pathlib.Path(__file__).resolve().parents[3] / "shared" / "conformance"))
CONFIG = """
storage: {{tsdb: {{out_of_order_time_window: 1h}}}}
otlp:
  promote_resource_attributes: [deployment.environment]
  translation_strategy: {strategy}
"""


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def block(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def fixed(field, number):
    return varint(field << 3 | 1) + struct.pack("<Q", number)


def double(field, number):
    return varint(field << 3 | 1) + struct.pack("<d", number)


def number(field, value):
    return varint(field << 3) + varint(value)


def attribute(field, key, text):
    return block(field, block(1, key.encode()) + block(2, block(1, text.encode())))


def request(metrics, resource=b""):
    return block(1, block(1, resource) + block(2, b"".join(block(2, metric) for metric in metrics)))


class OtlpTest(TestCase):
    def start_ours(self, *flags, strategy="UnderscoreEscapingWithSuffixes"):
        config = self.write("ours.yml", CONFIG.format(strategy=strategy))
        return self.start(f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'ours'}",
                          "--web.listen-address=127.0.0.1:0", *flags, program=("prometheus",))

    def post(self, ours, body, kind="application/x-protobuf", **headers):
        return ours.request("POST", PATH, body, {"Content-Type": kind, **headers})

    def test_every_kind_arrives(self):
        ours = self.start_ours("--web.enable-otlp-receiver")
        now = time.time_ns()
        exemplar = fixed(2, now) + double(3, 0.05) + block(5, bytes(range(16)))
        total = block(1, b"http.requests") + block(2, b"Requests.") + block(3, b"1") + block(7, block(
            1, attribute(7, "http.route", "/a") + fixed(2, now - 10**9) + fixed(3, now) + fixed(6, 7)) + number(2, 2) + number(3, 1))
        gauge = block(1, b"memory.use") + block(3, b"By") + block(5, block(1, fixed(3, now) + double(4, 1.5)))
        histogram = block(1, b"latency") + block(3, b"s") + block(9, block(
            1, fixed(3, now) + fixed(4, 6) + double(5, 3.5) + block(6, struct.pack("<3Q", 1, 2, 3)) +
            block(7, struct.pack("<2d", 0.1, 1)) + block(8, exemplar)) + number(2, 2))
        spread = block(1, b"size") + block(10, block(
            1, fixed(3, now) + fixed(4, 4) + double(5, 9) + fixed(7, 1) +
            block(8, number(1, 2) + block(2, b"\x01\x00\x02"))) + number(2, 2))
        summary = block(1, b"old") + block(11, block(
            1, fixed(3, now) + fixed(4, 6) + double(5, 3) + block(6, double(1, 0.5) + double(2, 0.25))))
        resource = (attribute(1, "service.name", "shop") + attribute(1, "service.namespace", "eu") +
                    attribute(1, "service.instance.id", "i-1") + attribute(1, "deployment.environment", "prod") +
                    attribute(1, "host.name", "h1"))
        body = request([total, gauge, histogram, spread, summary], resource)
        self.assertEqual(self.post(ours, gzip.compress(body), **{"Content-Encoding": "gzip"}), (200, ""))
        same = (("deployment_environment", "prod"), ("instance", "i-1"), ("job", "eu/shop"))
        self.assertEqual(ours.query("http_requests_total"),
                         {tuple(sorted((*same, ("__name__", "http_requests_total"), ("http_route", "/a")))): 7})
        self.assertEqual(ours.one("memory_use_bytes"), 1.5)
        self.assertEqual(ours.one('latency_seconds_bucket{le="1"}'), 3)
        self.assertEqual(ours.one('latency_seconds_bucket{le="+Inf"}'), 6)
        self.assertEqual(ours.one("latency_seconds_sum"), 3.5)
        self.assertEqual(ours.one("histogram_count(size)"), 4)
        # OTLP's offset 1 is the bucket (2, 4].
        self.assertEqual(ours.one("histogram_fraction(2, 4, size)"), 0.25)
        self.assertEqual(ours.one("histogram_fraction(8, 16, size)"), 0.5)
        self.assertEqual(ours.one('old{quantile="0.5"}'), 0.25)
        info = ours.query("target_info")
        self.assertEqual(dict(next(iter(info)))["host_name"], "h1")
        found = ours.api("query_exemplars", query="latency_seconds_bucket", start=now / 1e9 - 60, end=now / 1e9 + 60)
        self.assertEqual(found[0]["exemplars"][0]["labels"], {"trace_id": bytes(range(16)).hex()})
        self.assertEqual(found[0]["seriesLabels"]["le"], "0.1")
        span = {"start": now / 1e9 - 60, "end": now / 1e9 + 60, "step": 60, "exemplars": "true"}
        status, text = ours.request("POST", "/api/batch", json.dumps({"queries": [
            {"id": "some", "query": "sum(latency_seconds_bucket)", **span}, {"id": "none", "query": "memory_use_bytes", **span},
            {"id": "unasked", "query": "latency_seconds_bucket", **{**span, "exemplars": ""}}, {"id": "number", "query": "1", **span},
            {"id": "odd", "query": "up", **{**span, "exemplars": "yes"}}, {"id": "instant", "query": "up", "exemplars": "true"}]}).encode())
        lines = {line["id"]: line for line in map(json.loads, text.splitlines())}
        self.assertEqual(lines["some"]["answer"]["exemplars"], found)
        self.assertEqual([lines[id]["status"] for id in ("none", "unasked", "number", "odd", "instant")], [200, 200, 200, 400, 400])
        self.assertFalse(any("exemplars" in lines[id]["answer"] for id in ("none", "unasked", "number")))
        features = ours.api("features")
        self.assertTrue(features["api"]["otlp_write_receiver"])
        config = ours.api("status/config")["yaml"]
        self.assertIn("promote_resource_attributes:", config)

    def test_strategies_and_the_protocols_own_example(self):
        ours = self.start_ours("--web.enable-otlp-receiver", "--enable-feature=otlp-native-delta-ingestion",
                               strategy="NoTranslation")
        example = CONFORMANCE / "otel" / "otlp" / "examples" / "metrics.json"
        if not example.exists():
            self.skipTest("no conformance data here")
        text = example.read_text().replace("1544712660300000000", str(time.time_ns()))
        self.assertEqual(self.post(ours, text.encode(), "application/json"), (200, ""))
        self.assertEqual(ours.one('{"my.counter"}'), 5)
        self.assertEqual(ours.one('{"my.gauge", "my.gauge.attr"="some value"}'), 10)
        self.assertEqual(ours.one('histogram_count({"my.exponential.histogram"})'), 3)

    def test_deltas_are_refused_summed_up_or_kept(self):
        def delta(value, at):
            return request([block(1, b"d") + block(7, block(
                1, fixed(2, at - 10**9) + fixed(3, at) + fixed(6, value)) + number(2, 1) + number(3, 1))])
        now = time.time_ns()
        plain = self.start_ours("--web.enable-otlp-receiver")
        self.assertEqual(self.post(plain, delta(1, now)),
                         (500, 'invalid temporality and type combination for metric "d"\n'))
        plain.stop()
        summing = self.start_ours("--web.enable-otlp-receiver", "--enable-feature=otlp-deltatocumulative")
        for step in range(3):
            self.assertEqual(self.post(summing, delta(2, now + step * 10**9)), (200, ""))
        self.assertEqual(summing.one("d_total", time=now / 1e9 + 2.5), 6)
        code, output = run("prometheus", f"--config.file={self.folder / 'ours.yml'}",
                           "--enable-feature=otlp-deltatocumulative,otlp-native-delta-ingestion")
        self.assertNotEqual(code, 0)
        self.assertIn("cannot enable otlp-native-delta-ingestion and otlp-deltatocumulative features at the same time", output)

    def test_wrong_requests(self):
        closed = self.start_ours()
        self.assertEqual(self.post(closed, b""),
                         (404, "otlp write receiver needs to be enabled with --web.enable-otlp-receiver\n"))
        closed.stop()
        ours = self.start_ours("--web.enable-otlp-receiver")
        self.assertEqual(
            self.post(ours, b"x", "text/plain"),
            (400, "unsupported content type: text/plain, supported: [application/json, application/x-protobuf]\n"))
        self.assertEqual(self.post(ours, b"x", **{"Content-Encoding": "snappy"}),
                         (400, 'unsupported compression: snappy. Only "gzip" or no compression supported\n'))
        self.assertEqual(self.post(ours, b"\xff" * 100)[0], 400)
        self.assertEqual(self.post(ours, b"x", **{"Content-Encoding": "gzip"})[0], 400)
        # A bomb, a message that grows in memory, and one that is nested too deep.
        self.assertEqual(self.post(ours, gzip.compress(b"\0" * (64 << 20)), **{"Content-Encoding": "gzip"})[0], 413)
        self.assertEqual(self.post(ours, request([block(9, b"\x0a\x00" * 1_000_000)]))[0], 400)
        nested = b""
        for _ in range(1000):
            nested = block(5, block(1, nested))
        self.assertEqual(self.post(ours, block(1, block(1, block(1, block(2, nested)))))[0], 400)
        deep = '{"resourceMetrics":' + "[" * 100_000
        self.assertEqual(self.post(ours, deep.encode(), "application/json")[0], 400)
        # Samples that are refused are answered as Prometheus does, and nothing of their request is kept.
        def gauge(name, at, value):
            return block(1, name) + block(5, block(1, fixed(3, at) + double(4, value)))
        now = time.time_ns()
        self.assertEqual(self.post(ours, request([gauge(b"first", now, 1)])), (200, ""))
        self.assertEqual(self.post(ours, request([gauge(b"good", now, 1), gauge(b"first", now, 2)])),
                         (400, "duplicate sample for timestamp\n"))
        self.assertEqual(self.post(ours, request([gauge(b"good", now, 1), gauge(b"first", now - 2 * 3600 * 10**9, 2)])),
                         (500, "too old sample\n"))
        self.assertEqual(self.post(ours, request([gauge(b"good", now, 1), gauge(b"first", now + 3600 * 10**9, 2)])),
                         (400, "out of bounds: timestamp is too far in the future\n"))
        self.assertIsNone(ours.one("good"))
        self.assertEqual(self.post(ours, request([gauge(b"good", now, 1)])), (200, ""))
        self.assertEqual(ours.one("good"), 1)


if __name__ == "__main__":
    unittest.main()
