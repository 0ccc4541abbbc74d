#!/usr/bin/env python3
"""Captures what Debian's node_exporter says of this host, for disk.py: a load that does not repeat.

    bench/store/capture.py FOLDER [--seconds 3000]

Scrapes it once a second and writes each text to a file. disk.py serves them every 15 s: 3000 last for 12 h of 10 targets.
"""
import argparse
import pathlib
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import add_common_arguments, free_port, peer_folder  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=3000)
    add_common_arguments(parser)
    args = parser.parse_args()
    args.folder.mkdir(parents=True)
    port = free_port()
    exporter = subprocess.Popen([peer_folder(args) / "prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
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
