#!/usr/bin/env python3
"""Host metrics, ours beside Debian's prometheus-node-exporter, on this machine with the same collectors.

    bench/node/run.py [--scrapes 400] [--warmup 20] [--identity]

Both are scraped in turn, one request after the other, over connections that stay open, with the headers that prometheus
sends: it takes the answer compressed with gzip. With --identity the answer is plain, as for curl. CPU time of each process (user
and system) over the scrapes gives the cost of one collection; resident memory is read at the end. Collectors that only
one of them has are switched off; each metric family of the peer must be among ours.
"""
import argparse
import gzip
import http.client
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import add_common_arguments, cpu_seconds, free_port, memory_bytes, peer_folder  # noqa: E402

# Of the runtime, of the exporter itself, or of live devices that come and go.
FOREIGN = re.compile(r"^(go_|process_|promhttp_|node_exporter_build_info|node_scrape_)")


# What prometheus asks with.
HEADERS = {"User-Agent": "Prometheus/2.42.0",
           "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
           "Accept-Encoding": "gzip", "X-Prometheus-Scrape-Timeout-Seconds": "10"}


class Exporter:
    def __init__(self, name, command, headers):
        self.name, self.port, self.headers = name, free_port(), headers
        self.process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{self.port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = None

    def scrape(self):
        for _ in range(100):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request("GET", "/metrics", headers=self.headers)
                response = self.connection.getresponse()
                body = response.read()
                if response.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                elif "Accept-Encoding" in self.headers:
                    raise SystemExit(f"{self.name} does not compress")
                body = body.decode()
                if response.status != 200:
                    raise SystemExit(f"{self.name}: HTTP {response.status}")
                return body
            except (ConnectionError, http.client.HTTPException):
                self.connection = None
                time.sleep(0.1)
        raise SystemExit(f"{self.name} does not answer")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def families(body):
    return {line.split()[2] for line in body.splitlines() if line.startswith("# TYPE ")}


def failed(body):
    return set(re.findall(r'node_scrape_collector_success\{collector="(\w+)"\} 0', body))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scrapes", type=int, default=400)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--identity", action="store_true", help="ask for plain answers")
    add_common_arguments(parser)
    args = parser.parse_args()
    headers = {} if args.identity else HEADERS

    def start(*flags):
        return [Exporter("sextant", [f"{args.build}/sextant", "node_exporter", *flags], headers),
                Exporter("node_exporter", [str(peer_folder(args) / "prometheus-node-exporter"), *flags], headers)]

    sides = start()
    try:
        have = [set(re.findall(r'node_scrape_collector_success\{collector="(\w+)"\}', side.scrape())) for side in sides]
        common = sorted(have[0] & have[1])
        for side in sides:
            side.stop()
        sides = start("--collector.disable-defaults", *(f"--collector.{name}" for name in common))
        bodies = []
        for side in sides:
            for _ in range(args.warmup):
                body = side.scrape()
            bodies.append(body)
        before = [cpu_seconds(side.process.pid) for side in sides]
        for _ in range(args.scrapes):
            for side in sides:
                side.scrape()
        rows = [((cpu_seconds(side.process.pid) - start) / args.scrapes * 1e3, memory_bytes(side.process.pid),
                 memory_bytes(side.process.pid, "VmHWM")) for side, start in zip(sides, before)]
        print(f"{len(common)} collectors: {' '.join(common)}")
        print(f"only here: {' '.join(sorted(have[0] - have[1])) or '-'}; only there: {' '.join(sorted(have[1] - have[0])) or '-'}")
        print(f"{'':<15}{'ms CPU/scrape':>14}{'RSS MiB':>9}{'peak MiB':>10}{'families':>10}")
        for side, (cpu, rss, peak), body in zip(sides, rows, bodies):
            print(f"{side.name:<15}{cpu:>14.3f}{rss / 2**20:>9.1f}{peak / 2**20:>10.1f}{len(families(body)):>10}")
        ours, theirs = rows
        print(f"{'ratio':<15}{ours[0] / theirs[0]:>14.3f}{ours[1] / theirs[1]:>9.3f}{ours[2] / theirs[2]:>10.3f}")
        missing = sorted(f for f in families(bodies[1]) - families(bodies[0]) if not FOREIGN.match(f))
        print(f"families that only the peer has: {' '.join(missing) or 'none'}")
        odd = failed(bodies[0]) - failed(bodies[1])
        print(f"collectors that fail here only: {' '.join(sorted(odd)) or 'none'}")
    finally:
        for side in sides:
            if side.process.poll() is None:
                side.stop()


if __name__ == "__main__":
    main()
