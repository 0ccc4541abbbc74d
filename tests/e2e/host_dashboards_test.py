"""The built-in dashboards of the host: each query of theirs is answered, with data where the machine has what it asks for."""
import json
import re
import unittest

from harness import TestCase, wait_for

# What not every machine has: the panel may be empty there.
NEEDS = {
    "node_pressure_": "the kernel counts pressure",
    "node_disk_": "there is a disk",
    "node_schedstat_": "the kernel counts schedules",
    "node_filesystem_": "a file system is mounted",
    "node_network_": "there is a network device beside lo",
    "node_timex_": "the clock may be asked",
    "sextant_cgroup_": "there are control groups",
}
VALUES = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "15m"}


def queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


class HostDashboards(TestCase):
    def fill(self, server, expression):
        for name, value in {**VALUES, "$job": "node", "$instance": self.instance}.items():
            expression = expression.replace(name, value)
        self.assertNotIn("$", expression)
        return expression

    def check(self, server, uid):
        status, body = server.get(f"/api/dashboards/uid/{uid}")
        self.assertEqual(status, 200, body)
        dashboard = json.loads(body)["dashboard"]
        self.assertGreater(len(dashboard["panels"]), 10)
        ids = [p["id"] for p in dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        # What this machine lacks, found by the series themselves and not by the dashboards' queries.
        absent = [prefix for prefix in NEEDS if not server.query(f'count({{__name__=~"{prefix}.+",job="node",device!="lo"}})')]
        empty = []
        for title, expression in queries(dashboard):
            result = server.query(self.fill(server, expression))
            if result == {} and not any(re.search(r"\b" + prefix, expression) for prefix in absent):
                empty.append((title, expression))
        return empty

    def test_each_query_has_data(self):
        server = self.start_platform()
        # Rates need two scrapes, and the programs' own series two expositions more.
        wait_for("scrapes of this host", lambda: server.query("rate(sextant_process_cpu_seconds_total[2m])"), 120)
        wait_for("scrapes of this host", lambda: (server.one('count_over_time(node_load1{job="node"}[5m])') or 0) >= 3, 120)
        self.instance = dict(next(iter(server.query("node_uname_info"))))["instance"]
        for uid in ("host-overview", "host-details"):
            empty = [e for e in self.check(server, uid) if not self.may_be_empty(server, e[1])]
            self.assertEqual(empty, [], uid)

    def may_be_empty(self, server, expression):
        """Whether a metric that the query needs is none of this kernel's: then nothing could be there."""
        names = re.findall(r"\b(node_[a-zA-Z0-9_]+)\{", expression)
        kernel_dependent = {"node_vmstat_oom_kill", "node_memory_SReclaimable_bytes", "node_entropy_available_bits"}
        return any(name in kernel_dependent and not server.query(f"count({name})") for name in names)

    def test_they_are_listed_and_cannot_be_changed(self):
        server = self.start_platform()
        found = {d["uid"] for d in json.loads(server.get("/api/search", tag="host")[1])}
        self.assertEqual(found, {"host-overview", "host-details"})


if __name__ == "__main__":
    unittest.main()
