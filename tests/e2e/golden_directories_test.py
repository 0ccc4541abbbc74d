"""Data directories of a Prometheus 2.42 with what it answered before it stopped: ours must answer the same.

The replies, the blocks and what promtool printed of them are files of the conformance data (SEXTANT_CONFORMANCE_DIR); without
them the tests are skipped.
"""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import TestCase, run

ROOT = pathlib.Path(os.environ.get("SEXTANT_CONFORMANCE_DIR", pathlib.Path(__file__).resolve().parents[3] / "shared" / "conformance"))
GOLDEN = ROOT / "prometheus" / "tsdb" / "golden-prometheus-2.42"
PROMTOOL = pathlib.Path(os.environ.get("SEXTANT_PEERS", pathlib.Path(__file__).resolve().parents[2] / ".tools" / "peers")) / "usr/bin/promtool"

WINDOW = {"start": "1700006400", "end": "1700010900"}
STEPS = {**WINDOW, "step": "60"}
# The questions behind the replies.
QUESTIONS = {
    "series.json": ("series", {"match[]": '{job="demo"}', **WINDOW}),
    "labels.json": ("labels", WINDOW),
    "label_values.json": ("label/instance/values", WINDOW),
    "range_gauge.json": ("query_range", {"query": "demo_gauge", **STEPS}),
    "range_sum.json": ("query_range", {"query": "sum by (job) (demo_requests_total)", **STEPS}),
    "range_native.json": ("query_range", {"query": "demo_native", **STEPS}),
    "range_native_float_gauge.json": ("query_range", {"query": "demo_native_float_gauge", **STEPS}),
    "instant_all.json": ("query", {"query": '{job="demo"}', "time": "1700010000"}),
    "exemplars.json": ("query_exemplars", {"query": "demo_requests_total", **WINDOW}),
    "bad_query.json": ("query", {"query": "rate(demo_gauge)"}),
    "bad_query2.json": ("query_range", {"query": "demo_gauge", "start": "1700006400", "end": "1700006300", "step": "60"}),
}


def comparable(value):
    """Lists of series in one order, and numbers to 14 digits: Prometheus' table of bucket bounds is off in the last one."""
    if isinstance(value, dict):
        return {key: comparable(one) for key, one in value.items()}
    if isinstance(value, list):
        values = [comparable(one) for one in value]
        return sorted(values, key=lambda one: json.dumps(one, sort_keys=True)) if values and isinstance(values[0], dict) else values
    try:
        return f"{float(value):.14g}" if isinstance(value, str) else value
    except ValueError:
        return value


@unittest.skipUnless(GOLDEN.is_dir(), f"no conformance data in {GOLDEN}")
class GoldenDirectories(TestCase):
    maxDiff = 2000

    def check_replies(self, server, folder):
        replies = sorted(path.name for path in folder.iterdir())
        self.assertLessEqual(set(replies), set(QUESTIONS))
        self.assertGreaterEqual(len(replies), 9)
        for name in replies:
            path, parameters = QUESTIONS[name]
            with self.subTest(reply=name):
                expected = json.loads((folder / name).read_text())
                _, text = server.get(f"/api/v1/{path}", **parameters)
                got = json.loads(text)
                self.assertEqual(comparable(got), comparable(expected))

    def check_variant(self, variant):
        for state in ("data-clean-shutdown", "data-copied-while-running"):
            with self.subTest(variant=variant, state=state):
                data = self.folder / f"{variant}-{state}"
                shutil.copytree(GOLDEN / variant / state, data)
                config = self.write("prometheus.yml", "global: {scrape_interval: 1m}\n")
                # Once taken over, and once from what that has made of it.
                for _ in range(2):
                    server = self.start(f"--config.file={config}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y",
                                        "--web.listen-address=127.0.0.1:0", program=("prometheus",))
                    self.check_replies(server, GOLDEN / variant / "api-expected")
                    self.assertEqual(server.stop(), 0, server.output)

    def test_snappy(self):
        self.check_variant("v242-snappy")

    def test_uncompressed(self):
        self.check_variant("v242-nocomp")

    def test_memory_snapshot(self):
        self.check_variant("v242-memsnap")

    def test_blocks_from_openmetrics(self):
        golden = GOLDEN / "blocks-from-openmetrics"
        table = (golden / "expected.list.txt").read_text()
        dump = sorted((golden / "expected.dump.txt").read_text().split("\n"))
        code, output = run("promtool", "tsdb", "list", str(golden / "data"))
        self.assertEqual((code, output), (0, table))
        code, output = run("promtool", "tsdb", "create-blocks-from", "openmetrics", str(golden / "input.openmetrics.txt"),
                           str(self.folder / "ours"))
        self.assertEqual(code, 0, output)
        # All but names and sizes of blocks.
        rows = [line.split()[1:-1] for line in table.splitlines()[1:]]
        self.assertEqual([line.split()[1:-1] for line in output.splitlines()[1:]], rows)
        for data in (golden / "data", self.folder / "ours"):
            code, output = run("promtool", "tsdb", "dump", str(data))
            self.assertEqual(code, 0, output)
            self.assertEqual(sorted(output.split("\n")), dump)
        if PROMTOOL.exists():
            (self.folder / "ours" / "wal").mkdir(exist_ok=True)
            listed = subprocess.run([PROMTOOL, "tsdb", "list", self.folder / "ours"], capture_output=True, text=True, check=True)
            self.assertEqual([line.split()[1:-1] for line in listed.stdout.splitlines()[1:]], rows)
            dumped = subprocess.run([PROMTOOL, "tsdb", "dump", self.folder / "ours"], capture_output=True, text=True, check=True)
            self.assertEqual(sorted(dumped.stdout.split("\n")), dump)


if __name__ == "__main__":
    unittest.main()
