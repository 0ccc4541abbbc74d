"""The originals' own programs as clients and peers: promtool, a real prometheus, a real Alertmanager.

SEXTANT_PEERS names the folder that scripts/peers fills; without it (and without .tools/peers) the tests are skipped.
"""
import gzip
import json
import pathlib
import re
import subprocess
import tarfile
import unittest

from harness import BINARY, PEERS, Api, TestCase, free_port, run, wait_for
from local_server import LocalServer


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

    OPENMETRICS = """# TYPE http counter
http_total{code="200",path="/a b"} 1 1700000000.000
http_total{code="200",path="/a b"} 5 1700000060.000
http_total{code="500",path="/"} 2.5 1700000000.000
http_total{code="500",path="/"} 1e10 1700010000.000
# TYPE g gauge
g 3 1700000000.123
g NaN 1700000100
g +Inf 1700000200
# EOF
"""

    def both(self, *arguments, **options):
        """Exit code and output of the original and of ours."""
        results = []
        for command in ([PEERS / "promtool"], [BINARY, "promtool"]):
            done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=self.folder, **options)
            # What older ones, such as Debian's, call a little otherwise.
            output = re.sub(r"^Series: ", "Total Series: ", done.stdout, flags=re.M)
            said = re.sub(r"^block (\S+) not found", r"invalid block ID \1", done.stderr)
            results.append((done.returncode, output, said))
        return results

    def test_extended_analysis_as_promtools(self):
        """Debian's promtool tells shares of chunks by how full they are, newer ones and ours how many there are."""
        full = "".join(f"full {i} {1700000000 + i}\n" for i in range(360))
        few = "".join(f"few {i} {1700000000 + i}\n" for i in range(25))
        self.write("chunks.om", f"# TYPE few gauge\n{few}# TYPE full gauge\n{full}# EOF\n")
        code, output = run("promtool", "tsdb", "create-blocks-from", "openmetrics", "chunks.om", "chunks", cwd=self.folder)
        self.assertEqual(code, 0, output)
        (self.folder / "chunks" / "wal").mkdir(exist_ok=True)
        theirs, ours = self.both("tsdb", "analyze", "--extended", "chunks")
        self.assertEqual((theirs[0], ours[0]), (0, 0), ours[2])
        heads = [text.split("Compaction analysis:")[0] for text in (theirs[1], ours[1])]
        self.assertEqual(*(sorted(head.splitlines()) for head in heads))
        if "samples per float chunk" in theirs[1]:
            self.assertEqual(theirs[1], ours[1])
            return
        shares = {int(percent): len(bar) for percent, bar in re.findall(r"^ *(\d+)%: (#*)$", theirs[1], re.M)}
        samples = ours[1].split("samples per float chunk")[1].split("\n\n")[0]
        counts = {int(end): int(count) for end, count in re.findall(r"^\[ *\d+, *(\d+)\]: *(\d+) ", samples, re.M)}
        total = sum(counts.values())
        self.assertEqual((total, counts[30], counts[130]), (4, 1, 3), samples)  # 25 and 120 samples, in rows as promtool names them
        self.assertEqual((shares[30], shares[100]), (100 // total, 300 // total), theirs[1])

    def test_analysis_of_the_block_that_was_made_last(self):
        """Which is not the one with the newest samples where old ones came late. Older promtools, such as Debian's, take that."""
        for name, first in (("new", 1700000000), ("old", 1600000000)):
            self.write("in.om", f"# TYPE {name} gauge\n{name} 1 {first}\n{name} 2 {first + 60}\n# EOF\n")
            code, output = run("promtool", "tsdb", "create-blocks-from", "openmetrics", "in.om", "late", cwd=self.folder)
            self.assertEqual(code, 0, output)
        code, output = run("promtool", "tsdb", "analyze", "late", cwd=self.folder)
        self.assertEqual(code, 0, output)
        self.assertIn("__name__=old", output)

    def test_tsdb_commands_as_promtools(self):
        self.write("in.om", self.OPENMETRICS)
        tables = []
        for command, data in (([PEERS / "promtool"], "theirs"), ([BINARY, "promtool"], "ours")):
            done = subprocess.run([*command, "tsdb", "create-blocks-from", "openmetrics", "in.om", data],
                                  capture_output=True, text=True, cwd=self.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            # Without names and sizes of blocks.
            tables.append([line.split()[1:-1] for line in done.stdout.splitlines()])
            (self.folder / data / "wal").mkdir(exist_ok=True)
        self.assertEqual(tables[0], tables[1])
        for data in ("theirs", "ours"):
            for arguments in (("list", data), ("list", "-r", data), ("dump", data),
                              ("dump", "--match={code=\"500\"}", data), ("dump", "--min-time=1700000060000", data)):
                theirs, ours = self.both("tsdb", *arguments)
                self.assertEqual(theirs, ours, arguments)
            first = sorted(path.name for path in (self.folder / data).iterdir() if len(path.name) == 26)[0]
            for arguments in (("analyze", data), ("analyze", data, first), ("analyze", "--limit=1", data)):
                theirs, ours = self.both("tsdb", *arguments)
                self.assertEqual(theirs[0], ours[0])
                # Equal counts have no order.
                self.assertEqual([line.split()[0] for line in theirs[1].splitlines() if line],
                                 [line.split()[0] for line in ours[1].splitlines() if line])
                if "--limit=1" not in arguments:
                    self.assertEqual(sorted(theirs[1].splitlines()), sorted(ours[1].splitlines()))
        self.write("none.om", "a 1\n# EOF\n")
        self.write("cut.om", "a 1 2\n")
        for arguments in (("list", "nowhere"), ("dump", "nowhere"), ("analyze", "nowhere"), ("analyze", "ours", "nope"),
                          ("create-blocks-from", "openmetrics", "none.om", "x"),
                          ("create-blocks-from", "openmetrics", "cut.om", "x")):
            theirs, ours = self.both("tsdb", *arguments)
            self.assertEqual((theirs[0], theirs[2]), (ours[0], ours[2]), arguments)
        theirs, ours = self.both("check", "metrics", "--extended", input="# HELP a_total x\n# TYPE a_total counter\n"
                                 'a_total{x="1"} 1\na_total{x="2"} 1\n# HELP b x\n# TYPE b gauge\nb 1\n')
        self.assertEqual(theirs, ours)

    def test_what_we_dump_and_push_comes_back(self):
        self.write("in.om", self.OPENMETRICS)
        code, text = run("promtool", "tsdb", "create-blocks-from", "openmetrics", "in.om", "data", cwd=self.folder)
        self.assertEqual(code, 0, text)
        code, dumped = run("promtool", "tsdb", "dump-openmetrics", "data", cwd=self.folder)
        self.assertEqual(code, 0, dumped)
        self.assertTrue(dumped.endswith("# EOF\n"))
        self.write("again.om", dumped)
        code, text = run("promtool", "tsdb", "create-blocks-from", "openmetrics", "again.om", "again", cwd=self.folder)
        self.assertEqual(code, 0, text)
        self.assertEqual(*(run("promtool", "tsdb", "dump", data, cwd=self.folder)[1] for data in ("data", "again")))

        port = free_port()
        self.write("peer.yml", "")
        self.peer(PEERS / "prometheus", "--config.file=peer.yml", "--storage.tsdb.path=peer", "--web.enable-remote-write-receiver",
                  f"--web.listen-address=127.0.0.1:{port}")
        other = Api(port)

        def pushed():
            done = subprocess.run([BINARY, "promtool", "push", "metrics", "--label=job=pushed", f"http://127.0.0.1:{port}/api/v1/write"],
                                  input="# TYPE x gauge\nx{a=\"b\"} 3\n", capture_output=True, text=True)
            return done.returncode == 0 and "SUCCESS" in done.stdout
        wait_for("the push", pushed)
        wait_for("the pushed sample", lambda: other.one('x{a="b",job="pushed"}') == 3)
        self.write("rules.yml", "groups: [{name: g, rules: [{record: 'x:twice', expr: 'x * 2'}]}]\n")
        now = int(other.query("time()"))
        code, text = run("promtool", "tsdb", "create-blocks-from", "rules", f"--url=http://127.0.0.1:{port}", f"--start={now - 60}",
                         f"--end={now + 60}", "--eval-interval=1s", "--output-dir=made", "rules.yml", cwd=self.folder)
        self.assertEqual(code, 0, text)
        self.assertIn('{__name__="x:twice", a="b", job="pushed"} 6 ', run("promtool", "tsdb", "dump", "made", cwd=self.folder)[1])
        code, text = run("promtool", "debug", "metrics", f"http://127.0.0.1:{port}", cwd=self.folder)
        self.assertEqual(code, 0, text)
        with tarfile.open(self.folder / "debug.tar.gz") as archive:
            self.assertIn(b"prometheus_build_info", archive.extractfile("metrics.txt").read())

    def test_profiles_of_a_go_program(self):
        """`debug pprof` and `debug all` keep what the server says; ours is no Go program and has no profiles."""
        asked = []

        def answer(request):
            asked.append(request.target)
            return b"up 1\n" if request.path == "/metrics" else gzip.compress(request.target.encode())

        program = LocalServer(answer)
        self.addCleanup(program.close)
        url = program.url
        files = {"goroutine.pb": "goroutine", "heap.pb": "heap", "mutex.pb": "mutex", "threadcreate.pb": "threadcreate",
                 "cpu.pb": "profile?seconds=30", "block.pb": "block", "trace.pb": "trace?seconds=30"}
        for command in ("pprof", "all"):
            asked.clear()
            code, text = run("promtool", "debug", command, url, cwd=self.folder)
            self.assertEqual(code, 0, text)
            self.assertEqual(sorted(text.splitlines()[:-1]), sorted(f"collecting: {url}{path}" for path in asked))
            self.assertEqual(text.splitlines()[-1], 'Compiling debug information complete, all files written in "debug.tar.gz".')
            with tarfile.open(self.folder / "debug.tar.gz") as archive:
                kept = {name: archive.extractfile(name).read() for name in archive.getnames()}
            self.assertEqual(kept.pop("metrics.txt", None), b"up 1\n" if command == "all" else None)
            self.assertEqual({name: gzip.decompress(body).decode() for name, body in kept.items()},
                             {name: f"/debug/pprof/{path}" for name, path in files.items()})
        server = self.start_platform()
        code, text = run("promtool", "debug", "pprof", f"http://127.0.0.1:{server.port}", cwd=self.folder)
        self.assertEqual(code, 1)
        self.assertIn("error completing debug command: ", text)

    def test_dump_as_json(self):
        self.write("in.om", self.OPENMETRICS)
        code, text = run("promtool", "tsdb", "create-blocks-from", "openmetrics", "in.om", "data", cwd=self.folder)
        self.assertEqual(code, 0, text)
        code, plain = run("promtool", "tsdb", "dump", "data", cwd=self.folder)
        self.assertEqual((code, plain), run("promtool", "tsdb", "dump", "--format=prom", "data", cwd=self.folder))
        code, text = run("promtool", "tsdb", "dump", "--format=seriesjson", "data", cwd=self.folder)
        self.assertEqual(code, 0, text)
        self.assertEqual([json.loads(line) for line in text.splitlines()],
                         [{"__name__": "g"}, {"__name__": "http_total", "code": "200", "path": "/a b"},
                          {"__name__": "http_total", "code": "500", "path": "/"}])
        code, text = run("promtool", "tsdb", "dump", "--format=xml", "data", cwd=self.folder)
        self.assertEqual(code, 1)
        self.assertIn("enum value must be one of prom,seriesjson, got 'xml'", text)

    def test_blocks_as_long_as_promtools(self):
        lines = "".join(f"a {i} {1700000000 + i * 1800}\n" for i in range(100))
        self.write("in.om", f"# TYPE a gauge\n{lines}# EOF\n")
        rows = {}
        for duration in ("2h", "6h", "24h", "30m", "72h"):
            results = []
            for command, data in (([PEERS / "promtool"], "theirs"), ([BINARY, "promtool"], "ours")):
                done = subprocess.run([*command, "tsdb", "create-blocks-from", "openmetrics", f"--max-block-duration={duration}",
                                       "in.om", data + duration], capture_output=True, text=True, cwd=self.folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                # Without names and sizes of blocks.
                results.append([line.split()[1:-1] for line in done.stdout.splitlines()])
            self.assertEqual(*results, duration)
            rows[duration] = results[1]
        # Debian's promtool does not know days yet.
        for written, same in (("1d", "24h"), ("3d", "72h"), ("1.5h", "2h")):
            code, output = run("promtool", "tsdb", "create-blocks-from", "openmetrics", f"--max-block-duration={written}", "in.om",
                               written, cwd=self.folder)
            self.assertEqual(code, 0, output)
            self.assertEqual([line.split()[1:-1] for line in output.splitlines()], rows[same])
        theirs, ours = self.both("tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=x", "in.om", "bad")
        self.assertEqual(theirs, ours)

    def test_bench_of_writing(self):
        self.write("series.json", "".join(f'{{"__name__":"x","a":"{i}"}}\n' for i in range(3000)))
        (self.folder / "kept").mkdir()
        self.write("kept/other", "not ours")
        for _ in range(2):  # the second replaces what the first left
            code, text = run("promtool", "tsdb", "bench", "write", "--out=kept", "--metrics=2500", "--scrapes=200", "series.json",
                             cwd=self.folder)
            self.assertEqual(code, 0, text)
            self.assertEqual([line.split("=")[1].split()[0] for line in text.splitlines() if line.startswith(">> completed")],
                             ["readData", "ingestScrapes", "stopStorage"])
            self.assertIn(" > total samples: 500000\n", text)
            self.assertIn(" > samples/sec: ", text)
        self.assertTrue((self.folder / "kept/other").exists())
        code, text = run("promtool", "tsdb", "dump", '--match={a="2499"}', "kept/storage", cwd=self.folder)
        self.assertEqual(code, 0, text)
        self.assertEqual(len(text.splitlines()), 200)
        for arguments in (("none.json",), ("--metrics=x", "series.json")):
            code, text = run("promtool", "tsdb", "bench", "write", "--out=other", *arguments, cwd=self.folder)
            self.assertEqual(code, 1, text)

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
