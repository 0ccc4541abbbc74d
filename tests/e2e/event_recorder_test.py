"""The event recorder of `sextant alertmanager`: every step of an alert in files, on the standard output and at webhooks, as
Alertmanager 0.34 writes it, and in Kafka; outputs that fail, a file that is moved away, settings that are refused."""
import json
import os
import ssl
import unittest

from alertmanager_test import Base
from harness import wait_for
from http2_test import make_certificate
from kafka_peer import KafkaPeer
from otlp_peer import fields

CONFIG = """
route: {{receiver: hook, group_by: [alertname], group_wait: 10ms, group_interval: 300ms}}
receivers: [{{name: hook, webhook_configs: [{{url: 'http://{hook}/notify'}}]}}]
inhibit_rules: [{{name: critical wins, source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [cluster]}}]
event_recorder:
  file_outputs: [{{path: '{file}'}}]
  webhook_outputs: [{webhooks}]
  kafka_outputs: [{kafkas}]
  stdout_outputs: [{{name: console}}]
"""


def events_of(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def kinds(events):
    return [next(iter(event["data"])) for event in events]


class EventRecorder(Base):
    def begin(self, webhooks="", *arguments, kafkas=""):
        self.hook = self.target()
        self.file = self.folder / "events.jsonl"
        self.config = CONFIG.format(hook=self.hook.address, file=self.file, kafkas=kafkas,
                                    webhooks=webhooks.format(hook=self.hook.address))
        return self.start_alertmanager(self.write("am.yml", self.config), "--enable-feature=event-recorder", *arguments)

    def events(self, kind):
        return [event["data"][kind] for event in events_of(self.file) if kind in event["data"]]

    def received(self, path):
        return [body for p, body in list(self.hook.posts) if p == path]

    def test_every_step_is_recorded(self):
        server = self.begin("{{url: 'http://user:hunter2@{hook}/events?token=hunter2'}}, "
                            "{{name: lists, url: 'http://{hook}/lists', batch: true, batch_max_events: 3, batch_flush_interval: 50ms}}")
        code, silence = self.our_amtool(server, "silence", "add", "-a", "me", "-c", "why", "alertname=Quiet")
        self.assertEqual(code, 0, silence)
        self.post(server, ({"alertname": "One"}, {"annotations": {"summary": "s"}}), ({"alertname": "Quiet"}, {}),
                  ({"alertname": "Src", "severity": "critical", "cluster": "c"}, {}),
                  ({"alertname": "Tgt", "severity": "warning", "cluster": "c"}, {}))
        wait_for("the silence to hold", lambda: self.events("silenceMutedAlert"))
        wait_for("the inhibition to hold", lambda: self.events("inhibitionMutedAlert"))
        wait_for("the notification", lambda: [n for n in self.events("notification") if "One" in n["groupInfo"]["groupKey"]])
        self.post(server, ({"alertname": "One"}, {"startsAt": "2019-01-01T00:00:00Z", "endsAt": "2020-01-01T00:00:00Z"}))
        wait_for("the end", lambda: self.events("alertResolved"))
        self.assertEqual(self.our_amtool(server, "silence", "expire", silence.strip())[0], 0)
        wait_for("the silence's end", lambda: self.events("silenceUpdated"))

        created = {a["alert"]["name"]: a["alert"] for a in self.events("alertCreated")}
        self.assertEqual(set(created), {"One", "Quiet", "Src", "Tgt"})
        one = created["One"]
        self.assertEqual(one["labels"], {"labels": [{"key": "alertname", "value": "One"}]})
        self.assertEqual(one["annotations"], {"labels": [{"key": "summary", "value": "s"}]})
        self.assertRegex(one["fingerprint"], r"^\d+$")
        self.assertNotIn("resolved", one)
        grouped = next(g for g in self.events("alertGrouped") if g["alert"]["details"]["name"] == "One")
        group = grouped["groupInfo"]
        self.assertEqual((group["groupKey"], group["receiverName"]), ('{}:{alertname="One"}', "hook"))
        self.assertEqual(group["groupLabels"], {"labels": [{"key": "alertname", "value": "One"}]})
        self.assertRegex(group["groupId"], r"^[0-9a-f]{64}$")
        self.assertRegex(group["groupUuid"], r"^[0-9a-f-]{36}$")
        first = next(n for n in self.events("notification") if n["groupInfo"]["groupUuid"] == group["groupUuid"])
        self.assertEqual((first["reason"], first["flushId"], first["repeatInterval"], first["integration"]),
                         ("NOTIFY_REASON_FIRST_NOTIFICATION", "1", "14400s", {"name": "webhook"}))
        self.assertEqual(first["firingAlerts"], [{"hash": grouped["alert"]["hash"]}])
        self.assertNotIn("resolvedAlerts", first)
        resolved = self.events("alertResolved")[0]
        self.assertEqual((resolved["alert"]["details"]["name"], resolved["alert"]["details"]["resolved"]), ("One", True))
        muted = self.events("silenceMutedAlert")[0]
        self.assertEqual((muted["silence"]["id"], muted["silence"]["createdBy"], muted["silence"]["comment"]), (silence.strip(), "me", "why"))
        self.assertEqual(muted["silence"]["matchers"], [{"type": "TYPE_EQUAL", "name": "alertname", "pattern": "Quiet", "rendered": 'alertname="Quiet"'}])
        self.assertEqual(muted["mutedAlert"]["fingerprint"], created["Quiet"]["fingerprint"])
        inhibited = self.events("inhibitionMutedAlert")[0]
        self.assertEqual(inhibited["mutedAlert"]["fingerprint"], created["Tgt"]["fingerprint"])
        self.assertEqual(inhibited["inhibitingFingerprints"], [created["Src"]["fingerprint"]])
        self.assertEqual(inhibited["inhibitRules"][0]["equalLabels"], ["cluster"])
        self.assertEqual(inhibited["inhibitRules"][0]["sourceMatchers"][0]["rendered"], 'severity="critical"')

        metrics = server.get("/metrics")[1]
        self.assertIn('alertmanager_events_recorded_total{event_type="alert_created",output="stdout:console",result="success"} 4', metrics)
        self.assertIn(f'output="webhook:{self.hook.address}"', metrics)
        self.assertNotIn("hunter2", metrics)
        self.assertNotIn("hunter2", server.get("/api/v2/status")[1])
        server.stop()
        written = events_of(self.file)
        names = kinds(written)
        self.assertEqual((names[0], names[-1]), ("alertmanagerStartupEvent", "alertmanagerShutdownEvent"))
        self.assertRegex(written[0]["@timestamp"], r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertTrue(written[0]["instance"])
        # All outputs have them all; webhooks not always in order.
        order = lambda events: sorted(json.dumps(event, sort_keys=True) for event in events)  # noqa: E731
        self.assertEqual(order(self.received("/events?token=hunter2")), order(written))
        lists = self.received("/lists")
        self.assertEqual(order([event for events in lists for event in events]), order(written))
        self.assertTrue(all(1 <= len(events) <= 3 for events in lists))
        printed = [json.loads(line) for line in server.output.splitlines() if line.startswith('{"@timestamp"')]
        self.assertEqual(order(printed), order(written))

    def test_a_file_that_is_moved_away_is_made_anew(self):
        server = self.begin()
        self.post(server, ({"alertname": "One"}, {}))
        wait_for("the first", lambda: self.events("notification"))
        os.rename(self.file, self.folder / "events.1")
        self.post(server, ({"alertname": "Two"}, {}))
        wait_for("the second in a new file", lambda: [a for a in self.events("alertCreated") if a["alert"]["name"] == "Two"])

    def test_a_webhook_that_fails_loses_only_its_own(self):
        server = self.begin("{{name: dead, url: 'http://127.0.0.1:1/', max_retries: 2, retry_backoff: 1ms}}")
        self.post(server, ({"alertname": "One"}, {}))
        wait_for("the notification", lambda: self.events("notification"))
        wait_for("the losses to be counted", lambda: (
            'alertmanager_event_output_drops_total{output="webhook:dead"} 4' in server.get("/metrics")[1]))
        self.assertNotIn("alertmanager_events_dropped_total", server.get("/metrics")[1])

    def peer(self, topic="events", port=0):
        peer = KafkaPeer(topic, port)
        self.addCleanup(peer.stop)
        return peer

    def play(self, server):
        """Steps of all kinds but the end."""
        code, silence = self.our_amtool(server, "silence", "add", "-a", "me", "-c", "why", "alertname=Quiet")
        self.assertEqual(code, 0, silence)
        self.post(server, ({"alertname": "One"}, {"annotations": {"summary": "s"}}), ({"alertname": "Quiet"}, {}),
                  ({"alertname": "Src", "severity": "critical", "cluster": "c"}, {}),
                  ({"alertname": "Tgt", "severity": "warning", "cluster": "c"}, {}))
        wait_for("the silence to hold", lambda: self.events("silenceMutedAlert"))
        wait_for("the inhibition to hold", lambda: self.events("inhibitionMutedAlert"))
        wait_for("the notification", lambda: [n for n in self.events("notification") if "One" in n["groupInfo"]["groupKey"]])
        return silence.strip()

    def test_events_go_to_kafka(self):
        plain, small, numbered = self.peer(), self.peer("small"), self.peer("numbered")
        server = self.begin(kafkas=f"{{brokers: ['{plain.address}'], topic: events, acks: none}}, "
                                   f"{{name: small, brokers: ['{small.address}'], topic: small, compression: gzip, client_id: us, format: json}}, "
                                   f"{{name: once, brokers: ['{numbered.address}'], topic: numbered, format: protobuf, acks: all}}")
        silence = self.play(server)
        metrics = server.get("/metrics")[1]
        self.assertIn(f'output="kafka:{plain.address}/events",result="success"', metrics)
        self.assertIn('output="kafka:once",result="success"', metrics)
        server.stop()
        written = events_of(self.file)
        for peer, client in ((plain, "alertmanager"), (small, "us")):
            wait_for("the last", lambda: len(peer.records) == len(written))
            self.assertEqual([json.loads(record.value) for record in peer.records], written)
            self.assertEqual({record.key for record in peer.records}, {written[0]["instance"]})
            self.assertEqual((peer.clients, peer.producers), ({client}, {-1}))
        self.assertEqual(numbered.producers, {4711})
        self.check_protobuf([record.value for record in numbered.records], written, silence)

    def check_protobuf(self, messages, written, silence):
        self.assertEqual(len(messages), len(written))
        numbers = {"alertmanagerStartupEvent": 1, "alertmanagerShutdownEvent": 2, "alertCreated": 3, "alertResolved": 4, "alertGrouped": 5,
                   "notification": 6, "silenceCreated": 7, "silenceUpdated": 8, "silenceMutedAlert": 9, "inhibitionMutedAlert": 10}
        found = {}
        for message, event in zip(messages, written):
            top = dict(fields(message))
            self.assertEqual(top[2].decode(), event["instance"])
            (number, data), = fields(top[3])
            kind = next(iter(event["data"]))
            self.assertEqual(number, numbers[kind])
            found.setdefault(kind, []).append((data, event["data"][kind], dict(fields(top[1]))))
        data, event, time = found["alertCreated"][0]
        self.assertAlmostEqual(time[1], 1_800_000_000, delta=400_000_000)
        alert = dict(fields(dict(fields(data))[1]))
        self.assertEqual(str(alert[1]), event["alert"]["fingerprint"])
        self.assertEqual(alert[2].decode(), event["alert"]["name"])
        (_, pair), = fields(alert[3])
        self.assertEqual({k: v.decode() for k, v in fields(pair)}, {1: "alertname", 2: alert[2].decode()})
        self.assertNotIn(7, alert)  # it is not resolved
        data, event, _ = found["notification"][0]
        notification = dict(fields(data))
        self.assertEqual(notification[7], 1)  # NOTIFY_REASON_FIRST_NOTIFICATION
        self.assertEqual(dict(fields(notification[6])), {1: 14_400})
        self.assertEqual(str(notification[8]), event["flushId"])
        self.assertEqual(dict(fields(notification[9])), {1: b"webhook"})
        group = dict(fields(notification[5]))
        self.assertEqual([group[i].decode() for i in (1, 3, 4, 6)],
                         [event["groupInfo"][key] for key in ("groupKey", "groupId", "receiverName", "groupUuid")])
        data, event, _ = found["silenceMutedAlert"][0]
        muted = dict(fields(data))
        quiet = dict(fields(muted[1]))
        self.assertEqual((quiet[1].decode(), quiet[7].decode(), quiet[8].decode()), (silence, "me", "why"))
        matcher = dict(fields(quiet[2]))
        self.assertEqual((matcher[1], matcher[2].decode(), matcher[4].decode()), (1, "alertname", 'alertname="Quiet"'))
        data, event, _ = found["inhibitionMutedAlert"][0]
        inhibited = dict(fields(data))
        rule = dict(fields(inhibited[1]))
        self.assertEqual((rule[3], rule[4]), (b"cluster", b"critical wins"))
        self.assertTrue(inhibited[3])  # packed fingerprints
        self.assertEqual(event["inhibitRules"][0]["name"], "critical wins")

    def test_kafka_is_spoken_to_under_tls(self):
        make_certificate(self.folder)
        certificate = self.folder / "cert.pem"
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, self.folder / "key.pem")
        peer = KafkaPeer("events", tls=tls)
        self.addCleanup(peer.stop)
        server = self.begin(kafkas=f"{{name: trusts, brokers: ['{peer.address}'], topic: events, tls_config: {{ca_file: '{certificate}'}}}}, "
                                   f"{{name: doubts, brokers: ['{peer.address}'], topic: events, tls_config: {{}}}}")
        wait_for("the start", lambda: [json.loads(record.value) for record in peer.records] == events_of(self.file)[:1])
        wait_for("the doubts", lambda: (
            'alertmanager_event_kafka_produce_errors_total{error_type="network",output="kafka:doubts"}' in server.get("/metrics")[1]))
        self.assertIn("certificate verify failed", server.output)

    def test_a_kafka_that_is_away_holds_up_nothing(self):
        away = KafkaPeer("events")
        away.stop()
        server = self.begin(kafkas=f"{{name: away, brokers: ['{away.address}'], topic: events, buffer_size: 3}}")
        self.play(server)
        wait_for("the losses to be counted", lambda: 'alertmanager_event_output_drops_total{output="kafka:away"}' in server.get("/metrics")[1])
        wait_for("the failures to be counted", lambda: (
            'alertmanager_event_kafka_produce_errors_total{error_type="network",output="kafka:away"}' in server.get("/metrics")[1]))
        self.assertIn("events cannot be sent to Kafka and are tried again", server.output)
        # What it had room for arrives when it is back, and so does what comes then.
        back = self.peer(port=away.port)
        wait_for("the first three", lambda: len(back.records) == 3, 20)
        self.assertEqual([json.loads(record.value) for record in back.records], events_of(self.file)[:3])
        self.post(server, ({"alertname": "Two"}, {}))
        wait_for("the next", lambda: any(b'"Two"' in record.value for record in back.records), 20)

    def test_a_kafka_that_refuses_or_says_nothing_loses_only_its_own(self):
        refuses, silent = self.peer(), self.peer()
        refuses.error, silent.silent = 29, True
        server = self.begin(kafkas=f"{{name: refuses, brokers: ['{refuses.address}'], topic: events}}, "
                                   f"{{name: silent, brokers: ['{silent.address}'], topic: events, buffer_size: 2}}")
        self.play(server)
        metrics = wait_for("the losses to be counted", lambda: (
            (text := server.get("/metrics")[1]) and 'alertmanager_event_kafka_produce_errors_total{error_type="broker",output="kafka:refuses"}' in text
            and 'alertmanager_event_output_drops_total{output="kafka:silent"}' in text and text))
        self.assertNotIn("alertmanager_events_dropped_total", metrics)
        self.assertIn("TOPIC_AUTHORIZATION_FAILED", server.output)
        self.assertEqual(silent.batches, 1)

    def test_outputs_change_with_the_configuration(self):
        server = self.begin()
        self.post(server, ({"alertname": "One"}, {}))
        wait_for("the first", lambda: self.events("notification"))
        other = self.folder / "other.jsonl"
        self.write("am.yml", self.config.replace(str(self.file), str(other)))
        self.assertEqual(server.request("POST", "/-/reload")[0], 200)
        self.post(server, ({"alertname": "Two"}, {}))
        wait_for("the second elsewhere", lambda: "alertCreated" in kinds(events_of(other)))
        self.assertNotIn("Two", self.file.read_text())

    def test_without_the_feature_it_says_so(self):
        hook = self.target()
        file = self.folder / "none.jsonl"
        server = self.start_alertmanager(self.write("am.yml", CONFIG.format(hook=hook.address, file=file, webhooks="", kafkas="")))
        self.assertIn("event_recorder does nothing without --enable-feature=event-recorder", server.output)
        self.assertFalse(file.exists())

    def test_wrong_settings_are_refused_by_name(self):
        for outputs, error in (
                ("file_outputs: [{}]", "event_recorder file output requires a path"),
                ("file_outputs: [{path: a, name: 'b c'}]", "must contain only letters, digits, hyphens, underscores, and periods"),
                ("file_outputs: [{path: a, name: x}, {path: b, name: x}]", 'event_recorder output name "x" is duplicated for type file'),
                ("webhook_outputs: [{}]", "event_recorder webhook output requires a url"),
                ("webhook_outputs: [{url: 'ftp://a/'}]", "unsupported scheme"),
                ("webhook_outputs: [{url: 'http://a/', batch_max_events: 3}]", "event_recorder webhook batch settings require batch: true"),
                ("webhook_outputs: [{url: 'http://a/', workers: 100000}]", "must not be above 256"),
                ("kafka_outputs: [{topic: t}]", "event_recorder kafka: at least one broker is required"),
                ("kafka_outputs: [{brokers: [a, ''], topic: t}]", "event_recorder kafka: broker entries must be non-empty"),
                ("kafka_outputs: [{brokers: ['a:b'], topic: t}]", "event_recorder kafka:"),
                ("kafka_outputs: [{brokers: [a]}]", "event_recorder kafka output requires a topic"),
                ("kafka_outputs: [{brokers: [a], topic: t, acks: most}]",
                 'event_recorder kafka: unknown acks "most", must be "none", "leader", or "all"'),
                ("kafka_outputs: [{brokers: [a], topic: t, compression: deflate}]", 'event_recorder kafka: unknown compression "deflate"'),
                ("kafka_outputs: [{brokers: [a], topic: t, format: yaml}]",
                 'event_recorder kafka: unknown format "yaml", must be "json" or "protobuf"'),
                ("kafka_outputs: [{brokers: [a], topic: t, buffer_size: 10000000}]", "must not be above 1000000"),
                ("kafka_outputs: [{brokers: [a], topic: t, name: x}, {brokers: [a], topic: t, name: x}]",
                 'event_recorder output name "x" is duplicated for type kafka')):
            with self.subTest(outputs):
                config = self.write("bad.yml", f"route: {{receiver: a}}\nreceivers: [{{name: a}}]\nevent_recorder: {{{outputs}}}\n")
                server = self.start_alertmanager(config, ready=False)
                self.assertEqual(server.process.wait(60), 1)
                server._reader.join()
                self.assertIn(error, server.output)
                self.assertIn("bad.yml:3:", server.output)


if __name__ == "__main__":
    unittest.main()
