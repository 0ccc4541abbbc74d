"""Traces of our own work: what a collector gets from `sextant prometheus` and `sextant alertmanager`, which span belongs to
which, what reaches other servers in headers, and what becomes of it all when the collector fails."""
import json
import ssl
import unittest

from alertmanager_test import Base
from harness import wait_for
from otlp_spans import Collector
from web_config_test import certificate

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Tracing(Base):
    def setUp(self):
        super().setUp()
        self.collector = Collector()
        self.addCleanup(self.collector.close)

    def tracing(self, fraction=1, more=""):
        return (f"tracing: {{client_type: http, endpoint: '{self.collector.address}', sampling_fraction: {fraction}, "
                f"insecure: true{more}}}\n")

    def start_prometheus(self, text, *arguments):
        return self.start(f"--config.file={self.write('prometheus.yml', text)}", f"--storage.tsdb.path={self.folder / 'data'}",
                          "--web.listen-address=127.0.0.1:0", "--web.enable-lifecycle", *arguments, program=["prometheus"])

    def one(self, name, condition=lambda span: True):
        """The first span of a name that there is."""
        return wait_for(f"a span {name}; there are {sorted({s.name for s in self.collector.spans})}",
                        lambda: next((s for s in self.collector.named(name) if condition(s)), None))

    def test_a_query_is_one_trace(self):
        log = self.folder / "queries.log"
        server = self.start_prometheus(f"global: {{query_log_file: '{log}'}}\n" +
                                       self.tracing(0, ", compression: gzip, headers: {x-tenant: one}"))
        # Nothing is recorded but what somebody else began.
        self.assertEqual(server.get("/api/v1/query", query="vector(1)")[0], 200)
        status, _ = server.request("GET", "/api/v1/query?query=sum(vector(2))", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
        self.assertEqual(status, 200)
        server.stop()
        request = self.one("GET /api/v1/query")
        self.assertEqual((request.trace, request.parent, request.kind), (TRACE, PARENT, "server"))
        self.assertEqual(request.attributes["http.response.status_code"], 200)
        self.assertEqual(request.attributes["url.path"], "/api/v1/query")
        self.assertEqual(request.resource["service.name"], "prometheus")
        execution = self.one("promqlExec")
        self.assertEqual(execution.parent, request.id)
        self.assertEqual(execution.attributes["query"], "sum(vector(2))")
        names = {span.name: span for span in self.collector.children(execution)}
        self.assertEqual(set(names), {"promqlExecQueue", "promqlEval"})
        evaluation = names["promqlEval"]
        self.assertEqual({s.name for s in self.collector.children(evaluation)}, {"promqlPrepare", "promqlInnerEval", "promqlSort"})
        self.assertEqual({s.trace for s in self.collector.spans}, {TRACE})
        for span in self.collector.spans:
            self.assertLessEqual(span.start_ns, span.end_ns, span.name)
        path, headers = self.collector.requests[0]
        self.assertEqual((path, headers["Content-Type"], headers["Content-Encoding"], headers["x-tenant"]),
                         ("/v1/traces", "application/x-protobuf", "gzip", "one"))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([line["spanID"] for line in lines if line["params"]["query"] == "sum(vector(2))"], [evaluation.id])

    def test_scrapes_rules_and_remote_write(self):
        target = self.target("a 1\n")
        rules = self.write("rules.yml", "groups: [{name: g, interval: 1s, rules: [{record: b, expr: a * 2}]}]\n")
        self.start_prometheus(
            self.tracing() + f"global: {{scrape_interval: 1s}}\nrule_files: ['{rules}']\n"
            f"scrape_configs: [{{job_name: t, static_configs: [{{targets: ['{target.address}']}}]}}]\n"
            f"remote_write: [{{name: there, url: 'http://{target.address}/write'}}]\n")
        scrape = self.one("HTTP GET", lambda s: s.attributes["url.full"].endswith("/metrics"))
        self.assertEqual((scrape.kind, scrape.parent), ("client", ""))
        self.assertEqual(scrape.attributes["http.response.status_code"], 200)
        rule = self.one("rule", lambda s: s.attributes["name"] == "b")
        wait_for("the rule's query", lambda: [s.name for s in self.collector.children(rule)] == ["promqlExec"])
        batch = self.one("Remote Send Batch")
        self.assertEqual(batch.attributes["remote_name"], "there")
        self.assertEqual(batch.attributes["remote_url"], f"http://{target.address}/write")
        self.assertGreater(batch.attributes["samples"], 0)
        store = self.one("Remote Store", lambda s: s.parent == batch.id)
        request = self.one("HTTP POST", lambda s: s.parent == store.id)
        wait_for("headers of both", lambda: {f"00-{s.trace}-{s.id}-01" for s in (scrape, request)} <=
                 {headers.get("traceparent") for _, headers in list(target.heads)})

    def test_a_notification_is_one_trace(self):
        hook = self.target()
        config = (f"route: {{receiver: hook, group_wait: 10ms}}\n"
                  f"receivers: [{{name: hook, webhook_configs: [{{url: 'http://{hook.address}/secret'}}]}}]\n")
        server = self.start_alertmanager(self.write("am.yml", config + self.tracing()))
        self.post(server, ({"alertname": "One"}, {}))
        wait_for("the message", lambda: hook.posts)
        flush = self.one("dispatch.AggregationGroup.flush")
        self.assertEqual(flush.attributes["alerting.alerts.count"], 1)
        retry = self.one("notify.RetryStage.Exec", lambda s: s.parent == flush.id)
        self.assertEqual(retry.attributes["alerting.integration.name"], "webhook")
        notify = self.one("notify.Integration.Notify", lambda s: s.parent == retry.id)
        self.assertEqual((notify.kind, notify.failed), ("client", False))
        request = self.one("webhook/HTTP POST", lambda s: s.parent == notify.id)
        self.assertNotIn("secret", str(request.attributes))
        self.one("notify.SetNotifiesStage.Exec", lambda s: s.parent == flush.id)
        self.assertIn(f"00-{request.trace}-{request.id}-01", [headers.get("traceparent") for _, headers in hook.heads])
        posted = self.one("POST /api/v2/alerts")
        routed = self.one("dispatch.Dispatcher.routeAlert", lambda s: s.parent == posted.id)
        self.assertEqual(routed.attributes["alerting.alert.name"], "One")
        self.assertEqual(routed.events, [("dispatching alert to route", {"alerting.route.receiver.name": "hook"})])
        grouped = self.one("dispatch.Dispatcher.groupAlert", lambda s: s.parent == routed.id)
        self.assertEqual(grouped.attributes["alerting.route.receiver.name"], "hook")
        self.assertEqual(posted.resource["service.name"], "alertmanager")
        # A reload takes new settings, and a wrong one leaves the old in force.
        self.write("am.yml", config)
        self.assertEqual(server.request("POST", "/-/reload")[0], 200)
        self.assertEqual(server.get("/api/v2/status", untraced="1")[0], 200)
        self.write("am.yml", config + self.tracing())
        self.assertEqual(server.request("POST", "/-/reload")[0], 200)
        self.write("am.yml", config + "tracing: {client_type: http}\n")
        status, answer = server.request("POST", "/-/reload")
        self.assertEqual(status, 500)
        self.assertIn("tracing endpoint must be set", answer)
        self.assertEqual(server.get("/api/v2/receivers")[0], 200)
        server.stop()
        self.one("GET /api/v2/receivers")
        self.assertEqual(self.collector.named("GET /api/v2/status"), [])

    def test_a_collector_that_fails_costs_nothing_but_spans(self):
        self.collector.answers = [400]
        server = self.start_prometheus(self.tracing())
        self.assertEqual(server.get("/api/v1/query", query="vector(1)")[0], 200)
        wait_for("the loss to be counted",
                 lambda: 'sextant_tracing_spans_total{result="failed"} 0' not in server.get("/metrics")[1])
        self.assertIn("our spans could not be sent", server.output)
        self.collector.close()
        self.assertEqual(server.get("/api/v1/query", query="vector(1)")[0], 200)
        server.stop()

    def test_a_collector_behind_tls(self):
        key, cert = certificate(self.folder, "collector", "DNS:localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        collector = Collector(context)
        self.addCleanup(collector.close)
        text = (f"tracing: {{client_type: http, endpoint: '{collector.address}', sampling_fraction: 1, "
                "tls_config: {ca_file: CA}}\n")
        server = self.start_prometheus(text.replace("CA", str(cert)))
        self.assertEqual(server.get("/api/v1/query", query="vector(1)")[0], 200)
        # A file that is not there changes nothing.
        self.write("prometheus.yml", text.replace("CA", "no-such-file"))
        self.assertEqual(server.request("POST", "/-/reload")[0], 500)
        wait_for("a word about the file", lambda: "no-such-file" in server.output)
        self.assertEqual(server.get("/api/v1/labels")[0], 200)
        server.stop()
        self.assertEqual(len(collector.named("GET /api/v1/query")), 1)
        self.assertEqual(len(collector.named("GET /api/v1/labels")), 1)

    def test_a_collector_that_hangs_does_not_keep_the_server_from_ending(self):
        self.collector.answers = [None] * 100
        server = self.start_prometheus(self.tracing())
        self.assertEqual(server.get("/api/v1/query", query="vector(1)")[0], 200)
        self.assertEqual(server.stop(), 0)
        self.assertIn("stopped", server.output)

    def test_wrong_settings_are_refused_by_name(self):
        for text, error in (
                ("tracing: {client_type: http}", "tracing endpoint must be set"),
                ("tracing: {endpoint: 'a:1', client_type: udp}", "expected tracing client type to be to be http or grpc, but got udp"),
                ("tracing: {endpoint: 'a:1', client_type: http, compression: zstd}", "invalid compression type zstd provided, valid options: gzip"),
                ("tracing: {endpoint: 'http://a:1/b', client_type: http}", "must be a host and a port"),
                ("tracing: {endpoint: 'a:1', client_type: http, headers: {Authorization: x}}", "custom authorization header configuration is not yet supported"),
                ("tracing: {endpoint: 'a:1', client_type: http, headers: {Host: x}}", "Host is a reserved header. It must not be changed"),
                ("tracing: {endpoint: 'a:1', client_type: http, insecure: 7}", "insecure")):
            with self.subTest(text):
                server = self.start(f"--config.file={self.write('bad.yml', text)}", f"--storage.tsdb.path={self.folder / 'none'}",
                                    program=["prometheus"], ready=False)
                self.assertEqual(server.process.wait(60), 1)
                server._reader.join()
                self.assertIn(error, server.output)
                self.assertIn("bad.yml:1:", server.output)


if __name__ == "__main__":
    unittest.main()
