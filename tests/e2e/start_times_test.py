"""Features that change what a scrape's samples are: zeros where counting began, and labels of type and unit."""
import time
import unittest

from harness import TestCase, wait_for

CONFIG = """
global: {{scrape_interval: 200ms}}
scrape_configs:
- job_name: shop
  static_configs: [{{targets: ["{target}"]}}]
"""
BODY = """# TYPE sales_bytes counter
# UNIT sales_bytes bytes
sales_bytes_total{{till="1"}} {value}
sales_bytes_created{{till="1"}} {created}
# TYPE took histogram
took_bucket{{le="1"}} 2
took_bucket{{le="+Inf"}} 3
took_sum 4
took_count 3
took_created {created}
# TYPE seats gauge
seats 7
# EOF
"""


class StartTimesTest(TestCase):
    def start_prometheus(self, *flags):
        self.created = time.time() - 60
        self.shop = self.target(BODY.format(value=5, created=self.created))
        self.shop.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        config = self.write("prometheus.yml", CONFIG.format(target=self.shop.address))
        return self.start(f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}",
                          "--web.listen-address=127.0.0.1:0", *flags, program=("prometheus",))

    def points(self, server, selector):
        """[(time, value)] of the last minutes of the only series."""
        result = server.api("query", query=f"{selector}[10m]")["result"]
        self.assertLessEqual(len(result), 1)
        return [(float(at), float(value)) for at, value in result[0]["values"]] if result else []

    def test_without_features_created_samples_are_samples(self):
        server = self.start_prometheus()
        wait_for("samples", lambda: self.points(server, "sales_bytes_created"))
        self.assertEqual({value for _, value in self.points(server, "sales_bytes_total")}, {5})
        self.assertTrue(self.shop.heads[0][1]["Accept"].startswith("application/openmetrics-text"))

    def test_zeros_stand_where_counting_began(self):
        server = self.start_prometheus("--enable-feature=created-timestamp-zero-ingestion")
        wait_for("two scrapes", lambda: len(self.points(server, "sales_bytes_total")) > 2)
        for series in ("sales_bytes_total", 'took_bucket{le="1.0"}', "took_count"):
            first, second = self.points(server, series)[:2]
            self.assertEqual(first[1], 0, series)
            self.assertAlmostEqual(first[0], self.created, delta=0.002)
            self.assertGreater(second[1], 0, series)
        self.assertNotIn(0, [value for _, value in self.points(server, "seats")])
        self.assertEqual(server.query('{__name__=~".*_created"}'), {})
        # Begun anew: another zero, so that nothing of the rise is lost.
        began = time.time()
        self.shop.body = BODY.format(value=2, created=began)
        wait_for("the new count", lambda: self.points(server, "sales_bytes_total")[-1][1] == 2)
        points = self.points(server, "sales_bytes_total")
        self.assertEqual([value for _, value in points].count(0), 2)
        self.assertTrue(self.shop.heads[0][1]["Accept"].startswith("application/vnd.google.protobuf"))
        self.assertTrue(server.api("features")["scrape"]["start_timestamp_zero_ingestion"])

    def test_starts_are_read_without_zeros(self):
        server = self.start_prometheus("--enable-feature=st-storage,use-start-timestamps")
        wait_for("samples", lambda: self.points(server, "sales_bytes_total"))
        self.assertNotIn(0, [value for _, value in self.points(server, "sales_bytes_total")])
        self.assertEqual(server.query("sales_bytes_created"), {})
        self.assertGreater(server.one("increase(sales_bytes_total[5m])") or 5, 4)

    def test_types_and_units_are_labels(self):
        server = self.start_prometheus("--enable-feature=type-and-unit-labels")
        wait_for("samples", lambda: server.one("seats"))
        self.assertEqual({dict(labels)["__name__"] for labels in server.query('{__type__="counter"}')}, {"sales_bytes_total"})
        self.assertEqual({dict(labels)["__name__"] for labels in server.query('{__unit__="bytes"}')}, {"sales_bytes_total"})
        self.assertEqual({dict(labels)["__name__"] for labels in server.query('{__type__="gauge"}')}, {"seats"})
        # As the name, they go where a value is not the metric's any more.
        labels = next(iter(server.query("sales_bytes_total * 2")))
        self.assertEqual(dict(labels), {"instance": self.shop.address, "job": "shop", "till": "1"})
        self.assertTrue(server.api("features")["scrape"]["type_and_unit_labels"])


if __name__ == "__main__":
    unittest.main()
