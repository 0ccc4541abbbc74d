"""The query API: beside a real Prometheus on the same samples, by itself, and the commands that work with PromQL."""
import contextlib
import gzip
import http.client
import json
import re
import socket
import subprocess
import time
import unittest
import urllib.parse

import harness
from harness import PEERS, Api, TestCase, free_port, run, wait_for

TARGET = """# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{method="get",code="200"} %d
http_requests_total{method="get",code="500"} %d
http_requests_total{method="post",code="200"} 7
# TYPE temperature gauge
temperature{room="kitchen"} 21.5
temperature{room="cellar"} -3
temperature{room="odd \\"quoted\\" ü<>&"} NaN
temperature{room="oven"} +Inf
tiny 1e-9
huge 1.5e22
# TYPE latency_seconds histogram
latency_seconds_bucket{le="0.1"} 5
latency_seconds_bucket{le="1"} 8
latency_seconds_bucket{le="+Inf"} 9
latency_seconds_sum 4.2
latency_seconds_count 9
"""

# Expressions that both must answer alike, at one moment.
EXPRESSIONS = [
    "1", "-1.5e300", "1/0", "0/0", '"text"', '"<ä>\\n"', "time()", "up", "temperature", "tiny", "huge", "http_requests_total",
    'http_requests_total{code="200"}', 'http_requests_total{code=~"2.."}', 'http_requests_total{code!~"2..|5.."}',
    "http_requests_total[20s]", "rate(http_requests_total[20s])", "increase(http_requests_total[20s])",
    "irate(http_requests_total[20s])", "sum(http_requests_total)", "sum by (method) (http_requests_total)",
    "sum without (code) (http_requests_total)", "count by (code) (http_requests_total)", "avg(temperature)",
    "min(temperature)", "max(temperature)", "stddev(http_requests_total)", "stdvar(http_requests_total)",
    "quantile(0.5, http_requests_total)", "group(http_requests_total)", 'count_values("v", http_requests_total)',
    "sort(topk(2, http_requests_total))", "sort(bottomk(1, http_requests_total))",
    "http_requests_total * 2", "2 ^ http_requests_total", "http_requests_total > 10", "http_requests_total > bool 10",
    "http_requests_total / on (method) group_left sum by (method) (http_requests_total)",
    'http_requests_total and http_requests_total{code="200"}', 'http_requests_total unless http_requests_total{code="200"}',
    'temperature or up', "abs(temperature)", "ceil(temperature)", "clamp(temperature, 0, 10)", "sgn(temperature)",
    "histogram_quantile(0.9, latency_seconds_bucket)", "absent(nothing)", 'absent(nothing{a="b"})', "nothing",
    'label_replace(up, "x", "$1", "job", "(.*)")', 'label_join(up, "x", "-", "job", "instance")', "scalar(up)",
    "vector(3)", "max_over_time(temperature[20s])", "avg_over_time(temperature[20s])", "count_over_time(up[20s])",
    "last_over_time(up[20s])", "max_over_time(rate(http_requests_total[10s])[20s:5s])", "up offset 5s", "up @ 100",
    "up @ end()", "delta(temperature[20s])", "deriv(http_requests_total[20s])", "predict_linear(http_requests_total[20s], 60)",
    "changes(temperature[20s])", "resets(http_requests_total[20s])", "day_of_week(vector(0))", "hour(vector(3600))",
    "timestamp(up) > 0", "sort_desc(temperature)", "round(temperature, 0.5)", "exp(vector(1))", "pi()", "-up", "+up",
    "stddev_over_time(http_requests_total[20s])",
    # Wrong ones.
    "", "up{", "up(", "sum", "rate(up)", "rate(up[5m)", "up[5m] + 1", "foo{}bar", "{}", '{job=~".*"}', "sum by (x (up)",
    "up + on (", "nosuchfunction(up)", "up offset", "1 + ", "topk(up)", "up and 1", 'label_replace(up, "x")',
    "http_requests_total / on (method) http_requests_total", "http_requests_total + ignoring (code) http_requests_total",
    'label_replace(up, "x", "$1", "job", "(")', "up[5m:", "up{job=}", "$", "up @ x", 'sum("a")', "0x", "1..2",
]

