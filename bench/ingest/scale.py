#!/usr/bin/env python3
"""Very many targets, and none but oneself.

    bench/ingest/scale.py [--targets 10000] [--series 50] [--interval 15] [--warmup 45] [--seconds 75]

First ours scrapes many small targets of one job: every target must have a sample of `up` for each interval of the measured
window, and no scrape may have been missed. Then ours and Debian's prometheus scrape nothing but themselves, and their resident
memory is read.
"""
import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import LoadServer, Server, add_common_arguments  # noqa: E402

MAX_IDLE_MIB = 30


def one_job(load, targets, interval):
    groups = "\n".join(f"  - {{targets: ['{load}'], labels: {{__metrics_path__: /a/target/{i}/metrics, instance: t{i}}}}}"
                       for i in range(targets))
    return (f"global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}\nscrape_configs:\n"
            f"- job_name: many\n  static_configs:\n{groups}\n")


def many_targets(args, folder):
    load = LoadServer(args.build, args.targets, args.series)
    (folder / "prometheus.yml").write_text(one_job(load.address, args.targets, args.interval))
    server = Server("sextant", args, folder)
    try:
        time.sleep(args.warmup)
        cpu, start = server.cpu_seconds(), time.monotonic()
        time.sleep(args.seconds)
        wall = time.monotonic() - start
        used = server.cpu_seconds() - cpu
        window = args.seconds - args.seconds % args.interval
        up = server.query('sum(up{job="many"})')
        full = server.query(f'count(count_over_time(up{{job="many"}}[{window}s]) == {window // args.interval})')
        missed = missed_scrapes(server)
        rate = args.targets * (args.series + 5) / args.interval
        print(f"{args.targets} targets x {args.series} series every {args.interval} s, {args.seconds} s after {args.warmup} s")
        print(f"up {up:.0f}, with a sample for each interval {full:.0f}, scrapes missed {missed:.0f}")
        print(f"CPU {used / wall * 100:.1f} % of a core, {used / (rate * wall) * 1e6:.3f} us per sample, resident {server.memory() / 2**20:.1f} MiB")
        if (up, full, missed) != (args.targets, args.targets, 0):
            raise SystemExit("intervals are missing")
    finally:
        server.stop()
        load.stop()


def missed_scrapes(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    for line in lines:
        if line.startswith("sextant_target_scrapes_missed_total "):
            return float(line.split()[1])
    raise SystemExit("the server does not say how many scrapes were missed")


def idle(args, folder):
    sides = []
    try:
        for name in ("sextant", "prometheus"):
            home = folder / name
            home.mkdir()
            (home / "prometheus.yml").write_text("global: {}\n")
            side = Server(name, args, home)
            sides.append(side)
            (home / "prometheus.yml").write_text(
                "global: {scrape_interval: 15s}\nscrape_configs:\n- job_name: prometheus\n"
                f"  static_configs: [{{targets: ['127.0.0.1:{side.port}']}}]\n")
        time.sleep(3)  # both listen to signals by now
        for side in sides:
            side.process.send_signal(signal.SIGHUP)
        time.sleep(args.idle_seconds)
        for side in sides:
            up = side.query("sum(up)")
            print(f"{side.name:<12} up {up:.0f}, idle for {args.idle_seconds} s: resident {side.memory() / 2**20:.1f} MiB")
            if up != 1:
                raise SystemExit("does not scrape itself")
        if sides[0].memory() > MAX_IDLE_MIB << 20:
            raise SystemExit(f"more than {MAX_IDLE_MIB} MiB")
    finally:
        for side in sides:
            side.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--series", type=int, default=50)
    parser.add_argument("--interval", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=45)
    parser.add_argument("--seconds", type=int, default=75)
    parser.add_argument("--idle-seconds", type=int, default=45)
    add_common_arguments(parser)
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    try:
        (folder / "many").mkdir()
        many_targets(args, folder / "many")
        (folder / "idle").mkdir()
        idle(args, folder / "idle")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
