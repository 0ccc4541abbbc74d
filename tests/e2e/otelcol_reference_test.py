"""The reference deployment's two collectors, from their own files, against stand-ins for Tempo, Prometheus and
Kubernetes' API. Only addresses and rhythms are set over the files, on the command line."""
import json
import os
import pathlib
import tempfile
import time
import unittest

from harness import Server, free_ports, wait_for
from local_server import Answer, LocalServer
from otelcol_test import Collector, CollectorTest, run_where_grpc_is
from otlp_peer import field, fixed, text_attribute, varint

FILES = pathlib.Path(os.environ.get("SEXTANT_CONFORMANCE_DIR", pathlib.Path(__file__).resolve().parents[3] / "shared" / "conformance")
                     ) / "otel" / "article"

POD = {
    "metadata": {"name": "shop-7d9f-abcde", "namespace": "web", "uid": "11111111-2222-3333-4444-555555555555",
                 "resourceVersion": "5", "labels": {"app.kubernetes.io/component": "checkout"},
                 "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shop-7d9f",
                                      "uid": "99999999-2222-3333-4444-555555555555", "controller": True}]},
    "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "shop:1"}]},
    "status": {"phase": "Running", "podIP": "10.9.9.9", "startTime": "2026-01-01T00:00:00Z"},
}
REPLICA_SET = {
    "metadata": {"name": "shop-7d9f", "namespace": "web", "uid": "99999999-2222-3333-4444-555555555555", "resourceVersion": "4",
                 "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop",
                                      "uid": "88888888-2222-3333-4444-555555555555", "controller": True}]},
}


