"""Settings of scrapes, of the server's patience and of blocks, as the real binary honours them."""
import json
import socket
import ssl
import subprocess
import unittest

from harness import TestCase, run, wait_for
from local_server import LocalServer

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: target
    scheme: {scheme}
    static_configs: [{{targets: ['{target}']}}]
    tls_config: {{insecure_skip_verify: true, next_protos: [h2, acme/1, http/1.1]}}
"""


class Settings(TestCase):
    def prometheus(self, target, *flags, scheme="http", ready=True):
        config = self.write("prometheus.yml", CONFIG.format(target=target, scheme=scheme))
        return self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                          "--web.listen-address", "127.0.0.1:0", *flags, program=("prometheus",), ready=ready)

    def test_protocols_are_offered(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.folder / "key.pem", "-out",
                        self.folder / "cert.pem", "-subj", "/CN=x", "-days", "2"], check=True, capture_output=True)
        chosen = []

        def answer(request):
            chosen.append(request.connection.selected_alpn_protocol())
            return "there 1\n"

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        context.set_alpn_protocols(["h2", "acme/1"])
        target = LocalServer(answer, tls=context)
        self.addCleanup(target.close)
        server = self.prometheus(target.address, scheme="https")
        wait_for("a scrape", lambda: server.one("there") == 1)
        self.assertEqual(set(chosen), {"acme/1"}, "h2 is not offered, since we do not speak it")

    def test_times_of_scrapes_are_adjusted(self):
        target = self.target("there 1\n")
        server = self.prometheus(target.address, "--scrape.timestamp-tolerance=1h")

        def even():
            series = server.api("query", query="there[1h]")["result"]
            times = [round(float(time) * 1000) for time, _ in series[0]["values"]] if series else []
            return any(b - a == 1000 for a, b in zip(times, times[1:]))
        wait_for("two samples exactly an interval apart", even)
        server.stop()
        refused = self.prometheus(target.address, "--scrape.timestamp-tolerance=soon", ready=False)
        self.assertEqual(refused.process.wait(20), 2)
        server = self.prometheus(target.address, "--no-scrape.adjust-timestamps")
        wait_for("a scrape", lambda: server.one("there") == 1)
        self.assertEqual(server.api("status/flags")["scrape.adjust-timestamps"], "false")

    def test_clients_that_take_too_long_are_left(self):
        server = self.prometheus(self.target("there 1\n").address, "--web.read-timeout=200ms")
        for said in (b"", b"GET /-/healthy HT", b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nquery="):
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
                connection.sendall(said)
                while connection.recv(1000):  # until the server closes it
                    pass
        self.assertEqual(server.get("/-/healthy")[0], 200)
        refused = self.prometheus("x:1", "--web.read-timeout=1ms", ready=False)
        self.assertEqual(refused.process.wait(20), 2)
        self.assertIn("must be at least 100 ms", refused.output)

    def test_blocks_wait_for_their_upload(self):
        begin = 1700000000 - 1700000000 % 21600
        times = range(begin, begin + 7 * 7200, 600)
        self.write("in.om", "# TYPE a gauge\n" + "".join(f"a 1 {time}\n" for time in times) + "# EOF\n")
        code, output = run("promtool", "tsdb", "create-blocks-from", "openmetrics", "in.om", "data", cwd=self.folder)
        self.assertEqual(code, 0, output)
        (self.folder / "data" / "wal").mkdir(exist_ok=True)
        shipped = self.write("thanos.shipper.json", json.dumps({"version": 1, "uploaded": []}))
        flags = ("--storage.tsdb.retention.time=100y", "--storage.tsdb.max-block-duration=6h",
                 f"--storage.tsdb.delay-compact-file.path={shipped}")
        server = self.prometheus(self.target("there 1\n").address, *flags)
        wait_for("a scrape", lambda: server.one("there") == 1)
        names = [block["ulid"] for block in server.api("status/tsdb/blocks")["blocks"]]
        self.assertEqual(len(names), 7)
        server.stop()
        self.write("thanos.shipper.json", json.dumps({"version": 1, "uploaded": names}))
        server = self.prometheus(self.target("there 1\n").address, *flags)

        def merged():
            blocks = server.api("status/tsdb/blocks")["blocks"]
            return blocks[0] if blocks[0]["compaction"]["level"] == 2 else None
        block = wait_for("blocks that were merged", merged)
        self.assertEqual(block["compaction"]["sources"], names[:3])
        self.assertEqual([parent["ulid"] for parent in block["compaction"]["parents"]], names[:3])


if __name__ == "__main__":
    unittest.main()
