"""Whatever a person or a stranger gets wrong: one clear line, the right code, and the server lives on."""
import json
import os
import socket
import subprocess
import unittest
import urllib.parse

from harness import DEADLINE_S, TestCase, run, wait_for


class StartUp(TestCase):
    def fails(self, *arguments, code, says):
        exit_code, output = run(*arguments, cwd=self.folder)
        self.assertEqual(exit_code, code, output)
        for text in says:
            self.assertIn(text, output)
        lines = [line for line in output.splitlines() if not line.startswith("time=")]
        self.assertEqual(len(lines), 1, f"one clear line beside the log, not:\n{output}")

    def test_wrong_flags(self):
        self.fails("--lissten", ":1", code=2, says=["--lissten", "--listen"])
        self.fails("--listen", code=2, says=["--listen", "needs a value"])
        self.fails("--retention=forever", code=2, says=["--retention"])
        self.fails("promethus", code=2, says=["promethus", "prometheus"])
        self.fails("tempo", code=2, says=["tempo", "not"])
        self.fails("prometheus", "--enable-feature=st-synthesis", code=2, says=["st-synthesis is not supported yet"])
        for flag, says in {
            "--storage.tsdb.wal-segment-size=1MB": "flag 'storage.tsdb.wal-segment-size' must be set between 10MB and 256MB",
            "--storage.agent.wal-segment-size=1GB": "flag 'storage.agent.wal-segment-size' must be set between 10MB and 256MB",
            "--storage.tsdb.max-block-chunk-segment-size=1KB": "flag 'storage.tsdb.max-block-chunk-segment-size' must be set over 1MB",
            "--storage.tsdb.wal-compression-type=lz4": "enum value must be one of snappy,zstd, got 'lz4'",
            "--storage.tsdb.samples-per-chunk=0": "is not between 1 and",
            "--storage.tsdb.head-chunks-write-queue-size=many": 'expected integer but got "many"',
            "--storage.agent.retention.max-time=long": "--storage.agent.retention.max-time",
            "--auto-gomemlimit.ratio=2": "must be greater than 0 and less than or equal to 1",
            "--scrape.name-escaping-scheme=x": "enum value must be one of values,underscores,dots, got 'x'",
        }.items():
            self.fails("prometheus", flag, code=2, says=[says])

    def test_configuration(self):
        self.fails("--config", "absent.yaml", code=1, says=["absent.yaml", "No such file"])
        self.write("bad.yaml", "prometheus:\n  global:\n    scrape_intervall: 1s\n")
        self.fails("--config", "bad.yaml", code=1,
                   says=["bad.yaml:3:5", "scrape_intervall", 'did you mean "scrape_interval"'])
        self.write("broken.yaml", "prometheus: [\n")
        self.fails("--config", "broken.yaml", code=1, says=["broken.yaml:"])
        self.write("prometheus.yml", "scrape_configs:\n  - job_name: x\n    static_configs: [{targets: 5}]\n")
        self.fails("prometheus", "--config.file=prometheus.yml", "--web.listen-address=127.0.0.1:0", code=1,
                   says=["prometheus.yml:3"])
        self.write("rules.yaml", "prometheus:\n  rule_files: [r.yml]\n")
        self.write("r.yml", "groups:\n- name: a\n  rules:\n  - alert: X\n    expr: sum(\n")
        self.fails("--config", "rules.yaml", code=1, says=["r.yml", "parse error"])

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.fails("--data", "d", "--listen", address, code=1, says=[address, "in use"])

    def test_second_process_on_the_same_data(self):
        self.start_platform()
        data = str(self.folder / "data")
        self.fails("--data", data, "--listen", "127.0.0.1:0", code=1, says=[data, "another"])

    def test_data_directory_that_cannot_be_written(self):
        self.write("file", "")
        self.fails("--data", "file/data", "--listen", "127.0.0.1:0", code=1, says=["file/data"])
        if os.geteuid() == 0 and os.path.isdir("/proc/1"):
            self.fails("--data", "/proc/1/data", "--listen", "127.0.0.1:0", code=1, says=["/proc/1/data"])

    def test_full_data_directory(self):
        mount = self.folder / "small"
        mount.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], capture_output=True)
        if done.returncode != 0:
            self.skipTest("cannot mount a small file system here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(mount)], check=False)
        (mount / "fill").write_bytes(b"x" * (60 << 10))
        server = self.start("--data", str(mount / "data"), "--listen", "127.0.0.1:0", ready=False)
        wait_for("the full disk to be named", lambda: "No space left" in server.output)
        if server.process.poll() is None:
            server.wait_ready()
            self.assertEqual(server.get("/-/healthy")[0], 200)
            (mount / "fill").unlink()
            wait_for("samples once there is room again", lambda: server.one("sum(up)") == 2)
        else:
            self.assertEqual(server.process.returncode, 1)


class Requests(TestCase):
    def raw(self, server, data, shut=False):
        """Sends bytes, returns what comes back until the server closes or stops talking."""
        with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as connection:
            try:
                connection.sendall(data)
                if shut:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except OSError:
                pass
            return received

    def test_malformed_http(self):
        server = self.start_platform()
        for data in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                     b"POST /api/v1/query HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"):
            answer = self.raw(server, data)
            self.assertIn(answer.split(b" ")[1], (b"400", b"505"), answer)
        endless = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(300))
        self.assertEqual(self.raw(server, endless).split(b" ")[1], b"431")
        self.assertEqual(self.raw(server, b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n\r\n").split(b" ")[1], b"414")
        self.assertEqual(server.get("/-/healthy")[0], 200)
        _, metrics = server.get("/metrics")
        self.assertRegex(metrics, r'sextant_http_refused_total\{reason="[a-z_]+"\} [1-9]')

    def test_hostile_promql(self):
        server = self.start_platform()
        wait_for("a scrape", lambda: server.one("sum(up)") == 2)
        cases = [
            ("sum(", 400, "parse error"),
            ("(" * 50000 + "1" + ")" * 50000, 400, ""),
            ("-" * 100000 + "1", 400, ""),
            ("up{job=~\"" + "(a|b" * 20000 + "\"}", 400, ""),
            ("up{job=~\"((((a{1,1000}){1,1000}){1,1000}))\"}", 400, ""),
            ("no_such_function(up)", 400, "unknown function"),
            ("{}", 400, "at least one non-empty matcher"),
            ("up + on(job) group_left group_right up", 400, ""),
            ("up" + "+up" * 100000, 400, ""),
        ]
        for query, status, text in cases:
            got, body = server.request("POST", "/api/v1/query",
                                       body=urllib.parse.urlencode({"query": query}).encode(),
                                       headers={"Content-Type": "application/x-www-form-urlencoded"})
            self.assertEqual(got, status, f"{query[:60]}: {body[:300]}")
            answer = json.loads(body)
            self.assertEqual(answer["errorType"], "bad_data")
            self.assertIn(text, answer["error"])
        status, body = server.get("/api/v1/query_range", query="up", start=0, end=1e9, step=1)
        self.assertEqual(status, 400)
        self.assertIn("exceeded maximum resolution of 11,000 points", body)
        status, body = server.get("/api/v1/query", query="up", time="yesterday")
        self.assertEqual(status, 400)
        self.assertIn("valid timestamp", body)
        self.assertEqual(server.one("sum(up)"), 2)

    def test_malformed_exposition(self):
        target = self.target('good 1\nbad{x="1} 2\n')
        config = self.write("sextant.yaml", f"""
prometheus:
  global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
  scrape_configs:
    - job_name: bad
      static_configs: [{{targets: ['{target.address}']}}]
""")
        server = self.start_platform("--config", config)
        def failed():
            return [t for t in server.api("targets")["activeTargets"] if t["scrapePool"] == "bad" and t["health"] == "down"]
        self.assertTrue(wait_for("the target to be down", failed)[0]["lastError"])
        self.assertEqual(server.one('up{job="bad"}'), 0)
        self.assertIsNone(server.one("good"))
        target.body = "good 1\n"
        wait_for("the target to recover", lambda: server.one('up{job="bad"}') == 1 and server.one("good") == 1)
        target.status = 500
        wait_for("the status in the error", lambda: failed() and "500" in failed()[0]["lastError"])
        wait_for("the series to go stale", lambda: server.one("good") is None)


if __name__ == "__main__":
    unittest.main()
