"""Names of metrics: which are valid, and how they are escaped for who cannot take them, on the way in and out."""
import unittest

from harness import TestCase, wait_for
from local_server import Answer, LocalServer

CONFIG = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms, rule_query_offset: 1s}}
runtime: {{gogc: 50}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: any
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
  - job_name: legacy
    metric_name_validation_scheme: legacy
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
  - job_name: dots
    metric_name_escaping_scheme: dots
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


class EscapingTarget(LocalServer):
    """Shows `disk.io` under the name that the Accept header asks for; `{"stubborn.name"}` when it is stubborn."""
    NAMES = {"allow-utf-8": '{"disk.io"}', "underscores": "disk_io", "dots": "disk_dot_io", "values": "U__disk_2e_io"}

    def __init__(self):
        self.is_stubborn = False
        self.accepted = set()
        super().__init__()

    def answer(self, request):
        accept = request.headers["Accept"]
        self.accepted.add(accept)
        escaping = accept.split(",")[0].split("escaping=")[1].split(";")[0]
        name = '{"stubborn.name"}' if self.is_stubborn else self.NAMES[escaping]
        return Answer(f"{name} 1\n", kind=f"text/plain; version=1.0.0; escaping={escaping}")


class Names(TestCase):
    def setUp(self):
        super().setUp()
        self.exporter = EscapingTarget()
        self.addCleanup(self.exporter.close)

    def prometheus(self, config, ready=True):
        path = self.write("prometheus.yml", config)
        return self.start(f"--config.file={path}", f"--storage.tsdb.path={self.folder / 'data'}",
                          "--web.listen-address=127.0.0.1:0", program=("prometheus",), ready=ready)

    def test_targets_are_asked_and_held_to_their_scheme(self):
        self.write("rules.yml", "groups: [{name: g, rules: [{record: now, expr: time()}]}]\n")
        server = self.prometheus(CONFIG.format(port=self.exporter.port))
        wait_for("all jobs", lambda: len(server.query("up == 1")) == 3)
        self.assertEqual({dict(labels)["job"] for labels in server.query('{"disk.io"}')}, {"any"})
        self.assertEqual({dict(labels)["job"] for labels in server.query("disk_io")}, {"legacy"})
        self.assertEqual({dict(labels)["job"] for labels in server.query("disk_dot_io")}, {"dots"})
        for escaping in ("allow-utf-8", "underscores", "dots"):
            self.assertIn(
                f"application/openmetrics-text;version=1.0.0;escaping={escaping};q=0.6,"
                "application/openmetrics-text;version=0.0.1;q=0.5,"
                f"text/plain;version=1.0.0;escaping={escaping};q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                self.exporter.accepted)

        self.exporter.is_stubborn = True
        wait_for("legacy to be refused", lambda: server.one('up{job="legacy"}') == 0)
        self.assertEqual(server.one('up{job="any"}'), 1)
        targets = server.api("targets")["activeTargets"]
        errors = {target["labels"]["job"]: target["lastError"] for target in targets}
        self.assertIn("invalid metric name or label names", errors["legacy"])
        self.assertEqual(errors["any"], "")

        # Rules look as far back as `global` says.
        wait_for("the rule", lambda: server.query("now"))
        self.assertGreater(server.one("time() - timestamp(now)"), 0.9)

        config = server.api("status/config")["yaml"]
        for line in ("gogc: 50", "metric_name_validation_scheme: legacy", "metric_name_escaping_scheme: dots"):
            self.assertIn(line, config)

    def test_what_goes_out_is_escaped_as_asked(self):
        self.write("rules.yml", "groups: []\n")
        server = self.prometheus(CONFIG.format(port=self.exporter.port))
        wait_for("a sample", lambda: server.query('{"disk.io"}'))
        for escaping, name in EscapingTarget.NAMES.items():
            status, body = server.request("GET", "/federate?match[]={%22disk.io%22}",
                                          headers={"Accept": f"text/plain;version=0.0.4;escaping={escaping}"})
            self.assertEqual(status, 200)
            self.assertTrue(body.splitlines()[0].startswith(f"# TYPE {name.strip('{}')} untyped"), body)
            self.assertTrue(body.splitlines()[1].startswith(name.rstrip("}")), body)

    def test_wrong_schemes_are_refused(self):
        self.write("rules.yml", "groups: [{name: g, rules: [{record: a.b, expr: '1'}]}]\n")
        legacy = "global: {metric_name_validation_scheme: legacy}\n"
        for config, says in (
                ("global: {metric_name_validation_scheme: x}\n", 'unrecognized ValidationScheme: "x"'),
                (legacy + "rule_files: [rules.yml]\n", "invalid recording rule name: a.b"),
                (legacy + "scrape_configs: [{job_name: a, metric_name_escaping_scheme: allow-utf-8}]\n",
                 "utf8 metric names requested but validation scheme is not set to UTF8")):
            server = self.prometheus(config, ready=False)
            self.assertEqual(server.process.wait(20), 1)
            wait_for(says, lambda server=server, says=says: says in server.output)


if __name__ == "__main__":
    unittest.main()
