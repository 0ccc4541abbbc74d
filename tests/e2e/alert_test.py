"""An alert fires and reaches a webhook and Slack; it resolves and they hear of that too."""
import unittest

from harness import TestCase, wait_for

CONFIG = """
prometheus:
  global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
  scrape_configs:
    - job_name: disk
      static_configs: [{{targets: ['{target}'], labels: {{team: infra}}}}]
  rule_files: [rules.yml]
alertmanager:
  route:
    receiver: all
    group_by: [alertname]
    group_wait: 100ms
    group_interval: 200ms
    repeat_interval: 1h
  receivers:
    - name: all
      webhook_configs: [{{url: 'http://{hook}/webhook'}}]
      slack_configs: [{{api_url: 'http://{hook}/slack', channel: '#ops', send_resolved: true}}]
"""

RULES = """
groups:
  - name: disks
    rules:
      - alert: DiskFull
        expr: disk_free_ratio < 0.1
        for: 400ms
        labels: {severity: critical}
        annotations:
          summary: '{{ $labels.disk }} has {{ $value | humanizePercentage }} left'
      - record: disk:free:percent
        expr: disk_free_ratio * 100
"""


class Alert(TestCase):
    def test_fires_and_resolves(self):
        target = self.target('disk_free_ratio{disk="sda1"} 0.5\n')
        hook = self.target()
        self.write("rules.yml", RULES)
        config = self.write("sextant.yaml", CONFIG.format(target=target.address, hook=hook.address))
        server = self.start_platform("--config", config)
        wait_for("the recorded series", lambda: server.one("disk:free:percent") == 50)
        self.assertEqual(server.api("alerts")["alerts"], [])

        target.body = 'disk_free_ratio{disk="sda1"} 0.05\n'
        posted = wait_for("the webhook", lambda: [b for p, b in hook.posts if p == "/webhook"])
        message = posted[0]
        self.assertEqual(message["version"], "4")
        self.assertEqual(message["status"], "firing")
        self.assertEqual(message["receiver"], "all")
        alert = message["alerts"][0]
        self.assertEqual(alert["labels"]["alertname"], "DiskFull")
        self.assertEqual(alert["labels"]["severity"], "critical")
        self.assertEqual(alert["labels"]["team"], "infra")
        self.assertEqual(alert["annotations"]["summary"], "sda1 has 5% left")
        slack = wait_for("Slack", lambda: [b for p, b in hook.posts if p == "/slack"])
        self.assertEqual(slack[0]["channel"], "#ops")
        self.assertIn("DiskFull", slack[0]["attachments"][0]["title"])
        firing = server.api("alerts")["alerts"]
        self.assertEqual([a["state"] for a in firing], ["firing"])
        self.assertEqual(len(server.query('ALERTS{alertstate="firing"}')), 1)

        self.assertEqual({a["labels"]["alertname"] for a in firing}, {"DiskFull"}, "no heartbeat that nobody asked for")

        target.body = 'disk_free_ratio{disk="sda1"} 0.5\n'
        wait_for("the resolved webhook", lambda: [b for p, b in hook.posts if p == "/webhook" and b["status"] == "resolved"])

    def test_a_heartbeat_beats_where_a_route_asks_for_it(self):
        hook = self.target()
        config = self.write("sextant.yaml", f"""
alertmanager:
  route:
    receiver: team
    routes:
      - {{matchers: ['alertname="SextantHeartbeat"'], receiver: switch, group_wait: 0s, group_interval: 1s, repeat_interval: 1s}}
  receivers:
    - {{name: team, webhook_configs: [{{url: 'http://{hook.address}/team'}}]}}
    - {{name: switch, webhook_configs: [{{url: 'http://{hook.address}/switch'}}]}}
""")
        server = self.start_platform("--config", config)
        wait_for("three beats", lambda: len([p for p, b in hook.posts if p == "/switch" and b["status"] == "firing"]) >= 3, deadline_s=60)
        self.assertEqual({a["labels"]["alertname"] for p, b in hook.posts if p == "/switch" for a in b["alerts"]}, {"SextantHeartbeat"})
        self.assertIn("SextantHeartbeat", {a["labels"]["alertname"] for a in server.api("alerts")["alerts"]})
        server.stop()


if __name__ == "__main__":
    unittest.main()
