#!/usr/bin/env python3
"""100,000 firing alerts of 2,000 rules, from the scrape to the webhook: ours in one process beside Debian's prometheus and
alertmanager.

    bench/alerting/run.py [--only sextant] [--rules 2000] [--instances 50] [--interval 15] [--group-interval 60]

Every rule has as many alerts as there are instances, and is a group of the Alertmanager. After the warm-up, in which all of
them are told to a webhook, one instance of every rule ends and another begins at each `--flips`: all groups have news each
time. CPU time and memory count over the flips; then things come to rest, and what the webhook was told last of each alert is
compared with what is true. Sides take turns, so that each has the machine for itself:

    sextant         `sextant` alone: rules and alerting in one process
    debian          prometheus and alertmanager
    to-alertmanager `sextant prometheus` and Debian's alertmanager
    from-prometheus Debian's prometheus and `sextant alertmanager`
"""
import argparse
import http.server
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import datetime

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import add_common_arguments, cpu_seconds, free_port, memory_bytes, peer_folder  # noqa: E402

SIDES = ("sextant", "debian", "to-alertmanager", "from-prometheus")
TARGETS = 20
MOUNT = 'mount --bind "$0" /usr/share && exec "$@"'
# Of what is counted while a side runs.
COUNTERS = ("prometheus_rule_group_iterations_total", "prometheus_rule_group_iterations_missed_total",
            "prometheus_rule_evaluation_failures_total", "prometheus_notifications_sent_total",
            "prometheus_notifications_dropped_total", "alertmanager_notifications_total",
            "alertmanager_notifications_failed_total", "alertmanager_alerts_invalid_total")


class Load:
    """The targets whose series the rules look at. At any time one instance of every rule does not fire."""

    def __init__(self, rules, instances):
        self.rules, self.instances, self.quiet = rules, instances, 0
        self.flipped_at = {}  # when an instance began and ended to fire last: {instance: (time, fires)}
        self.bodies = [self.make(target) for target in range(TARGETS)]

    def make(self, target):
        lines = []
        for rule in range(target, self.rules, TARGETS):
            for i in range(self.instances):
                lines.append(f'bench_load{{rule="{rule:04d}",namespace="ns-{rule % 40:02d}",pod="app-{rule:04d}-{i:02d}-7c9f5d6b8",'
                             f'team="team-{rule % 7}"}} {int(i != self.quiet)}\n')
        return "".join(lines).encode()

    def flip(self):
        before, self.quiet = self.quiet, (self.quiet + 1) % self.instances
        self.bodies = [self.make(target) for target in range(TARGETS)]
        now = time.time()
        self.flipped_at[before] = (now, True)
        self.flipped_at[self.quiet] = (now, False)

    def should_fire(self):
        return {(f"{rule:04d}", i) for rule in range(self.rules) for i in range(self.instances) if i != self.quiet}


class Webhook:
    """Takes messages and knows what was said last of each alert."""

    def __init__(self, load):
        self.load, self.lock = load, threading.Lock()
        self.firing, self.messages, self.alerts, self.repeated = {}, 0, 0, 0
        self.latencies = []

    def take(self, body):
        now = time.time()
        message = json.loads(body)
        with self.lock:
            self.messages += 1
            news = False
            for alert in message["alerts"]:
                self.alerts += 1
                labels = alert["labels"]
                key = (labels["rule"], int(labels["pod"].split("-")[2]))
                fires = alert["status"] == "firing"
                if self.firing.get(key) == fires:
                    continue
                news = True
                self.firing[key] = fires
                flip = self.load.flipped_at.get(key[1])
                if flip and flip[1] == fires:
                    self.latencies.append(now - flip[0])
            self.repeated += not news

    def wrong(self):
        with self.lock:
            told = {key for key, fires in self.firing.items() if fires}
        return len(told ^ self.load.should_fire())


