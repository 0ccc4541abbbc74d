"""Queries that read through to other servers (remote_read): ours from a real Prometheus of Debian's packages and from ours,
and what is told when they do not answer.
"""
import json
import signal
import unittest

from harness import PEERS, LocalTarget, TestCase, free_port, wait_for
from remote_write_test import SCRAPES, Peer, Ticks, missing, samples

READS = """
global: {{external_labels: {labels}}}
remote_read:
  - url: http://reader:hidden@127.0.0.1:{port}/api/v1/read
    name: far
    read_recent: {recent}
{more}
"""


def times(found):
    """What samples() found, whatever its values."""
    return {series: dict.fromkeys(values, "any") for series, values in found.items()}


class RemoteReadTest(TestCase):
    def start_ours(self, config, name="ours", *flags):
        path = self.write(f"{name}.yml", config)
        return self.start(f"--config.file={path}", f"--storage.tsdb.path={self.folder / name}",
                          "--web.listen-address=127.0.0.1:0", *flags, program=("prometheus",))

    def reader(self, port, name="reader", labels="{}", recent="true", more=""):
        return self.start_ours(READS.format(port=port, labels=labels, recent=recent, more=more), name)

    def target(self, body):
        target = LocalTarget(body)
        self.addCleanup(target.close)
        return target

    @unittest.skipUnless((PEERS / "prometheus").exists(), "no peers here: scripts/peers unpacks them")
    def test_ours_reads_from_prometheus(self):
        target = self.target(Ticks())
        peer = Peer(self.folder, SCRAPES.format(name="peer", address=target.address))
        self.addCleanup(peer.end, signal.SIGKILL)
        wait_for("some samples", lambda: (peer.one("count_over_time(ticks_total[1m])") or 0) > 20)
        ours = self.reader(peer.port)
        selector = '{__name__=~"ticks_total|spread|up"}'
        wanted = samples(peer, selector)
        self.assertEqual(missing(wanted, samples(ours, selector)), [])
        self.assertTrue(wanted)
        # Samples are asked of the peer, and what they mean is computed here.
        self.assertGreater(ours.one("sum(rate(ticks_total[1m]))"), 0)
        metrics = ours.get("/metrics")[1]
        self.assertIn('prometheus_remote_read_client_queries_total{remote_name="far"', metrics)
        self.assertNotIn("hidden", metrics + ours.api("status/config")["yaml"] + ours.output)

    def test_ours_reads_from_ours_and_merges(self):
        target = self.target(Ticks())
        source = self.start_ours(SCRAPES.format(name="same", address=target.address), "source")
        wait_for("some samples", lambda: (source.one("count_over_time(ticks_total[1m])") or 0) > 20)
        # With the same external labels series are asked for with them, and shown without.
        both = self.reader(source.port, "both", "{from: same}")
        found = samples(both, "ticks_total")
        self.assertEqual(missing(samples(source, "ticks_total"), found), [])
        # Other external labels find nothing there.
        self.assertEqual(samples(self.reader(source.port, "other", "{from: another}"), "ticks_total"), {})
        # A selector without the required matcher is not sent.
        demanding = self.reader(source.port, "demanding", "{from: same}", more="    required_matchers: {job: moving}\n")
        self.assertEqual(samples(demanding, "ticks_total"), {})
        self.assertTrue(samples(demanding, 'ticks_total{job="moving"}'))
        # What is here and there is one series.
        scraping = self.start_ours(
            SCRAPES.format(name="same", address=target.address) + READS.format(
                port=source.port, labels="{}", recent="true", more="").split("\n", 2)[2], "scraping")
        wait_for("own samples", lambda: scraping.one("up"))
        self.assertEqual(scraping.one("count(ticks_total)"), 1)
        # Both may have scraped at the same moments, with different values: of these either may be shown.
        self.assertEqual(missing(times(samples(source, "ticks_total")), times(samples(scraping, "ticks_total"))), [])

    def test_what_is_not_answered_is_a_warning(self):
        ours = self.reader(free_port(), "reader", recent="true")
        status, body = ours.get("/api/v1/query", query="up or vector(1)")
        answer = json.loads(body)
        self.assertEqual((status, answer["status"]), (200, "success"))
        self.assertEqual(len(answer["data"]["result"]), 1)
        self.assertIn("remote_read: error sending request: ", answer["warnings"][0])
        self.assertNotIn("hidden", body)
        broken = self.target("")  # answers something else
        other = self.reader(broken.port, "broken")
        answer = json.loads(other.get("/api/v1/query", query="up")[1])
        self.assertIn("remote_read: ", answer["warnings"][0])
        self.assertEqual(answer["data"]["result"], [])

    def test_recent_times_are_the_local_stores(self):
        target = self.target(Ticks())
        counting = self.target("")
        config = (SCRAPES.format(name="x", address=target.address) +
                  READS.format(port=counting.port, labels="{}", recent="false", more="").split("\n", 2)[2])
        ours = self.start_ours(config)
        wait_for("a scrape", lambda: ours.one("ticks_total"))
        # The store began moments ago: of times before it may have holes, which the other is asked for.
        answer = json.loads(ours.get("/api/v1/query", query="ticks_total")[1])
        self.assertEqual(len(answer["data"]["result"]), 1)
        self.assertIn("remote_read", answer["warnings"][0])


if __name__ == "__main__":
    unittest.main()
