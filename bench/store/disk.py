#!/usr/bin/env python3
"""Bytes on disk per sample after compaction, and memory while blocks are written.

    bench/store/disk.py BODIES [--targets 10] [--hours 24] [--peer-hours 6] [--step 15] [--cut-series 1000000]

BODIES is a folder of texts, served in turn: those of shared/load, which repeat after 50 minutes, or what capture.py wrote. The
same samples go into our store (both block forms), into Debian's victoria-metrics through its import API, and into blocks of
Debian's promtool (for --peer-hours, since that reads its input once per block).
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import add_common_arguments, free_port, peer_folder  # noqa: E402

START_S = 1_700_006_400


def bytes_below(folder):
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=600) as response:
        return response.read().decode()


def victoria_metrics(binary, text, folder):
    """Bytes of its data without its caches, these, and how many samples it says it took."""
    port = free_port()
    data = folder / "vm"
    process = subprocess.Popen([binary, f"-storageDataPath={data}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=100y",
                                "-import.maxLineLen=1048576"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                get(port, "/health")
                break
            except OSError:
                time.sleep(0.1)
        subprocess.run(["curl", "-sS", "-f", "-X", "POST", "-T", "-", f"http://127.0.0.1:{port}/api/v1/import/prometheus"], stdin=text, check=True)
        get(port, "/internal/force_flush")
        get(port, "/internal/force_merge")
        # Merging goes on in the background, and leftovers are removed after a while: wait until nothing changes.
        size, unchanged = -1, 0
        while unchanged < 10:
            time.sleep(3)
            now = bytes_below(data)
            unchanged = unchanged + 1 if now == size else 0
            size = now
        rows = sum(float(line.rsplit(" ", 1)[1]) for line in get(port, "/metrics").splitlines()
                   if line.startswith("vm_rows{type=") and "indexdb" not in line)
    finally:
        process.terminate()
        process.wait()
    caches = bytes_below(data / "cache")
    return bytes_below(data) - caches, caches, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bodies")
    parser.add_argument("--targets", type=int, default=10)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--peer-hours", type=int, default=6)
    parser.add_argument("--step", type=int, default=15)
    parser.add_argument("--cut-series", type=int, default=1_000_000)
    add_common_arguments(parser)
    args = parser.parse_args()
    peers = peer_folder(args)
    tool = f"{args.build}/bench/store_load"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    load = [args.bodies, str(args.targets)]

    def fill(hours, form):
        directory = folder / f"sextant-{form}-{hours}"
        done = subprocess.check_output([tool, "fill", *load, str(hours), str(args.step), directory, form], text=True)
        shutil.rmtree(directory)
        return json.loads(done)

    try:
        print(f"{args.targets} targets of the captured node_exporter, every {args.step} s; bytes per sample, all files")
        ours = fill(args.hours, "sextant")
        in_blocks = ours["block_bytes"] / ours["block_samples"]
        print(f"sextant, own form, {args.hours} h:       blocks {in_blocks:.3f}, with journal and head {ours['all_bytes'] / ours['samples']:.3f}"
              f"  ({ours['samples']} samples, {ours['blocks']} blocks)")
        text = subprocess.Popen([tool, "import", *load, str(args.hours), str(args.step), str(START_S)], stdout=subprocess.PIPE)
        size, caches, rows = victoria_metrics(peers / "victoria-metrics", text.stdout, folder)
        print(f"victoria-metrics, {args.hours} h:        {size / rows:.3f}, with caches {(size + caches) / rows:.3f}  ({rows:.0f} samples)")
        print(f"ratio of our blocks: {in_blocks / (size / rows):.3f}, to all files {in_blocks / ((size + caches) / rows):.3f}")

        ours = fill(args.peer_hours, "prometheus")
        in_blocks = ours["block_bytes"] / ours["block_samples"]
        with open(folder / "samples.om", "w") as out:
            subprocess.run([tool, "text", *load, str(args.peer_hours), str(args.step), str(START_S)], stdout=out, check=True)
        subprocess.run([peers / "promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.om", folder / "prom"],
                       stdout=subprocess.DEVNULL, check=True)
        # The head of ours still holds the newest samples: only the blocks of the times that are in ours compare.
        size, samples = 0, 0
        for path in (folder / "prom").glob("*/meta.json"):
            meta = json.loads(path.read_text())
            if meta["maxTime"] <= ours["blocks_end_ms"]:
                size += bytes_below(path.parent)
                samples += meta["stats"]["numSamples"]
        if samples != ours["block_samples"]:
            raise SystemExit(f"promtool's blocks hold {samples} samples, ours {ours['block_samples']}")
        theirs = size / samples
        print(f"sextant, Prometheus' form, {args.peer_hours} h: {in_blocks:.4f}; promtool: {theirs:.4f}; ratio {in_blocks / theirs:.4f}"
              f"  ({samples} samples)")

        done = json.loads(subprocess.check_output([tool, "cut", str(args.cut_series), folder / "cut"], text=True))
        print(f"writing blocks of {done['series']} series: {done['steady_bytes'] / 2**20:.0f} MiB before, peak {done['peak_bytes'] / 2**20:.0f} MiB"
              f" over {done['blocks_written']} rounds: ratio {done['ratio']:.3f}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