def serve(load, webhook):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, body):
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.answer(load.bodies[int(self.path.split("/")[1])])

        def do_POST(self):
            webhook.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(b"")

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 512

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def rule_file(args):
    """Rules in groups of 20; every second one waits for two evaluations."""
    lines = ["groups:"]
    for rule in range(args.rules):
        if rule % 20 == 0:
            lines.append(f"- name: group-{rule // 20:03d}\n  rules:")
        lines.append(
            f"  - alert: BenchLoad{rule:04d}\n    expr: bench_load{{rule=\"{rule:04d}\"}} > 0\n"
            f"    for: {2 * args.interval if rule % 2 else 0}s\n"
            f"    labels: {{severity: {'critical' if rule % 10 == 0 else 'warning'}}}\n"
            "    annotations:\n"
            "      summary: 'Load of {{ $labels.pod }} in {{ $labels.namespace }} is {{ $value | humanize }}'\n"
            "      description: 'The pod {{ $labels.pod }} of team {{ $labels.team }} has been loaded for a while.'\n"
            f"      runbook_url: https://runbooks.example.org/bench/{rule:04d}")
    return "\n".join(lines) + "\n"


def indent(text, by):
    return "".join(" " * by + line + "\n" for line in text.splitlines())


def prometheus_yml(args, stand_in, alertmanager=None):
    jobs = "".join(f"- job_name: t{i}\n  metrics_path: /{i}\n  static_configs: [{{targets: ['{stand_in}']}}]\n" for i in range(TARGETS))
    notify = f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n" if alertmanager else ""
    return (f"global: {{scrape_interval: {args.interval}s, scrape_timeout: {args.interval}s, evaluation_interval: {args.interval}s}}\n"
            f"rule_files: [rules.yml]\n{notify}scrape_configs:\n{jobs}")


def alertmanager_yml(args, stand_in):
    inhibition = "inhibit_rules:\n- {source_matchers: ['severity=critical'], target_matchers: ['severity=info'], equal: [namespace]}\n"
    return (f"route: {{receiver: hook, group_by: [alertname], group_wait: {args.group_wait}s, group_interval: {args.group_interval}s,"
            f" repeat_interval: 4h}}\nreceivers: [{{name: hook, webhook_configs: [{{url: 'http://{stand_in}/hook'}}]}}]\n{inhibition}")


class Process:
    def __init__(self, command, folder, port, log):
        self.port = port
        with open(folder / log, "w") as out:
            self.process = subprocess.Popen([str(c) for c in command], cwd=folder, stdout=out, stderr=subprocess.STDOUT)

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def memory(self, key="VmRSS"):
        return memory_bytes(self.process.pid, key)

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as response:
            return response.read().decode()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_side(side, args, folder, stand_in):
    """The processes of a side."""
    (folder / "rules.yml").write_text(rule_file(args))
    (folder / "alertmanager.yml").write_text(alertmanager_yml(args, stand_in))
    sextant, peers = f"{args.build}/sextant", peer_folder(args)
    port, alerts_port = free_port(), free_port()
    prometheus_flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"]
    alertmanager_flags = ["--config.file=alertmanager.yml", "--storage.path=am", f"--web.listen-address=127.0.0.1:{alerts_port}",
                          "--cluster.listen-address="]
    if side == "sextant":
        text = ("prometheus:\n" + indent(prometheus_yml(args, stand_in), 2) + "alertmanager:\n" +
                indent(alertmanager_yml(args, stand_in), 2))
        (folder / "sextant.yaml").write_text(text)
        command = [sextant, "--config", "sextant.yaml", "--data", "data", "--listen", f"127.0.0.1:{port}"]
        return [Process(command, folder, port, "log")]
    (folder / "prometheus.yml").write_text(prometheus_yml(args, stand_in, f"127.0.0.1:{alerts_port}"))
    if side == "from-prometheus":
        alertmanager = Process([sextant, "alertmanager", *alertmanager_flags], folder, alerts_port, "am.log")
    else:
        # Debian's reads its templates from /usr/share.
        alertmanager = Process(["unshare", "-m", "sh", "-c", MOUNT, peers.parent / "share", peers / "prometheus-alertmanager",
                                *alertmanager_flags], folder, alerts_port, "am.log")
    ours = side == "to-alertmanager"
    program = [sextant, "prometheus"] if ours else [peers / "prometheus"]
    return [Process([*program, *prometheus_flags], folder, port, "log"), alertmanager]


