"""Rule files of others run as their authors say: the unit tests of kubernetes-mixin through `sextant promtool test rules`. And
rules of a group at the same time, when a flag asks for it."""
import os
import pathlib
import unittest

from harness import TestCase, run, wait_for

CONFORMANCE = pathlib.Path(os.environ.get("SEXTANT_CONFORMANCE_DIR",
                                          pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "conformance"))


class RuleFiles(TestCase):
    def data(self, name):
        folder = CONFORMANCE / "alerting" / name
        if not folder.exists():
            self.skipTest(f"no conformance data at {folder}")
        return folder

    def test_kubernetes_mixin_unit_tests_pass_in_promtool(self):
        files = sorted((self.data("kubernetes-mixin") / "tests").glob("*.yaml"))
        self.assertEqual(len(files), 8)
        code, output = run("promtool", "test", "rules", *map(str, files))
        self.assertEqual(code, 0, output)
        self.assertEqual(output.count("SUCCESS"), len(files), output)
        self.assertNotIn("FAILED", output)

    def test_a_unit_test_that_expects_something_else_fails(self):
        folder = self.data("kubernetes-mixin")
        source = (folder / "tests" / "absent_alert-test.yaml").read_text()
        self.assertIn('severity: "critical"', source)
        for name in ("prometheus_alerts.yaml", "prometheus_rules.yaml"):
            self.write(name, (folder / name).read_text())
        changed = source.replace('severity: "critical"', 'severity: "none"', 1)
        code, output = run("promtool", "test", "rules", self.write("tests/changed.yaml", changed))
        self.assertEqual(code, 1, output)
        self.assertIn("FAILED", output)

    def test_kube_prometheus_rule_files_are_valid_for_promtool(self):
        files = sorted((self.data("kube-prometheus") / "rules-as-prometheus").glob("*.yaml"))
        self.assertEqual(len(files), 8)
        code, output = run("promtool", "check", "rules", "--lint=none", *map(str, files))
        self.assertEqual(code, 0, output)
        found = sum(int(line.split()[1]) for line in output.splitlines() if line.strip().startswith("SUCCESS:"))
        self.assertEqual(found, 139 + 95, output)

    def test_rules_are_evaluated_concurrently_when_asked(self):
        chain = "".join(f"  - {{record: a{i}, expr: vector({i})}}\n" for i in range(20))
        chain += "".join(f"  - {{record: b{i}, expr: a{i} + 100}}\n" for i in range(20))
        self.write("rules.yml", "groups:\n- name: g\n  interval: 200ms\n  rules:\n" + chain +
                   "  - {record: c, expr: 'sum({__name__=~\"b.*\"})'}\n  - {record: d, expr: c + 1}\n")
        self.write("prometheus.yml", "rule_files: [rules.yml]\n")
        flags = ("--config.file=prometheus.yml", f"--storage.tsdb.path={self.folder / 'data'}", "--web.listen-address=127.0.0.1:0")
        feature = "--enable-feature=concurrent-rule-eval"
        for more, is_on in (((), False), ((feature,), True), ((feature, "--rules.max-concurrent-evals=1"), True)):
            server = self.start(*flags, *more, program=["prometheus"])
            self.assertEqual(server.api("features")["rules"]["concurrent_rule_eval"], is_on)
            wait_for("the last of the chain", lambda s=server: s.one("d") == 2191)
            self.assertIn("prometheus_rule_group_last_rule_duration_sum_seconds{", server.get("/metrics")[1])
            wait_for("all rules to be well", lambda s=server: [r["health"] for g in s.api("rules")["groups"] for r in g["rules"]] == ["ok"] * 42)
            self.assertEqual(server.stop(), 0)
        code, output = run("prometheus", *flags, "--rules.max-concurrent-evals=many", cwd=self.folder)
        self.assertEqual(code, 2, output)
        self.assertIn("rules.max-concurrent-evals", output)


if __name__ == "__main__":
    unittest.main()
