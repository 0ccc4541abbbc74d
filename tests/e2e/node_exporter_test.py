"""sextant node_exporter beside Debian's on this machine: no family of theirs is missing, types and labels are the same.

SEXTANT_PEERS names the folder that scripts/peers fills; without it (and without .tools/peers) the tests are skipped.
"""
import base64
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest
import xmlrpc.server

from harness import BINARY, PEERS, Api, TestCase, run, wait_for

PEER = PEERS / "prometheus-node-exporter"

# Of the Go runtime and of the exporter itself.
FOREIGN = re.compile(r"(go|process|promhttp)_.*|node_exporter_build_info|node_scrape_.*")
# Off by default in the original; those that Debian's version has as well.
EXTRA = ("buddyinfo", "cgroups", "drm", "ethtool", "interrupts", "ksmd", "lnstat", "logind", "meminfo_numa", "mountstats",
         "network_route", "processes", "qdisc", "slabinfo", "sysctl", "systemd", "tcpstat", "wifi", "zoneinfo")
# Gone from the original since Debian's version.
GONE = {"node_softnet_cpu_collision_total": "renamed by no version: the column is gone from new kernels"}
# What comes and goes within the moment between two scrapes.
FLEETING = re.compile(r"node_(processes_(state|threads_state)|tcp_connection_states|scrape_.*)")


def read(text):
    """{family: (type, {labels})}; values are left out."""
    families = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            families[name] = (kind, set())
        elif not line.startswith("#"):
            name, labels = re.match(r"([a-zA-Z0-9_:]+)(?:\{(.*)\})? ", line).groups()
            family = families.get(name) or families.get(re.sub(r"_(sum|count|bucket)$", "", name))
            family[1].add(labels or "")
    return families


def names_of(labels):
    return re.findall(r'([a-zA-Z0-9_]+)="', re.sub(r'"(?:[^"\\]|\\.)*"', '""', labels))


USERS = """\
basic_auth_users:
  one: $2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u   # secret
http_server_config:
  headers:
    X-Frame-Options: deny
"""