def counted(processes):
    """Sums of COUNTERS, and the longest evaluation of a group."""
    sums = dict.fromkeys(COUNTERS, 0.0)
    longest = 0.0
    for process in processes:
        for line in process.metrics().splitlines():
            match = re.match(r"(\w+)(?:\{.*\})? (\S+)$", line)
            if not match:
                continue
            if match[1] in sums:
                sums[match[1]] += float(match[2])
            elif match[1] == "prometheus_rule_group_last_duration_seconds":
                longest = max(longest, float(match[2]))
    return sums, longest


def run_side(side, args):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    load = Load(args.rules, args.instances)
    webhook = Webhook(load)
    server = serve(load, webhook)
    started = time.monotonic()
    processes = start_side(side, args, folder, f"127.0.0.1:{server.server_address[1]}")
    try:
        time.sleep(args.warmup)
        while webhook.wrong() > 0 and time.monotonic() < started + 2 * args.warmup:
            time.sleep(1)
        all_told = time.monotonic() - started
        print(f"{side}: all alerts but {webhook.wrong()} were told after {all_told:.0f} s", file=sys.stderr)
        before, _ = counted(processes)
        cpu, wall, messages = [p.cpu_seconds() for p in processes], time.monotonic(), webhook.messages
        resident = longest = 0
        for _ in range(args.flips):
            load.flip()
            end = time.monotonic() + args.group_interval
            while time.monotonic() < end:
                time.sleep(5)
                resident = max(resident, sum(p.memory() for p in processes))
                longest = max(longest, counted(processes)[1])
        wall = time.monotonic() - wall
        cpu = [p.cpu_seconds() - c for p, c in zip(processes, cpu)]
        messages = webhook.messages - messages
        end = time.monotonic() + args.group_interval
        while webhook.wrong() > 0 and time.monotonic() < end:
            time.sleep(1)
        after, _ = counted(processes)
        latencies = sorted(webhook.latencies)
        return {
            "CPU %": sum(cpu) / wall * 100, "RSS MiB": resident / 2**20, "peak MiB": sum(p.memory("VmHWM") for p in processes) / 2**20,
            "each": " + ".join(f"{c / wall * 100:.1f} % {p.memory() / 2**20:.0f} MiB" for c, p in zip(cpu, processes)),
            "longest group s": longest, "all told s": all_told, "messages": messages, "without news": webhook.repeated,
            "wrong at the end": webhook.wrong(),
            "latency p50 s": latencies[len(latencies) // 2] if latencies else 0,
            "p99 s": latencies[len(latencies) * 99 // 100] if latencies else 0, "max s": latencies[-1] if latencies else 0,
            "told of flips": len(latencies), **{name: after[name] - before[name] for name in COUNTERS},
        }
    finally:
        for process in processes:
            process.stop()
        server.shutdown()
        if args.keep:
            print(f"kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="sextant,debian", help=f"sides, of {', '.join(SIDES)}")
    parser.add_argument("--rules", type=int, default=2000)
    parser.add_argument("--instances", type=int, default=50)
    parser.add_argument("--interval", type=int, default=15, help="of scrapes and rules, in seconds")
    parser.add_argument("--group-wait", type=int, default=10)
    parser.add_argument("--group-interval", type=int, default=60, help="also the time between flips")
    parser.add_argument("--warmup", type=int, default=75)
    parser.add_argument("--flips", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="leave the folders of the servers")
    add_common_arguments(parser)
    args = parser.parse_args()
    results = {}
    for side in args.only.split(","):
        results[side] = run_side(side, args)
    print(f"{args.rules} rules x {args.instances} alerts, every {args.interval} s; {args.flips} flips, {args.group_interval} s apart")
    for key in next(iter(results.values())):
        values = [f"{r[key]:>28.2f}" if isinstance(r[key], float) else f"{r[key]!s:>28}" for r in results.values()]
        print(f"{key:<48}{''.join(values)}")
    if "sextant" in results and "debian" in results:
        for key in ("CPU %", "RSS MiB", "peak MiB"):
            print(f"ratio of {key:<39}{results['sextant'][key] / results['debian'][key]:>28.3f}")


if __name__ == "__main__":
    main()
