"""kill -9 at any moment: whatever a query has shown is there after the restart."""
import json
import unittest

from harness import TestCase, wait_for

CONFIG = """
prometheus:
  global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
  scrape_configs:
    - job_name: moving
      static_configs: [{{targets: ['{address}']}}]
"""


class Crash(TestCase):
    def body(self):
        self.count += 1
        return "".join(f'moving_total{{i="{i}"}} {self.count * (i + 1)}\n' for i in range(50))

    def samples(self, server, at):
        """Every sample of the last minutes, as {series: [(time, value), ...]}."""
        data = server.api("query", query='{__name__=~"moving_total|up|scrape_.*"}[10m]', time=at)
        return {json.dumps(s["metric"], sort_keys=True): [tuple(v) for v in s["values"]] for s in data["result"]}

    def test_no_acknowledged_sample_is_lost(self):
        self.count = 0
        target = self.target(self.body)
        config = self.write("sextant.yaml", CONFIG.format(address=target.address))
        acknowledged = {}
        for round_number in range(5):
            server = self.start_platform("--config", config)
            self.assertEqual(server.api("status/walreplay")["state"], "done")
            after = self.samples(server, server.query("time()"))
            for series, values in acknowledged.items():
                missing = set(values) - set(after.get(series, []))
                self.assertFalse(missing, f"round {round_number}: {series} lost {sorted(missing)[:5]}")
            seen = target.gets
            wait_for("more scrapes", lambda: target.gets > seen + 5)
            acknowledged = self.samples(server, server.query("time()"))
            self.assertGreaterEqual(len(acknowledged), 50)
            server.kill()


if __name__ == "__main__":
    unittest.main()
