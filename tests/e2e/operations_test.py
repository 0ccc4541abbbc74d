"""What an operator asks the server about itself, and pages of the operator's own: notifications, blocks, own metrics, targets'
metadata, pages of rule groups, console templates, files, flags of the original's startup scripts.
"""
import http.client
import json
import os
import pathlib
import re
import signal
import unittest

from harness import PEERS, TestCase, run, wait_for
from local_server import LocalServer

RULES = "groups:\n" + "".join(f"- {{name: g{i}, rules: [{{record: r{i}, expr: '{i}'}}]}}\n" for i in range(5))
CONFIG = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms, external_labels: {{region: north}}}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:1', '127.0.0.1:2']}}]}}]}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
  - job_name: other
    file_sd_configs: [{{files: [sd.yml]}}]
"""
BODY = """# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total 7
# HELP wait_seconds How long.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="1"} 1
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 3
wait_seconds_count 2
"""


class Operations(TestCase):
    def setUp(self):
        super().setUp()
        self.exporter = self.target(BODY)
        self.write("rules.yml", RULES)
        self.write("sd.yml", f"[{{targets: ['{self.exporter.address}']}}]\n")
        self.config = self.write("prometheus.yml", CONFIG.format(port=self.exporter.port))

    def prometheus(self, *flags, ready=True):
        return self.start(f"--config.file={self.config}", f"--storage.tsdb.path={self.folder / 'data'}",
                          "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", *flags,
                          program=("prometheus",), ready=ready)

    def test_notifications_tell_of_a_failed_reload(self):
        server = self.prometheus("--web.max-notifications-subscribers=1")
        wait_for("the start to be over", lambda: server.api("notifications") == [])
        live = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        live.request("GET", "/api/v1/notifications/live")
        events = live.getresponse()
        self.assertEqual((events.status, events.getheader("Content-Type")), (200, "text/event-stream"))
        self.assertEqual(server.get("/api/v1/notifications/live")[0], 204, "only one may follow")
        good = pathlib.Path(self.config).read_text()
        self.write("prometheus.yml", "global: {nonsense: 1}\n")
        self.assertEqual(server.request("POST", "/-/reload")[0], 500)

        def event():
            line = events.readline().decode()
            self.assertTrue(line.startswith("data: "), line)
            self.assertEqual(events.readline(), b"\n")
            return json.loads(line[len("data: "):])
        failed = event()
        self.assertEqual((failed["text"], failed["active"]), ("Configuration reload has failed.", True))
        self.assertEqual([n["text"] for n in server.api("notifications")], ["Configuration reload has failed."])
        self.write("prometheus.yml", good)
        self.assertEqual(server.request("POST", "/-/reload")[0], 200)
        self.assertFalse(event()["active"])
        self.assertEqual(server.api("notifications"), [])
        self.assertIn("\nprometheus_api_notification_active_subscribers 1\n", server.get("/metrics")[1])
        live.close()
        wait_for("the follower to be gone",
                 lambda: "\nprometheus_api_notification_active_subscribers 0\n" in server.get("/metrics")[1])

    def test_rules_come_in_pages(self):
        server = self.prometheus()
        names, token = [], None
        for _ in range(3):
            data = server.api("rules", group_limit=2, **({"group_next_token": token} if token else {}))
            names += [group["name"] for group in data["groups"]]
            token = data.get("groupNextToken")
        self.assertEqual(names, [f"g{i}" for i in range(5)])
        self.assertIsNone(token)
        self.assertNotIn("groupNextToken", server.api("rules"))
        for query, says in (("group_limit=0", "greater than 0"), ("group_limit=x", "valid number"),
                            ("group_next_token=abc", "group_limit needs to be present"),
                            ("group_limit=1&group_next_token=abc", "were rule groups changed?")):
            status, body = server.get("/api/v1/rules?" + query)
            self.assertEqual(status, 400, query)
            self.assertIn(says, json.loads(body)["error"])

    def test_metadata_of_a_target_outlives_relabelling(self):
        self.write("prometheus.yml", f"""
scrape_configs:
- job_name: renamed
  scrape_interval: 200ms
  static_configs: [{{targets: ['{self.exporter.address}']}}]
  metric_relabel_configs:
  - {{source_labels: [__name__], regex: jobs_total, target_label: __name__, replacement: other_name}}
  - {{source_labels: [__name__], regex: wait_.*, action: drop}}
