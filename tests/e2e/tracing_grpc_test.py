"""The server's own traces over OTLP's gRPC, which is the default of the original, taken by gRPC's own library."""
import pathlib
import tempfile
import unittest

from harness import Server, wait_for
from otelcol_test import run_where_grpc_is
from otlp_peer import OtlpPeer


class TracingOverGrpcTest(unittest.TestCase):
    def test_spans_arrive_also_after_failures(self):
        failures = iter([True, True])
        peer = OtlpPeer(fails=lambda: next(failures, False)).serve_grpc()
        self.addCleanup(peer.stop)
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "prometheus.yml"
            config.write_text("global: {scrape_interval: 1h}\n"
                              f"tracing: {{endpoint: '127.0.0.1:{peer.grpc_port}', insecure: true, sampling_fraction: 1}}\n")
            server = Server(["--config.file", str(config), "--storage.tsdb.path", folder + "/data",
                             "--web.listen-address", "127.0.0.1:0"], program=("prometheus",)).wait_ready()
            self.addCleanup(server.kill)
            self.assertEqual(server.query("1 + 1"), 2)
            wait_for("the spans of the query",
                     lambda: any("/api/v1/query" in span["name"] for _, span in peer.spans()))
            self.assertEqual(peer.refused, 2)
            resource, _ = peer.spans()[0]
            self.assertIn("service.name", resource)
            self.assertEqual(server.stop(), 0, server.output)


if __name__ == "__main__":
    run_where_grpc_is()
    unittest.main()
