#!/usr/bin/env python3
"""Captures what Debian's node_exporter says of this host, for disk.py: a load that does not repeat.

    bench/store/capture.py FOLDER [--seconds 3000]

Scrapes it once a second and writes each text to a file. disk.py serves them every 15 s: 3000 last for 12 h of 10 targets.
"""
import argparse
import pathlib
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=3000)
    parser.add_argument("--peers", default=None)
    args = parser.parse_args()
    peers = pathlib.Path(args.peers or subprocess.check_output([ROOT / "scripts" / "peers"], text=True).strip()) / "usr" / "bin"
    args.folder.mkdir(parents=True)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    exporter = subprocess.Popen([peers / "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
    try:
        time.sleep(2)
        due = time.monotonic()
        for i in range(args.seconds):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as response:
                (args.folder / f"{i:05}.txt").write_bytes(response.read())
            due += 1
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        exporter.terminate()
        exporter.wait()


if __name__ == "__main__":
    main()
