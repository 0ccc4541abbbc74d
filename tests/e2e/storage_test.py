"""The life of stored samples: deletion, snapshots and retention over HTTP, `sextant tsdb` on a data directory at rest."""
import json
import pathlib
import re
import unittest

from harness import TestCase, run, wait_for

CONFIG = """
global: {{scrape_interval: 100ms, scrape_timeout: 100ms}}
scrape_configs:
  - job_name: target
    static_configs: [{{targets: ['{address}']}}]
"""
ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}$")


class Storage(TestCase):
    def serve(self, *arguments):
        """A server in place of Prometheus that has scraped a target a few times."""
        target = self.target("kept 1\ngone 2\n")
        config = self.write("prometheus.yml", CONFIG.format(address=target.address))
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            "--web.listen-address", "127.0.0.1:0", *arguments, program=("prometheus",))
        wait_for("samples", lambda: len(self.values(server, "kept")) > 5)
        return server

    def values(self, server, name):
        """All samples of a series: [(time, value), ...]."""
        data = server.api("query", query=f"{name}[1h]")
        return [tuple(v) for s in data["result"] for v in s["values"]]

    def post(self, server, path, query=""):
        return server.request("POST", f"/api/v1/admin/tsdb/{path}?{query}")

    def blocks_in(self, folder):
        return sorted(p for p in pathlib.Path(folder).iterdir() if ULID.match(p.name))

    def test_the_admin_api_is_off_by_default(self):
        server = self.serve()
        for path in ("delete_series", "clean_tombstones", "snapshot"):
            status, body = self.post(server, path, "match[]=up")
            self.assertEqual((status, json.loads(body)), (503, {
                "status": "error", "errorType": "unavailable", "error": "admin APIs disabled"}))

    def test_series_are_deleted_and_stay_deleted(self):
        server = self.serve("--web.enable-admin-api")
        self.assertEqual(self.post(server, "delete_series"), (400, json.dumps({
            "status": "error", "errorType": "bad_data", "error": "no match[] parameter provided"}, separators=(",", ":"))))
        status, body = self.post(server, "delete_series", "match[]=gone&start=never")
        self.assertEqual(status, 400)
        self.assertIn('invalid parameter \\"start\\"', body)
        self.assertEqual(self.post(server, "delete_series", "match[]={}"), (204, ""), "which is nothing, not everything")
        self.assertTrue(self.values(server, "gone"))
        now = server.query("time()")
        self.assertEqual(self.post(server, "delete_series", f"match[]=gone&end={now}"), (204, ""))
        self.assertEqual([v for v in self.values(server, "gone") if v[0] <= now], [])
        self.assertTrue([v for v in self.values(server, "kept") if v[0] <= now])
        self.assertEqual(self.post(server, "clean_tombstones"), (204, ""))
        self.assertEqual(server.stop(), 0)
        again = self.serve()
        self.assertEqual([v for v in self.values(again, "gone") if v[0] <= now], [])
        self.assertTrue([v for v in self.values(again, "kept") if v[0] <= now])

    def test_a_snapshot_is_blocks_of_prometheus(self):
        server = self.serve("--web.enable-admin-api")
        status, body = self.post(server, "snapshot", "skip_head=perhaps")
        self.assertEqual(status, 400)
        self.assertIn("unable to parse boolean", body)
        before = self.values(server, "kept")
        status, body = self.post(server, "snapshot")
        self.assertEqual(status, 200, body)
        name = json.loads(body)["data"]["name"]
        self.assertRegex(name, r"^\d{8}T\d{6}Z-[0-9a-f]{16}$")
        folder = self.folder / "data" / "snapshots" / name
        self.assertEqual(len(self.blocks_in(folder)), 1)
        status, body = self.post(server, "snapshot", "skip_head=true")
        self.assertEqual(self.blocks_in(self.folder / "data" / "snapshots" / json.loads(body)["data"]["name"]), [])
        other = self.start("--data", str(folder), "--listen", "127.0.0.1:0")
        self.assertEqual([v for v in self.values(other, 'kept{job="target"}') if v in before], before)

    def test_the_command_reads_a_directory_at_rest(self):
        server = self.serve()
        data = str(self.folder / "data")
        code, output = run("tsdb", "list", "--data", data)
        self.assertEqual(code, 1, output)
        self.assertIn("is in use by another process", output)
        before = self.values(server, "kept")
        server.kill()
        files = {p: p.stat().st_mtime_ns for p in (self.folder / "data").rglob("*") if p.is_file()}
        code, output = run("tsdb", "list", "--data", data)
        self.assertEqual(code, 0, output)
        self.assertIn("(not in blocks yet)", output)
        code, output = run("tsdb", "verify", "--data", data)
        self.assertEqual(code, 0, output)
        code, output = run("tsdb", "export", "--data", data, "--output", str(self.folder / "out"), "--match", "kept")
        self.assertEqual(code, 0, output)
        self.assertIn("wrote 1 blocks", output)
        self.assertEqual(files, {p: p.stat().st_mtime_ns for p in (self.folder / "data").rglob("*") if p.is_file()},
                         "the directory is as it was")
        other = self.start("--data", str(self.folder / "out"), "--listen", "127.0.0.1:0")
        self.assertEqual(self.values(other, 'kept{job="target"}')[:len(before)], before)
        self.assertEqual(self.values(other, 'gone{job="target"}'), [])

    def test_wrong_commands_are_explained(self):
        data = str(self.folder / "nothing")
        for arguments, code, text in (
                ((), 2, "list, verify or export"),
                (("explode",), 2, 'unknown command "explode"'),
                (("list", "--data", data), 1, "No such file"),
                (("export", "--data", data), 2, "export needs --output"),
                (("export", "--data", data, "--output", "x", "--match", "{"), 2, "--match"),
                (("export", "--data", data, "--output", "x", "--min-time", "soon"), 2, "--min-time"),
                (("export", "--data", data, "--output", "x", "--chunk-encoding.floats", "XOR2"), 2, '"XOR2" is neither xor nor xor2'),
        ):
            got, output = run("tsdb", *arguments)
            self.assertEqual(got, code, output)
            self.assertIn(text, output)
        code, output = run("tsdb", "--help")
        self.assertEqual(code, 0)
        self.assertIn("export", output)


if __name__ == "__main__":
    unittest.main()