class Kubernetes(LocalServer):
    """Lists one pod and its replica set; watches stay open and silent."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.kubeconfig = pathlib.Path(self.folder.name) / "config"
        self.kubeconfig.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}]}))

    def answer(self, request):
        if "watch=" in request.query:
            request.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                       b"Transfer-Encoding: chunked\r\n\r\n")
            self.closed.wait()
            return None
        items = {"pods": [POD], "replicasets": [REPLICA_SET]}.get(request.path.rsplit("/", 1)[-1], [])
        return Answer(json.dumps({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": items}),
                      kind="application/json")

    def stop(self):
        self.close()
        self.folder.cleanup()


def request(count):
    """Server spans of 250 ms with a status code, from a pod."""
    items = b""
    for i in range(count):
        now = time.time_ns()
        items += field(2, field(1, os.urandom(16)) + field(2, os.urandom(8)) + field(5, "GET /cart") + varint(6 << 3) +
                       varint(2) + fixed(7, now - 250_000_000) + fixed(8, now) +
                       field(9, field(1, "http.response.status_code") + field(2, varint(3 << 3) + varint(200))))
    resource = text_attribute(1, "service.name", "shop") + text_attribute(1, "k8s.pod.ip", "10.9.9.9")
    return field(1, field(1, resource) + field(2, field(1, field(1, "lib")) + items))


@unittest.skipUnless(FILES.is_dir(), "the conformance data is not there")
class ReferenceTest(CollectorTest):
    def setUp(self):
        kubernetes = Kubernetes()
        self.addCleanup(kubernetes.stop)
        old = os.environ.get("KUBECONFIG")
        os.environ["KUBECONFIG"] = str(kubernetes.kubeconfig)
        self.addCleanup(lambda: os.environ.pop("KUBECONFIG") if old is None else os.environ.update(KUBECONFIG=old))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = pathlib.Path(folder.name) / "prometheus.yml"
        config.write_text("global: {scrape_interval: 1h}\n")
        self.prometheus = Server(["--config.file", str(config), "--storage.tsdb.path", folder.name + "/data",
                                  "--web.listen-address", "127.0.0.1:0", "--web.enable-remote-write-receiver"],
                                 program=("prometheus",)).wait_ready()
        self.addCleanup(self.prometheus.kill)

    def start_file(self, name, *settings):
        text = (FILES / name).read_text()
        return self.start(text, *[f"--set={one}" for one in settings])

    def traces(self, name):
        tempo = self.peer().serve_grpc()
        grpc, own, health, pprof, zpages = free_ports(5)
        collector = self.start_file(
            name, f"receivers.otlp.protocols.grpc.endpoint=127.0.0.1:{grpc}",
            f"exporters.otlp/tempo.endpoint=127.0.0.1:{tempo.grpc_port}",
            f"exporters.prometheusremotewrite/kube-prom-stack.endpoint=http://127.0.0.1:{self.prometheus.port}/api/v1/write",
            "processors.k8sattributes.auth_type=kubeConfig",
            "connectors.spanmetrics.metrics_flush_interval=500ms",
            f"extensions.health_check.endpoint=127.0.0.1:{health}", f"extensions.pprof.endpoint=127.0.0.1:{pprof}",
            f"extensions.zpages.endpoint=127.0.0.1:{zpages}",
            f"service.telemetry.metrics.readers=[{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]")
        import grpc as grpc_library
        channel = grpc_library.insecure_channel(f"127.0.0.1:{grpc}")
        self.addCleanup(channel.close)
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        self.assertEqual(export(request(3)), b"")
        wait_for("Tempo to have the spans", lambda: len(tempo.spans()) == 3)
        resource, span = tempo.spans()[0]
        self.assertEqual(span["name"], "GET /cart")
        for key, value in (("k8s.pod.name", "shop-7d9f-abcde"), ("k8s.namespace.name", "web"), ("k8s.node.name", "node-1"),
                           ("k8s.deployment.name", "shop"), ("k8s.pod.uid", POD["metadata"]["uid"])):
            self.assertEqual(resource[key], value)
        # A second batch, since the first value of a new count is 0.
        wait_for("the first values", lambda: self.prometheus.query("span_metrics_calls_total"))
        export(request(2))
        wait_for("the counts in Prometheus", lambda: 5 in self.prometheus.query("span_metrics_calls_total").values())
        ((labels, _),) = self.prometheus.query("span_metrics_calls_total").items()
        labels = dict(labels)
        for key, value in (("span_name", "GET /cart"), ("span_kind", "SPAN_KIND_SERVER"), ("service_name", "shop"),
                           ("http_response_status_code", "200"), ("job", "shop"), ("collector_name", "otel-collector-metrics"),
                           ("k8s_pod_name", "shop-7d9f-abcde")):
            self.assertEqual(labels.get(key), value, labels)
        self.assertNotIn("status_code", labels)
        buckets = self.prometheus.query("sum by (le) (span_metrics_duration_milliseconds_bucket)")
        self.assertEqual([dict(key)["le"] for key in sorted(buckets, key=lambda key: float(dict(key)["le"]))],
                         ["2", "4", "6", "8", "10", "50", "100", "200", "400", "800", "1000", "1400", "2000", "5000", "10000",
                          "15000", "+Inf"])
        self.assertEqual(self.prometheus.one("span_metrics_duration_milliseconds_count"), 5)
        self.assertTrue(self.prometheus.query("target_info"))
        self.assertEqual({name for name in self.prometheus.api("label/__name__/values") if name.startswith("span_metrics")},
                         {"span_metrics_calls_total", "span_metrics_duration_milliseconds_bucket",
                          "span_metrics_duration_milliseconds_sum", "span_metrics_duration_milliseconds_count"})
        collector.port = health
        self.assertEqual(collector.get("/")[0], 200)
        collector.port = zpages
        self.assertIn("traces", collector.get("/debug/pipelinez")[1])
        self.assertEqual(collector.stop(), 0, collector.output)

    def test_traces_of_the_article(self):
        self.traces("otel-collector-traces.article.config.yaml")

    def test_traces_of_the_repository(self):
        self.traces("otel-collector-traces.config.yaml")

    def test_metrics(self):
        os.environ["MY_POD_IP"] = "127.0.0.1"
        self.addCleanup(os.environ.pop, "MY_POD_IP")
        grpc, own, health, pprof, zpages = free_ports(5)
        collector = self.start_file(
            "otel-collector-metrics.config.yaml", f"receivers.otlp.protocols.grpc.endpoint=127.0.0.1:{grpc}",
            f"service.telemetry.metrics.address=127.0.0.1:{own}",
            f'receivers.prometheus.config.scrape_configs=[{{job_name: otel-collector-metrics, scrape_interval: 500ms, '
            f'static_configs: [{{targets: ["127.0.0.1:{own}"]}}]}}]',
            f"exporters.prometheusremotewrite.endpoint=http://127.0.0.1:{self.prometheus.port}/api/v1/write",
            "processors.k8sattributes.auth_type=kubeConfig", "processors.batch.timeout=200ms",
            f"extensions.health_check.endpoint=127.0.0.1:{health}", f"extensions.pprof.endpoint=127.0.0.1:{pprof}",
            f"extensions.zpages.endpoint=127.0.0.1:{zpages}")
        self.assertIn("service::telemetry::metrics::address is a setting of older collectors", collector.output)
        wait_for("the collector's own metrics in Prometheus",
                 lambda: self.prometheus.query('otelcol_process_uptime_total{job="otel-collector-metrics"}'))
        ((labels, _),) = self.prometheus.query("otelcol_process_uptime_total").items()
        self.assertEqual(dict(labels)["collector_name"], "otel-collector-metrics")
        self.assertEqual(dict(labels)["k8s_pod_ip"], "127.0.0.1")
        self.assertEqual(self.prometheus.one('up{job="otel-collector-metrics"}'), 1)
        self.assertEqual(collector.stop(), 0, collector.output)


if __name__ == "__main__":
    run_where_grpc_is()
    unittest.main()
