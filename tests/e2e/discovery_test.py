"""Service discovery in the real process: files, HTTP, and what the API says of found and dropped targets."""
import http.server
import json
import threading
import unittest

from harness import TestCase, wait_for

CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: files
    file_sd_configs: [{{files: [targets/*.yml]}}]
    relabel_configs:
      - {{source_labels: [__meta_filepath], regex: '.*/([^/]*)[.]yml', target_label: file}}
      - {{source_labels: [env], regex: test, action: drop}}
  - job_name: web
    http_sd_configs: [{{url: 'http://{sd}/sd', refresh_interval: 200ms}}]
alerting:
  alertmanagers:
    - file_sd_configs: [{{files: [alertmanagers.json]}}]
      path_prefix: /am
"""


class Directory:
    """Answers http_sd with `groups`."""

    def __init__(self, groups):
        self.groups = groups
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = json.dumps(outer.groups).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Discovery(TestCase):
    def test_targets_come_and_go(self):
        target = self.target("a 1\n")
        directory = Directory([{"targets": [target.address], "labels": {"from": "web"}}])
        self.addCleanup(directory.close)
        self.write("targets/one.yml", f"- targets: ['{target.address}']\n")
        self.write("targets/test.yml", f"- targets: ['{target.address}']\n  labels: {{env: test}}\n")
        self.write("alertmanagers.json", json.dumps([{"targets": ["127.0.0.1:1"]}]))
        config = self.write("prometheus.yml", CONFIG.format(sd=directory.address))
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            "--web.listen-address", "127.0.0.1:0", program=("prometheus",))
        wait_for("targets of files", lambda: server.one('a{job="files",file="one"}') == 1)
        wait_for("targets of the web", lambda: server.one('a{job="web",from="web"}') == 1)
        self.assertEqual(server.api("alertmanagers")["activeAlertmanagers"],
                         [{"url": "http://127.0.0.1:1/am/api/v2/alerts"}])

        targets = server.api("targets")
        self.assertEqual(targets["droppedTargetCounts"], {"files": 1, "web": 0})
        dropped = targets["droppedTargets"][0]["discoveredLabels"]
        self.assertEqual(dropped["env"], "test")
        self.assertTrue(dropped["__meta_filepath"].endswith("targets/test.yml"))
        steps = server.api("targets/relabel_steps", scrapePool="files", labels=json.dumps(dropped))["steps"]
        self.assertEqual([step["keep"] for step in steps], [True, False])
        self.assertEqual(steps[0]["output"]["file"], "test")
        self.assertEqual(steps[1]["rule"]["action"], "drop")
        self.assertIn("file_sd_configs", server.api("scrape_pools/config", scrapePool="files")["yaml"])
        status, body = server.get("/api/v1/targets/relabel_steps", scrapePool="none", labels="{}")
        self.assertEqual((status, json.loads(body)["error"]),
                         (400, 'error getting scrape config: scrape pool "none" not found'))

        self.write("targets/one.yml", "- targets: []\n")
        directory.groups = []
        wait_for("series to end", lambda: not server.query("a"))
        metrics = server.get("/metrics")[1]
        self.assertIn('prometheus_sd_discovered_targets{name="scrape",config="files"} 1', metrics)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
