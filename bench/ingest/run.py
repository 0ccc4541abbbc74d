#!/usr/bin/env python3
"""Scraping and storing, ours beside Debian's prometheus, on the same targets at the same time.

    bench/ingest/run.py [--targets 100] [--series 2000] [--interval 5] [--warmup 60] [--seconds 180]

Both scrape copies of the same targets, served by one load server. After the warm-up, CPU time is counted over the
measured window, resident memory (and its peak) read at its end, disk at the end; both must have stored what they scraped.
"""
import argparse
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import LoadServer, Server, add_common_arguments, scrape_config  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--series", type=int, default=2000)
    parser.add_argument("--interval", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=180)
    add_common_arguments(parser)
    args = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    load = LoadServer(args.build, args.targets, args.series)
    sides = []
    try:
        for name, side in (("sextant", "a"), ("prometheus", "b")):
            home = folder / name
            home.mkdir()
            (home / "prometheus.yml").write_text(scrape_config(load.address, side, args.targets, args.interval))
            sides.append(Server(name, args, home))
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
            rows.append((side.name, used / wall * 100, used / (rate * wall) * 1e6, side.memory(), side.memory("VmHWM"),
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
        load.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
