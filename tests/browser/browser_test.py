"""Starts the real binary and lets tests/browser/run.mjs open every page of it in headless Chromium.

SEXTANT_SCREENSHOTS names a folder for pictures of all pages.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from harness import TestCase, free_port, wait_for  # noqa: E402
from local_server import Answer, LocalServer  # noqa: E402


class StrippingProxy(LocalServer):
    """Answers what is below `outside` with what `inside` answers there."""

    def __init__(self, outside, inside):
        self.outside, self.inside = outside, inside
        super().__init__()

    def answer(self, request):
        if not request.target.startswith(self.outside + "/"):
            return Answer("not below the proxy's path", 404, "text/plain")
        onward = urllib.request.Request(self.inside + request.target.removeprefix(self.outside), method=request.method,
                                        data=request.body or None)
        if request.body:
            onward.add_header("Content-Type", request.headers["Content-Type"])
        try:
            with urllib.request.urlopen(onward, timeout=60) as response:
                return Answer(response.read(), response.status, response.headers["Content-Type"])
        except urllib.error.HTTPError as error:
            return Answer(error.read(), error.code, error.headers["Content-Type"])


class Browser(TestCase):
    def test_all_pages(self):
        server = self.start_platform()
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "run.mjs"), f"http://127.0.0.1:{server.port}", *([shots] if shots else [])],
                              timeout=900)
        self.assertEqual(done.returncode, 0)

    def test_what_dashboards_can_do_and_survive(self):
        server = self.start_platform()
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "features.mjs"), f"http://127.0.0.1:{server.port}", *([shots] if shots else [])],
                              timeout=900)
        self.assertEqual(done.returncode, 0)

    def test_every_dashboard_of_the_conformance_folders(self):
        conformance = pathlib.Path(os.environ.get("SEXTANT_CONFORMANCE_DIR", HERE.parents[2] / "shared" / "conformance"))
        if not (conformance / "dashboards").is_dir():
            self.skipTest(f"{conformance} has no dashboards")
        server = self.start_platform()
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "dashboards.mjs"), f"http://127.0.0.1:{server.port}", str(conformance),
                               *([shots] if shots else [])], timeout=900)
        self.assertEqual(done.returncode, 0)

    def test_accessibility(self):
        server = self.start_platform()
        done = subprocess.run(["node", str(HERE / "accessibility.mjs"), f"http://127.0.0.1:{server.port}"], timeout=900)
        self.assertEqual(done.returncode, 0)

    def test_below_a_prefix(self):
        rules = self.write("rules.yml", "groups: [{name: g, rules: [{alert: Always, expr: vector(1)}]}]")
        own = free_port()
        config = self.write("prometheus.yml", f"""
rule_files: [{rules}]
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs: [{{job_name: self, metrics_path: /ops/prometheus/metrics, static_configs: [{{targets: ["127.0.0.1:{own}"]}}]}}]
""")
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            f"--web.listen-address=127.0.0.1:{own}", "--web.external-url=http://x.example/ops/prometheus/",
                            program=("prometheus",), ready=False)
        wait_for("the server", lambda: "Server is ready" in server.output)
        # The same behind a proxy that takes a path of its own away, as seen from the pages' side.
        proxy = StrippingProxy("/outside", f"http://127.0.0.1:{own}/ops/prometheus")
        self.addCleanup(proxy.close)
        done = subprocess.run(["node", str(HERE / "prefix.mjs"), f"http://127.0.0.1:{own}/ops/prometheus",
                               f"{proxy.url}/outside"], timeout=300)
        self.assertEqual(done.returncode, 0)

    def test_logging_in(self):
        self.write("grafana.ini", "[security]\nadmin_password = first secret\n")
        server = self.start_platform("--config=" + self.write("sextant.yaml", "grafana: {ini: grafana.ini}\n"))
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "login.mjs"), f"http://127.0.0.1:{server.port}", "admin", "first secret",
                               *([shots] if shots else [])], timeout=300)
        self.assertEqual(done.returncode, 0)

    def test_administering(self):
        self.write("grafana.ini", "[security]\nadmin_password = first secret\n")
        server = self.start_platform("--config=" + self.write("sextant.yaml", "grafana: {ini: grafana.ini}\n"))
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "admin.mjs"), f"http://127.0.0.1:{server.port}", "admin", "first secret",
                               *([shots] if shots else [])], timeout=300)
        self.assertEqual(done.returncode, 0)

    def peer(self, body, status=200, kind="text/plain"):
        """The port of an HTTP server that always answers the same."""
        server = LocalServer(lambda _: Answer(body, status, kind))
        self.addCleanup(server.close)
        return server.port

    def test_pipelines(self):
        strict = self.peer("no", 400)
        dead = free_port()
        server = self.start_platform("--config=" + self.write("sextant.yaml", f"""
