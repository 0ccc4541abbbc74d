#!/usr/bin/env python3
"""The store beside Debian's prometheus and victoria-metrics: memory per series, CPU per sample, restart after kill -9.

    bench/store/live.py [--targets 500] [--series 2000] [--interval 15] [--warmup 120] [--seconds 300] [--captured DIR]

All three scrape copies of the same targets at the same time. After the warm-up, CPU time is counted over the measured window and
resident memory read at its end. Then each is killed and, one after the other, started again on what it left: the time until a
query gives the answer it gave before counts. With --captured, the targets serve the captured bodies of a node_exporter (the
folder of unpacked texts of shared/load) in turn instead of the synthetic mix.
"""
import argparse
import pathlib
import shutil
import sys
import tempfile
import time
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import LoadServer, Server, add_common_arguments, scrape_config  # noqa: E402

# Counts series of the newest complete scrape; asked at a fixed time, so that it can be compared over a restart.
QUERY = 'count({job=~"t.+"})'


def restart_seconds(server, at, expected, deadline_s=900):
    """From starting the killed server again until the query has its former answer."""
    began = time.monotonic()
    server.start()
    while True:
        try:
            if server.query(QUERY, at) == expected:
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
    add_common_arguments(parser)
    args = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    load = LoadServer(args.build, args.targets, args.series, args.captured)
    servers = []
    try:
        for name, side in zip(args.only.split(","), "abc"):
            home = folder / name
            home.mkdir()
            (home / "prometheus.yml").write_text(scrape_config(load.address, side, args.targets, args.interval))
            servers.append(Server(name, args, home))
        time.sleep(args.warmup)
        before = [(s.cpu_seconds(), time.monotonic()) for s in servers]
        time.sleep(args.seconds)
        rows = {}
        for server, (cpu, start) in zip(servers, before):
            wall = time.monotonic() - start
            rows[server.name] = {"cpu": server.cpu_seconds() - cpu, "wall": wall, "rss": server.memory(),
                                 "peak": server.memory("VmHWM"), "disk": server.disk_bytes()}
        time.sleep(5)  # victoria-metrics shows and flushes samples with some delay
        at = time.time() - 5
        for server in servers:
            rows[server.name]["series"] = server.query(QUERY, at)
            if rows[server.name]["series"] == 0:
                raise SystemExit(f"{server.name} shows no series yet: measure for longer")
        time.sleep(5)
        for server in servers:
            server.kill()
        load.stop()
        for server in servers:
            row = rows[server.name]
            row["restart"] = restart_seconds(server, at, row["series"])
            row["restart_rss"] = server.memory()
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
        load.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