# Paths with parameters; what both must refuse, or answer, alike.
REQUESTS = [
    ("query", {}), ("query", {"query": "up", "time": "x"}), ("query", {"query": "up", "timeout": "x"}),
    ("query", {"query": "1", "time": "1.5"}), ("query", {"query": "1", "time": "2020-01-02T03:04:05Z"}),
    ("query", {"query": "1", "time": "2020-01-02T03:04:05.678+02:00"}), ("query", {"query": "1", "time": "-1"}),
    ("query_range", {"query": "1"}), ("query_range", {"query": "1", "start": "0", "end": "x", "step": "1"}),
    ("query_range", {"query": "1", "start": "10", "end": "0", "step": "1"}),
    ("query_range", {"query": "1", "start": "0", "end": "10", "step": "0"}),
    ("query_range", {"query": "1", "start": "0", "end": "10", "step": "-1"}),
    ("query_range", {"query": "1", "start": "0", "end": "10", "step": "x"}),
    ("query_range", {"query": "1", "start": "0", "end": "100000", "step": "1"}),
    ("query_range", {"query": "1", "start": "0", "end": "10", "step": "2.5"}),
    ("query_range", {"query": "1", "start": "0", "end": "60", "step": "30s"}),
    ("query_range", {"query": "time()", "start": "1.5", "end": "3.25", "step": "0.5"}),
    ("query_range", {"query": "vector(1)", "start": "0", "end": "10", "step": "5"}),
    ("query_range", {"query": '"a"', "start": "0", "end": "10", "step": "5"}),
    ("query_range", {"query": "up[5m]", "start": "0", "end": "10", "step": "5"}),
    ("query_range", {"query": "up{", "start": "0", "end": "10", "step": "5"}),
    ("labels", {}), ("labels", {"match[]": "up"}), ("labels", {"match[]": ["up", "temperature"]}), ("labels", {"match[]": "{"}),
    ("labels", {"start": "x"}), ("labels", {"end": "x"}), ("label/job/values", {}), ("label/room/values", {"match[]": "temperature"}),
    ("label/nothing/values", {}), ("label/code/values", {"match[]": ["up", "http_requests_total"]}), ("label/__name__/values", {"match[]": '{job="peer"}'}),
    ("series", {}), ("series", {"match[]": "up"}), ("series", {"match[]": ["http_requests_total", "up", "up"]}),
    ("series", {"match[]": "{"}), ("series", {"match[]": "up", "start": "x"}), ("series", {"match[]": "nothing"}),
    ("query_exemplars", {"query": "up"}), ("query_exemplars", {"query": "up{"}),
    ("query_exemplars", {"query": "up", "start": "10", "end": "0"}),
    ("format_query", {"query": "sum(rate(up[5m]))by(job)/2"}), ("format_query", {"query": "foo+bar"}),
    ("metadata", {"metric": "temperature"}), ("metadata", {"limit": "x"}), ("metadata", {"limit": "-1"}),
    ("labels", {"match[]": "{}"}), ("series", {"match[]": "{}"}), ("label/job/values", {"match[]": "{"}),
]


# What 3.14 says, and what 2.42 said.
REWORDED = [
    ("invalid parameter \"query\": invalid expression type", "invalid expression type"),
    ("invalid time value for", "Invalid time value for"),
]


def without_timings(body):
    """What may differ from one run to the next is taken out."""
    if isinstance(body, dict) and isinstance(body.get("data"), dict):
        body["data"].pop("stats", None)
    return body


