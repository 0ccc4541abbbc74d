"""What uses this machine: the series of processes and control groups, the last hour second by second, and their API."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

from harness import TestCase, wait_for

# Burns CPU under a name of its own until its standard input ends.
BURNER = """
import sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()
open("/proc/self/comm", "w").write(sys.argv[1])
while True: pass
"""


class Host(TestCase):
    def burn(self, name):
        burner = subprocess.Popen([sys.executable, "-c", BURNER, name], stdin=subprocess.PIPE)

        def end():
            burner.stdin.close()
            burner.wait()

        self.addCleanup(end)
        return burner

    def test_says_what_eats_the_machine_now(self):
        burner = self.burn("hungry-one")
        server = self.start_platform()

        def eaten():
            use = server.api("host/processes", limit=5)
            top = {p["pid"]: p for p in use["topProcesses"]}
            return use if use["intervalSeconds"] > 0 and top.get(burner.pid, {}).get("cpuCores", 0) > 0.05 else None

        use = wait_for("the burner at the top", eaten)
        process = next(p for p in use["topProcesses"] if p["pid"] == burner.pid)
        self.assertEqual(process["name"], "hungry-one")
        self.assertGreater(process["memoryBytes"], 1_000_000)
        self.assertIn("hungry-one", [n["name"] for n in use["topNames"]])
        self.assertGreaterEqual(use["processes"], 2)
        self.assertLessEqual(len(use["topProcesses"]), 15)

    def test_keeps_the_last_hour_second_by_second(self):
        self.burn("hungry-two")
        server = self.start_platform()

        def five_seconds():
            recent = server.api("host/recent", seconds=60)
            names = {s["labels"].get("name") for s in recent["series"] if s["metric"] == "process_cpu"}
            return recent if len(recent["timesMs"]) >= 5 and "hungry-two" in names else None

        recent = wait_for("five seconds", five_seconds)
        for series in recent["series"]:
            self.assertEqual(len(series["values"]), len(recent["timesMs"]), series["metric"])
        self.assertEqual(recent["timesMs"], sorted(recent["timesMs"]))
        by_mode = [s["values"] for s in recent["series"] if s["metric"] == "cpu"]
        for values in zip(*by_mode):
            if None not in values:
                self.assertAlmostEqual(sum(values), 1, delta=0.001)
        only = server.api("host/recent", **{"seconds": 60, "metric[]": "load"})
        self.assertEqual({s["metric"] for s in only["series"]}, {"load"})
        self.assertLess(only["bytes"], 3 << 20)

    def test_series_of_programs_sum_up_to_all(self):
        self.burn("hungry-three")
        server = self.start_platform()
        name = 'sextant_process_cpu_seconds_total{job="node",name="hungry-three"}'
        wait_for("the burner's series", lambda: (server.one(name) or 0) > 0.5, 120)
        self.assertEqual(server.one('count(sextant_process_count{job="node",name="(other)"})'), 1)
        shown = server.one('count(sextant_process_count{job="node"})')
        self.assertLessEqual(shown, 61)
        # What processes use is at most what the CPUs did.
        used = server.one('sum(sextant_process_cpu_seconds_total{job="node"})')
        self.assertLess(used, server.one('sum(node_cpu_seconds_total{mode!="idle"})'))
        processes = len([p for p in os.listdir("/proc") if p.isdigit()])
        self.assertAlmostEqual(server.one('sum(sextant_process_count{job="node"})'), processes, delta=50)

    def test_refuses_what_it_does_not_have(self):
        server = self.start_platform()
        for path, params, field in (("processes", {"limit": "0"}, "limit"), ("processes", {"limit": "101"}, "limit"),
                                    ("recent", {"seconds": "x"}, "seconds"), ("recent", {"seconds": "3601"}, "seconds")):
            status, body = server.get(f"/api/v1/host/{path}", **params)
            self.assertEqual(status, 400, body)
            self.assertIn(f'invalid parameter "{field}"', json.loads(body)["error"])

    def test_stand_ins_for_single_programs_are_as_the_originals(self):
        exporter = self.start_exporter()
        self.assertNotIn("sextant_process", exporter.get("/metrics")[1])
        self.assertEqual(exporter.get("/api/v1/host/processes")[0], 404)
        own = self.start_exporter("--collector.process_usage", "--collector.cgroup_usage", "--collector.usage.top=2")
        text = own.get("/metrics")[1]
        self.assertIn('sextant_process_count{name="(other)"}', text)
        self.assertLessEqual(text.count("\nsextant_process_count{"), 13)  # 6 of each that the flag says, and the others
        self.assertIn('node_scrape_collector_success{collector="process_usage"} 1', text)
        if pathlib.Path("/sys/fs/cgroup").is_dir() and os.listdir("/sys/fs/cgroup"):
            self.assertIn('sextant_cgroup_memory_bytes{id="",kind="other",name="(other)",pod=""}', text)


if __name__ == "__main__":
    unittest.main()
