#!/usr/bin/env python3
"""Receiving remote write, ours beside Debian's prometheus: the same requests to both, taking turns.

    bench/remote/run.py [--series 20000] [--rounds 60] [--per-request 2000]

Each round has one sample of every series, 15 s after the one before; of 20 series 13 never change, as in the other loads.
CPU time of both processes is counted over all rounds but the first fifth, in which series are made.
"""
import argparse
import ctypes
import ctypes.util
import http.client
import pathlib
import shutil
import struct
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import Server, add_common_arguments  # noqa: E402

STORED = "count({job='load'})"
SNAPPY = ctypes.CDLL(ctypes.util.find_library("snappy") or "libsnappy.so.1")


def compress(data):
    size = ctypes.c_size_t(SNAPPY.snappy_max_compressed_length(ctypes.c_size_t(len(data))))
    out = ctypes.create_string_buffer(size.value)
    assert SNAPPY.snappy_compress(bytes(data), ctypes.c_size_t(len(data)), out, ctypes.byref(size)) == 0
    return out.raw[:size.value]


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


class Request:
    """A message whose values and times are written in place."""

    def __init__(self, series):
        self.series = series
        self.places = []
        message = bytearray()
        for i in series:
            labels = {"__name__": f"load_metric_{i % 50}_total", "instance": f"host-{i // 500:04}.example:9100", "job": "load",
                      "cluster": "north", "namespace": f"space-{i % 7}", "pod": f"pod-{i // 10:06}", "mode": f"mode-{i % 10}"}
            body = b"".join(field(1, field(1, n.encode()) + field(2, v.encode())) for n, v in labels.items())
            sample = b"\x09" + struct.pack("<d", 0) + b"\x10" + varint(1_700_000_000_000)
            body += field(2, sample)
            message += field(1, body)
            self.places.append(len(message) - len(sample) + 1)
        self.message = message

    def body(self, number, time_ms):
        stamp = varint(time_ms)
        for i, place in zip(self.series, self.places):
            kind = i % 20
            value = float(i) if kind < 13 else float(i + number * (kind + 1)) if kind < 18 else (i * 7919 + number * 104729) % 1000 / 7
            struct.pack_into("<d", self.message, place, value)
            self.message[place + 9:place + 9 + len(stamp)] = stamp
        return compress(self.message)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--per-request", type=int, default=2_000)
    add_common_arguments(parser)
    args = parser.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="sextant-bench-"))
    sides = []
    try:
        for name in ("sextant", "prometheus"):
            home = folder / name
            home.mkdir()
            (home / "prometheus.yml").write_text("global: {}\n")
            sides.append(Server(name, args, home, ["--web.enable-remote-write-receiver"]))
        time.sleep(3)
        links = [http.client.HTTPConnection("127.0.0.1", side.port) for side in sides]
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                   "X-Prometheus-Remote-Write-Version": "0.1.0"}
        requests = [Request(range(first, min(first + args.per_request, args.series)))
                    for first in range(0, args.series, args.per_request)]
        begin_ms = int(time.time() * 1000) - args.rounds * 15_000
        warm_rounds = args.rounds // 5
        before = None
        for number in range(args.rounds):
            if number == warm_rounds:
                before = [side.cpu_seconds() for side in sides]
            for request in requests:
                body = request.body(number, begin_ms + number * 15_000)
                for link in links:
                    link.request("POST", "/api/v1/write", body, headers)
                    answer = link.getresponse()
                    text = answer.read()
                    if answer.status != 204:
                        raise SystemExit(f"{answer.status}: {text}")
        samples = args.series * (args.rounds - warm_rounds)
        used = [side.cpu_seconds() - start for side, start in zip(sides, before)]
        at = (begin_ms + (args.rounds - 1) * 15_000) / 1000
        print(f"{args.series} series, {args.rounds} rounds, {args.per_request} samples per request")
        print(f"{'':<12}{'CPU s':>8}{'samples per CPU s':>20}{'RSS MiB':>9}{'stored':>9}")
        for side, cpu in zip(sides, used):
            print(f"{side.name:<12}{cpu:>8.2f}{samples / cpu:>20,.0f}{side.memory() / 2**20:>9.1f}"
                  f"{side.query(STORED, at):>9.0f}")
        print(f"ratio of samples per CPU second: {used[1] / used[0]:.2f} (must: 4)")
    finally:
        for side in sides:
            side.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
