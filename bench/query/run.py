#!/usr/bin/env python3
"""PromQL beside Debian's prometheus and victoria-metrics: latency, CPU and memory of some thirty queries on the same data.

    bench/query/run.py [--rounds 5] [--scale 100] [--only "NAME;…"] [--folder DIR]

make_blocks writes one load: blocks of Prometheus' form, which prometheus and sextant read as they lie (each its own copy), the same
as dense blocks for a second sextant, and lines for victoria-metrics' import. Before anything is timed, the answers of sextant
and prometheus are compared, number by number; victoria-metrics computes rates in another way, so of it only the label sets are
compared. Then the servers take turns. A latency is that of the whole answer over HTTP, on a kept connection; CPU is that of all of
the server's threads. Memory is the peak of a freshly started server that answers one query.
With --folder the load is kept there and used again.
"""
import argparse
import http.client
import json
import math
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from peers import add_common_arguments, free_port, memory_bytes, peer_folder  # noqa: E402

DISKS = "(/dev/)?(mmcblk.p.+|nvme.+|rbd.+|sd.+|vd.+|xvd.+|dm-.+|md.+|dasd.+)"
RUNNING = 'and on(namespace, pod) max by (namespace, pod) (kube_pod_status_phase{phase="Running", cluster="prod"} == 1)'


class Query:
    def __init__(self, name, expression, span="", step=15, tolerance=1e-9, peers=("prometheus", "victoria-metrics"), path=None):
        self.name, self.expression, self.span, self.step = name, expression, span, step
        self.tolerance, self.peers, self.path = tolerance, peers, path

    def target(self, end):
        if self.path:
            return self.path + "?" + urllib.parse.urlencode({"start": int(end) - 3600, "end": int(end), **({"match[]": self.expression} if self.expression else {})})
        if not self.span:
            return "/api/v1/query?" + urllib.parse.urlencode({"query": self.expression, "time": end})
        hours = {"30m": 0.5, "6h": 6, "7d": 168}[self.span]
        # Past a victoria-metrics' cache of answers, which ends where others begin to compute.
        return "/api/v1/query_range?" + urllib.parse.urlencode(
            {"query": self.expression, "start": end - hours * 3600, "end": end, "step": self.step, "nocache": 1})