otelcol:
  receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
  processors: {{batch: {{timeout: 100ms}}}}
  exporters:
    sextant: {{}}
    otlphttp/dead: {{endpoint: "http://127.0.0.1:{dead}", sending_queue: {{queue_size: 3}}}}
    otlphttp/strict: {{endpoint: "http://127.0.0.1:{strict}"}}
  service:
    pipelines:
      metrics: {{receivers: [otlp], processors: [batch], exporters: [sextant]}}
      traces: {{receivers: [otlp], exporters: [otlphttp/dead]}}
      logs: {{receivers: [otlp], processors: [batch], exporters: [otlphttp/strict]}}
"""))
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "collector.mjs"), f"http://127.0.0.1:{server.port}", *([shots] if shots else [])],
                              timeout=300)
        self.assertEqual(done.returncode, 0)

    def test_notices_and_what_targets_answer(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        ports = {"text": self.peer('# HELP one A "<b>".\none{a="b"} 1\ntwo 2\n', kind="text/plain; version=0.0.4"),
                 "large": self.peer(b"x" * (100 << 20)),
                 "binary": self.peer(bytes(range(256)), kind="application/octet-stream"),
                 "silent": silent.getsockname()[1]}
        jobs = "".join(f"- {{job_name: {name}, scrape_interval: 1h, scrape_timeout: 5s, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
                       for name, port in ports.items())
        config = self.write("prometheus.yml", "scrape_configs:\n" + jobs)
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"), "--web.enable-lifecycle",
                            "--web.listen-address", "127.0.0.1:0", program=("prometheus",))
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "notices.mjs"), f"http://127.0.0.1:{server.port}", config, *([shots] if shots else [])],
                              timeout=300)
        self.assertEqual(done.returncode, 0)

    def test_another_server_and_folders_from_files(self):
        far = self.start_platform(data="far")
        wait_for("the other server's own metrics", lambda: far.query("up"))
        folder = self.folder / "provisioning"
        for name in ("datasources", "dashboards", "boards/Team A"):
            (folder / name).mkdir(parents=True)
        (folder / "datasources" / "far.yaml").write_text(f"""
apiVersion: 1
datasources:
- {{name: Far away, uid: far, type: prometheus, access: proxy, url: "http://127.0.0.1:{far.port}"}}
""")
        (folder / "dashboards" / "all.yaml").write_text(f"""
apiVersion: 1
providers:
- {{name: files, type: file, options: {{path: {folder}/boards, foldersFromFilesStructure: true}}}}
""")
        panel = {"id": 1, "type": "stat", "title": "Far start", "datasource": {"type": "prometheus", "uid": "far"},
                 "gridPos": {"x": 0, "y": 0, "w": 8, "h": 6}, "targets": [{"refId": "A", "instant": True, "expr": "max(process_start_time_seconds{job=\"sextant\"})"}],
                 "fieldConfig": {"defaults": {"unit": "none", "decimals": 0}, "overrides": []}}
        near = {**panel, "id": 2, "title": "Near start", "datasource": {"type": "prometheus", "uid": "sextant"},
                "gridPos": {"x": 8, "y": 0, "w": 8, "h": 6}}
        (folder / "boards" / "Team A" / "far.json").write_text(json.dumps({"uid": "far-board", "title": "Both servers", "panels": [panel, near]}))
        time.sleep(3)  # the servers are told apart by the second in which they began
        server = self.start_platform("--config=" + self.write("sextant.yaml", "grafana: {provisioning: provisioning}\n"), data="near")
        wait_for("its own metrics", lambda: server.query("up"))
        shots = os.environ.get("SEXTANT_SCREENSHOTS")
        done = subprocess.run(["node", str(HERE / "sources.mjs"), f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{far.port}",
                               *([shots] if shots else [])], timeout=300)
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
