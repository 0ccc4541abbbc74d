"""Service discovery in the real process: files, HTTP, and what the API says of found and dropped targets."""
import base64
import json
import socket
import threading
import unittest

from harness import TestCase, run, wait_for
from local_server import Answer, LocalServer

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


class Directory(LocalServer):
    """Answers http_sd with `groups`."""

    def __init__(self, groups):
        self.groups = groups
        super().__init__()

    def answer(self, request):
        return Answer(json.dumps(self.groups), kind="application/json")


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


class TargetBodies(TestCase):
    """/api/v1/targets/body shows what an active target answers now, and nothing of others."""

    def test_bodies_are_shown_within_bounds(self):
        plain = LocalServer(answer=lambda _: "")
        self.addCleanup(plain.close)
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        addresses = {"plain": plain.address, "silent": f"127.0.0.1:{silent.getsockname()[1]}"}
        config = self.write("prometheus.yml", BODY_CONFIG.format(**addresses))
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            "--web.listen-address", "127.0.0.1:0", program=("prometheus",))

        def body(pool="plain", **changes):
            return server.api("targets/body", scrapePool=pool,
                              **({"target": f"http://{addresses[pool]}/metrics"} | changes))

        plain.answer = lambda request: Answer(
            f"a 1\n# {request.headers['Authorization']} {request.headers['Accept']}\n", kind="text/plain")
        shown = body()
        self.assertEqual((shown["status"], shown["contentType"], shown["isText"], shown["error"]),
                         (200, "text/plain", True, ""))
        self.assertTrue(shown["body"].startswith("a 1\n# Basic <secret> application/openmetrics-text"), shown)
        self.assertGreater(shown["durationSeconds"], 0)

        plain.answer = lambda _: Answer(bytes(range(256)), kind="application/octet-stream")
        shown = body()
        self.assertEqual((shown["isText"], shown["body"], shown["receivedBytes"]), (False, "", 256))

        plain.answer = lambda _: b"x" * (100 << 20)
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


class FakeApis(LocalServer):
    """One server that answers as Consul, Docker, EC2 and a giver of OAuth2 tokens do."""

    def __init__(self, target):
        self.host, self.target_port = target.split(":")
        self.requests = []
        self.tokens = 0
        super().__init__()

    def answer(self, request):
        if request.method == "POST":
            return self.posted(request)
        self.requests.append(("GET", request.target, request.headers, ""))
        consul = {"X-Consul-Index": "7"}
        if request.path == "/v1/agent/self":
            return '{"Config": {"Datacenter": "dc1"}}'
        if request.path == "/v1/catalog/services":
            return Answer('{"web": ["a"]}', headers=consul)
        if request.path == "/v1/health/service/web":
            return Answer(json.dumps([{"Node": {"Node": "n", "Address": self.host},
                                       "Service": {"ID": "web-1", "Port": int(self.target_port), "Tags": ["a"]}}]), headers=consul)
        if request.path == "/_ping":
            return Answer("OK", headers={"Api-Version": "1.41"})
        if request.path == "/v1.41/containers/json":
            return json.dumps([{"Id": "c1", "Names": ["/web"], "HostConfig": {"NetworkMode": "front"},
                                "Ports": [{"PrivatePort": int(self.target_port), "Type": "tcp"}],
                                "NetworkSettings": {"Networks": {"front": {"NetworkID": "n1", "IPAddress": self.host}}}}])
        if request.path == "/v1.41/networks":
            return '[{"Id": "n1", "Name": "front", "Scope": "local"}]'
        if request.path == "/metrics":
            is_known = request.headers.get("Authorization") == f"Bearer token{self.tokens}"
            return Answer("guarded 1\n") if is_known else Answer(status=401)
        return Answer(status=404)

    def posted(self, request):
        self.requests.append(("POST", request.target, request.headers, request.body))
        action = request.form().get("Action")
        if request.target == "/token":
            self.tokens += 1
            return Answer(json.dumps({"access_token": f"token{self.tokens}", "expires_in": 3600}), kind="application/json")
        if action == "DescribeAvailabilityZones":
            return "<R><availabilityZoneInfo><item><zoneName>eu-1a</zoneName><zoneId>az9</zoneId></item></availabilityZoneInfo></R>"
        if action == "DescribeInstances":
            return ("<R><reservationSet><item><ownerId>1</ownerId><instancesSet><item><instanceId>i-1</instanceId>"
                    f"<privateIpAddress>{self.host}</privateIpAddress>"
                    "<placement><availabilityZone>eu-1a</availabilityZone></placement></item></instancesSet>"
                    "</item></reservationSet></R>")
        return ""


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
        apis.listen_unix(socket_path)
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
