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

    def test_a_large_store_answers_before_all_of_it_is_loaded(self):
        """So many series stay in the checkpoint when the store opens, and so many samples in the journal."""
        many, per_target = 120_000, 3_000
        labels = [f'big{{i="{i}",group="{i // per_target}"}}' for i in range(many)]
        scrapes = []

        def body():
            scrapes.append(None)
            return "".join(f"{series} {len(scrapes) + i}\n" for i, series in enumerate(labels))

        target = self.target(body)
        config = self.write("sextant.yaml", CONFIG.format(address=target.address).replace("200ms", "1s"))

        def scraped_more(server, times):
            seen = server.one("sum(count_over_time(up{job='moving'}[1h]))") or 0
            wait_for("more scrapes", lambda: (server.one("sum(count_over_time(up{job='moving'}[1h]))") or 0) >= seen + times)
            self.assertEqual(server.one("min(up{job='moving'})"), 1)

        server = self.start_platform("--config", config)
        scraped_more(server, 2)
        self.assertEqual(server.stop(), 0)
        server = self.start_platform("--config", config)
        scraped_more(server, 4)
        now = server.query("time()")
        before = server.api("query", query='big{i=~"7|119999"}[1h]', time=now)["result"]
        self.assertEqual(len(before), 2)
        server.kill()

        server = self.start_platform("--config", config)
        self.assertEqual(server.one('count(big{group="39"})', time=now), per_target)
        self.assertEqual(server.api("query", query='big{i=~"7|119999"}[1h]', time=now)["result"], before)
        self.assertEqual(server.api("label/group/values", **{"match[]": "big"}), sorted(map(str, range(many // per_target))))
        self.assertEqual(server.one("count(big)", time=now), many)
        self.assertEqual(server.one("count(count by (i) (big))", time=now), many)
        scraped_more(server, 2)
        self.assertEqual(server.one('count(count_over_time(big[1h]) > 6)'), many, "what is scraped now goes on with them")
        wait_for("the journal", lambda: "the journal has been replayed" in server.output)
        self.assertNotIn("is made anew", server.output)


if __name__ == "__main__":
    unittest.main()
