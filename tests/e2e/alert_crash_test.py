"""kill -9 of `sextant alertmanager` at random moments around a webhook that takes its time: what begins and ends is told, and
of every life at most the message in flight is told again."""
import json
import random
import threading
import time
import unittest
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone

from harness import TestCase, wait_for
from local_server import LocalServer

CONFIG = """
route: {{receiver: hook, group_by: [alertname], group_wait: 50ms, group_interval: 150ms, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: '{url}'}}]}}]
"""
KILLS = 25
SEED = 20260714


class SlowHook(LocalServer):
    """Keeps messages when they have been read, and answers a while later."""

    def __init__(self, delay_s):
        self.messages, self.answered_at = [], []
        self.delay_s = delay_s
        super().__init__()

    def answer(self, request):
        body = json.loads(request.body)
        self.messages.append((body["groupLabels"]["alertname"], body["status"]))
        mine = len(self.answered_at)
        self.answered_at.append(None)
        time.sleep(self.delay_s)
        self.answered_at[mine] = time.monotonic()
        return ""

    def in_flight(self):
        """Messages whose answers were not given, or just now, so that nobody may have noted them yet."""
        just_now = time.monotonic() - 0.1
        return sum(at is None or at > just_now for at in list(self.answered_at))

    def told(self, name):
        return [status for who, status in list(self.messages) if who == name]


class Sender:
    """Repeats what fires, as a Prometheus does, to whatever instance lives; of some it reports the end, of others never."""

    def __init__(self):
        self.port, self.firing, self.ended, self.lock, self.stopped = None, set(), set(), threading.Lock(), False
        self.acknowledged = set()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped:
            with self.lock:
                port, firing, ended = self.port, sorted(self.firing), sorted(self.ended)
            if port is not None:
                self.post(port, firing, ended)
            time.sleep(0.05)

    def post(self, port, firing, ended):
        now = datetime.now(timezone.utc)
        alerts = [{"labels": {"alertname": n}, "endsAt": (now + timedelta(seconds=1)).isoformat()} for n in firing]
        alerts += [{"labels": {"alertname": n}, "startsAt": (now - timedelta(seconds=9)).isoformat(),
                    "endsAt": now.isoformat()} for n in ended]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/alerts", json.dumps(alerts).encode(),
                                         {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except (OSError, urllib.error.URLError):
            return
        with self.lock:
            self.acknowledged |= set(firing)
            self.ended -= set(ended)  # once is enough

    def stop(self):
        self.stopped = True
        self.thread.join()


class AlertCrash(TestCase):
    def start_alertmanager(self, config):
        return self.start(f"--config.file={config}", f"--storage.path={self.folder / 'am'}", "--web.listen-address=127.0.0.1:0",
                          "--cluster.listen-address=", program=["alertmanager"])

    def test_killed_at_random_moments_nothing_is_lost(self):
        rng = random.Random(SEED)
        hook = SlowHook(0.05)
        self.addCleanup(hook.close)
        config = self.write("am.yml", CONFIG.format(url=hook.url))
        sender = Sender()
        self.addCleanup(sender.stop)
        names, over, in_flight = [], [], 0
        for life in range(KILLS):
            server = self.start_alertmanager(config)
            with sender.lock:
                sender.port = server.port
                # One begins in every life; now and then one that was acknowledged ends, with a word or without.
                names.append(f"Alert{life:02d}")
                sender.firing.add(names[-1])
                for name in sorted(sender.firing & sender.acknowledged):
                    if hook.told(name) and rng.random() < 0.5:
                        sender.firing.discard(name)
                        over.append(name)
                        if rng.random() < 0.5:
                            sender.ended.add(name)
            time.sleep(rng.uniform(0.02, 0.6))
            with sender.lock:
                sender.port = None
            server.kill()
            in_flight += hook.in_flight()
        server = self.start_alertmanager(config)
        with sender.lock:
            sender.port = server.port
        self.assertTrue(over)
        for name in names:
            last = "resolved" if name in over else "firing"
            wait_for(f"{name} to be told as {last}; told: {hook.told(name)}", lambda n=name, want=last: hook.told(n)[-1:] == [want], 20)
        time.sleep(1)  # would somebody say more?
        repeats = 0
        for name in names:
            told = hook.told(name)
            self.assertEqual(told[0], "firing", name)
            self.assertEqual(told[-1], "resolved" if name in over else "firing", (name, told))
            repeats += sum(a == b for a, b in zip(told, told[1:]))
        self.assertLessEqual(repeats, in_flight)
        self.assertLess(in_flight, len(hook.messages) / 2, "the bound says nothing")
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