""")
        server = self.prometheus()
        wait_for("a scrape", lambda: server.one("other_name") == 7)
        self.assertEqual({entry["metric"]: entry["type"] for entry in server.api("targets/metadata")},
                         {"jobs_total": "counter", "wait_seconds": "histogram"})
        self.exporter.body = BODY + "# TYPE more gauge\n# HELP more Even more.\nmore 1\n"
        wait_for("what is new", lambda: server.api("targets/metadata", metric="more"))
        self.assertEqual(server.api("targets/metadata", metric="more")[0]["help"], "Even more.")

    def test_metadata_of_targets(self):
        server = self.prometheus()
        wait_for("both jobs", lambda: len(server.query("jobs_total")) == 2)
        entries = server.api("targets/metadata", match_target='{job="other"}')
        self.assertEqual({entry["metric"]: entry["type"] for entry in entries},
                         {"jobs_total": "counter", "wait_seconds": "histogram"})
        self.assertEqual({entry["target"]["job"] for entry in entries}, {"other"})
        entries = server.api("targets/metadata", metric="wait_seconds")
        self.assertEqual([(entry["help"], "metric" in entry) for entry in entries], [("How long.", False)] * 2)
        self.assertEqual(len(server.api("targets/metadata", limit=1)), 1)
        self.assertEqual(server.api("targets/metadata", metric="nothing"), [])
        for query in ("limit=x", "match_target=%7B"):
            self.assertEqual(server.get("/api/v1/targets/metadata?" + query)[0], 400)

    def test_promtool_pushes_both_messages(self):
        server = self.prometheus("--web.enable-remote-write-receiver")
        body = '# HELP pushed_total Pushed.\n# TYPE pushed_total counter\npushed_total{a="b"} 3\n'
        for message in ("prometheus.WriteRequest", "io.prometheus.write.v2.Request"):
            file = self.write("pushed.prom", body.replace("pushed_total", message.split(".")[1] + "_total"))
            code, text = run("promtool", "push", "metrics", f"--protobuf_message={message}",
                             f"http://127.0.0.1:{server.port}/api/v1/write", file)
            self.assertEqual(code, 0, text)
            name = message.split(".")[1] + "_total"
            wait_for(name, lambda name=name: server.one(f'{name}{{a="b",job="promtool"}}') == 3)
            if name == "WriteRequest_total":  # what comes with 2.0 is kept with the series
                self.assertEqual(server.api("metadata", metric=name)[name][0]["type"], "counter")
        code, text = run("promtool", "push", "metrics", "--protobuf_message=x", "http://127.0.0.1:1", file)
        self.assertEqual(code, 1)
        self.assertIn("x", text)

    def test_blocks_and_own_metrics(self):
        server = self.prometheus("--storage.tsdb.min-block-duration=2s", "--storage.tsdb.max-block-duration=2s",
                                 "--storage.tsdb.retention.time=10y")
        blocks = wait_for("a block", lambda: server.api("status/tsdb/blocks")["blocks"])
        self.assertEqual(blocks[0]["version"], 1)
        self.assertGreater(blocks[0]["stats"]["numSamples"], 0)
        self.assertGreater(blocks[0]["maxTime"], blocks[0]["minTime"])
        self.assertRegex(blocks[0]["ulid"], "^[0-9A-Z]{26}$")
        self.assertEqual(blocks[0]["compaction"], {"level": 1, "sources": [blocks[0]["ulid"]]})
        code, text = run("promtool", "tsdb", "analyze", "--extended", str(self.folder / "data"), blocks[0]["ulid"])
        self.assertEqual(code, 0, text)
        self.assertIn("Compaction analysis:", text)
        self.assertRegex(text, r"samples per float chunk \(min/avg/max\): \d+/\d+/\d+\n\[ *\d+, *\d+\]: *\d+ #")
        families = server.api("status/self_metrics", metric_name_pattern="prometheus_build_info|prometheus_notifications_.*")
        by_name = {family["name"]: family for family in families}
        labels = {pair["name"]: pair["value"] for pair in by_name["prometheus_build_info"]["metric"][0]["label"]}
        self.assertEqual(labels["goos"], "linux")
        self.assertEqual(by_name["prometheus_notifications_alertmanagers_discovered"]["metric"], [{"gauge": {"value": 2}}])
        self.assertEqual(server.get("/api/v1/status/self_metrics?metric_name_pattern=(")[0], 400)

    @unittest.skipUnless((PEERS / "prometheus").exists(), "no peers here: scripts/peers unpacks them")
    def test_debians_consoles_are_shown(self):
        examples = PEERS.parent / "share" / "doc" / "prometheus" / "examples"
        server = self.prometheus(f"--web.console.templates={examples / 'consoles'}",
                                 f"--web.console.libraries={examples / 'console_libraries'}")
        wait_for("a scrape", lambda: server.query('up{job="prometheus"} == 1'))
        pages = sorted(path.name for path in (examples / "consoles").glob("*.html"))
        self.assertIn("prometheus.html", pages)
        for page in pages:
            status, body = server.get(f"/consoles/{page}")
            self.assertEqual(status, 200, f"{page}: {body}")
            self.assertIn("</html>", body)
        status, body = server.get("/consoles/prometheus.html")
        self.assertIn(f'<a href="prometheus-overview.html?instance=127.0.0.1%3a{self.exporter.port}">'
                      f"127.0.0.1:{self.exporter.port}</a>", body)

    def test_own_pages_and_files(self):
        self.write("c/hello.html", '{{ template "top" . }}<p title="{{ .Params.who }}">{{ range query "jobs_total" | sortByLabel "job" }}'
                   "{{ .Labels.job }}={{ .Value }};{{ end }} {{ $externalLabels.region }}</p>")
        self.write("c/bad.html", "{{ nonsense }}")
        self.write("l/a.lib", '{{ define "top" }}<h1>{{ .Path }}</h1>{{ end }}')
        self.write("u/index.html", "<p>mine</p>")
        self.write("u/app.js", "1")
        self.write("secret.html", "secret")
        self.write("u/.hidden", "secret")
        server = self.prometheus(f"--web.console.templates={self.folder / 'c'}", f"--web.console.libraries={self.folder / 'l'}",
                                 f"--web.user-assets={self.folder / 'u'}", "--web.page-title=Plant <7>")
        wait_for("samples", lambda: len(server.query("jobs_total")) == 2)
        status, body = server.get("/consoles/hello.html?who=%22%3Cx%3E")
        self.assertEqual((status, body), (200, '<h1>hello.html</h1><p title="&#34;&lt;x&gt;">other=7;prometheus=7; north</p>'))
        self.assertEqual(server.get("/consoles/bad.html")[0], 500)
        for path in ("/consoles/none.html", "/consoles/../secret.html", "/consoles/%2e%2e/secret.html", "/consoles/",
                     "/user/../secret.html", "/user/%2e%2e%2fsecret.html", "/user/.hidden"):
            status, body = server.get(path)
            self.assertNotIn("secret", body)
            self.assertIn(status, (400, 404), path)
        self.assertEqual(server.get("/user/")[1], "<p>mine</p>")
        self.assertEqual(server.get("/user/app.js"), (200, "1"))
        self.assertIn("<title>Plant &lt;7></title>", server.get("/")[1])

    def test_flags_of_the_originals_scripts(self):
        server = self.prometheus("--storage.tsdb.wal-compression", "--web.console.templates=/etc/prometheus/consoles",
                                 "--web.console.libraries=/etc/prometheus/console_libraries", "--scrape.discovery-reload-interval=1s",
                                 "--alertmanager.notification-queue-capacity=100", "--no-storage.tsdb.no-lockfile")
        self.assertIn("\nprometheus_notifications_queue_capacity 100\n", server.get("/metrics")[1])
        self.assertEqual(server.get("/consoles/index.html")[0], 404)

    def test_flags_that_only_tune_the_original_are_logged(self):
        server = self.prometheus("--no-storage.tsdb.wal-compression", "--storage.tsdb.wal-compression-type=zstd",
                                 "--storage.tsdb.wal-segment-size=10MB", "--storage.tsdb.head-chunks-write-queue-size=100",
                                 "--storage.tsdb.samples-per-chunk=220", "--storage.tsdb.max-block-chunk-segment-size=1MB",
                                 "--no-auto-gomaxprocs", "--auto-gomemlimit.ratio=0.5", "--storage.tsdb.no-lockfile",
                                 "--enable-feature=memory-snapshot-on-shutdown,native-histograms")
        self.assertEqual(json.loads(server.get("/api/v1/status/flags")[1])["data"]["storage.tsdb.samples-per-chunk"], "220")
        server.stop()
        lines = [line for line in server.output.splitlines() if "has no effect here" in line]
        for name in ("--storage.tsdb.wal-compression ", "--storage.tsdb.wal-compression-type", "--storage.tsdb.head-chunks-write-queue-size",
                     "--auto-gomaxprocs", "--auto-gomemlimit.ratio", "--storage.tsdb.no-lockfile", "memory-snapshot-on-shutdown"):
            self.assertEqual(sum(name.strip() + " " in line for line in lines), 1, (name, lines))
        self.assertFalse([line for line in lines if "samples-per-chunk" in line or "segment-size" in line], "honoured")

    def test_documentation_of_flags(self):
        code, output = run("prometheus", "--write-documentation")
        self.assertEqual(code, 0, output)
        self.assertIn("| Flag | Description | Default |\n| --- | --- | --- |\n", output)
        self.assertIn('| <code class="text-nowrap">--web.max-connections</code> | Most connections at the same time. | `512` |\n', output)

    def test_queued_alerts_are_sent_before_the_end(self):
        receiver = self.target("ok")
        self.write("rules.yml", "groups: [{name: g, interval: 250ms, rules: [{alert: A, expr: vector(1)}]}]\n")
        self.write("prometheus.yml", f"rule_files: [rules.yml]\nalerting: {{alertmanagers: [{{static_configs: [{{targets: ['{receiver.address}']}}]}}]}}\n")
        server = self.prometheus()
        wait_for("an alert", lambda: receiver.posts)
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(30), 0)


class StockDashboards(TestCase):
    """Every metric that the stock dashboards and alerts of Prometheus ask for is there, or known to be missing."""
    # Names of older versions of Prometheus beside which the dashboards name those of today; and what has no meaning here.
    ABSENT = {
        "prometheus_remote_storage_dropped_samples_total", "prometheus_remote_storage_failed_samples_total",
        "prometheus_remote_storage_pending_samples", "prometheus_remote_storage_retried_samples_total",
        "prometheus_remote_storage_succeeded_samples_total", "prometheus_target_metadata_cache_entries",
        "prometheus_tsdb_compactions_skipped_total",
    }

    def names_asked_for(self):
        from_env = os.environ.get("SEXTANT_CONFORMANCE_DIR")
        root = pathlib.Path(from_env) if from_env else pathlib.Path(__file__).resolve().parents[3] / "shared" / "conformance"
        files = [root / "alerting/kube-prometheus/rules-as-prometheus/prometheus-prometheusRule.yaml",
                 root / "alerting/article/rules-as-prometheus/chart-prometheus.yaml",
                 root / "alerting/article/dashboards-chart/prometheus.json",
                 root / "dashboards/dotdc/k8s-addons-prometheus.json",
                 root / "dashboards/kube-prometheus/prometheus.json",
                 root / "dashboards/kube-prometheus/prometheus-remote-write.json"]
        if not files[0].exists():
            self.skipTest("no conformance data here")
        names = set()
        for file in files:
            names |= set(re.findall(r"\b((?:prometheus|process|net_conntrack|promhttp)_[a-z0-9_]+)\b", file.read_text()))
        return names

    def test_every_name_is_there(self):
        target = self.target(BODY)
        sink = LocalServer(lambda _: "")
        self.addCleanup(sink.close)
        self.write("rules.yml", RULES)
        self.write("sd.yml", f"[{{targets: ['{target.address}']}}]\n")
        config = self.write("prometheus.yml", CONFIG.format(port=target.port) +
                            f"remote_write: [{{url: 'http://127.0.0.1:{sink.port}/write', name: far}}]\n")
        server = self.start(f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}",
                            "--web.listen-address=127.0.0.1:0", program=("prometheus",))
        wait_for("two scrapes", lambda: (server.one("max(count_over_time(jobs_total[1m]))") or 0) > 2)
        wait_for("a rule", lambda: server.query("r1"))
        lines = server.get("/metrics")[1].splitlines()
        shown = {re.match(r"[a-z_0-9]+", line).group() for line in lines if not line.startswith("#")}
        asked = self.names_asked_for()
        self.assertGreater(len(asked), 50)
        # Of mechanisms of discovery that this configuration has not.
        absent = {name for name in asked if name not in shown} - {
            "prometheus_sd_kubernetes_failures_total", "prometheus_sd_refresh_failures_total"}
        self.assertEqual(absent - self.ABSENT, set())
        self.assertEqual(self.ABSENT - absent, set(), "no longer absent")
        self.assertTrue(any(line.startswith('prometheus_engine_query_duration_seconds{slice="inner_eval",quantile="0.9"} ')
                            for line in lines))
        self.assertTrue(any(re.match(r'prometheus_target_interval_length_seconds_count\{interval="250ms"\} [1-9]', line)
                            for line in lines))


if __name__ == "__main__":
    unittest.main()
