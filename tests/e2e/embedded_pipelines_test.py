"""Pipelines inside sextant: OTLP at its own address and at the usual ports goes into its store; the section `otelcol`
runs a collector's configuration; a wrong one leaves what runs as it is. And the host's metrics beside /proc."""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import time
import unittest
import urllib.error
import urllib.request

from harness import TestCase, free_ports, run, wait_for
from otelcol_test import Collector, run_where_grpc_is
from otlp_peer import OtlpPeer, trace_request
from otlp_test import block, fixed, request

SPANS = {"resourceSpans": [{"scopeSpans": [{"spans": [
    {"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708", "name": "s", "kind": 1,
     "startTimeUnixNano": "1", "endTimeUnixNano": "2"}]}]}]}
METRICS_EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
TRACES_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

PIPELINES = """
otelcol:
  receivers:
    otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{http}"}}}}}}
  processors: {{batch: {{timeout: 100ms}}}}
  exporters:
    sextant: {{}}
    otlphttp: {{endpoint: "http://127.0.0.1:{peer}"}}
  service:
    pipelines:
      metrics: {{receivers: [otlp], processors: [batch], exporters: [sextant]}}
      traces: {{receivers: [otlp], exporters: [otlphttp]}}
"""


def gauge(name, value, time_ns=None):
    """A gauge of one point as JSON."""
    point = {"asDouble": value, "timeUnixNano": str(time_ns or time.time_ns())}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": name, "gauge": {"dataPoints": [point]}}]}]}]}