@unittest.skipUnless((PEERS / "prometheus").exists(), f"no peers in {PEERS}: run scripts/peers")
class BesidePrometheus(TestCase):
    def start_both(self):
        # Two servers never scrape at the same moment: the samples are imported, with times of their own.
        stamp = int(time.time() * 1000)
        lines = []
        for i in range(12):
            for line in (TARGET % (10 * i, 2 * i)).splitlines():
                lines.append((line, stamp - (11 - i) * 5_000))
        self.write("import.om", self.open_metrics(lines))
        subprocess.run([PEERS / "promtool", "tsdb", "create-blocks-from", "openmetrics", self.folder / "import.om",
                        self.folder / "peer"], check=True, capture_output=True)
        subprocess.run(["cp", "-r", self.folder / "peer", self.folder / "ours"], check=True)
        self.write("both.yml", "global: {scrape_interval: 1h}\n")
        port = free_port()
        log = open(self.folder / "peer.log", "w")
        process = subprocess.Popen([PEERS / "prometheus", "--config.file=both.yml", "--storage.tsdb.path=peer",
                                    "--storage.tsdb.retention.time=10y", f"--web.listen-address=127.0.0.1:{port}"],
                                   stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)

        def end():
            process.terminate()
            process.wait()
            log.close()
        self.addCleanup(end)
        peer = Api(port)

        def is_ready():
            with contextlib.suppress(OSError):
                return peer.get("/-/ready")[0] == 200
            return False
        wait_for("the peer", is_ready)
        ours = self.start("--config.file=both.yml", "--storage.tsdb.path=ours", "--storage.tsdb.retention.time=10y",
                          "--web.listen-address=127.0.0.1:0", program=("prometheus",))
        # Beside the samples' times: before 3.0 a range held the sample at its very beginning.
        return ours, peer, stamp / 1000 + 1.25

    @staticmethod
    def open_metrics(lines):
        """Samples with times, family by family, as promtool wants them."""
        families = {}
        for line, stamp in lines:
            if line.startswith("#"):
                continue
            name, _, value = line.rpartition(" ")
            family = name.split("{")[0]
            if "{" in name:
                name = name.replace("{", '{job="peer",')
            else:
                name += '{job="peer"}'
            families.setdefault(family, {}).setdefault(name, []).append(f"{name} {value} {stamp / 1000}")
        families["up"] = {'up{job="peer"}': [f'up{{job="peer",instance="x"}} 1 {s / 1000}' for s in sorted({s for _, s in lines})]}
        text = ""
        for family, series in families.items():
            text += f"# TYPE {family} unknown\n" + "".join(line + "\n" for lines in series.values() for line in lines)
        return text + "# EOF\n"

    def ask(self, api, path, parameters, method="GET"):
        query = urllib.parse.urlencode(parameters, doseq=True)
        if method == "POST":
            return api.request("POST", f"/api/v1/{path}", query.encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        return api.request("GET", f"/api/v1/{path}?{query}")

    def same(self, ours, peer, path, parameters, method="GET"):
        with self.subTest(method=method, path=path, parameters=parameters):
            self.compare(ours, peer, path, parameters, method)

    def compare(self, ours, peer, path, parameters, method):
        our_status, our_body = self.ask(ours, path, parameters, method)
        peer_status, peer_body = self.ask(peer, path, parameters, method)
        what = f"{method} {path} {parameters}"
        self.assertEqual(our_status, peer_status, f"{what}\nours: {our_body}\npeer: {peer_body}")
        ours_json, peer_json = json.loads(our_body or "null"), json.loads(peer_body or "null")
        if our_status >= 400:
            self.assertEqual(ours_json["errorType"], peer_json["errorType"], what)
            self.assertEqual(ours_json["status"], "error")
            our_text, peer_text = ours_json["error"], peer_json["error"]
            if our_text == peer_text:
                return
            for now, before in REWORDED:
                our_text, peer_text = our_text.replace(now, ""), peer_text.replace(before, "")
            # The parser's words are those of 3.14, which its own cases test; of two duplicates either may be first.
            if "parse error" not in peer_text and "duplicate series" not in peer_text:
                self.assertEqual(our_text, peer_text, what)
            return
        self.assertEqual(set(ours_json) - {"infos", "warnings"}, set(peer_json) - {"warnings"}, what)
        our_data, peer_data = without_timings(ours_json)["data"], without_timings(peer_json)["data"]
        if "count_values" in str(parameters):  # whose order is any
            for data in (our_data, peer_data):
                data["result"].sort(key=str)
        self.assertEqual(our_data, peer_data, what)

    def test_the_same_answers(self):
        ours, peer, now = self.start_both()
        asked = 0
        for expression in EXPRESSIONS:
            for at in (now, now - 7.5):
                self.same(ours, peer, "query", {"query": expression, "time": at})
                asked += 1
            if expression and not expression.startswith(("sort", '"')):
                self.same(ours, peer, "query_range", {"query": expression, "start": now - 40, "end": now + 20, "step": 7})
                asked += 1
        for path, parameters in REQUESTS:
            self.same(ours, peer, path, parameters)
            if path in ("query", "query_range", "series", "labels", "query_exemplars", "format_query"):
                self.same(ours, peer, path, parameters, "POST")
            asked += 1
        self.assertGreater(asked, 250)

    def same_bytes(self, ours, peer, path, parameters):
        """But for how three characters stand in texts: escaped with ours and with older ones."""
        (our_status, our_text), (peer_status, peer_text) = (self.ask(api, path, parameters) for api in (ours, peer))
        for char in "<>&":
            peer_text = peer_text.replace(char, f"\\u{ord(char):04x}")
        self.assertEqual((our_status, our_text), (peer_status, peer_text))

    def test_answers_are_the_same_bytes(self):
        ours, peer, now = self.start_both()
        # One series each, so that the order is no question.
        for query in ["1", "-1.5e300", '"text"', "vector(1e-300)", "NaN"]:
            for at in ("1.5", "-0.25", "1e9", "2020-01-02T03:04:05.5Z"):
                self.same_bytes(ours, peer, "query", {"query": query, "time": at})
        for query in ["tiny", "huge", 'temperature{room="cellar"}', "sum(http_requests_total)", "1", "1/0", '"a<b"', "up[20s]",
                      "histogram_quantile(0.9, latency_seconds_bucket)", 'temperature{room=~"odd.*"}', "vector(0.1+0.2)", "nothing"]:
            self.same_bytes(ours, peer, "query", {"query": query, "time": now})
        for query in ["sum(http_requests_total)", "huge", "vector(1)"]:
            parameters = {"query": query, "start": now - 30, "end": now, "step": 5}
            self.same_bytes(ours, peer, "query_range", parameters)

    def test_promtool_says_the_same_of_both_and_as_ours(self):
        ours, peer, now = self.start_both()
        url = f"http://127.0.0.1:{ours.port}"
        commands = [
            ["query", "instant", url, "sum by (method) (http_requests_total)", f"--time={now}"],
            ["query", "instant", url, "sort(temperature)", f"--time={now}"],
            ["query", "instant", url, "1", f"--time={now}"],
            ["query", "instant", url, "up[20s]", f"--time={now}"],
            ["query", "instant", url, "nothing", f"--time={now}"],
            ["query", "instant", "--format=json", url, "sort(temperature)", f"--time={now}"],
            ["query", "instant", "-o", "json", url, "up[20s]", f"--time={now}"],
            ["query", "instant", url, "up{", f"--time={now}"],
            ["query", "instant", url, "http_requests_total + on (method) http_requests_total", f"--time={now}"],
            ["query", "instant", url, "up", "--time=x"],
            ["query", "range", url, "http_requests_total", f"--start={now - 20}", f"--end={now}", "--step=5s"],
            ["query", "range", url, "up", f"--start={now}", f"--end={now - 20}"],
            ["query", "range", url, "up", "--start=x"],
            ["query", "range", "--format=json", url, "tiny", f"--start={now - 20}", f"--end={now}", "--step=5s"],
            ["query", "series", url, "--match=temperature"],
            ["query", "series", url, "--match={"],
            ["query", "series", url, "--match=temperature", "--format=json"],
            ["query", "series", url],
            ["query", "labels", url, "room"],
            ["query", "labels", url, "room", "--format=json"],
            ["query", "labels", url, "nothing"],
            ["query", "labels", url],
            ["query", "instant", "http://127.0.0.1:1", "up"],
            ["query", "instant", url, "up", "more"],
            ["query", "instant", url, "up", "--nosuchflag"],
            ["nosuchcommand"],
        ]
        for command in commands:
            theirs = subprocess.run([PEERS / "promtool", *command], capture_output=True, text=True)
            mine = subprocess.run([harness.BINARY, "promtool", *command], capture_output=True, text=True)
            said = re.sub(r"required flag (--\S+) not", r"required flag(s) '\1' not", theirs.stderr)  # older ones
            self.assertEqual((mine.returncode, mine.stdout, mine.stderr), (theirs.returncode, theirs.stdout, said), command)


class QueryApi(TestCase):
    def serve(self, *flags, config="global: {scrape_interval: 1s}\nscrape_configs: [{job_name: self, static_configs: [{targets: ['127.0.0.1:9']}]}]\n"):
        self.write("p.yml", config)
        return self.start("--config.file=p.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0", *flags,
                          program=("prometheus",))

    def raw(self, server, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response, response.read()

    def test_cross_origin_requests(self):
        server = self.serve()
        for method in ("GET", "OPTIONS"):
            response, _ = self.raw(server, method, "/api/v1/query?query=1", {"Origin": "https://example.com"})
            self.assertIn(response.status, (200, 204))
            self.assertEqual(response.headers["Access-Control-Allow-Origin"], "*")
            self.assertEqual(response.headers["Access-Control-Allow-Methods"], "GET, POST, OPTIONS")
        response, _ = self.raw(server, "GET", "/api/v1/query?query=1")
        self.assertIsNone(response.headers["Access-Control-Allow-Origin"])
        server.stop()
        server = self.serve(r"--web.cors.origin=https?://(one|two)\.example")
        response, _ = self.raw(server, "GET", "/api/v1/labels", {"Origin": "https://two.example"})
        self.assertEqual(response.headers["Access-Control-Allow-Origin"], "https://two.example")
        response, _ = self.raw(server, "GET", "/api/v1/labels", {"Origin": "https://three.example"})
        self.assertIsNone(response.headers["Access-Control-Allow-Origin"])
        code, output = run("prometheus", "--web.cors.origin=(", "--config.file=p.yml", "--storage.tsdb.path=other", "--web.listen-address=127.0.0.1:0", cwd=self.folder)
        self.assertEqual(code, 1)
        self.assertIn("--web.cors.origin", output)

    def test_compressed_answers(self):
        server = self.serve()
        path = "/api/v1/query_range?" + urllib.parse.urlencode({"query": "time()", "start": 0, "end": 3000, "step": 1})
        plain, body = self.raw(server, "GET", path)
        zipped, packed = self.raw(server, "GET", path, {"Accept-Encoding": "gzip"})
        self.assertEqual(zipped.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed), body)
        response, _ = self.raw(server, "GET", path, {"Accept-Encoding": "zstd, gzip"})
        self.assertEqual(response.headers["Content-Encoding"], "zstd")

    def test_descriptions_of_itself(self):
        server = self.serve("--enable-feature=promql-experimental-functions,search-api,promql-per-step-stats")
        features = server.api("features")
        self.assertTrue(features["promql_functions"]["info"])
        self.assertTrue(features["api"]["search"])
        self.assertTrue(features["promql"]["per_step_stats"])
        self.assertTrue(server.get("/api/v1/openapi.yaml")[1].startswith("openapi: 3.1.0\n"))
        self.assertTrue(server.get("/api/v1/openapi.yaml", openapi_version="3.2")[1].startswith("openapi: 3.2.0\n"))
        stats = server.api("query_range", query="vector(1)", start=0, end=10, step=5, stats="all")["stats"]
        self.assertEqual(stats["samples"]["totalQueryableSamplesPerStep"], [[0, 0], [5, 0], [10, 0]])
        self.assertGreater(stats["timings"]["execQueueTime"], 0)

    def test_search(self):
        server = self.serve()
        self.assertEqual(json.loads(server.get("/api/v1/search/metric_names")[1])["error"], "search API disabled")
        server.stop()
        server = self.serve("--enable-feature=search-api", "--web.search.max-limit=50")
        wait_for("a scrape", lambda: server.one("count(scrape_duration_seconds)") == 1)

        def search(kind, **parameters):
            status, body = server.get(f"/api/v1/search/{kind}", **parameters)
            return status, [json.loads(line) for line in body.splitlines()]
        status, lines = search("metric_names", **{"search[]": "scrape_dur", "include_score": "true"})
        self.assertEqual((status, lines), (200, [{"results": [{"name": "scrape_duration_seconds", "score": 1}]}, {"status": "success", "has_more": False}]))
        _, lines = search("metric_names", limit=2, batch_size=1)
        self.assertEqual([len(line["results"]) for line in lines[:-1]], [1, 1])
        self.assertTrue(lines[-1]["has_more"])
        _, lines = search("label_names", sort_by="alpha", sort_dir="dsc")
        self.assertEqual([one["name"] for one in lines[0]["results"]], ["job", "instance", "__name__"])
        _, lines = search("label_values", label="job")
        self.assertEqual(lines[0]["results"], [{"name": "self"}])
        _, lines = search("label_values", label="job", **{"search[]": "nothing"})
        self.assertEqual(lines, [{"results": []}, {"status": "success", "has_more": False}])
        for kind, parameters, error in [
            ("label_values", {}, 'missing required parameter "label"'),
            ("metric_names", {"limit": "0"}, 'invalid limit "0": must be a positive integer'),
            ("metric_names", {"limit": "51"}, "limit 51 exceeds maximum of 50"),
            ("metric_names", {"sort_by": "x"}, 'invalid sort_by "x" for metric_names: must be "alpha" or "score"'),
            ("metric_names", {"sort_by": "score"}, "sort_by=score requires search[] to be set"),
            ("metric_names", {"sort_dir": "asc"}, "sort_dir is only valid when sort_by is set"),
            ("metric_names", {"fuzz_alg": "x"}, 'unsupported fuzz_alg "x": must be one of [subsequence jarowinkler]'),
            ("metric_names", {"fuzz_threshold": "101"}, 'invalid fuzz_threshold "101": must be 0-100'),
            ("metric_names", {"case_sensitive": "x"}, 'invalid case_sensitive "x": must be boolean'),
        ]:
            status, lines = search(kind, **parameters)
            self.assertEqual((status, lines[0]["errorType"], lines[0]["error"]), (400, "bad_data", error))

    def test_the_query_log(self):
        config = "global: {query_log_file: queries.log}\n"
        server = self.serve(config=config)
        server.query("1 + 1", time=5)
        server.get("/api/v1/query_range", query="vector(1)", start=0, end=10, step=5)
        lines = [json.loads(line) for line in (self.folder / "queries.log").read_text().splitlines()]
        self.assertEqual([line["params"]["query"] for line in lines], ["1 + 1", "vector(1)"])
        self.assertEqual(lines[0]["httpRequest"], {"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query"})
        self.assertEqual(lines[1]["params"], {"query": "vector(1)", "start": "1970-01-01T00:00:00.000Z", "end": "1970-01-01T00:00:10.000Z", "step": 5})
        self.assertIn("execTotalTime", lines[1]["stats"]["timings"])
        # Rotated, and switched off, by a reload.
        (self.folder / "queries.log").rename(self.folder / "old.log")
        self.reload(server)
        server.query("2")
        self.assertEqual(len((self.folder / "queries.log").read_text().splitlines()), 1)
        self.write("p.yml", "global: {}\n")
        self.reload(server)
        server.query("3")
        self.assertEqual(len((self.folder / "queries.log").read_text().splitlines()), 1)

    def reload(self, server):
        before = server.output.count("configuration reloaded")
        server.process.send_signal(harness.signal.SIGHUP)
        wait_for("the reload", lambda: server.output.count("configuration reloaded") > before)

    # Takes far longer than the test waits.
    SLOW = "count_over_time(count_over_time(vector(1)[3000s:1ms])[10000s:1s])"

    def running(self, server):
        _, text = server.get("/metrics")
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith("prometheus_engine_queries ")))

    def query_memory(self, server):
        _, text = server.get("/metrics")
        return float(next(line.split()[1] for line in text.splitlines() if line.startswith("sextant_memory_used_bytes{share=\"queries\"}")))

    def leave_slow_query(self, server):
        """Asks something slow on a connection of its own."""
        connection = socket.create_connection(("127.0.0.1", server.port))
        self.addCleanup(connection.close)
        query = urllib.parse.quote(self.SLOW)
        connection.sendall(f"GET /api/v1/query?query={query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return connection

    def test_a_query_stops_when_its_client_goes(self):
        server = self.serve("--query.timeout=10m", "--query.max-samples=2000000000")
        connection = self.leave_slow_query(server)
        wait_for("the query to run", lambda: self.running(server) == 1)
        self.assertGreater(self.query_memory(server), 0)
        connection.close()
        wait_for("the query to stop", lambda: self.running(server) == 0, deadline_s=20)
        wait_for("its memory to be given back", lambda: self.query_memory(server) == 0)

    def test_a_search_stops_when_its_client_goes(self):
        names = "".join(f'wide{{name="{i:06}{"abcdefghij" * 20}"}} 1\n' for i in range(20_000))
        target = self.target(names)
        server = self.serve("--enable-feature=search-api", "--query.timeout=10m", config=f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: wide, static_configs: [{{targets: ['{target.address}']}}]}}]
