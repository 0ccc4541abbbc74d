"""The originals' own programs as clients and peers: promtool, a real prometheus, a real Alertmanager.

SEXTANT_PEERS names the folder that scripts/peers fills; without it (and without .tools/peers) the tests are skipped.
"""
import json
import os
import pathlib
import socket
import subprocess
import unittest

from harness import Api, TestCase, wait_for

PEERS = pathlib.Path(os.environ.get("SEXTANT_PEERS", pathlib.Path(__file__).resolve().parents[2] / ".tools" / "peers")) / "usr" / "bin"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@unittest.skipUnless((PEERS / "promtool").exists(), f"no peers in {PEERS}: run scripts/peers")
class Clients(TestCase):
    def promtool(self, *arguments, **options):
        done = subprocess.run([PEERS / "promtool", *arguments], capture_output=True, text=True, **options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def peer(self, *command):
        log = open(self.folder / f"{pathlib.Path(command[0]).name}.log", "w+")
        process = subprocess.Popen([str(c) for c in command], stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)

        def end():
            process.terminate()
            process.wait()
            log.close()
        self.addCleanup(end)
        return process

    def test_promtool_reads_us(self):
        server = self.start_platform()
        wait_for("a scrape", lambda: server.one("sum(up)") == 2)
        url = f"http://127.0.0.1:{server.port}"
        self.assertIn('up{instance=', self.promtool("query", "instant", url, "up"))
        self.assertIn("=> 2 @", self.promtool("query", "instant", url, "sum(up)"))
        now = int(server.query("time()"))
        self.assertIn("up{", self.promtool("query", "range", url, "up", "--step=1s", f"--start={now - 60}", f"--end={now + 2}"))
        self.assertEqual(set(self.promtool("query", "labels", url, "job").split()), {"node", "sextant"})
        self.assertIn('job="node"', self.promtool("query", "series", url, "--match=up"))

    def test_our_metrics_pass_promtools_parser(self):
        server = self.start_platform()
        _, text = server.get("/metrics")
        done = subprocess.run([PEERS / "promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertNotIn("error while linting", done.stderr)
        self.assertNotIn("parse", done.stderr)

    def test_a_real_prometheus_scrapes_us(self):
        server = self.start_platform()
        port = free_port()
        self.write("peer.yml", f"""
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: sextant, static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]}}]
""")
        self.peer(PEERS / "prometheus", "--config.file=peer.yml", "--storage.tsdb.path=peer", f"--web.listen-address=127.0.0.1:{port}")
        other = Api(port)

        def scraped():
            try:
                return other.one('up{job="sextant"}') == 1 and other.one("prometheus_tsdb_head_series") > 100
            except (OSError, TypeError, ValueError, AssertionError):  # not up yet
                return False
        wait_for("the peer to have scraped us", scraped)

    def test_a_real_alertmanager_hears_our_alerts(self):
        port = free_port()
        self.write("am.yml", "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        # Debian's Alertmanager reads its templates from /usr/share: give it that folder in a mount namespace of its own.
        start = 'mount --bind "$0" /usr/share && exec "$@"'
        if subprocess.run(["unshare", "-m", "sh", "-c", start, PEERS.parent / "share", "true"], capture_output=True).returncode != 0:
            self.skipTest("cannot make a mount namespace here")
        self.peer("unshare", "-m", "sh", "-c", start, PEERS.parent / "share", PEERS / "prometheus-alertmanager",
                  "--config.file=am.yml", "--storage.path=am", "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}")
        target = self.target("broken 1\n")
        self.write("rules.yml", "groups: [{name: g, rules: [{alert: Broken, expr: broken > 0, labels: {severity: page}}]}]\n")
        self.write("prometheus.yml", f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms, external_labels: {{cluster: c1}}}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}
scrape_configs: [{{job_name: app, static_configs: [{{targets: ['{target.address}']}}]}}]
""")
        self.start("--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0",
                   "--rules.alert.resend-delay=1s", program=["prometheus"])

        def heard():
            done = subprocess.run([PEERS / "amtool", f"--alertmanager.url=http://127.0.0.1:{port}", "alert", "query", "-o", "json"],
                                  capture_output=True, text=True)
            return done.returncode == 0 and json.loads(done.stdout)
        labels = wait_for("the alert to arrive", heard)[0]["labels"]
        self.assertEqual({k: labels[k] for k in ("alertname", "severity", "cluster", "job")},
                         {"alertname": "Broken", "severity": "page", "cluster": "c1", "job": "app"})


if __name__ == "__main__":
    unittest.main()
