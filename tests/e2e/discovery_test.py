"""Service discovery in the real process: files, HTTP, and what the API says of found and dropped targets."""
import base64
import http.server
import json
import socket
import socketserver
import threading
import unittest
import urllib.parse

from harness import TestCase, run, wait_for

CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: files
    file_sd_configs: [{{files: [targets/*.yml]}}]
    relabel_configs:
      - {{source_labels: [__meta_filepath], regex: '.*/([^/]*)[.]yml', target_label: file}}
      - {{source_labels: [env], regex: test, action: drop}}
  - job_name: web
    http_sd_configs: [{{url: 'http://{sd}/sd', refresh_interval: 200ms}}]
alerting:
  alertmanagers:
    - file_sd_configs: [{{files: [alertmanagers.json]}}]
      path_prefix: /am
"""


class Directory:
    """Answers http_sd with `groups`."""

    def __init__(self, groups):
        self.groups = groups
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = json.dumps(outer.groups).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Discovery(TestCase):
    def test_targets_come_and_go(self):
        target = self.target("a 1\n")
        directory = Directory([{"targets": [target.address], "labels": {"from": "web"}}])
        self.addCleanup(directory.close)
        self.write("targets/one.yml", f"- targets: ['{target.address}']\n")
        self.write("targets/test.yml", f"- targets: ['{target.address}']\n  labels: {{env: test}}\n")
        self.write("alertmanagers.json", json.dumps([{"targets": ["127.0.0.1:1"]}]))
        config = self.write("prometheus.yml", CONFIG.format(sd=directory.address))
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            "--web.listen-address", "127.0.0.1:0", program=("prometheus",))
        wait_for("targets of files", lambda: server.one('a{job="files",file="one"}') == 1)
        wait_for("targets of the web", lambda: server.one('a{job="web",from="web"}') == 1)
        self.assertEqual(server.api("alertmanagers")["activeAlertmanagers"],
                         [{"url": "http://127.0.0.1:1/am/api/v2/alerts"}])

        targets = server.api("targets")
        self.assertEqual(targets["droppedTargetCounts"], {"files": 1, "web": 0})
        dropped = targets["droppedTargets"][0]["discoveredLabels"]
        self.assertEqual(dropped["env"], "test")
        self.assertTrue(dropped["__meta_filepath"].endswith("targets/test.yml"))
        steps = server.api("targets/relabel_steps", scrapePool="files", labels=json.dumps(dropped))["steps"]
        self.assertEqual([step["keep"] for step in steps], [True, False])
        self.assertEqual(steps[0]["output"]["file"], "test")
        self.assertEqual(steps[1]["rule"]["action"], "drop")
        self.assertIn("file_sd_configs", server.api("scrape_pools/config", scrapePool="files")["yaml"])
        status, body = server.get("/api/v1/targets/relabel_steps", scrapePool="none", labels="{}")
        self.assertEqual((status, json.loads(body)["error"]),
                         (400, 'error getting scrape config: scrape pool "none" not found'))

        self.write("targets/one.yml", "- targets: []\n")
        directory.groups = []
        wait_for("series to end", lambda: not server.query("a"))
        metrics = server.get("/metrics")[1]
        self.assertIn('prometheus_sd_discovered_targets{name="scrape",config="files"} 1', metrics)
        self.assertEqual(server.stop(), 0)


BODY_CONFIG = """
global: {{scrape_interval: 1h, scrape_timeout: 1s}}
scrape_configs:
  - job_name: plain
    basic_auth: {{username: me, password: open-sesame}}
    static_configs: [{{targets: ['{plain}']}}]
  - job_name: silent
    static_configs: [{{targets: ['{silent}']}}]
"""


class EchoingTarget(http.server.BaseHTTPRequestHandler):
    """Answers with what `answer` makes of the request: (content type, body)."""
    answer = None

    def do_GET(self):
        kind, data = type(self).answer(self)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class TargetBodies(TestCase):
    """/api/v1/targets/body shows what an active target answers now, and nothing of others."""

    def test_bodies_are_shown_within_bounds(self):
        plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EchoingTarget)
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        self.addCleanup(plain.server_close)
        self.addCleanup(plain.shutdown)
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        addresses = {"plain": f"127.0.0.1:{plain.server_address[1]}", "silent": f"127.0.0.1:{silent.getsockname()[1]}"}
        config = self.write("prometheus.yml", BODY_CONFIG.format(**addresses))
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            "--web.listen-address", "127.0.0.1:0", program=("prometheus",))

        def body(pool="plain", **changes):
            return server.api("targets/body", scrapePool=pool,
                              **({"target": f"http://{addresses[pool]}/metrics"} | changes))

        EchoingTarget.answer = lambda request: (
            "text/plain", f"a 1\n# {request.headers['Authorization']} {request.headers['Accept']}\n".encode())
        shown = body()
        self.assertEqual((shown["status"], shown["contentType"], shown["isText"], shown["error"]),
                         (200, "text/plain", True, ""))
        self.assertTrue(shown["body"].startswith("a 1\n# Basic <secret> application/openmetrics-text"), shown)
        self.assertGreater(shown["durationSeconds"], 0)

        EchoingTarget.answer = lambda _: ("application/octet-stream", bytes(range(256)))
        shown = body()
        self.assertEqual((shown["isText"], shown["body"], shown["receivedBytes"]), (False, "", 256))

        EchoingTarget.answer = lambda _: ("text/plain", b"x" * (100 << 20))
        shown = body()
        self.assertEqual(len(shown["body"]), 64 << 10)

        shown = body("silent")
        self.assertEqual((shown["status"], shown["body"]), (0, ""))
        self.assertIn("context deadline exceeded", shown["error"])

        def refused(**parameters):
            status, text = server.get("/api/v1/targets/body", **parameters)
            return status, json.loads(text)["error"]

        self.assertEqual(refused(), (400, "no scrapePool parameter provided"))
        self.assertEqual(refused(scrapePool="plain"), (400, "no target parameter provided"))
        self.assertEqual(refused(scrapePool="none", target="x"), (400, 'scrape pool "none" not found'))
        other = f"http://{addresses['silent']}/metrics"
        self.assertEqual(refused(scrapePool="plain", target=other),
                         (404, f'the scrape pool "plain" has no active target "{other}"'))
        # Eight may be under way.
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(server.get(
            "/api/v1/targets/body", scrapePool="silent", target=other)[0])) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [200] * 8 + [503] * 4)
        self.assertEqual(server.stop(), 0)


class FakeApis:
    """One server that answers as Consul, Docker, EC2 and a giver of OAuth2 tokens do."""

    def __init__(self, target):
        host, port = target.split(":")
        self.requests = []
        self.tokens = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, text, status=200, **headers):
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                outer.requests.append(("GET", self.path, dict(self.headers), ""))
                path = urllib.parse.urlparse(self.path).path
                if path == "/v1/agent/self":
                    self.answer('{"Config": {"Datacenter": "dc1"}}')
                elif path == "/v1/catalog/services":
                    self.answer('{"web": ["a"]}', X_Consul_Index="7")
                elif path == "/v1/health/service/web":
                    self.answer(json.dumps([{"Node": {"Node": "n", "Address": host},
                                             "Service": {"ID": "web-1", "Port": int(port), "Tags": ["a"]}}]),
                                X_Consul_Index="7")
                elif path == "/_ping":
                    self.answer("OK", Api_Version="1.41")
                elif path == "/v1.41/containers/json":
                    self.answer(json.dumps([{"Id": "c1", "Names": ["/web"], "HostConfig": {"NetworkMode": "front"},
                                             "Ports": [{"PrivatePort": int(port), "Type": "tcp"}],
                                             "NetworkSettings": {"Networks": {"front": {"NetworkID": "n1", "IPAddress": host}}}}]))
                elif path == "/v1.41/networks":
                    self.answer('[{"Id": "n1", "Name": "front", "Scope": "local"}]')
                elif path == "/metrics":
                    ok = self.headers.get("Authorization") == f"Bearer token{outer.tokens}"
                    self.answer("guarded 1\n" if ok else "", 200 if ok else 401, Content_Type="text/plain; version=0.0.4")
                else:
                    self.answer("", 404)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                form = urllib.parse.parse_qs(body.decode("latin-1"))
                outer.requests.append(("POST", self.path, dict(self.headers), body))
                if self.path == "/token":
                    outer.tokens += 1
                    self.answer(json.dumps({"access_token": f"token{outer.tokens}", "expires_in": 3600}))
                elif form.get("Action") == ["DescribeAvailabilityZones"]:
                    self.answer("<R><availabilityZoneInfo><item><zoneName>eu-1a</zoneName><zoneId>az9</zoneId></item>"
                                "</availabilityZoneInfo></R>")
                elif form.get("Action") == ["DescribeInstances"]:
                    self.answer("<R><reservationSet><item><ownerId>1</ownerId><instancesSet><item><instanceId>i-1</instanceId>"
                                f"<privateIpAddress>{host}</privateIpAddress>"
                                "<placement><availabilityZone>eu-1a</availabilityZone></placement></item></instancesSet>"
                                "</item></reservationSet></R>")
                else:
                    self.answer("")

            def log_message(self, *_):
                pass

        class UnixServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
            def server_bind(self):
                socketserver.TCPServer.server_bind(self)
                self.server_name, self.server_port = "unix", 0

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        self.servers = [self.server]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.make_unix = lambda path: self._listen(UnixServer, path, Handler)

    def _listen(self, kind, path, handler):
        class Bound(kind):
            address_family = socket.AF_UNIX

        class UnixHandler(handler):
            def address_string(self):
                return "unix"

        server = Bound(path, UnixHandler)
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


API_CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: consul
    consul_sd_configs: [{{server: '{apis}', token: secret, refresh_interval: 200ms}}]
    relabel_configs:
      - {{source_labels: [__meta_consul_service, __meta_consul_tags, __meta_consul_dc], target_label: found}}
  - job_name: docker
    docker_sd_configs: [{{host: 'unix://{socket}', refresh_interval: 200ms}}]
    relabel_configs:
      - {{source_labels: [__meta_docker_container_name, __meta_docker_network_name], target_label: found}}
  - job_name: ec2
    ec2_sd_configs:
      - {{endpoint: 'http://{apis}', region: eu-1, access_key: AK, secret_key: SK, port: {port}, refresh_interval: 200ms}}
    relabel_configs:
      - {{source_labels: [__meta_ec2_instance_id, __meta_ec2_availability_zone_id], target_label: found}}
  - job_name: guarded
    oauth2: {{client_id: me, client_secret: pass, token_url: 'http://{apis}/token', scopes: [read]}}
    static_configs: [{{targets: ['{apis}']}}]
  - job_name: broken
    scrape_failure_log_file: failures.log
    extra_scrape_metrics: true
    static_configs: [{{targets: ['127.0.0.1:1']}}]
remote_write:
  - url: http://{apis}/write
    sigv4: {{region: eu-1, access_key: AK, secret_key: SK}}
"""


class ApiDiscovery(TestCase):
    def test_apis_tokens_and_signatures(self):
        target = self.target("a 1\n")
        apis = FakeApis(target.address)
        self.addCleanup(apis.close)
        socket_path = str(self.folder / "docker.sock")
        apis.make_unix(socket_path)
        config = self.write("prometheus.yml", API_CONFIG.format(apis=apis.address, socket=socket_path, port=target.port))
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            "--web.listen-address", "127.0.0.1:0", program=("prometheus",))
        wait_for("consul", lambda: server.one('a{job="consul",found="web;,a,;dc1"}') == 1)
        wait_for("docker", lambda: server.one('a{job="docker",found="/web;front"}') == 1)
        wait_for("ec2", lambda: server.one('a{job="ec2",found="i-1;az9"}') == 1)
        wait_for("a guarded target", lambda: server.one('guarded{job="guarded"}') == 1)
        self.assertEqual(apis.tokens, 1)
        token = next(r for r in apis.requests if r[1] == "/token")
        self.assertEqual(base64.b64decode(token[2]["Authorization"].split()[1]), b"me:pass")
        self.assertEqual(token[3], b"grant_type=client_credentials&scope=read")
        consul = next(r for r in apis.requests if r[1].startswith("/v1/health"))
        self.assertEqual(consul[2]["X-Consul-Token"], "secret")
        wait_for("a question that waits for news", lambda: any(
            r[1].startswith("/v1/health") and "index=7" in r[1] for r in apis.requests))
        write = wait_for("remote write", lambda: next((r for r in apis.requests if r[1] == "/write"), None))
        self.assertIn("/eu-1/aps/aws4_request, SignedHeaders=", write[2]["Authorization"])
        # Secrets are nobody's to see.
        shown = server.api("status/config")["yaml"]
        self.assertNotIn("SK", shown)
        self.assertNotIn("secret\n", shown)
        self.assertIn("client_secret: <secret>", shown)
        failures = self.folder / "failures.log"
        line = wait_for("the failure log", lambda: failures.exists() and failures.read_text().splitlines())[0]
        entry = json.loads(line)
        self.assertEqual((entry["job_name"], entry["level"]), ("broken", "ERROR"))
        self.assertIn("connection refused", entry["msg"])
        self.assertEqual(server.one('scrape_timeout_seconds{job="broken"}'), 0.2)
        self.assertEqual(server.query('scrape_timeout_seconds{job="consul"}'), {})
        self.assertEqual(server.stop(), 0)

        code, text = run("promtool", "check", "service-discovery", config, "consul", "--timeout=20s")
        self.assertEqual(code, 0, text)
        self.assertEqual(json.loads(text)[0]["discoveredLabels"]["__meta_consul_service_id"], "web-1")


if __name__ == "__main__":
    unittest.main()
