#!/usr/bin/env python3
"""Scraping and storing, ours beside Debian's prometheus, on the same targets at the same time.

    bench/ingest/run.py [--targets 100] [--series 2000] [--interval 5] [--warmup 60] [--seconds 180]

Both scrape copies of the same targets, served by one load server. After the warm-up, CPU time is counted over the
measured window, resident memory (and its peak) read at its end, disk at the end; both must have stored what they scraped.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def config(load, side, targets, interval):
    jobs = "\n".join(
        f"  - job_name: t{i}\n    metrics_path: /{side}/target/{i}/metrics\n    static_configs: [{{targets: ['{load}']}}]"
        for i in range(targets))
    return f"global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}\nscrape_configs:\n{jobs}\n"


class Process:
    def __init__(self, name, command, port, folder):
        self.name, self.port, self.folder = name, port, folder
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT, cwd=folder)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, key):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+) kB", text).group(1)) * 1024

    def query(self, expression):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(url, timeout=60) as response:
            result = json.load(response)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def disk_bytes(self):
        return sum(p.stat().st_blocks * 512 for p in (self.folder / "data").rglob("*") if p.is_file())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--interval", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--peers", default=None, help="folder of the unpacked peers; by default scripts/peers fetches them")
    args = parser.parse_args()
    peers = pathlib.Path(args.peers or subprocess.check_output([ROOT / "scripts" / "peers"], text=True).strip())

    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    load = subprocess.Popen([f"{args.build}/bench/load_server", "127.0.0.1:0", str(args.targets), str(args.series)],
                            stdout=subprocess.PIPE, text=True)
    load_address = load.stdout.readline().strip()
    sides = []
    try:
        for name, side in (("sextant", "a"), ("prometheus", "b")):
            home = folder / name
            home.mkdir()
            (home / "prometheus.yml").write_text(config(load_address, side, args.targets, args.interval))
            port = free_port()
            binary = [f"{args.build}/sextant", "prometheus"] if name == "sextant" else [str(peers / "usr/bin/prometheus")]
            sides.append(Process(name, binary + ["--config.file=prometheus.yml", "--storage.tsdb.path=data",
                                                 f"--web.listen-address=127.0.0.1:{port}"], port, home))
        time.sleep(args.warmup)
        before = [(s.cpu_seconds(), time.monotonic()) for s in sides]
        time.sleep(args.seconds)
        rows = []
        for side, (cpu, start) in zip(sides, before):
            wall = time.monotonic() - start
            used = side.cpu_seconds() - cpu
            up = side.query("sum(up)")
            stored = side.query(f"sum(count_over_time(load_metric_0_total[{args.interval * 4}s]))")
            rate = args.targets * args.series / args.interval
            rows.append((side.name, used / wall * 100, used / (rate * wall) * 1e6, side.memory("VmRSS"), side.memory("VmHWM"),
                         side.disk_bytes(), up, stored))
        print(f"{args.targets} targets x {args.series} series every {args.interval} s, {args.seconds} s after {args.warmup} s")
        print(f"{'':<12}{'CPU %':>8}{'us/sample':>11}{'RSS MiB':>9}{'peak MiB':>10}{'disk MiB':>10}{'up':>6}{'samples':>9}")
        for name, cpu, per_sample, rss, peak, disk, up, stored in rows:
            print(f"{name:<12}{cpu:>8.2f}{per_sample:>11.3f}{rss / 2**20:>9.1f}{peak / 2**20:>10.1f}{disk / 2**20:>10.1f}{up:>6.0f}{stored:>9.0f}")
        ours, theirs = rows
        print(f"{'ratio':<12}{ours[1] / theirs[1]:>8.3f}{ours[2] / theirs[2]:>11.3f}{ours[3] / theirs[3]:>9.3f}"
              f"{ours[4] / theirs[4]:>10.3f}{ours[5] / theirs[5]:>10.3f}")
        if ours[6] != args.targets or theirs[6] != args.targets:
            raise SystemExit("not every target was scraped: the figures do not count")
    finally:
        for side in sides:
            side.stop()
        load.send_signal(signal.SIGTERM)
        load.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
