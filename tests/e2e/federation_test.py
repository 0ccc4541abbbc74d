"""What other servers read from ours: a real Prometheus of Debian's packages federates from us and reads through us (remote
read, whole and streamed); and ours scrapes it as protobuf.
"""
import json
import signal
import unittest

from harness import PEERS, TestCase, wait_for
from remote_write_test import SCRAPES, Peer, Ticks, missing, samples

FEDERATION = """
scrape_configs:
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    scrape_interval: 250ms
    scrape_timeout: 250ms
    params: {{'match[]': ['{{__name__=~"ticks_total|spread"}}']}}
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""
READING = """
remote_read:
  - url: http://127.0.0.1:{port}/api/v1/read
    read_recent: true
"""
BOTH_FORMATS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: text
    scrape_protocols: [PrometheusText0.0.4]
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
  - job_name: protobuf
    scrape_protocols: [PrometheusProto]
    scrape_native_histograms: true
    always_scrape_classic_histograms: true
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


@unittest.skipUnless((PEERS / "prometheus").exists(), "no peers here: scripts/peers unpacks them")
class FederationTest(TestCase):
    def start_ours(self, config):
        path = self.write("ours.yml", config)
        return self.start(f"--config.file={path}", f"--storage.tsdb.path={self.folder / 'ours'}",
                          "--web.listen-address=127.0.0.1:0", program=("prometheus",))

    def peer(self, config, name):
        peer = Peer(self.folder, config, name)
        self.addCleanup(peer.end, signal.SIGKILL)
        return peer

    def test_prometheus_federates_from_ours(self):
        target = self.target(Ticks())
        ours = self.start_ours(SCRAPES.format(name="ours", address=target.address))
        wait_for("a scrape", lambda: ours.query("ticks_total"))
        peer = self.peer(FEDERATION.format(port=ours.port), "federating")
        series = wait_for("federated samples", lambda: peer.query("ticks_total"))
        labels = dict(next(iter(series)))
        self.assertEqual((labels["from"], labels["job"], labels["instance"]), ("ours", "moving", target.address))
        self.assertEqual(peer.one("count(spread)"), 50)
        self.assertEqual(peer.one('up{job="federate"}'), 1)

    def test_prometheus_reads_through_ours(self):
        target = self.target(Ticks())
        ours = self.start_ours(SCRAPES.format(name="ours", address=target.address))
        wait_for("some samples", lambda: (ours.one("count_over_time(ticks_total[1m])") or 0) > 20)
        peer = self.peer(READING.format(port=ours.port), "reading")
        wanted = samples(ours, '{__name__=~"ticks_total|spread|up"}')
        # A selector as such is asked for in one piece or streamed as the peer prefers; both carry all.
        self.assertEqual(missing(wanted, samples(peer, '{__name__=~"ticks_total|spread|up"}')), [])
        self.assertEqual(samples(peer, 'ticks_total{from="ours"}'), samples(peer, "ticks_total"))
        self.assertFalse(samples(peer, 'ticks_total{from="another"}'))
        self.assertIn("\nprometheus_remote_read_handler_queries 0\n", ours.get("/metrics")[1])

    def test_protobuf_brings_what_text_brings(self):
        peer = self.peer("global: {}\n", "scraped")
        ours = self.start_ours(BOTH_FORMATS.format(port=peer.port))
        for job in ("text", "protobuf"):
            wait_for(f"a scrape of {job}", lambda job=job: ours.one(f'scrape_samples_scraped{{job="{job}"}}'))
            self.assertEqual(ours.one(f'up{{job="{job}"}}'), 1)

        def names(job):
            return {tuple(sorted((n, v) for n, v in labels.items() if n != "job"))
                    for labels in (series["metric"] for series in ours.api("query", query=f'{{job="{job}"}}')["result"])}
        # Metrics come and go, and counts differ by what happened in between: names are the same for most.
        text, protobuf = names("text"), names("protobuf")
        self.assertGreater(len(text), 200)
        self.assertLess(len(text ^ protobuf), len(text) // 5)
        status, body = ours.get("/api/v1/metadata", metric="prometheus_build_info")
        self.assertEqual(json.loads(body)["data"]["prometheus_build_info"][0]["type"], "gauge")


if __name__ == "__main__":
    unittest.main()
