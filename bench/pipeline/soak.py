#!/usr/bin/env python3
"""Sends spans through a collector to receivers that fail half the time, for a while, and checks that everything that was
acknowledged has arrived.

    bench/pipeline/soak.py [--seconds 600] [--senders 4]

Half of the requests at the stand-ins fail: with 429, 502, 503 or 504, by resetting the connection in the middle of the
answer, or (gRPC) with UNAVAILABLE. Ends with 1 when something is missing.
"""
import argparse
import pathlib
import random
import sys
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from harness import free_ports
from otelcol_test import Collector, config_for, quick_retry, run_where_grpc_is
from otlp_peer import OtlpPeer, trace_request


def post(port, body):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/traces", data=body,
                                     headers={"Content-Type": "application/x-protobuf"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--senders", type=int, default=4)
    options = parser.parse_args()
    dice = random.Random(1)
    peers = [OtlpPeer(fails=lambda: dice.random() < 0.5), OtlpPeer(fails=lambda: dice.random() < 0.5).serve_grpc()]
    grpc, http, own = free_ports(3)
    exporters = (f'otlphttp:\n  endpoint: "http://127.0.0.1:{peers[0].port}"' + quick_retry() +
                 f'\notlp:\n  endpoint: "127.0.0.1:{peers[1].grpc_port}"\n  tls: {{insecure: true}}' + quick_retry())
    config = config_for(grpc, http, own, exporters).replace("exporters: [otlphttp]", "exporters: [otlphttp, otlp]")
    collector = Collector(config).wait_running()
    acknowledged = [set() for _ in range(options.senders)]
    pushed_back = [0] * options.senders
    end = time.monotonic() + options.seconds

    def send(index):
        number = 0
        while time.monotonic() < end:
            names = [f"{index}-{number}-{i}" for i in range(20)]
            number += 1
            while (status := post(http, trace_request(names))) != 200:
                if status not in (429, 503):
                    raise SystemExit(f"the collector answered {status}")
                pushed_back[index] += 1
            acknowledged[index].update(names)
            time.sleep(0.01)

    senders = [threading.Thread(target=send, args=(index,)) for index in range(options.senders)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    code = collector.stop(120)
    sent = set().union(*acknowledged)
    is_whole = code == 0
    for peer in peers:
        arrived = [span["name"] for _, span in peer.spans()]
        missing = sent - set(arrived)
        is_whole &= not missing
        print(f"{len(sent)} spans acknowledged, {len(missing)} missing, {len(arrived) - len(set(arrived))} twice, "
              f"{peer.refused} requests failed, {sum(pushed_back)} pushed back", flush=True)
        peer.stop()
    collector.folder.cleanup()
    sys.exit(0 if is_whole else 1)


if __name__ == "__main__":
    run_where_grpc_is()
    main()
