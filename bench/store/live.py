#!/usr/bin/env python3
"""The store beside Debian's prometheus and victoria-metrics: memory per series, CPU per sample, restart after kill -9.

    bench/store/live.py [--targets 500] [--series 2000] [--interval 15] [--warmup 120] [--seconds 300] [--captured DIR]

All three scrape copies of the same targets at the same time. After the warm-up, CPU time is counted over the measured window and
resident memory read at its end. Then each is killed and, one after the other, started again on what it left: the time until a
query gives the answer it gave before counts. With --captured, the targets serve the captured bodies of a node_exporter (the
folder of unpacked texts of shared/load) in turn instead of the synthetic mix.
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
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Counts series of the newest complete scrape; asked at a fixed time, so that it can be compared over a restart.
QUERY = 'count({job=~"t.+"})'


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def config(load, side, targets, interval):
    jobs = "\n".join(
        f"  - job_name: t{i}\n    metrics_path: /{side}/target/{i}/metrics\n    static_configs: [{{targets: ['{load}']}}]"
        for i in range(targets))
    return f"global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}\nscrape_configs:\n{jobs}\n"


class Server:
    def __init__(self, name, binary, folder):
        self.name, self.binary, self.folder = name, binary, folder
        self.port = free_port()
        self.start()

    def command(self):
        if self.name == "victoria-metrics":
            return [*self.binary, "-promscrape.config=prometheus.yml", "-storageDataPath=data", f"-httpListenAddr=127.0.0.1:{self.port}",
                    "-promscrape.maxScrapeSize=256MB", "-search.maxUniqueTimeseries=10000000", "-search.maxQueryDuration=10m"]
        return [*self.binary, "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{self.port}"]

    def start(self):
        self.log = open(self.folder / "log", "a")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=subprocess.STDOUT, cwd=self.folder)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, key):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{key}:\s+(\d+) kB", text).group(1)) * 1024

    def query(self, expression, at):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression, "time": f"{at:.3f}"})
        with urllib.request.urlopen(url, timeout=300) as response:
            result = json.load(response)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def disk_bytes(self):
        return sum(p.stat().st_blocks * 512 for p in (self.folder / "data").rglob("*") if p.is_file())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart_seconds(self, at, expected, deadline_s=900):
        """From starting the killed process again until the query has its former answer."""
        began = time.monotonic()
        self.start()
        while True:
            try:
                if self.query(QUERY, at) == expected:
                    return time.monotonic() - began
            except (OSError, urllib.error.URLError, KeyError, ValueError):
                pass
            if time.monotonic() - began > deadline_s:
                return float("nan")
            time.sleep(0.005)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=500)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--interval", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=120)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--captured", default="")
    parser.add_argument("--only", default="sextant,prometheus,victoria-metrics")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--peers", default=None, help="folder of the unpacked peers; by default scripts/peers fetches them")
    args = parser.parse_args()
    peers = pathlib.Path(args.peers or subprocess.check_output([ROOT / "scripts" / "peers"], text=True).strip()) / "usr" / "bin"
    binaries = {"sextant": [f"{args.build}/sextant", "prometheus"], "prometheus": [str(peers / "prometheus")],
                "victoria-metrics": [str(peers / "victoria-metrics")]}

    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    load = subprocess.Popen([f"{args.build}/bench/load_server", "127.0.0.1:0", str(args.targets), str(args.series),
                             *([args.captured] if args.captured else [])], stdout=subprocess.PIPE, text=True)
    load_address = load.stdout.readline().strip()
    servers = []
    try:
        for name, side in zip(args.only.split(","), "abc"):
            home = folder / name
            home.mkdir()
            (home / "prometheus.yml").write_text(config(load_address, side, args.targets, args.interval))
            servers.append(Server(name, binaries[name], home))
        time.sleep(args.warmup)
        before = [(s.cpu_seconds(), time.monotonic()) for s in servers]
        time.sleep(args.seconds)
        rows = {}
        for server, (cpu, start) in zip(servers, before):
            wall = time.monotonic() - start
            rows[server.name] = {"cpu": server.cpu_seconds() - cpu, "wall": wall, "rss": server.memory("VmRSS"),
                                 "peak": server.memory("VmHWM"), "disk": server.disk_bytes()}
        time.sleep(5)  # victoria-metrics shows and flushes samples with some delay
        at = time.time() - 5
        for server in servers:
            rows[server.name]["series"] = server.query(QUERY, at)
        time.sleep(5)
        for server in servers:
            server.kill()
        load.send_signal(signal.SIGTERM)
        load.wait()
        for server in servers:
            row = rows[server.name]
            row["restart"] = server.restart_seconds(at, row["series"])
            row["restart_rss"] = server.memory("VmRSS")
            server.kill()
        print(f"{args.targets} targets x {args.series} series every {args.interval} s, {args.seconds} s after {args.warmup} s"
              + (" (captured bodies)" if args.captured else ""))
        print(f"{'':<18}{'series':>10}{'bytes/series':>14}{'CPU %':>8}{'us/sample':>11}{'RSS MiB':>9}{'peak MiB':>10}{'disk MiB':>10}"
              f"{'restart s':>11}")
        for name, row in rows.items():
            samples = row["series"] / args.interval * row["wall"]
            row["per_series"] = row["rss"] / max(row["series"], 1)
            row["per_sample"] = row["cpu"] / max(samples, 1) * 1e6
            print(f"{name:<18}{row['series']:>10.0f}{row['per_series']:>14.0f}{row['cpu'] / row['wall'] * 100:>8.2f}{row['per_sample']:>11.3f}"
                  f"{row['rss'] / 2**20:>9.1f}{row['peak'] / 2**20:>10.1f}{row['disk'] / 2**20:>10.1f}{row['restart']:>11.3f}")
        ours = rows["sextant"]
        for name, row in rows.items():
            if name == "sextant":
                continue
            print(f"ratio to {name:<18} memory {ours['per_series'] / row['per_series']:.3f}   CPU {ours['per_sample'] / row['per_sample']:.3f}"
                  f"   disk {ours['disk'] / row['disk']:.3f}   restart {ours['restart'] / row['restart']:.4f}")
    finally:
        for server in servers:
            if server.process.poll() is None:
                server.kill()
        if load.poll() is None:
            load.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
