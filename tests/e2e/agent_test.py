"""Agent mode: scrapes and passes on, keeps nothing to be queried, and loses nothing over an outage and a kill."""
import json
import unittest

from harness import LocalTarget, TestCase, run, wait_for
from remote_write_test import SCRAPES, WRITES, Ticks, samples

RULES = "rule_files: [x.yml]\n"


class AgentTest(TestCase):
    def start_agent(self, config, *flags):
        path = self.write("agent.yml", config)
        return self.start(f"--config.file={path}", "--agent", f"--storage.agent.path={self.folder / 'agent'}",
                          "--web.listen-address=127.0.0.1:0", *flags, program=("prometheus",))

    def start_receiver(self, address="127.0.0.1:0"):
        path = self.write("receiver.yml", "global: {}\n")
        return self.start(f"--config.file={path}", f"--storage.tsdb.path={self.folder / 'receiver'}",
                          "--web.enable-remote-write-receiver", f"--web.listen-address={address}", program=("prometheus",))

    def test_passes_on_what_it_scrapes_over_outages(self):
        target = LocalTarget(Ticks())
        self.addCleanup(target.close)
        receiver = self.start_receiver()
        config = SCRAPES.format(name="agent", address=target.address) + WRITES.format(port=receiver.port, queue="")
        # Short keeping: what was scraped is forgotten while the receiver is away, but for the journal.
        flags = ("--storage.agent.retention.min-time=2s",)
        agent = self.start_agent(config, *flags)
        wait_for("samples at the receiver", lambda: receiver.one('ticks_total{from="agent"}'))
        port = receiver.port
        receiver.stop()
        seen = target.gets
        wait_for("scrapes during the outage", lambda: target.gets > seen + 30)
        agent.kill()
        agent = self.start_agent(config, *flags)
        seen = target.gets
        wait_for("scrapes after the kill", lambda: target.gets > seen + 8)
        receiver = self.start_receiver(f"127.0.0.1:{port}")
        wait_for("all that was scraped", lambda: (receiver.one("max_over_time(ticks_total[1m])") or 0) >= seen)
        values = sorted(float(v) for v in next(iter(samples(receiver, "ticks_total").values())).values())
        # One scrape may be lost in the kill, before it was committed; others may have failed on a busy machine.
        lost = sum(b - a - 1 for a, b in zip(values, values[1:]))
        failed = sum(v == "0" for v in next(iter(samples(receiver, "up").values())).values())
        self.assertLessEqual(lost, failed + 2, values)
        self.assertEqual([path for path in (self.folder / "agent").glob("blocks/*") if path.is_dir()], [])
        self.assertEqual(agent.stop(), 0)

    def test_says_what_an_agent_does_not_have(self):
        agent = self.start_agent("global: {}\n")
        for path in ("query?query=up", "query_range?query=up", "labels", "label/a/values", "series?match[]=up", "rules",
                     "alerts", "alertmanagers", "status/tsdb", "query_exemplars?query=up", "format_query?query=up"):
            status, body = agent.get("/api/v1/" + path)
            self.assertEqual((status, json.loads(body)), (422, {
                "status": "error", "errorType": "execution", "error": "unavailable with Prometheus Agent"}), path)
        self.assertEqual(agent.request("POST", "/api/v1/admin/tsdb/snapshot", b"")[0], 422)
        for path in ("targets", "targets/metadata", "scrape_pools", "status/config", "status/flags", "status/buildinfo", "metadata"):
            agent.api(path)
        self.assertEqual(agent.get("/federate")[0], 500)
        self.assertTrue(agent.api("features")["prometheus"]["agent_mode"])
        self.assertEqual(agent.get("/-/healthy")[0], 200)

    def test_refuses_what_needs_a_store(self):
        for config, section in ((RULES, "rule_files"), ("remote_read: [{url: 'http://x'}]\n", "remote_read"),
                                ("alerting: {alertmanagers: [{static_configs: [{targets: [a]}]}]}\n", "alerting")):
            path = self.write("bad.yml", config)
            code, output = run("prometheus", "--agent", f"--config.file={path}", cwd=self.folder)
            self.assertNotEqual(code, 0)
            self.assertIn(f"field {section} is not allowed in agent mode", output)
        code, output = run("prometheus", "--agent", "--storage.tsdb.path=x", cwd=self.folder)
        self.assertNotEqual(code, 0)
        self.assertIn('The following flag(s) can not be used in agent mode: ["--storage.tsdb.path"]', output)
        code, output = run("prometheus", "--storage.agent.path=x", cwd=self.folder)
        self.assertIn('The following flag(s) can only be used in agent mode: ["--storage.agent.path"]', output)
        code, output = run("promtool", "check", "config", "--agent", path, cwd=self.folder)
        self.assertEqual(code, 1)
        self.assertIn("field alerting is not allowed in agent mode", output)
        # A reload that asks for what an agent cannot do changes nothing.
        agent = self.start_agent("global: {}\n", "--web.enable-lifecycle")
        self.write("agent.yml", RULES)
        status, body = agent.request("POST", "/-/reload", b"")
        self.assertEqual(status, 500)
        self.assertIn("field rule_files is not allowed in agent mode", body)


if __name__ == "__main__":
    unittest.main()
