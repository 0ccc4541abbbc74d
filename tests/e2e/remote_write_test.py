"""Remote write between ours and a real Prometheus of Debian's packages, in both directions: outages of the receiver and
kill -9 of ours delay samples and lose none.
"""
import json
import signal
import subprocess
import time
import unittest

from harness import PEERS, Api, TestCase, free_port, wait_for

SCRAPES = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms, external_labels: {{from: {name}}}}}
scrape_configs:
  - job_name: moving
    static_configs: [{{targets: ['{address}']}}]
"""
WRITES = """
remote_write:
  - url: http://127.0.0.1:{port}/api/v1/write
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 50ms, max_backoff: 500ms{queue}}}
    metadata_config: {{send_interval: 1s}}
    send_exemplars: true
    write_relabel_configs:
      - {{source_labels: [__name__], regex: not_sent, action: drop}}
"""


class Peer(Api):
    """Debian's prometheus; may end and begin again on its data and port."""

    def __init__(self, folder, config="", name="peer"):
        super().__init__(free_port())
        self.folder, self.name = folder, name
        self.config = folder / f"{name}.yml"
        self.config.write_text(config)
        self.process = None
        self.begin()

    def begin(self):
        self.log = open(self.folder / f"{self.name}.log", "a")
        self.process = subprocess.Popen(
            [str(PEERS / "prometheus"), f"--config.file={self.config}", f"--storage.tsdb.path={self.folder / self.name}",
             "--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage,native-histograms",
             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=self.log, stderr=subprocess.STDOUT, cwd=self.folder)
        wait_for("the peer to be ready", self.is_ready)

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / f"{self.name}.log").read_text()[-4000:])
        try:
            return self.get("/-/ready")[0] == 200
        except OSError:
            return False

    def end(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
            self.process.wait(60)
        self.log.close()


class Ticks:
    """A body that is another one each time it is asked for."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return (f"# TYPE ticks_total counter\n# HELP ticks_total Asked so often.\nticks_total {self.count}\n"
                f"not_sent {self.count}\n" + "".join(f'spread{{n="{n}"}} {self.count * n}\n' for n in range(50)))


def samples(api, selector):
    """{series (without `from`): {time: value}} of the last hour."""
    status, body = api.get("/api/v1/query", query=f"{selector}[1h]")
    assert status == 200, body
    found = {}
    for series in json.loads(body)["data"]["result"]:
        labels = {name: value for name, value in series["metric"].items() if name != "from"}
        found[tuple(sorted(labels.items()))] = dict((t, v) for t, v in series["values"])
    return found


def missing(source, copy):
    """What the copy lacks of the source, from its own first sample on."""
    lacking = []
    for series, values in source.items():
        copied = copy.get(series, {})
        for at, value in values.items():
            if copied.get(at) != value:
                lacking.append((dict(series), at, value, copied.get(at)))
    return lacking


@unittest.skipUnless((PEERS / "prometheus").exists(), "no peers here: scripts/peers unpacks them")
class RemoteWriteTest(TestCase):
    def start_ours(self, config, data="ours", port=0):
        path = self.write("ours.yml", config)
        return self.start(f"--config.file={path}", f"--storage.tsdb.path={self.folder / data}",
                          f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver",
                          program=("prometheus",))

    def expect_all(self, source, copy, selector='{__name__=~"ticks_total|spread|up"}'):
        """Waits until all that the source has now is in the copy."""
        wanted = samples(source, selector)
        self.assertGreater(sum(len(v) for v in wanted.values()), 100)
        last = []
        def complete():
            last[:] = missing(wanted, samples(copy, selector))
            return not last
        try:
            wait_for("all samples to arrive", complete)
        except AssertionError as error:
            raise AssertionError(f"{error}: {len(last)} are missing: {last[:5]}")

    def test_ours_to_prometheus(self):
        target = self.target(Ticks())
        peer = Peer(self.folder, "global: {}\n")
        self.addCleanup(peer.end, signal.SIGKILL)
        config = (SCRAPES + WRITES).format(name="ours", address=target.address, port=peer.port, queue="")
        ours = self.start_ours(config)
        wait_for("samples at the peer", lambda: peer.query("ticks_total"))
        # The receiver goes, ours is killed twice meanwhile, and the receiver comes back.
        peer.end(signal.SIGKILL)
        for _ in range(2):
            time.sleep(1.5)
            ours.kill()
            ours = self.start_ours(config)
            wait_for("a scrape after the kill", lambda: ours.one("count_over_time(ticks_total[3s]) > 1"))
        peer.begin()
        self.expect_all(ours, peer)
        # And a kill in the middle of sending.
        time.sleep(1)
        ours.kill()
        ours = self.start_ours(config)
        wait_for("a scrape after the kill", lambda: ours.one("count_over_time(ticks_total[3s]) > 1"))
        self.expect_all(ours, peer)
        self.assertFalse(peer.query("not_sent"))
        self.assertEqual({dict(labels)["from"] for labels in peer.query("ticks_total")}, {"ours"})
        # An orderly end sends what is left.
        self.assertEqual(ours.stop(), 0)
        last = target.body.count
        self.assertGreaterEqual(peer.one("ticks_total"), last - 1)
        metrics = self.start_ours(config).get("/metrics")[1]
        for name in ("samples_total", "samples_pending", "shards", "queue_highest_sent_timestamp_seconds",
                     "highest_timestamp_in_seconds"):
            self.assertIn(f"\nprometheus_remote_storage_{name}", metrics)

    def test_prometheus_to_ours(self):
        target = self.target(Ticks())
        port = free_port()
        ours = self.start_ours("global: {}\n", port=port)
        config = (SCRAPES + WRITES).format(name="peer", address=target.address, port=port, queue="")
        peer = Peer(self.folder, config)
        self.addCleanup(peer.end, signal.SIGKILL)
        wait_for("samples at ours", lambda: ours.query("ticks_total"))
        first = samples(peer, "ticks_total")
        for _ in range(2):
            ours.kill()
            time.sleep(1)
            ours = self.start_ours("global: {}\n", port=port)
        self.expect_all(peer, ours)
        self.assertFalse(ours.query("not_sent"))
        self.assertTrue(first)
        metadata = wait_for("metadata", lambda: ours.api("metadata", metric="ticks_total"))
        self.assertEqual(metadata["ticks_total"], [{"type": "counter", "help": "Asked so often.", "unit": ""}])

    def test_ours_to_ours_with_version_2(self):
        target = self.target(Ticks())
        receiver = self.start_platform(data="platform")
        config = (SCRAPES + WRITES).format(name="ours", address=target.address, port=receiver.port,
                                           queue=", min_shards: 3")
        ours = self.start_ours(config + "    protobuf_message: io.prometheus.write.v2.Request\n")
        wait_for("samples at the receiver", lambda: receiver.query("ticks_total"))
        self.expect_all(ours, receiver)
        # A reload moves the queue to other settings without loss.
        self.write("ours.yml", config)
        ours.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: "configuration reloaded" in ours.output)
        time.sleep(0.5)
        self.expect_all(ours, receiver)

    def test_the_receiver_is_off_by_default(self):
        path = self.write("ours.yml", "global: {}\n")
        ours = self.start(f"--config.file={path}", "--web.listen-address=127.0.0.1:0", program=("prometheus",))
        status, body = ours.request("POST", "/api/v1/write", body=b"x")
        self.assertEqual(status, 404)
        self.assertIn("--web.enable-remote-write-receiver", body)


if __name__ == "__main__":
    unittest.main()
