#!/usr/bin/env python3
"""From nothing to the first answered query, and what an idle process costs, ours beside Debian's prometheus.

    bench/start/run.py [--runs 5] [--idle-seconds 60]

Cold start: the time from starting the process on an empty data directory until a query is answered; the median of the runs.
Idle: `sextant` as `make run` starts it (it watches the host and itself), and prometheus scraping itself and a
node_exporter at the same interval (the node_exporter counts as well), for the given time after they have settled.
"""
import argparse
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import add_common_arguments, cpu_seconds, free_port, memory_bytes, peer_folder  # noqa: E402

SETTLE_SECONDS = 30


def start(command, folder):
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query=vector(1)", timeout=1) as response:
            return json.load(response)["status"] == "success"
    except (OSError, ValueError):
        return False


def cold_start_seconds(make_command, runs):
    times = []
    for _ in range(runs):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
        port = free_port()
        command = make_command(folder, port)
        begin = time.monotonic()
        process = start(command, folder)
        while not answers(port):
            time.sleep(0.002)
        times.append(time.monotonic() - begin)
        stop(process)
        shutil.rmtree(folder)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--idle-seconds", type=int, default=270)
    add_common_arguments(parser)
    args = parser.parse_args()
    peers = peer_folder(args)
    exporter_port = free_port()

    def sextant(folder, port):
        return [f"{args.build}/sextant", "--data", str(folder / "data"), "--listen", f"127.0.0.1:{port}"]

    def prometheus(folder, port):
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 15s}\nscrape_configs:\n"
            f"  - {{job_name: prometheus, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
            f"  - {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]}}\n")
        return [str(peers / "prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}"]

    ours, theirs = (cold_start_seconds(make, args.runs) for make in (sextant, prometheus))
    print(f"cold start to first answer: sextant {ours:.3f} s, prometheus {theirs:.3f} s, ratio {ours / theirs:.3f}")

    folders = [pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-")) for _ in range(3)]
    a = start(sextant(folders[0], free_port()), folders[0])
    b = start(prometheus(folders[1], free_port()), folders[1])
    c = start([str(peers / "prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{exporter_port}"], folders[2])
    time.sleep(SETTLE_SECONDS)
    before = [cpu_seconds(p.pid) for p in (a, b, c)]
    time.sleep(args.idle_seconds)
    cpu = [(cpu_seconds(p.pid) - x) / args.idle_seconds * 100 for p, x in zip((a, b, c), before)]
    memory = [memory_bytes(p.pid) / 2**20 for p in (a, b, c)]
    theirs = (cpu[1] + cpu[2], memory[1] + memory[2])
    print(f"idle for {args.idle_seconds} s: sextant {cpu[0]:.2f} % of a core, {memory[0]:.1f} MiB; prometheus and node_exporter "
          f"{theirs[0]:.2f} %, {theirs[1]:.1f} MiB; ratio {cpu[0] / theirs[0] if theirs[0] else float('nan'):.3f}, "
          f"{memory[0] / theirs[1]:.3f}")
    for process in (a, b, c):
        stop(process)
    for folder in folders:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
