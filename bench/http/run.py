#!/usr/bin/env python3
"""Requests per second, latency and CPU per request of our HTTP server beside nginx serving the same bytes.

    bench/http/run.py [--nginx PATH] [--server PATH] [--seconds 5] [--rounds 3] [--connections 32]

Each server gets one core and wrk another; servers take turns within a round, and the medians over the rounds are shown.
"inline" answers on the I/O thread like nginx; "executor" is how the program's handlers run, with a hand-over to a work
thread and back.
"""
import argparse
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import ROOT, cpu_seconds, free_port  # noqa: E402

SIZES = {"1 KiB": ("small", 1 << 10), "200 KiB": ("large", 200 << 10)}

NGINX_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  open_file_cache max=10 inactive=1h;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=1024; root {folder}/root; }}
}}
"""


def pinned(core, command):
    return ["taskset", "-c", str(core), *command]


def wait_for_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


def start_ours(path, core):
    process = subprocess.Popen(pinned(core, [path]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline().rsplit(":", 1)[1])
    return process, port


def start_nginx(path, folder, core):
    port = free_port()
    (folder / "root").mkdir()
    for name, size in SIZES.values():
        (folder / "root" / name).write_bytes(name[:1].encode() * size)
    config = folder / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(folder=folder, port=port))
    process = subprocess.Popen(pinned(core, [path, "-e", "stderr", "-p", str(folder), "-c", str(config)]))
    wait_for_port(port)
    return process, port


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def measure(pid, url, core, args):
    before = cpu_seconds(pid)
    out = subprocess.run(
        pinned(core, ["wrk", "-t1", f"-c{args.connections}", f"-d{args.seconds}s", "--latency", url]),
        capture_output=True, text=True, check=True).stdout
    cpu = cpu_seconds(pid) - before
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"{url} gave errors:\n{out}")
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    return {
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
        "p50": milliseconds(re.search(r"^\s+50%\s+(\S+)", out, re.M).group(1)),
        "p99": milliseconds(re.search(r"^\s+99%\s+(\S+)", out, re.M).group(1)),
        "cpu_us": cpu / requests * 1e6,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nginx", default=shutil.which("nginx"), help="nginx binary")
    parser.add_argument("--server", default=ROOT / "build/bench/http_bench_server", help="our bench server (release build)")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    args = parser.parse_args()
    if not args.nginx:
        sys.exit("nginx not found: give its path with --nginx")
    if not pathlib.Path(args.server).exists():
        sys.exit(f"{args.server} is missing: build it with cmake --build build --target http_bench_server")
    if shutil.which("wrk") is None:
        sys.exit("wrk not found: install the package wrk")

    cores = sorted(os.sched_getaffinity(0))
    server_core, wrk_core = cores[0], cores[-1]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    os.chmod(folder, 0o755)
    ours, ours_port = start_ours(args.server, server_core)
    nginx, nginx_port = start_nginx(args.nginx, folder, server_core)
    try:
        print(f"{args.connections} connections, {args.rounds} rounds of {args.seconds} s, medians\n")
        print("| body | server | requests/s | p50 ms | p99 ms | CPU µs/request | CPU against nginx |")
        print("|---|---|---|---|---|---|---|")
        for title, (name, _) in SIZES.items():
            targets = [("nginx", nginx.pid, nginx_port, name), ("inline", ours.pid, ours_port, name + "-inline"),
                       ("executor", ours.pid, ours_port, name)]
            results = {server: [] for server, *_ in targets}
            for _ in range(args.rounds):
                for server, pid, port, path in targets:
                    results[server].append(measure(pid, f"http://127.0.0.1:{port}/{path}", wrk_core, args))
            median = {server: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                      for server, runs in results.items()}
            for server, row in median.items():
                ratio = row["cpu_us"] / median["nginx"]["cpu_us"]
                print(f"| {title} | {server} | {row['rate']:,.0f} | {row['p50']:.2f} | {row['p99']:.2f} | "
                      f"{row['cpu_us']:.1f} | {ratio:.2f} |", flush=True)
    finally:
        ours.stdin.close()
        ours.wait(10)
        nginx.terminate()
        nginx.wait(10)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