class NodeExporter(TestCase):
    """What the program does beside collecting."""

    def status(self, server, user=None):
        headers = {}
        if user:
            headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
        return server.request("GET", "/metrics", headers=headers)[0]

    def test_web_config_file(self):
        path = self.write("web.yml", USERS)
        server = self.start_exporter(f"--web.config.file={path}")
        self.assertEqual(self.status(server), 401)
        self.assertEqual(self.status(server, "one:wrong"), 401)
        self.assertEqual(self.status(server, "one:secret"), 200)
        # Wrong: the users before stay. Then others, by a signal; then none, by the file alone.
        self.write("web.yml", "basic_auth_users: [a]\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for("the complaint", lambda: "web configuration not read again" in server.output)
        self.assertEqual(self.status(server, "one:secret"), 200)
        self.write("web.yml", USERS.replace("one:", "two:"))
        server.process.send_signal(signal.SIGHUP)
        wait_for("the other user", lambda: self.status(server, "two:secret") == 200)
        self.assertEqual(self.status(server, "one:secret"), 401)
        self.write("web.yml", "{}\n")
        wait_for("no users", lambda: self.status(server) == 200)
        self.assertEqual(server.stop(20), 0)

    def test_a_wrong_web_config_file_is_refused_by_its_field(self):
        for text, field in (("basic_auth_users: {a: plain}\n", "basic_auth_users"), ("tls_server_config: {cert_file: none, key_file: none}\n", "none"),
                            ("nonsense: 1\n", "nonsense")):
            code, output = run("node_exporter", "--web.listen-address=127.0.0.1:0", f"--web.config.file={self.write('web.yml', text)}")
            self.assertNotEqual(code, 0)
            self.assertIn(field, output)
            self.assertIn("web.yml", output)

    def test_takes_the_sockets_of_systemd(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.set_inheritable(True)
            port = listener.getsockname()[1]
            # The number of the process is known only within it.
            process = subprocess.Popen(
                ["sh", "-c", 'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" node_exporter --web.systemd-socket', BINARY],
                preexec_fn=lambda: os.dup2(listener.fileno(), 3), close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        status, text = Api(port).get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn("node_load1 ", text)

    def test_says_when_systemd_has_opened_nothing(self):
        code, output = run("node_exporter", "--web.systemd-socket")
        self.assertEqual(code, 1)
        self.assertIn("--web.systemd-socket: systemd has opened no sockets", output)


    def silent_supervisor(self):
        """The URL of one that takes connections and never answers, and the listener behind it."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/RPC2", listener

    def test_refuses_more_scrapes_at_a_time_than_it_is_told(self):
        url, listener = self.silent_supervisor()
        server = self.start_exporter("--web.max-requests=1", "--collector.disable-defaults", "--collector.supervisord",
                                     "--collector.loadavg", f"--collector.supervisord.url={url}")
        answers = []

        def scrape():
            answers.append(server.request("GET", "/metrics"))

        def scrape_until_taken():
            # The program's own first scrape may still be under way, and takes the only place.
            while not any(status == 200 for status, *_ in answers):
                scrape()
        first = threading.Thread(target=scrape_until_taken)
        first.start()

        def refused():
            scrape()
            return any(status == 503 for status, *_ in answers)
        wait_for("a refusal", refused)
        first.join()
        texts = [str(answer) for answer in answers if answer[0] == 503]
        self.assertIn("Limit of concurrent requests reached (1), try again later.", texts[0])
        self.assertIn(200, [status for status, *_ in answers])
        text = server.get("/metrics")[1]
        self.assertRegex(text, r'promhttp_metric_handler_requests_total\{code="503"\} [1-9]')

    def test_takes_the_address_of_supervisord_from_the_environment(self):
        supervisor = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
        supervisor.register_function(lambda: PROCESSES, "supervisor.getAllProcessInfo")
        threading.Thread(target=supervisor.serve_forever, daemon=True).start()
        self.addCleanup(supervisor.server_close)
        self.addCleanup(supervisor.shutdown)
        os.environ["SUPERVISORD_URL"] = f"http://127.0.0.1:{supervisor.server_address[1]}/RPC2"
        self.addCleanup(os.environ.pop, "SUPERVISORD_URL")
        flags = ("--collector.disable-defaults", "--collector.supervisord")
        self.assertIn("node_supervisord_up", self.start_exporter(*flags).get("/metrics")[1])
        with_flag = self.start_exporter(*flags, "--collector.supervisord.url=http://127.0.0.1:1/RPC2")
        self.assertNotIn("node_supervisord_up", with_flag.get("/metrics")[1])

    def test_refuses_a_number_of_requests_that_is_none(self):
        code, output = run("node_exporter", "--web.max-requests=many")
        self.assertEqual(code, 2)
        self.assertIn("--web.max-requests", output)


class Ntp(threading.Thread):
    """A server of stratum 2 whose clock is right."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                request, client = self.socket.recvfrom(100)
            except OSError:
                return
            now = int((time.time() + 2_208_988_800) * 2**32)
            self.socket.sendto(struct.pack(">BBbbIIIQ", 0x24, 2, 6, -20, 0x100, 0x200, 0x7f000001, now - (16 << 32)) + request[40:48]
                               + struct.pack(">QQ", now, now), client)


PROCESSES = [
    {"name": "web", "group": "shop", "start": 1_700_000_000, "stop": 0, "now": 1_700_000_100, "state": 20, "statename": "RUNNING",
     "spawnerr": "", "exitstatus": 0, "logfile": "", "stdout_logfile": "/a & b", "stderr_logfile": "", "pid": 7, "description": "<up>"},
    {"name": "job", "group": "job", "start": 1_600_000_000, "stop": 1_600_000_001, "now": 1_700_000_100, "state": 200,
     "statename": "FATAL", "spawnerr": "x", "exitstatus": 3, "logfile": "", "stdout_logfile": "", "stderr_logfile": "", "pid": 0,
     "description": ""},
]


@unittest.skipUnless(PEER.exists(), f"no {PEER}: run scripts/peers")
class BesideTheOriginal(TestCase):
    def start_original(self, *arguments):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        process = subprocess.Popen([PEER, f"--web.listen-address=127.0.0.1:{port}", *arguments], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)

        def end():
            process.terminate()
            process.wait()
        self.addCleanup(end)
        api = Api(port)

        def answers():
            try:
                return api.get("/metrics")[0] == 200
            except OSError:
                return False
        wait_for("the original's answer", answers)
        return api

    def compare(self, *arguments):
        theirs = read(self.start_original(*arguments).get("/metrics")[1])
        ours = read(self.start_exporter(*arguments).get("/metrics")[1])
        names = {name for name in theirs if not FOREIGN.fullmatch(name)}
        self.assertGreater(len(names), 150)
        self.assertEqual(sorted(names - set(ours) - set(GONE)), [])
        for name in sorted(names & set(ours)):
            with self.subTest(family=name):
                self.assertEqual(ours[name][0], theirs[name][0])
                if FLEETING.fullmatch(name):
                    continue
                # New versions have added labels to some; none may be missing.
                for labels in theirs[name][1]:
                    wanted = set(names_of(labels))
                    self.assertTrue(any(wanted <= set(names_of(l)) for l in ours[name][1]), f"{labels} in {ours[name][1]}")

    def test_daemons_are_told_of_alike(self):
        supervisor = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0), logRequests=False)
        supervisor.register_function(lambda: PROCESSES, "supervisor.getAllProcessInfo")
        threading.Thread(target=supervisor.serve_forever, daemon=True).start()
        self.addCleanup(supervisor.server_close)
        self.addCleanup(supervisor.shutdown)
        ntp = Ntp()
        self.addCleanup(ntp.socket.close)
        for name, wanted, state in (("web", b"u", 1), ("db", b"d", 0)):
            status = struct.pack(">QIIBcBB", 2**62 + 10 + 1_700_000_000, 0, 0, 0, wanted, 0, state)
            (self.folder / "sv" / name / "supervise").mkdir(parents=True)
            (self.folder / "sv" / name / "supervise" / "status").write_bytes(status)
            (self.folder / "service").mkdir(exist_ok=True)
            (self.folder / "service" / name).symlink_to(self.folder / "sv" / name)
        flags = ("--collector.disable-defaults", "--collector.supervisord", "--collector.runit", "--collector.ntp",
                 f"--collector.supervisord.url=http://127.0.0.1:{supervisor.server_address[1]}/RPC2",
                 f"--collector.runit.servicedir={self.folder}/service", f"--collector.ntp.server-port={ntp.port}")
        theirs = self.start_original(*flags).get("/metrics")[1]
        ours = self.start_exporter(*flags).get("/metrics")[1]
        moving = ("node_ntp_rtt", "node_ntp_offset", "node_ntp_reference")

        def samples(text):
            lines = (line.removeprefix("# TYPE ") for line in text.splitlines() if not line.startswith("# HELP "))
            return sorted(line for line in lines if line.startswith(("node_ntp_", "node_service_", "node_supervisord_"))
                          and not (line.startswith(moving) and not line.endswith("gauge")))
        self.assertEqual(samples(ours), samples(theirs))
        self.assertIn("node_ntp_sanity 1", ours)
        for name in moving:
            self.assertIn(name, ours)

    def test_performance_events_are_counted_alike(self):
        flags = ("--collector.disable-defaults", "--collector.perf")
        theirs = read(self.start_original(*flags).get("/metrics")[1])
        ours = read(self.start_exporter(*flags).get("/metrics")[1])
        names = [name for name in theirs if name.startswith("node_perf_")]
        if not names:
            self.skipTest("this machine lets nobody count")
        for name in names:
            self.assertEqual(ours[name], theirs[name], name)

    def test_network_devices_over_netlink_are_told_of_alike(self):
        flags = ("--collector.disable-defaults", "--collector.netclass", "--collector.netclass.netlink",
                 "--collector.netclass_rtnl.with-stats")
        moving = re.compile(r"node_network_(receive|transmit)_(bytes|packets)_total")
        # Debian's version does not read these yet.
        new = re.compile(r"node_network_(address_assign_type|device_id|name_assign_type|altnames_info)")

        def samples(text):
            lines = (line.removeprefix("# TYPE ") for line in text.splitlines() if not line.startswith("# HELP "))
            return sorted(line.rsplit(" ", 1)[0] if moving.match(line) else line
                          for line in lines if line.startswith("node_network_") and not new.match(line))
        theirs = samples(self.start_original(*flags).get("/metrics")[1])
        self.assertGreater(len(theirs), 40)
        self.assertEqual(samples(self.start_exporter(*flags).get("/metrics")[1]), theirs)

    def test_no_family_is_missing(self):
        self.compare()

    def test_no_family_of_what_is_off_by_default_is_missing(self):
        self.compare(*(f"--collector.{name}" for name in EXTRA), "--collector.sysctl.include=fs.file-nr")


if __name__ == "__main__":
    unittest.main()