""")
        wait_for("the names", lambda: server.one("count(wide)") == 20_000)
        self.assertEqual(self.query_memory(server), 0)
        # The most that may be asked for: judging all names takes minutes.
        form = urllib.parse.urlencode([("label", "name"), ("fuzz_alg", "jarowinkler"), ("fuzz_threshold", "99")] +
                                      [("search[]", f"{i:04}" + "zyxwvu" * 680) for i in range(32)])
        connection = socket.create_connection(("127.0.0.1", server.port))
        self.addCleanup(connection.close)
        connection.sendall(f"POST /api/v1/search/label_values HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                           f"Content-Length: {len(form)}\r\n\r\n{form}".encode())
        wait_for("the search to run", lambda: self.query_memory(server) > 0)
        connection.settimeout(1)
        self.assertRaises(TimeoutError, connection.recv, 1)
        connection.close()
        wait_for("the search to stop", lambda: self.query_memory(server) == 0, deadline_s=20)

    def test_long_answers_come_in_pieces(self):
        server = self.serve()
        matrix = server.api("query_range", query='label_replace(vector(time()), "a", "b", "", "")', start=0, end=10999, step=1)["result"]
        self.assertEqual([s["metric"] for s in matrix], [{"a": "b"}])
        self.assertEqual(matrix[0]["values"], [[t, str(t)] for t in range(11000)])
        self.assertEqual(self.query_memory(server), 0)

    def test_queries_over_the_number_wait(self):
        server = self.serve("--query.timeout=10m", "--query.max-samples=2000000000", "--query.max-concurrency=1")
        self.assertIn("prometheus_engine_queries_concurrent_max 1\n", server.get("/metrics")[1])
        first = self.leave_slow_query(server)
        wait_for("the query to run", lambda: self.running(server) == 1)
        second = socket.create_connection(("127.0.0.1", server.port))
        self.addCleanup(second.close)
        second.settimeout(60)
        second.sendall(b"GET /api/v1/query?query=1&stats=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        # What runs no query does not wait.
        self.assertEqual(server.get("/api/v1/labels")[0], 200)
        self.assertEqual(self.running(server), 1)
        first.close()
        answer = second.recv(65536)
        self.assertIn(b"200 OK", answer)
        self.assertRegex(answer, rb'"execQueueTime":[0-9]')
        code, output = run("prometheus", "--query.max-concurrency=0")
        self.assertEqual(code, 2)
        self.assertIn("query.max-concurrency", output)

    def test_explain(self):
        server = self.serve()
        wait_for("a scrape", lambda: server.one("count(up)") == 1)
        plan = server.api("explain", query="sum by (job) (max_over_time(up[1m])) > 0")["plan"]
        self.assertEqual((plan["kind"], plan["name"]), ("operation", ">"))
        function = plan["operands"][0]["operands"][0]
        self.assertEqual((function["name"], function["text"], function["series"]), ("max_over_time", "max_over_time(up[1m])", 1))
        self.assertEqual(function["operands"][0]["kind"], "range")
        self.assertGreater(function["samples"], 0)
        over = server.api("explain", query="up", start=0, end=100, step=10)
        self.assertEqual((over["steps"], over["resultType"]), (11, "matrix"))
        status, body = server.get("/api/v1/explain", query="up{")
        self.assertEqual((status, json.loads(body)["errorType"]), (400, "bad_data"))
        for name in ("limit", "stats"):
            status, body = server.get("/api/v1/explain", query="up", **{name: "1"})
            self.assertEqual((status, json.loads(body)["error"]), (400, f'invalid parameter "{name}": not known to explain'))


class Commands(TestCase):
    def test_test_promql(self):
        self.write("good.test", "load 1m\n  a 1 2 3\n\neval instant at 2m a\n  a 3\n")
        self.write("bad.test", "load 1m\n  a 1 2 3\n\neval instant at 1m a\n  a 3\n")
        self.write("broken.test", "eval nothing\n")
        self.assertEqual(run("test", "promql", self.folder / "good.test"), (0, ""))
        code, output = run("test", "promql", self.folder / "good.test", self.folder / "bad.test")
        self.assertEqual(code, 1)
        self.assertIn("bad.test:4: a\n", output)
        self.assertIn("expected 3 but got 2", output)
        code, output = run("test", "promql", self.folder / "broken.test")
        self.assertEqual(code, 1)
        self.assertIn("line 1: ", output)
        self.assertEqual(run("test")[0], 2)
        self.assertEqual(run("test", "promql", "/nonexistent")[0], 1)

    def test_promtool_promql(self):
        def promtool(*arguments):
            return run("promtool", *arguments)
        self.assertEqual(promtool("promql", "format", "sum(rate(a[5m]))by(b)", "--experimental"), (0, "sum by (b) (rate(a[5m]))\n"))
        self.assertEqual(promtool("--experimental", "promql", "format", "a{"), (1, "1:3: parse error: unexpected end of input inside braces\n"))
        self.assertEqual(promtool("promql", "format", "a")[0], 1)
        self.assertEqual(promtool("--experimental", "promql", "label-matchers", "set", 'a{b="c"} + d', "b", "x"), (0, 'a{b="x"} + d{b="x"}\n'))
        self.assertEqual(promtool("--experimental", "promql", "label-matchers", "set", "-t", "=~", "a", "b", "x.*"), (0, 'a{b=~"x.*"}\n'))
        self.assertEqual(promtool("--experimental", "promql", "label-matchers", "delete", 'a{b="c",d="e"}', "b"), (0, 'a{d="e"}\n'))

    def test_query(self):
        server = self.start_platform()
        wait_for("a scrape", lambda: server.one("sum(up)") == 2)
        url = f"http://127.0.0.1:{server.port}"
        code, output = run("query", "--server", url, "sum by (job) (up)")
        self.assertEqual(code, 0)
        header, *rows = output.splitlines()  # in the order of the answer, which is not said
        self.assertEqual((header, sorted(rows)), ("job      VALUE", ["node         1", "sextant      1"]))
        self.assertEqual(run("query", "--server", url, "1 + 1"), (0, "2\n"))
        self.assertEqual(run("query", "--server", url, "nothing"), (0, "nothing\n"))
        code, output = run("query", "--server", url, "--range=5m", "--width=60", "--height=5", "vector(3)")
        self.assertEqual(code, 0)
        self.assertEqual(len(output.splitlines()), 7)
        self.assertIn("━ {}", output)
        code, output = run("query", "--server", url, "up{")
        self.assertEqual(code, 1)
        self.assertIn("bad_data", output)


if __name__ == "__main__":
    unittest.main()
