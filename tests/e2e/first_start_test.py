"""A new user's first minutes: no configuration, and this machine is watched."""
import json
import os
import re
import time
import unittest

from harness import TestCase, wait_for


def memory_total_bytes():
    with open("/proc/meminfo") as file:
        return int(re.search(r"MemTotal:\s+(\d+) kB", file.read()).group(1)) * 1024


def cpu_count():
    with open("/proc/stat") as file:
        return len(re.findall(r"^cpu\d+ ", file.read(), re.M))


class FirstStart(TestCase):
    def test_watches_this_machine(self):
        server = self.start_platform()
        wait_for("both targets to be up", lambda: server.one("sum(up)") == 2)
        self.assertEqual({v for v in server.api("label/job/values") if v}, {"node", "sextant"})

        self.assertEqual(server.one("node_memory_MemTotal_bytes"), memory_total_bytes())
        self.assertEqual(server.one('count(node_cpu_seconds_total{mode="idle"})'), cpu_count())
        uname = next(iter(server.query("node_uname_info")))
        self.assertEqual(dict(uname)["nodename"], os.uname().nodename)
        self.assertEqual(dict(uname)["release"], os.uname().release)
        self.assertGreater(server.one("process_resident_memory_bytes{job='sextant'}"), 1 << 20)

        load = server.one("node_load1")
        self.assertGreaterEqual(load, 0)
        wait_for("a rate", lambda: server.one('sum(rate(node_cpu_seconds_total[1m])) > 0'))

        now = time.time()
        data = server.api("query_range", query="up", start=now - 60, end=now, step=5)
        self.assertEqual(data["resultType"], "matrix")
        self.assertEqual(len(data["result"]), 2)

    def test_answers_the_prometheus_api(self):
        server = self.start_platform()
        wait_for("both targets to be up", lambda: server.one("sum(up)") == 2)
        targets = server.api("targets")
        self.assertEqual([t["health"] for t in targets["activeTargets"]], ["up", "up"])
        self.assertEqual({t["scrapePool"] for t in targets["activeTargets"]}, {"node", "sextant"})
        series = server.api("series", **{"match[]": "up"})
        self.assertEqual(len(series), 2)
        self.assertIn("__name__", server.api("labels"))
        self.assertEqual(server.api("metadata", metric="node_load1")["node_load1"][0]["type"], "gauge")
        groups = server.api("rules")["groups"]
        alerts = {rule["name"] for group in groups for rule in group["rules"]}
        self.assertTrue({"TargetDown", "HostDiskFilling", "HostMemoryShort", "HostClockSkew", "SextantIngestionFailing"} <= alerts, alerts)
        wait_for("every rule to be evaluated", lambda: all(
            rule["health"] == "ok" for group in server.api("rules")["groups"] for rule in group["rules"]))
        firing = [alert for alert in server.api("alerts")["alerts"] if alert["state"] == "firing"]
        self.assertEqual(firing, [])
        self.assertIn("version", server.api("status/buildinfo"))

    def test_own_metrics_use_prometheus_names(self):
        server = self.start_platform()
        wait_for("a scrape", lambda: server.one("sum(up)") == 2)
        status, text = server.get("/metrics")
        self.assertEqual(status, 200)
        for name in ("prometheus_tsdb_head_series", "prometheus_http_requests_total", "process_cpu_seconds_total"):
            self.assertIn(f"\n# TYPE {name} ", "\n" + text)
        # A rule that adds up counters returns nothing when one of them does not exist.
        for group in server.api("rules")["groups"]:
            for rule in group["rules"]:
                if rule["name"] == "SextantIngestionFailing":
                    for name in re.findall(r"\w+_total", rule["query"]):
                        self.assertIn(f"\n{name}", text)

    def test_banner_pages_and_graceful_stop(self):
        server = self.start_platform()
        for word in ("http://127.0.0.1:", str(self.folder / "data"), "Ctrl+C", "node"):
            self.assertIn(word, server.output)
        for path in ("/", "/query", "/targets", "/alerts", "/cardinality", "/machine"):
            status, body = server.get(path)
            self.assertEqual(status, 200, path)
            self.assertIn("<title>Sextant", body)
        status, body = server.get("/api/dashboards/uid/home")
        self.assertEqual(status, 200)
        self.assertGreater(len(json.loads(body)["dashboard"]["panels"]), 5)
        self.assertEqual(server.get("/-/healthy")[0], 200)
        self.assertEqual(server.get("/no/such/page.js")[0], 404)
        self.assertEqual(server.stop(20), 0)


if __name__ == "__main__":
    unittest.main()