ONLY_PROMETHEUS = ("prometheus",)
QUERIES = [
    # The node and Kubernetes dashboards, with their variables filled in.
    Query("node CPU, one host", '((1 - sum without (mode) (rate(node_cpu_seconds_total{job="node-exporter", mode=~"idle|iowait|steal", '
          'instance="10.0.0.3:9100", cluster="prod"}[1m]))) / ignoring(cpu) group_left count without (cpu, mode) '
          '(node_cpu_seconds_total{job="node-exporter", mode="idle", instance="10.0.0.3:9100", cluster="prod"}))', "6h"),
    Query("node disks, one host", f'rate(node_disk_read_bytes_total{{job="node-exporter", instance="10.0.0.3:9100", cluster="prod", device=~"{DISKS}"}}[1m])', "6h"),
    Query("node file systems", 'max by (mountpoint) (node_filesystem_avail_bytes{job="node-exporter", instance="10.0.0.3:9100", cluster="prod", fstype!="", mountpoint!=""})'),
    Query("cluster CPU", 'avg(sum by (instance, cpu) (rate(node_cpu_seconds_total{mode!~"idle|iowait|steal", cluster="prod", job="node-exporter"}[1m]))) by (instance)', "6h"),
    Query("cluster CPU, now", 'sum(rate(node_cpu_seconds_total{mode!~"idle|iowait|steal", cluster="prod", job="node-exporter"}[1m]))'),
    Query("cluster memory", 'sum(node_memory_MemTotal_bytes{cluster="prod", job="node-exporter"} - node_memory_MemAvailable_bytes{cluster="prod", job="node-exporter"}) by (instance)', "6h"),
    Query("cluster network", 'sum(rate(node_network_receive_bytes_total{device!~"(veth|azv|lxc).*", cluster="prod", job="node-exporter"}[1m])) by (device)', "6h"),
    Query("namespace CPU", 'sum(rate(container_cpu_usage_seconds_total{image!="", cluster="prod"}[1m])) by (namespace)', "6h"),
    Query("namespace CPU, now", 'sum(rate(container_cpu_usage_seconds_total{image!="", cluster="prod"}[1m])) by (namespace)'),
    Query("namespace memory", 'sum(container_memory_working_set_bytes{image!="", cluster="prod"}) by (namespace)', "6h"),
    Query("requested CPU", f'sum(kube_pod_container_resource_requests{{resource="cpu", cluster="prod"}} {RUNNING})', "6h"),
    Query("requested CPU, now", f'sum(kube_pod_container_resource_requests{{resource="cpu", cluster="prod"}} {RUNNING})'),
    Query("pod CPU of its request", 'sum(rate(container_cpu_usage_seconds_total{namespace="team-03", pod=~"app-.*", image!="", cluster="prod"}[1m])) by (container) / '
          f'sum(kube_pod_container_resource_requests{{namespace="team-03", pod=~"app-.*", resource="cpu", job=~"kube-state-metrics", cluster="prod"}} {RUNNING}) by (container)', "6h"),
    Query("pod disk I/O", f'ceil(sum by(pod) (rate(container_fs_reads_bytes_total{{container!="", device=~"{DISKS}", cluster="prod", namespace="team-03"}}[1m]) + '
          f'rate(container_fs_writes_bytes_total{{container!="", device=~"{DISKS}", cluster="prod", namespace="team-03"}}[1m])))', "6h"),
    # Joins.
    Query("CPU by node, joined", "sum by (node) (rate(container_cpu_usage_seconds_total[5m]) * on (namespace, pod) group_left(node) kube_pod_info)", "6h"),
    Query("CPU by owner, joined, now", "sum by (owner_name) (rate(container_cpu_usage_seconds_total[5m]) * on (namespace, pod) group_left(owner_name) kube_pod_owner)"),
    # 300,000 series.
    Query("300k series, sum by, now", "sum by (path) (rate(http_requests_total[5m]))"),
    Query("300k series, sum by two, now", "sum by (instance, code) (http_requests_total)"),
    Query("300k series, sum by", "sum by (path) (rate(http_requests_total[5m]))", "30m"),
    Query("300k series, topk, now", "topk(10, sum by (path, instance) (rate(http_requests_total[5m])))"),
    Query("topk", "topk(5, rate(container_cpu_usage_seconds_total[5m]))", "6h", 60),
    Query("regular expressions, now", 'sum by (instance) (http_requests_total{path=~".*resource-1[0-9]/.*", instance=~"api-0.+"})'),
    Query("names by expression, now", 'sum by (__name__) ({__name__=~"node_(memory|load).*"})'),
    # Histograms.
    Query("classic histogram", "histogram_quantile(0.99, sum by (le, handler) (rate(request_duration_seconds_bucket[5m])))", "6h"),
    Query("classic histograms, now", "histogram_quantile(0.9, rate(request_duration_seconds_bucket[5m]))"),
    # 2.42 interpolates within a bucket on a line, later versions exponentially.
    Query("native histogram", "histogram_quantile(0.99, sum by (handler) (rate(rpc_duration_seconds[5m])))", "6h", 60, 0.1, ONLY_PROMETHEUS),
    Query("native histograms, now", "histogram_quantile(0.9, rate(rpc_duration_seconds[5m]))", tolerance=0.1, peers=ONLY_PROMETHEUS),
    # Subqueries.
    Query("subquery", 'max_over_time(sum by (instance) (rate(node_cpu_seconds_total{mode="user"}[1m]))[1h:1m])', "6h", 60),
    Query("subquery, now", 'quantile_over_time(0.95, rate(container_cpu_usage_seconds_total{namespace="team-03"}[5m])[30m:1m])'),
    # A week, over all blocks.
    Query("week of CPU", 'avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))', "7d", 600),
    Query("week of memory", 'node_memory_MemFree_bytes{job="node-exporter"}', "7d", 300),
    Query("maxima of a day, now", "max_over_time(node_load1[1d])"),
    Query("means of a week, now", "avg_over_time(node_memory_MemAvailable_bytes[7d])"),
    # A million series.
    Query("million series, count by, now", "count by (site) (device_info)"),
    Query("million label values", "", path="/api/v1/label/serial/values"),
    Query("label values of a metric", "device_info", path="/api/v1/label/site/values"),
]
# Of which the peak of memory is measured.
HEAVY = ["300k series, sum by", "million series, count by, now", "CPU by node, joined"]


