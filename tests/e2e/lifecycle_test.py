"""Reload, shutdown and crash of the real process."""
import base64
import json
import re
import signal
import unittest
import urllib.parse
import urllib.request

from harness import TestCase, wait_for

HASH = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"  # bcrypt of "secret"
CONFIG = """
prometheus:
  global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
  scrape_configs:
    - job_name: {job}
      static_configs: [{{targets: ['{address}']}}]
"""


class Lifecycle(TestCase):
    def pools(self, server):
        return set(server.api("scrape_pools")["scrapePools"])

    def test_reload_takes_a_good_file_and_survives_a_bad_one(self):
        target = self.target("a 1\n")
        config = self.write("sextant.yaml", CONFIG.format(job="one", address=target.address))
        server = self.start_platform("--config", config)
        wait_for("a sample", lambda: server.one('a{job="one"}') == 1)

        self.write("sextant.yaml", CONFIG.format(job="two", address=target.address))
        server.process.send_signal(signal.SIGHUP)
        wait_for("the new job", lambda: server.one('a{job="two"}') == 1)
        self.assertEqual(self.pools(server), {"two", "node", "sextant"})
        wait_for("the old job's series to end", lambda: server.one('a{job="one"}') is None)

        self.write("sextant.yaml", "prometheus: {scrape_configs: [{job_nam: three}]}\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for("the error in the log", lambda: "configuration not reloaded" in server.output)
        self.assertIn('did you mean', server.output)
        self.assertIn("prometheus_config_last_reload_successful 0", server.get("/metrics")[1])
        self.assertEqual(self.pools(server), {"two", "node", "sextant"})
        before = target.gets
        wait_for("scraping to go on", lambda: target.gets > before)

    def start_prometheus(self, *flags):
        return self.start("--config.file", str(self.folder / "prometheus.yml"), "--storage.tsdb.path",
                          str(self.folder / "data"), "--web.listen-address", "127.0.0.1:0", *flags, program=("prometheus",))

    def test_lifecycle_over_http(self):
        self.write("prometheus.yml", "scrape_configs: [{job_name: one}]\n")
        server = self.start_prometheus("--web.enable-lifecycle")
        self.write("prometheus.yml", "scrape_configs: [{job_name: two}]\n")
        self.assertEqual(server.request("POST", "/-/reload"), (200, ""))
        self.assertEqual(self.pools(server), {"two"})
        self.write("prometheus.yml", "scrape_configs: [{job_nam: three}]\n")
        status, body = server.request("PUT", "/-/reload")
        self.assertEqual(status, 500)
        self.assertIn("failed to reload config: ", body)
        self.assertIn("did you mean", body)
        self.assertEqual(self.pools(server), {"two"})
        self.assertIn("prometheus_config_last_reload_successful 0", server.get("/metrics")[1])
        self.assertEqual(server.get("/-/reload")[0], 405)
        self.assertEqual(server.request("POST", "/-/quit")[0], 200)
        self.assertEqual(server.process.wait(60), 0)

    def test_lifecycle_is_off_unless_asked_for(self):
        self.write("prometheus.yml", "")
        server = self.start_prometheus()
        self.assertEqual(server.request("POST", "/-/reload"), (403, "Lifecycle API is not enabled."))
        self.assertEqual(server.request("POST", "/-/quit")[0], 403)

    def test_changed_files_are_reloaded_by_themselves(self):
        self.write("prometheus.yml", "scrape_configs: [{job_name: one}]\nrule_files: [rules/*.yml]\n")
        server = self.start_prometheus("--config.auto-reload-interval=1s", "--enable-feature=auto-reload-config")
        self.write("rules/a.yml", "groups: [{name: g, rules: [{record: r, expr: 1}]}]\n")
        wait_for("the new rule", lambda: server.api("rules")["groups"])
        self.write("prometheus.yml", "scrape_configs: [{job_name: two}]\n")
        wait_for("the new job", lambda: self.pools(server) == {"two"})
        self.write("prometheus.yml", "nonsense")
        wait_for("the error", lambda: "configuration not reloaded" in server.output)
        self.assertEqual(self.pools(server), {"two"})

    def test_prefix_external_url_and_users(self):
        self.write("web.yml", "basic_auth_users: {alice: " + HASH + "}\n"
                              "http_server_config: {headers: {X-Frame-Options: deny}}\n")
        self.write("prometheus.yml", "")
        server = self.start("--config.file", str(self.folder / "prometheus.yml"), "--storage.tsdb.path",
                            str(self.folder / "data"), "--web.listen-address", "127.0.0.1:0", "--web.config.file",
                            str(self.folder / "web.yml"), "--web.external-url=https://x.example/prom/",
                            program=("prometheus",), ready=False)
        wait_for("the server", lambda: "Server is ready" in server.output)
        server.port = int(re.search(r"http://127\.0\.0\.1:(\d+)/prom", server.output).group(1))
        self.assertEqual(server.get("/prom/-/healthy")[0], 401)
        word = base64.b64encode(b"alice:secret").decode()
        alice = {"Authorization": f"Basic {word}"}
        self.assertEqual(server.request("GET", "/prom/-/healthy", headers=alice)[0], 200)
        self.assertEqual(server.request("GET", "/-/healthy", headers=alice)[0], 404)
        request = urllib.request.Request(f"http://127.0.0.1:{server.port}/prom/api/v1/status/flags", headers=alice)
        with urllib.request.urlopen(request, timeout=60) as response:
            self.assertEqual(response.headers["X-Frame-Options"], "deny")
            self.assertEqual(json.load(response)["data"]["web.external-url"], "https://x.example/prom/")
        # The pages' addresses lead from where each stands to where it is served.
        for path, root in (("/prom/", "./"), ("/prom/query?g0.expr=up", "./"), ("/prom/d/x", "../"),
                           ("/prom/d/x/y", "../../"), ("/prom/d/x/a%2Fb", "../../"), ("/prom/d/x/y/", "../../../")):
            status, page = server.request("GET", path, headers=alice)
            self.assertEqual(status, 200, path)
            self.assertIn(f'name="sextant-root" content="{root}"', page)
            assets = re.findall(r'(?:src|href)="([^"]*assets/[^"]*)"', page)
            self.assertGreater(len(assets), 2)
            for asset in assets:
                self.assertTrue(asset.startswith(root + "assets/"), asset)
                self.assertEqual(server.request("GET", urllib.parse.urljoin(path, asset), headers=alice)[0], 200)
        self.assertEqual(server.request("GET", "/prom/assets/nosuch.js", headers=alice)[0], 404)
        self.assertEqual(server.request("GET", "/query", headers=alice)[0], 404)
        # A reload takes other headers, too.
        self.write("web.yml", "basic_auth_users: {alice: " + HASH + "}\n"
                              "http_server_config: {headers: {X-Content-Type-Options: nosniff}}\n")
        server.process.send_signal(signal.SIGHUP)

        def has_new_header():
            with urllib.request.urlopen(request, timeout=60) as answer:
                return (answer.headers["X-Content-Type-Options"], answer.headers["X-Frame-Options"]) == ("nosniff", None)
        wait_for("the new header", has_new_header)

    def test_sigterm_keeps_everything(self):
        server = self.start_platform()
        wait_for("a scrape", lambda: server.one("sum(up)") == 2)
        at = server.query("time()")
        samples = server.one("sum(count_over_time(up[1h]))", time=at)
        self.assertEqual(server.stop(30), 0)
        self.assertIn("msg=stopped", server.output)
        again = self.start_platform()
        self.assertGreaterEqual(again.one("sum(count_over_time(up[1h]))", time=at), samples)

    def test_a_crash_leaves_a_stack_trace(self):
        server = self.start_platform()
        server.process.send_signal(signal.SIGSEGV)
        server.process.wait(60)
        wait_for("the report", lambda: "crashed by signal SEGV" in server.output)
        self.assertIn("sextant", server.output.split("crashed by signal")[1])
        self.assertEqual(server.process.returncode, -signal.SIGSEGV)


if __name__ == "__main__":
    unittest.main()