def post(port, path, message):
    """(status, answer) of an OTLP request in JSON."""
    sent = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(message).encode(),
                                  {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(sent, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def export(port, method, message):
    """The status code of a gRPC call."""
    import grpc
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(method)(message, timeout=30)
            return grpc.StatusCode.OK, ""
        except grpc.RpcError as error:
            return error.code(), error.details()


def accepts(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class WithoutConfigurationTest(TestCase):
    def test_the_main_address_takes_metrics_and_says_what_it_does_not_take(self):
        import grpc
        ours = self.start_platform()
        self.assertEqual(post(ours.port, "/v1/metrics", gauge("by.http", 4))[0], 200)
        self.assertEqual(ours.one("by_http"), 4)
        message = request([block(1, b"by.grpc") + block(5, block(1, fixed(3, time.time_ns()) + fixed(6, 5)))])
        self.assertEqual(export(ours.port, METRICS_EXPORT, message)[0], grpc.StatusCode.OK)
        self.assertEqual(ours.one("by_grpc"), 5)
        status, answer = post(ours.port, "/v1/traces", SPANS)
        self.assertEqual((status, answer["code"]), (404, 12))
        self.assertIn("no store for them", answer["message"])
        code, details = export(ours.port, TRACES_EXPORT, trace_request(["a"]))
        self.assertEqual(code, grpc.StatusCode.UNIMPLEMENTED)
        self.assertIn("otelcol of sextant.yaml", details)
        self.assertEqual(post(ours.port, "/v1/logs", {
            "resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]})[0], 404)

    def test_what_the_store_refuses_is_told_and_counted(self):
        ours = self.start_platform()
        now = time.time_ns()
        self.assertEqual(post(ours.port, "/v1/metrics", gauge("now", 1, now))[0], 200)
        for _ in range(2):
            status, answer = post(ours.port, "/v1/metrics", gauge("now", 1, now - 10**10))
            self.assertEqual((status, answer["code"]), (400, 3))
            self.assertEqual(answer["message"], "nothing of it was stored: out of order sample")
        self.assertEqual(ours.output.count("not offered again"), 1)
        _, text = ours.get("/metrics")
        self.assertIn('otelcol_exporter_send_failed_metric_points{exporter="sextant"} 2\n', text)
        self.assertIn('otelcol_exporter_sent_metric_points{exporter="sextant"} 1\n', text)

    def test_a_part_that_is_refused_is_a_partial_success(self):
        ours = self.start_platform()
        self.assertEqual(post(ours.port, "/v1/metrics", gauge("mixed", 0, time.time_ns() - 5 * 10**9))[0], 200)
        message = gauge("mixed", 1)
        points = message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"]
        points.append({"asDouble": 2, "timeUnixNano": str(time.time_ns() - 10**10)})
        status, answer = post(ours.port, "/v1/metrics", message)
        self.assertEqual((status, answer["partialSuccess"]["rejectedDataPoints"]), (200, "1"))
        self.assertTrue(answer["partialSuccess"]["errorMessage"])
        self.assertEqual(ours.one("mixed"), 1)

    def test_ports_that_are_taken_are_done_without(self):
        taken = [socket.socket() for _ in range(2)]
        for one, port in zip(taken, (4317, 4318)):
            self.addCleanup(one.close)
            try:
                one.bind(("127.0.0.1", port))
                one.listen()
            except OSError:
                pass  # by somebody else
        ours = self.start_platform()
        self.assertIn("OTLP is taken at the main address only", ours.output)
        self.assertEqual(post(ours.port, "/v1/metrics", gauge("by.http", 4))[0], 200)

    def test_where_users_are_known_nothing_is_open_besides(self):
        self.write("grafana.ini", "[security]\nadmin_user = boss\nadmin_password = secret\n")
        config = self.write("sextant.yaml", "grafana: {ini: grafana.ini}\n")
        ours = self.start_platform("--config", config)
        self.assertNotIn("localhost:431", ours.output)
        body = json.dumps(gauge("guarded", 3)).encode()
        kind = {"Content-Type": "application/json"}
        self.assertEqual(ours.request("POST", "/v1/metrics", body, kind)[0], 401)
        import grpc
        self.assertEqual(export(ours.port, METRICS_EXPORT, request([]))[0], grpc.StatusCode.UNAUTHENTICATED)
        kind["Authorization"] = "Basic " + base64.b64encode(b"boss:secret").decode()
        self.assertEqual(ours.request("POST", "/v1/metrics", body, kind)[0], 200)

    def test_the_usual_ports_are_served(self):
        if accepts(4317) or accepts(4318):
            self.skipTest("somebody else has the ports")
        ours = self.start_platform()
        if "localhost:4317 and localhost:4318" not in ours.output:
            self.skipTest("somebody else took the ports")
        self.assertEqual(post(4318, "/v1/metrics", gauge("at.the.port", 6))[0], 200)
        self.assertEqual(ours.one("at_the_port"), 6)
        edges = json.loads(ours.get("/api/v1/pipelines")[1])["edges"]
        self.assertEqual(edges[0]["pipeline"], "metrics")


class PipelinesTest(TestCase):
    def start_pipelines(self, text):
        self.path = pathlib.Path(self.write("sextant.yaml", text))
        return self.start_platform("--config", str(self.path), "--web.enable-lifecycle")

    def peer(self):
        peer = OtlpPeer()
        self.addCleanup(peer.stop)
        return peer

    def reload(self, ours, text):
        self.path.write_text(text)
        return ours.request("POST", "/-/reload")

    def test_pipelines_feed_the_store_and_others(self):
        peer = self.peer()
        (http,) = free_ports(1)
        ours = self.start_pipelines(PIPELINES.format(http=http, peer=peer.port))
        self.assertEqual(post(http, "/v1/metrics", gauge("at.the.port", 1))[0], 200)
        self.assertEqual(post(ours.port, "/v1/metrics", gauge("at.the.main.address", 2))[0], 200)
        wait_for("both in the store", lambda: ours.one("at_the_port") == 1 and ours.one("at_the_main_address") == 2)
        self.assertEqual(post(ours.port, "/v1/traces", SPANS)[0], 200)
        self.assertEqual(export(ours.port, TRACES_EXPORT, trace_request(["a", "b"]))[0].name, "OK")
        wait_for("the spans", lambda: len(peer.spans()) == 3)
        _, text = ours.get("/metrics")
        self.assertRegex(text, r'otelcol_receiver_accepted_spans\{receiver="otlp",transport="grpc"\} 2\n')
        self.assertRegex(text, r"\notelcol_process_uptime \d")
        edges = json.loads(ours.get("/api/v1/pipelines")[1])["edges"]
        self.assertIn(("metrics", "exporter sextant", 2), [(e["pipeline"], e["to"], e["items"]) for e in edges])
        self.assertEqual(ours.stop(), 0)

    def test_the_graph_tells_queues_and_losses(self):
        peer = self.peer()
        (http,) = free_ports(1)
        text = PIPELINES.format(http=http, peer=peer.port).replace(
            f"127.0.0.1:{peer.port}\"", f"127.0.0.1:{peer.port}\", sending_queue: {{queue_size: 3, num_consumers: 1}},"
            " retry_on_failure: {initial_interval: 1h, max_interval: 1h, max_elapsed_time: 0s}")
        peer.fails = lambda: True
        ours = self.start_pipelines(text)

        def component(name):
            components = json.loads(ours.get("/api/v1/pipelines")[1])["components"]
            return next(one for one in components if one["component"] == name)

        for _ in range(3):
            self.assertEqual(post(http, "/v1/traces", SPANS)[0], 200)
        self.assertEqual(post(http, "/v1/traces", SPANS)[0], 503)
        exporter = component("exporter otlphttp")
        self.assertEqual(exporter["queue"], {"size": 3, "capacity": 3, "unit": "requests"})
        self.assertEqual((exporter["signal"], exporter["sent"], exporter["notQueued"], exporter["dropped"]),
                         ("traces", 0, 1, 0))
        # One point is older than another of its series: the store keeps one.
        now = time.time_ns()
        later, earlier = gauge("twice", 1, now), gauge("twice", 2, now - 10**10)
        self.assertEqual(post(http, "/v1/metrics", later)[0], 200)
        wait_for("it in the store", lambda: component("exporter sextant")["sent"] == 1)
        self.assertEqual(post(http, "/v1/metrics", earlier)[0], 200)
        wait_for("the batch processor to drop it",
                 lambda: component("processor batch")["droppedByReason"] == {"refused for good": 1})
        self.assertEqual(component("exporter sextant")["sendFailed"], 1)
        self.assertEqual(component("processor batch")["pipeline"], "metrics")

    def test_the_end_stores_what_is_held(self):
        (http,) = free_ports(1)
        text = PIPELINES.format(http=http, peer=1).replace("100ms", "1h")
        ours = self.start_pipelines(text)
        self.assertEqual(post(http, "/v1/metrics", gauge("held", 7))[0], 200)
        self.assertEqual(ours.stop(), 0)
        ours = self.start_platform()
        self.assertEqual(ours.one("last_over_time(held[1h])"), 7)

    def test_a_reload_exchanges_pipelines_and_a_wrong_one_changes_nothing(self):
        peer = self.peer()
        first, second = free_ports(2)
        ours = self.start_pipelines(PIPELINES.format(http=first, peer=peer.port))
        status, answer = self.reload(ours, PIPELINES.format(http=first, peer=peer.port).replace("batch: ", "batsch: "))
        self.assertEqual(status, 500)
        self.assertIn("sextant.yaml:5:24: processors.batsch", answer)
        self.assertIn("batsch", answer)
        self.assertEqual(post(first, "/v1/metrics", gauge("still", 1))[0], 200)
        # A port that is taken: those before run again.
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", second))
            taken.listen()
            status, answer = self.reload(ours, PIPELINES.format(http=second, peer=peer.port))
            self.assertEqual(status, 500)
            self.assertIn("in use", answer)
            self.assertIn("those before run again", ours.output)
            self.assertEqual(post(first, "/v1/metrics", gauge("again", 1))[0], 200)
        self.assertEqual(self.reload(ours, PIPELINES.format(http=second, peer=peer.port))[0], 200)
        self.assertEqual(post(second, "/v1/metrics", gauge("moved", 1))[0], 200)
        self.assertFalse(accepts(first))
        wait_for("all of them", lambda: all(ours.one(name) == 1 for name in ("still", "again", "moved")))
        # By signal, and to no pipelines at all.
        self.path.write_text("otelcol: {}\n")
        ours.process.send_signal(signal.SIGHUP)
        wait_for("the port to be closed", lambda: not accepts(second))
        self.assertEqual(post(ours.port, "/v1/metrics", gauge("without", 1))[0], 200)
        self.assertEqual(ours.one("without"), 1)

    def test_files_are_merged(self):
        (http,) = free_ports(1)
        own, = free_ports(1)
        inner = PIPELINES.format(http=http, peer=1).replace("otelcol:\n", "", 1)
        self.write("etc/a.yaml", re.sub(r"(?m)^  ", "", inner))
        self.write("etc/b.yaml", "service: {telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: "
                                 f"{{host: 127.0.0.1, port: {own}}}}}}}}}]}}}}}}\n")
        ours = self.start_pipelines("otelcol: [etc/a.yaml, etc/b.yaml]\n")
        self.assertEqual(post(http, "/v1/metrics", gauge("from.files", 1))[0], 200)
        wait_for("the point", lambda: ours.one("from_files") == 1)
        with urllib.request.urlopen(f"http://127.0.0.1:{own}/metrics", timeout=30) as response:
            text = response.read().decode()
        self.assertRegex(text, r'otelcol_exporter_sent_metric_points\{service_instance_id=.*exporter="sextant"\} 1\n')
        self.assertNotIn("prometheus_tsdb", text)
        code, printed = run("--config", self.write("bad.yaml", "otelcol: nosuch.yaml\n"), "--data",
                            str(self.folder / "bad"), "--listen", "127.0.0.1:0")
        self.assertEqual(code, 1)
        self.assertIn("bad.yaml:1:10: otelcol: ", printed)

    def test_stores_that_are_not_there_are_refused_by_name(self):
        text = PIPELINES.format(http=0, peer=1).replace("exporters: [otlphttp]", "exporters: [sextant]")
        code, printed = run("--config", self.write("traces.yaml", text), "--data", str(self.folder / "d"),
                            "--listen", "127.0.0.1:0")
        self.assertEqual(code, 1)
        self.assertIn("there is a store of metrics only in this version", printed)
        alone = self.write("alone.yaml", re.sub(r"(?m)^  ", "", PIPELINES.format(http=0, peer=1).replace(
            "otelcol:\n", "", 1)))
        for command in ([], ["validate"]):
            code, printed = run("otelcol", *command, f"--config={alone}")
            self.assertEqual(code, 1)
            self.assertIn("there are no stores in this process", printed)
            self.assertIn("section otelcol of sextant.yaml", printed)


class HostMetricsTest(TestCase):
    def test_the_hosts_metrics_are_those_of_proc(self):
        out = self.folder / "metrics.json"
        (own,) = free_ports(1)
        collector = Collector(f"""
receivers:
  hostmetrics:
    collection_interval: 300ms
    initial_delay: 0s
    scrapers:
      cpu:
      disk:
      filesystem:
      load:
      memory: {{metrics: {{system.memory.limit: {{enabled: true}}}}}}
      network:
      paging:
      processes:
      process: {{include: {{names: [sextant], match_type: strict}}, mute_process_all_errors: true}}
      system:
exporters: {{file: {{path: "{out}"}}}}
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]}}}}
  pipelines: {{metrics: {{receivers: [hostmetrics], exporters: [file]}}}}
""")
        self.addCleanup(collector.folder.cleanup)
        self.addCleanup(collector.kill)
        collector.wait_running()
        wait_for("two looks", lambda: out.exists() and out.read_text().count("\n") >= 2)
        collector.port = own
        self.assertGreater(collector.metric('otelcol_scraper_scraped_metric_points{scraper="cpu"'), 0)
        pid = collector.process.pid
        look = json.loads(out.read_text().splitlines()[1])
        metrics = {}
        processes = []
        for resource in look["resourceMetrics"]:
            attributes = {a["key"]: a["value"] for a in resource.get("resource", {}).get("attributes", [])}
            if "process.pid" in attributes:
                processes.append((attributes, resource))
                continue
            for metric in resource["scopeMetrics"][0]["metrics"]:
                metrics[metric["name"]] = metric
        names = {"system.cpu.time", "system.cpu.load_average.1m", "system.memory.usage", "system.memory.limit",
                 "system.network.io", "system.network.connections", "system.paging.faults", "system.processes.count",
                 "system.processes.created", "system.uptime"}
        self.assertLessEqual(names, set(metrics))

        def points(name):
            kind = "gauge" if "gauge" in metrics[name] else "sum"
            return [({a["key"]: a["value"]["stringValue"] for a in point.get("attributes", [])},
                     float(point.get("asInt", point.get("asDouble", 0)))) for point in metrics[name][kind]["dataPoints"]]
        total = int(re.search(r"MemTotal: +(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1)) * 1024
        self.assertEqual(points("system.memory.limit"), [({}, total)])
        self.assertEqual(len(points("system.cpu.time")), 8 * os.cpu_count())
        uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
        self.assertLess(abs(points("system.uptime")[0][1] - uptime), 600)
        now = pathlib.Path("/proc/stat").read_text()
        for number in range(os.cpu_count()):
            user, _, system, idle = (int(t) / 100 for t in re.search(rf"cpu{number} (.*)", now).group(1).split()[:4])
            for state, seconds in (("user", user), ("system", system), ("idle", idle)):
                ((_, told),) = [p for p in points("system.cpu.time") if p[0] == {"cpu": f"cpu{number}", "state": state}]
                self.assertLessEqual(told, seconds)
                self.assertLess(seconds - told, 600)
        devices = set(re.findall(r"(?m)^ *([^ :]+):", pathlib.Path("/proc/net/dev").read_text()))
        self.assertEqual({p[0]["device"] for p in points("system.network.io")}, devices)
        self.assertEqual(metrics["system.cpu.time"]["unit"], "s")
        self.assertTrue(metrics["system.cpu.time"]["sum"]["isMonotonic"])
        own_process = [p for p in processes if int(p[0]["process.pid"]["intValue"]) == pid]
        self.assertEqual(len(own_process), 1)
        attributes, resource = own_process[0]
        self.assertEqual(attributes["process.executable.name"]["stringValue"], "sextant")
        self.assertIn(" otelcol --config ", attributes["process.command_line"]["stringValue"])
        self.assertEqual([m["name"] for m in resource["scopeMetrics"][0]["metrics"]],
                         ["process.cpu.time", "process.memory.usage", "process.memory.virtual", "process.disk.io"])
        self.assertEqual(collector.stop(), 0)


    def test_processes_are_told_apart_in_the_store(self):
        config = self.write("sextant.yaml", """
otelcol:
  receivers:
    hostmetrics:
      collection_interval: 300ms
      initial_delay: 0s
      scrapers: {process: {mute_process_all_errors: true}}
  exporters: {sextant: {resource_to_telemetry_conversion: {enabled: true}}}
  service: {pipelines: {metrics: {receivers: [hostmetrics], exporters: [sextant]}}}
""")
        ours = self.start_platform("--config", config)
        own = f'process_memory_usage_bytes{{process_pid="{ours.process.pid}",process_executable_name="sextant"}}'
        self.assertGreater(wait_for("its own memory", lambda: ours.one(own)), 1 << 20)
        self.assertEqual(ours.stop(), 0)


if __name__ == "__main__":
    run_where_grpc_is()
    unittest.main()
