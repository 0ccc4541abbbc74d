"""Reload, shutdown and crash of the real process."""
import signal
import unittest

from harness import TestCase, wait_for

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