class QueryServer:
    """One of the servers on its copy of the data, asked over a kept connection."""

    def __init__(self, name, binary, home):
        self.name, self.binary, self.home = name, binary, home
        self.port = free_port()
        self.process = None
        self.connection = None

    def command(self):
        if self.name == "victoria-metrics":
            return [*self.binary, f"-storageDataPath={self.home}/data", f"-httpListenAddr=127.0.0.1:{self.port}", "-retentionPeriod=1y",
                    "-search.maxUniqueTimeseries=10000000", "-search.maxSeries=10000000", "-search.maxTagValues=10000000", "-search.maxQueryDuration=5m",
                    "-search.disableCache", "-search.latencyOffset=0s", "-search.maxPointsPerTimeseries=100000", "-search.maxSamplesPerQuery=2000000000"]
        if self.name == "sextant-dense":
            return [*self.binary, f"--config={self.home}/sextant.yaml", f"--data={self.home}/data", f"--listen=127.0.0.1:{self.port}", "--retention=1000d",
                    "--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h"]
        features = ["--enable-feature=native-histograms"] if self.name == "prometheus" else []
        return [*self.binary, f"--config.file={self.home}/prometheus.yml", f"--storage.tsdb.path={self.home}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                "--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h", "--storage.tsdb.retention.time=1000d", *features]

    def start(self):
        (self.home / "prometheus.yml").write_text("global: {scrape_interval: 1m}\n")
        (self.home / "sextant.yaml").write_text("{}\n")
        self.log = open(self.home / "log", "a")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 300
        while True:
            try:
                self.connect()
                self.connection.request("GET", "/-/ready" if self.name != "victoria-metrics" else "/health")
                if self.read()[0] == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"{self.name} does not start; see {self.home}/log")
            time.sleep(0.1)

    def connect(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def read(self):
        response = self.connection.getresponse()
        return response.status, response.read()

    def get(self, target):
        try:
            self.connection.request("GET", target)
            status, body = self.read()
        except (http.client.HTTPException, OSError):
            self.connect()  # it was idle for too long
            self.connection.request("GET", target)
            status, body = self.read()
        if status != 200:
            raise RuntimeError(f"{self.name}: {status} {body[:300]!r} to {target}")
        return body

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_seconds(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass
        return total / 1e9

    def memory(self, key):
        return memory_bytes(self.process.pid, key)

    def reset_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


def canonical(body):
    """The answer as a map from label sets to numbers."""
    data = json.loads(body)["data"]
    if isinstance(data, list):
        return {text if isinstance(text, str) else json.dumps(text, sort_keys=True): [] for text in data}
    if data["resultType"] == "scalar":
        return {"": [data["result"]]}
    out = {}
    for series in data["result"]:
        key = json.dumps(series["metric"], sort_keys=True)
        points = [series["value"]] if "value" in series else series.get("values", [])
        out[key] = [(float(t), float(v)) for t, v in points]
    return out


def by_value(answer):
    """For topk, which of nearly equal series is taken hangs on the last digit of a rate: only the values, in order, at each time."""
    values = {}
    for points in answer.values():
        for t, v in points:
            values.setdefault(t, []).append(v)
    return {"": [(t, v) for t in sorted(values) for v in sorted(values[t])]}


def difference(ours, theirs, tolerance):
    """What is not equal, or an empty text."""
    if ours.keys() != theirs.keys():
        only = [*(ours.keys() - theirs.keys()), *(theirs.keys() - ours.keys())]
        return f"{len(ours)} and {len(theirs)} series; only in one: {sorted(only)[:2]}"
    for key, points in ours.items():
        if len(points) != len(theirs[key]):
            return f"{key}: {len(points)} and {len(theirs[key])} points"
        for (t1, v1), (t2, v2) in zip(points, theirs[key]):
            if t1 != t2 or not (math.isclose(v1, v2, rel_tol=tolerance, abs_tol=1e-9) or (math.isnan(v1) and math.isnan(v2))):
                return f"{key}: {v1!r} at {t1} and {v2!r} at {t2}"
    return ""


def prepare(folder, end, scale, build, binaries, servers):
    """Makes the load, and gives each server its copy."""
    load = folder / f"load-{end}-{scale}"
    if not (load / "done").exists():
        shutil.rmtree(load, ignore_errors=True)
        load.mkdir(parents=True)
        began = time.monotonic()
        made = subprocess.run([f"{build}/bench/make_blocks", str(load), str(end), str(scale)], check=True, capture_output=True, text=True)
        print(f"made in {time.monotonic() - began:.0f} s: {made.stdout.strip()}")
        for name, source in (("prometheus", "prometheus"), ("sextant", "prometheus"), ("sextant-dense", "sextant")):
            target = load / "homes" / name / "data"
            target.mkdir(parents=True)
            # Blocks never change: links do.
            subprocess.run(["cp", "-rl", f"{load / source}/.", target], check=True)
        (load / "done").touch()
    home = load / "homes" / "victoria-metrics"
    if "victoria-metrics" in servers and not (home / "done").exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        began = time.monotonic()
        server = QueryServer("victoria-metrics", binaries["victoria-metrics"], home)
        server.start()
        subprocess.run(["curl", "-sS", "-f", "-X", "POST", "-T", str(load / "import.jsonl"), f"http://127.0.0.1:{server.port}/api/v1/import"], check=True)
        server.connect()  # the kept connection is long closed
        server.get("/internal/force_flush")
        server.get("/internal/force_merge")
        time.sleep(1)
        while "vm_active_force_merges 0" not in server.get("/metrics").decode():
            time.sleep(0.5)
        server.stop()
        print(f"imported into victoria-metrics in {time.monotonic() - began:.0f} s")
        (home / "done").touch()
    return load / "homes"


def measure(server, target, enough_s):
    """Latencies and CPU per answer of some answers in a row."""
    latencies = []
    cpu = server.cpu_seconds()
    began = time.perf_counter()
    while True:
        start = time.perf_counter()
        server.get(target)
        latencies.append(time.perf_counter() - start)
        if time.perf_counter() - began > enough_s or len(latencies) >= 50:
            break
    return latencies, (server.cpu_seconds() - cpu) / len(latencies)


def compare_answers(servers, queries, end):
    good = True
    for query in queries:
        answers = {s.name: canonical(s.get(query.target(end))) for s in servers if s.name.startswith("sextant") or s.name in query.peers}
        ours = answers.get("sextant", answers.get("sextant-dense"))
        if not ours:
            print(f"{query.name}: no answer")
            good = False
        for name, answer in answers.items():
            if name == "victoria-metrics":
                if answer.keys() != ours.keys():
                    print(f"{query.name}: victoria-metrics has other series: {difference(ours, answer, 1)}")
                continue
            pair = (by_value(ours), by_value(answer)) if "topk" in query.expression else (ours, answer)
            differs = difference(*pair, query.tolerance if name == "prometheus" else 0)
            if differs:
                print(f"{query.name}: sextant and {name} differ: {differs}")
                good = False
    return good


def peak_memory(servers, queries, end):
    print("\n| query | server | resident before | peak |\n|---|---|---|---|")
    for query in queries:
        if query.name not in HEAVY:
            continue
        for server in servers:
            if not server.name.startswith("sextant") and server.name not in query.peers:
                continue
            server.stop()
            server.start()
            server.get("/api/v1/query?query=1")
            server.reset_peak()
            before = server.memory("VmRSS")
            server.get(query.target(end))
            print(f"| {query.name} | {server.name} | {before >> 20} MiB | {server.memory('VmHWM') >> 20} MiB |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=int, default=100, help="size of the load in percent")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each server answers a query per round")
    parser.add_argument("--only", default="", help="queries by name, separated by semicolons")
    parser.add_argument("--servers", default="sextant,sextant-dense,prometheus,victoria-metrics")
    parser.add_argument("--folder", default="", help="keeps the load here")
    parser.add_argument("--end", type=int, default=0, help="end of the load in seconds; by default the last full two hours")
    parser.add_argument("--no-check", action="store_true", help="answers are not compared before")
    parser.add_argument("--no-memory", action="store_true", help="peaks of memory are not measured after")
    add_common_arguments(parser)
    args = parser.parse_args()
    peers = peer_folder(args)
    ours = [f"{args.build}/sextant", "prometheus"]
    binaries = {"sextant": ours, "sextant-dense": ours[:1], "prometheus": [str(peers / "prometheus")], "victoria-metrics": [str(peers / "victoria-metrics")]}
    end = args.end or int(time.time()) // 7200 * 7200
    folder = pathlib.Path(args.folder or tempfile.mkdtemp(prefix="sextant-bench-"))
    queries = [q for q in QUERIES if not args.only or q.name in args.only.split(";")]
    servers = []
    try:
        homes = prepare(folder, end, args.scale, args.build, binaries, args.servers)
        servers = [QueryServer(name, binaries[name], homes / name) for name in args.servers.split(",")]
        for server in servers:
            server.start()
        # All targets have a sample in the last minute. The fraction keeps samples from the edges of windows, of which prometheus
        # counts the left one in and later versions do not.
        end = end - 53 + 0.123
        for server in servers:
            server.get("/api/v1/query?" + urllib.parse.urlencode({"query": "count(node_load1)", "time": end}))  # loads indexes
        if not args.no_check and not compare_answers(servers, queries, end):
            print("answers differ")
        report(servers, queries, end, args)
        if not args.no_memory:
            peak_memory(servers, queries, end)
    finally:
        for server in servers:
            server.stop()
        if not args.folder:
            shutil.rmtree(folder, ignore_errors=True)


def report(servers, queries, end, args):
    names = [s.name for s in servers]
    print("\n| query | " + " | ".join(f"{n} ms (CPU ms)" for n in names) + " | " + " | ".join(f"{n} / {names[0]}" for n in names[1:]) + " |")
    print("|---" * (2 * len(names)) + "|")
    ratios = {n: [] for n in names[1:]}
    for query in queries:
        latencies = {n: [] for n in names}
        cpus = {n: [] for n in names}
        for round_number in range(args.rounds):
            for server in servers:
                if not server.name.startswith("sextant") and server.name not in query.peers:
                    continue
                times, cpu = measure(server, query.target(end), args.seconds)
                latencies[server.name] += times
                cpus[server.name].append(cpu)
        row = {n: (statistics.median(latencies[n]) * 1e3, statistics.median(cpus[n]) * 1e3) for n in names if latencies[n]}
        first = row[names[0]]
        cells = [f"{row[n][0]:.2f} ({row[n][1]:.2f})" if n in row else "–" for n in names]
        text = []
        for n in names[1:]:
            if n not in row:
                text.append("–")
                continue
            ratios[n].append((row[n][0] / first[0], row[n][1] / first[1]))
            text.append(f"{row[n][0] / first[0]:.1f} ({row[n][1] / first[1]:.1f})")
        print(f"| {query.name}{', ' + query.span if query.span else ''} | " + " | ".join(cells) + " | " + " | ".join(text) + " |", flush=True)
    for n, pairs in ratios.items():
        if pairs:
            print(f"{n}: median of ratios {statistics.median(p[0] for p in pairs):.1f} (CPU {statistics.median(p[1] for p in pairs):.1f}), "
                  f"lowest {min(p[0] for p in pairs):.2f} (CPU {min(p[1] for p in pairs):.2f})")


if __name__ == "__main__":
    main()
