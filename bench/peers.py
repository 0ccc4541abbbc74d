"""What the benchmarks share: the originals beside ours as processes, what these use, and where they are found.

Benchmarks are scripts in folders beside this file; they put this folder on their path:

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    from peers import ROOT, Server, add_common_arguments, free_port, peer_folder
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]


def add_common_arguments(parser):
    parser.add_argument("--build", default=str(ROOT / "build"), help="folder of the release build")
    parser.add_argument("--peers", default=None, help="folder of the unpacked peers; by default scripts/peers fetches them")


def peer_folder(args):
    """Where the peers' programs lie."""
    return pathlib.Path(args.peers or subprocess.check_output([ROOT / "scripts" / "peers"], text=True).strip()) / "usr" / "bin"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    """CPU time, user and system, that a process has used so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid, key="VmRSS"):
    """Resident memory of a process: VmRSS is now, VmHWM its peak."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{key}:\s+(\d+) kB", text).group(1)) * 1024


def bytes_below(folder):
    """What the files of a folder take on disk."""
    return sum(p.stat().st_blocks * 512 for p in pathlib.Path(folder).rglob("*") if p.is_file())


def scrape_config(load, side, targets, interval):
    """A prometheus.yml for `targets` targets of a load_server at address `load`; each side has copies of its own."""
    jobs = "\n".join(
        f"  - job_name: t{i}\n    metrics_path: /{side}/target/{i}/metrics\n    static_configs: [{{targets: ['{load}']}}]"
        for i in range(targets))
    return f"global: {{scrape_interval: {interval}s, scrape_timeout: {interval}s}}\nscrape_configs:\n{jobs}\n"


class LoadServer:
    """Serves the targets that all sides scrape."""

    def __init__(self, build, targets, series, captured=""):
        command = [f"{build}/bench/load_server", "127.0.0.1:0", str(targets), str(series), *([captured] if captured else [])]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Server:
    """A server with Prometheus' HTTP API, in a folder of its own that holds its prometheus.yml, log and data."""

    def __init__(self, name, args, folder, extra=()):
        self.name, self.folder, self.extra = name, folder, list(extra)
        self.program = [f"{args.build}/sextant", "prometheus"] if name == "sextant" else [str(peer_folder(args) / name)]
        self.port = free_port()
        self.start()

    def command(self):
        if self.name == "victoria-metrics":
            return [*self.program, "-promscrape.config=prometheus.yml", "-storageDataPath=data",
                    f"-httpListenAddr=127.0.0.1:{self.port}", "-promscrape.maxScrapeSize=256MB",
                    "-search.maxUniqueTimeseries=10000000", "-search.maxQueryDuration=10m", *self.extra]
        return [*self.program, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{self.port}", *self.extra]

    def start(self):
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)

    def cpu_seconds(self):
        return cpu_seconds(self.process.pid)

    def memory(self, key="VmRSS"):
        return memory_bytes(self.process.pid, key)

    def query(self, expression, at=None):
        """The value of an expression that gives one; 0 without one."""
        parameters = {"query": expression, **({} if at is None else {"time": f"{at:.3f}"})}
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=300) as response:
            result = json.load(response)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def disk_bytes(self):
        return bytes_below(self.folder / "data")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)

    def kill(self):
        self.process.kill()
        self.process.wait()
