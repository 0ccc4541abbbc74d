"""Rule files of others run as their authors say: the unit tests of kubernetes-mixin through `sextant promtool test rules`."""
import os
import pathlib
import unittest

from harness import TestCase, run

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


if __name__ == "__main__":
    unittest.main()
