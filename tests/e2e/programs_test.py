"""The binary under the names and with the flags of the programs it stands in for."""
import os
import pathlib
import re
import subprocess
import unittest

from harness import BINARY, TestCase, run, wait_for


class Programs(TestCase):
    def test_prometheus_with_its_own_file_and_flags(self):
        target = self.target('# TYPE jobs_total counter\njobs_total{kind="a",drop_me="x"} 3\nnoise 1\n')
        self.write("prometheus.yml", f"""
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
  external_labels: {{cluster: test}}
scrape_configs:
  - job_name: app
    static_configs:
      - targets: ['{target.address}']
        labels: {{env: prod}}
    relabel_configs:
      - source_labels: [__address__]
        regex: '(.*):.*'
        target_label: host
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: noise
        action: drop
      - regex: drop_me
        action: labeldrop
""")
        server = self.start("--config.file=prometheus.yml", "--storage.tsdb.path", "tsdb",
                            "--web.listen-address=127.0.0.1:0", program=["prometheus"])
        wait_for("a sample", lambda: server.one("jobs_total") == 3)
        self.assertEqual(server.query("jobs_total"), {tuple(sorted({
            "__name__": "jobs_total", "env": "prod", "host": "127.0.0.1", "instance": target.address, "job": "app",
            "kind": "a"}.items())): 3})
        self.assertIsNone(server.one("noise"))
        self.assertEqual(server.one("scrape_samples_scraped"), 2)
        self.assertEqual(server.one("scrape_samples_post_metric_relabeling"), 1)
        self.assertIsNone(server.one("node_load1"), "prometheus has no collectors of its own")
        self.assertEqual(server.stop(20), 0)

    def assert_only_what_is_needed_is_loaded(self, server):
        maps = pathlib.Path(f"/proc/{server.process.pid}/maps").read_text()
        self.assertEqual([library for library in ("libcurl", "libssl", "libcrypto") if library in maps], [])

    def test_the_platform_loads_only_what_it_needs(self):
        self.assert_only_what_is_needed_is_loaded(self.start_platform())

    def test_node_exporter(self):
        server = self.start_exporter()
        status, text = server.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn("# TYPE node_cpu_seconds_total counter", text)
        self.assert_only_what_is_needed_is_loaded(server)
        self.assertEqual(server.stop(20), 0)

    def test_the_node_exporter_says_at_its_start_what_is_wrong(self):
        folder = pathlib.Path(self.folder) / "metrics"
        folder.mkdir()
        (folder / "broken.prom").write_text("this is no metric\n")
        server = self.start("--web.listen-address=127.0.0.1:0", f"--collector.textfile.directory={folder}",
                            program=["node_exporter"], ready=False)
        wait_for("the complaint", lambda: "broken.prom" in server.output)
        self.assertEqual(server.stop(20), 0)

    def test_a_symlink_chooses_the_program(self):
        link = pathlib.Path(self.folder) / "node_exporter"
        os.symlink(os.path.abspath(BINARY), link)
        output = subprocess.run([link, "--help"], capture_output=True, text=True).stdout
        self.assertIn("sextant node_exporter", output)

    def test_help_version_and_completion(self):
        code, text = run("--help")
        self.assertEqual(code, 0)
        for word in ("--data", "--listen", "prometheus", "node_exporter"):
            self.assertIn(word, text)
        code, text = run("--version")
        self.assertEqual(code, 0)
        self.assertRegex(text, r"^sextant \d+\.\d+\.\d+")
        for shell in ("bash", "zsh", "fish"):
            code, text = run("completion", shell)
            self.assertEqual(code, 0)
            self.assertIn("node_exporter", text)


if __name__ == "__main__":
    unittest.main()
