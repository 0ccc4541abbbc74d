"""Taking the place of a real Prometheus on its own data directory, and giving it back.

A Prometheus of Debian's packages scrapes for a while, cutting small blocks; it is stopped or killed; ours serves the directory
and must give the same answers; then it goes back to Prometheus, which must give them too, with what ours has added.
"""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import PEERS, Api, LocalTarget, TestCase, free_port, run, wait_for

# Blocks of some seconds, so that the directory soon holds some beside the head.
SHORT_BLOCKS = ["--storage.tsdb.min-block-duration=6s", "--storage.tsdb.max-block-duration=6s", "--storage.tsdb.retention.time=10y"]
SCRAPES = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs:
  - job_name: moving
    static_configs: [{{targets: ['{address}']}}]
"""
NO_SCRAPES = "global: {scrape_interval: 1m}\n"


class Peer(Api):
    """Debian's prometheus on a data directory."""

    def __init__(self, folder, config, data):
        super().__init__(free_port())
        self.log_path = folder / f"prometheus-{self.port}.log"
        self.log = open(self.log_path, "w")
        self.process = subprocess.Popen(
            [str(PEERS / "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={data}", *SHORT_BLOCKS,
             "--enable-feature=exemplar-storage,native-histograms", "--web.enable-admin-api",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self.log, stderr=subprocess.STDOUT, cwd=folder)
        wait_for("the peer to be ready", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log_path.read_text()[-4000:])
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def end(self, with_signal):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        self.process.wait(60)
        self.log.close()


def answers(api, begin, end):
    """What a set of queries gives. Ranges begin before the first sample, since 2.42 includes their beginning and we do not."""
    seconds = int(end - begin) + 1
    out = {}
    for name, expression in {
            "samples": f'{{__name__=~"moving_.*|up|scrape_samples_scraped"}}[{seconds}s]',
            "stale": f'{{job="moving",__name__="moving_gone"}}[{seconds}s]'}.items():
        data = api.api("query", query=expression, time=f"{end:.4f}")
        out[name] = sorted((json.dumps(s["metric"], sort_keys=True), s["values"]) for s in data["result"])
    for name, expression in {
            "sum": "sum(moving_total)",
            "by": "sum by (i) (moving_total) > 0",
            "gauge": "moving_gauge * 2"}.items():
        # Whole seconds: others become floats that not everybody rounds alike.
        data = api.api("query_range", query=expression, start=int(begin) + 1, end=int(end), step="0.5")
        out[name] = sorted((json.dumps(s["metric"], sort_keys=True), s["values"]) for s in data["result"])
    window = {"start": f"{begin:.3f}", "end": f"{end:.3f}"}
    out["series"] = sorted(json.dumps(s, sort_keys=True) for s in api.api("series", **{"match[]": '{job="moving"}'}, **window))
    out["labels"] = api.api("labels", **window)
    out["values"] = api.api("label/__name__/values", **window)
    return out


def moving_text(count):
    lines = [f'moving_total{{i="{i}"}} {count * (i + 1)}' for i in range(30)]
    lines += [f"moving_gauge {count % 7 + 0.25}", "moving_constant 42"]
    if count % 40 < 25:
        lines.append("moving_gone 1")  # ends with a stale marker, now and then
    return "\n".join(lines) + "\n"


@unittest.skipUnless((PEERS / "prometheus").exists(), f"no peers in {PEERS}: run scripts/peers")
class Takeover(TestCase):
    @classmethod
    def setUpClass(cls):
        """A directory with blocks, made once: Prometheus looks for blocks to cut only once a minute."""
        cls.seed_folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.seed_folder, ignore_errors=True)
        cls.began = time.time()
        cls.seed_count = 0
        source = LocalTarget(lambda: cls.seed_body())
        cls.addClassCleanup(source.close)
        (cls.seed_folder / "scraping.yml").write_text(SCRAPES.format(address=source.address))
        peer = Peer(cls.seed_folder, "scraping.yml", cls.seed_folder / "data")
        cls.addClassCleanup(lambda: peer.end(signal.SIGKILL))
        wait_for("blocks", lambda: list((cls.seed_folder / "data").glob("*/meta.json")), 150)
        peer.end(signal.SIGTERM)

    @classmethod
    def seed_body(cls):
        cls.seed_count += 1
        return moving_text(cls.seed_count)

    def setUp(self):
        super().setUp()
        self.count = self.seed_count
        self.source = self.target(self.body)
        self.scraping = self.write("scraping.yml", SCRAPES.format(address=self.source.address))
        self.resting = self.write("resting.yml", NO_SCRAPES)
        self.data = self.folder / "data"
        shutil.copytree(self.seed_folder / "data", self.data)

    def body(self):
        self.count += 1
        return moving_text(self.count)

    def same(self, expected, got, who):
        for key, value in expected.items():
            if value != got[key]:
                want, have = dict(value) if key in ("samples", "sum", "by") else value, dict(got[key]) if key in ("samples", "sum", "by") else got[key]
                if isinstance(want, dict):
                    for series in want:
                        if want[series] != have.get(series):
                            self.fail(f"{who}: {key}: {series}\nexpected {want[series]}\ngot      {have.get(series)}")
                self.fail(f"{who}: {key}\nexpected {value}\ngot      {got[key]}")

    def scrape_with_peer(self):
        """Lets Prometheus go on with the directory for some seconds and returns it."""
        peer = Peer(self.folder, self.scraping, self.data)
        self.addCleanup(lambda: peer.end(signal.SIGKILL))
        wait_for("samples in the head", lambda: self.count > self.seed_count + 30)
        return peer

    def ours(self, config):
        return self.start(f"--config.file={config}", f"--storage.tsdb.path={self.data}", *SHORT_BLOCKS, "--web.listen-address=127.0.0.1:0",
                          program=("prometheus",))

    def take_over(self, with_signal):
        peer = self.scrape_with_peer()
        end = time.time() - 0.4
        expected = answers(peer, self.began, end)
        self.assertGreater(len(dict(expected["samples"])), 30)
        peer.end(with_signal)

        ours = self.ours(self.resting)
        self.same(expected, answers(ours, self.began, end), "ours")
        self.assertEqual(ours.stop(), 0, ours.output)

        peer = Peer(self.folder, self.resting, self.data)
        self.addCleanup(lambda: peer.end(signal.SIGKILL))
        self.same(expected, answers(peer, self.began, end), "Prometheus again")
        peer.end(signal.SIGTERM)

    def test_after_a_clean_stop(self):
        self.take_over(signal.SIGTERM)
        # A second round, in which ours scrapes too and is killed once in between.
        ours = self.ours(self.scraping)
        seen = self.count
        wait_for("our scrapes", lambda: self.count > seen + 20)
        end = time.time() - 0.4
        expected = answers(ours, self.began, end)
        ours.kill()
        ours = self.ours(self.resting)
        self.same(expected, answers(ours, self.began, end), "ours after a kill")
        self.assertEqual(ours.stop(), 0, ours.output)
        peer = Peer(self.folder, self.resting, self.data)
        self.addCleanup(lambda: peer.end(signal.SIGKILL))
        self.same(expected, answers(peer, self.began, end), "Prometheus with our samples")
        peer.end(signal.SIGTERM)
        # And what Prometheus has rewritten is again taken over.
        ours = self.ours(self.resting)
        self.same(expected, answers(ours, self.began, end), "ours again")

    def test_after_a_kill(self):
        self.take_over(signal.SIGKILL)

    def test_promtool_reads_our_export(self):
        peer = self.scrape_with_peer()
        end = time.time() - 0.4
        expected = answers(peer, self.began, end)
        peer.end(signal.SIGTERM)
        ours = self.ours(self.resting)
        self.same(expected, answers(ours, self.began, end), "ours")
        self.assertEqual(ours.stop(), 0, ours.output)
        export = self.folder / "export"
        code, output = run("tsdb", "export", f"--data={self.data}", f"--output={export}")
        self.assertEqual(code, 0, output)
        listed = subprocess.run([PEERS / "promtool", "tsdb", "list", export], capture_output=True, text=True)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertGreaterEqual(len(listed.stdout.splitlines()), 2, listed.stdout)
        analyzed = subprocess.run([PEERS / "promtool", "tsdb", "analyze", export], capture_output=True, text=True)
        self.assertEqual(analyzed.returncode, 0, analyzed.stderr)
        dumped = subprocess.run([PEERS / "promtool", "tsdb", "dump", export], capture_output=True, text=True)
        self.assertEqual(dumped.returncode, 0, dumped.stderr)
        constants = [line for line in dumped.stdout.splitlines() if "moving_constant" in line]
        in_answers = next(values for series, values in expected["samples"] if "moving_constant" in series)
        self.assertGreaterEqual(len(constants), len(in_answers))
        # The export alone is a data directory for Prometheus.
        shutil.copytree(export, self.folder / "exported")
        self.data = self.folder / "exported"
        peer = Peer(self.folder, self.resting, self.data)
        self.addCleanup(lambda: peer.end(signal.SIGKILL))
        self.same(expected, answers(peer, self.began, end), "Prometheus on the export")
        peer.end(signal.SIGTERM)


@unittest.skipUnless((PEERS / "prometheus").exists(), f"no peers in {PEERS}: run scripts/peers")
class StaleSeries(TestCase):
    """Series that leave our head early are in a block that a Prometheus of before such blocks must not misunderstand."""

    def body(self):
        self.scrapes += 1
        return "".join(f'moving_total{{i="{i}"}} {self.scrapes * (i + 1)}\n' for i in range(5 if self.have_ended else 40))

    def test_leave_early_and_prometheus_has_everything(self):
        self.scrapes, self.have_ended, began = 0, False, time.time()
        threshold = "storage: {tsdb: {stale_series_compaction_threshold: 0.5}}\n"
        scraping = self.write("scraping.yml", threshold + SCRAPES.format(address=self.target(self.body).address))
        resting, data = self.write("resting.yml", NO_SCRAPES), self.folder / "data"
        arguments = (f"--config.file={scraping}", f"--storage.tsdb.path={data}", "--web.listen-address=127.0.0.1:0")

        def samples(api, end):
            query = f'{{__name__=~"moving_.*|up"}}[{int(end - began) + 1}s]'
            result = api.api("query", query=query, time=f"{end:.4f}")["result"]
            return {json.dumps(s["metric"], sort_keys=True): s["values"] for s in result}

        ours = self.start(*arguments, program=("prometheus",))
        wait_for("scrapes", lambda: self.scrapes > 15)
        self.have_ended, seen = True, self.scrapes
        wait_for("the end of series", lambda: self.scrapes > seen + 5)
        self.assertEqual(ours.stop(), 0, ours.output)
        # They are looked for once a minute, and at the start.
        ours = self.start(*arguments, program=("prometheus",))
        wait_for("stale series to leave", lambda: "prometheus_tsdb_head_series 10\n" in ours.get("/metrics")[1])
        blocks = [json.loads(path.read_text()) for path in data.glob("*/meta.json")]
        self.assertEqual([block["compaction"]["hints"] for block in blocks], [["from-out-of-order", "from-stale-series"]])
        seen = self.scrapes
        wait_for("more scrapes", lambda: self.scrapes > seen + 5)
        end = time.time() - 0.4
        expected = samples(ours, end)
        self.assertEqual(len(expected), 41)
        self.assertEqual(ours.stop(), 0, ours.output)
        peer = Peer(self.folder, resting, data)
        self.addCleanup(lambda: peer.end(signal.SIGKILL))
        self.assertEqual(samples(peer, end), expected)
        peer.end(signal.SIGTERM)
        ours = self.start(*arguments, program=("prometheus",))
        self.assertEqual(samples(ours, end), expected)


if __name__ == "__main__":
    unittest.main()
