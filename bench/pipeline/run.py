#!/usr/bin/env python3
"""What a span costs the collector: OTLP over gRPC in, `batch`, OTLP over gRPC out, and the same with `spanmetrics`.

    bench/pipeline/run.py [--spans 5000000] [--per-request 1000] [--only sextant]

Sender and sink run beside the collector; only its own CPU time (user and system) counts, so that the figure is that of one
core whatever else the machine does. The peer is the Go collector, which is built from its published modules (peer/) where
there is a Go toolchain, and run in turns with ours with the same configuration.
"""
import argparse
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import ROOT, cpu_seconds, free_port, memory_bytes

MIB = 1 << 20

CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{receive}", max_recv_msg_size_mib: 64}}}}}}}}
processors: {{batch: {{}}, memory_limiter: {{check_interval: 1s, limit_mib: 512}}}}
connectors: {{spanmetrics: {{dimensions: [{{name: http.response.status_code}}], metrics_flush_interval: 5s}}}}
exporters:
  otlp: {{endpoint: "127.0.0.1:{send}", compression: none, tls: {{insecure: true}}, sending_queue: {{block_on_overflow: true}}}}
  nop: {{}}
service:
  telemetry: {{logs: {{level: warn}}, metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]}}}}
  pipelines:
    traces: {{receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp{connector}]}}
{metrics}
"""


def wait_until_up(url):
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the collector did not come up")


def sent_spans(port):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("otelcol_exporter_sent_spans{"))


def build_peer():
    """The Go collector's path; None where it cannot be built."""
    built = subprocess.run([ROOT / "scripts" / "go-peers"], stdout=subprocess.PIPE, text=True)
    return built.stdout.strip() if built.returncode == 0 else None


def measure(name, command, options, with_metrics):
    """Prints what one collector takes, and returns (CPU seconds, peak MiB)."""
    receive, send, own = free_port(), free_port(), free_port()
    load = ROOT / "build" / "bench" / "otlp_load"
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "config.yaml"
        config.write_text(CONFIG.format(
            receive=receive, send=send, own=own, connector=", spanmetrics" if with_metrics else "",
            metrics="    metrics: {receivers: [spanmetrics], exporters: [nop]}" if with_metrics else ""))
        sink = subprocess.Popen([load, "sink", f"127.0.0.1:{send}"], stdout=subprocess.PIPE, text=True)
        collector = subprocess.Popen([*command, f"--config={config}"])
        try:
            wait_until_up(f"http://127.0.0.1:{own}/metrics")
            time.sleep(2)
            idle = memory_bytes(collector.pid) / MIB
            subprocess.run([load, "send", f"127.0.0.1:{receive}", "100000", str(options.per_request)], check=True,
                           stdout=subprocess.DEVNULL)
            before = cpu_seconds(collector.pid)
            done = subprocess.run([load, "send", f"127.0.0.1:{receive}", str(options.spans), str(options.per_request)],
                                  check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            for _ in range(600):
                if sent_spans(own) >= options.spans + 100_000:
                    break
                time.sleep(0.05)
            used = cpu_seconds(collector.pid) - before
            resident, peak = (memory_bytes(collector.pid, key) / MIB for key in ("VmRSS", "VmHWM"))
        finally:
            collector.send_signal(signal.SIGTERM)
            collector.wait()
            sink.send_signal(signal.SIGTERM)
            requests, size = sink.communicate()[0].split()
    print(f"{name}: {options.spans / used / 1e6:.2f} M spans per second and core ({used / options.spans * 1e9:.0f} ns each), "
          f"{float(done[1]):.1f} s, {done[2]} requests refused, {int(size) / (options.spans + 100_000):.0f} bytes a span, "
          f"{int(requests)} requests out; idle {idle:.1f} MiB, resident {resident:.1f}, peak {peak:.1f}", flush=True)
    return used, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=5_000_000)
    parser.add_argument("--per-request", type=int, default=1_000)
    parser.add_argument("--only", choices=["sextant"], help="without the peer")
    options = parser.parse_args()
    peer = None if options.only else build_peer()
    if peer is None and not options.only:
        print("the Go collector is not here: ours alone")
    for name, with_metrics in (("otlp → batch → otlp", False), ("with spanmetrics", True)):
        ours = measure(f"sextant, {name}", [ROOT / "build" / "sextant", "otelcol"], options, with_metrics)
        if peer is None:
            continue
        theirs = measure(f"Go collector, {name}", [peer], options, with_metrics)
        print(f"ratio: CPU {ours[0] / theirs[0]:.3f}, peak memory {ours[1] / theirs[1]:.3f}", flush=True)


if __name__ == "__main__":
    main()
