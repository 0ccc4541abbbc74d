"""Notifications at the services' doors: a real process, local fakes that take, refuse, hang and ask for patience."""
import base64
import json
import os
import pathlib
import quopri
import re
import socket
import ssl
import subprocess
import threading
import time
import unittest

from harness import PEERS, Api, TestCase, free_port, wait_for
from local_server import Answer, LocalServer

CONFORMANCE = pathlib.Path(os.environ.get(
    "SEXTANT_CONFORMANCE_DIR", str(pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "conformance")))


class FakeService(LocalServer):
    """Keeps requests and answers as told: answers[path] is a list of (status, headers, body), used up first to last; a path in
    `hanging` gets no answer."""

    def __init__(self):
        self.requests = []
        self.answers = {}
        self.hanging = set()
        super().__init__()

    def answer(self, request):
        self.requests.append((request.path, request.headers, request.body.decode()))
        if request.path in self.hanging:
            self.closed.wait(60)
        status, headers, text = 200, {}, self.usual(request.path)
        if self.answers.get(request.path):
            status, headers, text = self.answers[request.path].pop(0)
        return Answer(text, status, headers.get("Content-Type", "text/plain"),
                      {name: value for name, value in headers.items() if name != "Content-Type"})

    @staticmethod
    def usual(path):
        if path.startswith("/slack"):
            return "ok"
        if "sendMessage" in path:
            return '{"ok": true, "result": {}}'
        if "gettoken" in path:
            return '{"errcode": 0, "access_token": "tok"}'
        if "chat.postMessage" in path:
            return '{"success": true}'
        if path.endswith("/search"):
            return '{"issues": []}'
        return "{}"

    def bodies(self, path):
        return [body for p, _, body in list(self.requests) if p == path]


class FakeMailServer:
    """An SMTP server with STARTTLS or TLS from the start, and AUTH PLAIN for user/pass."""

    def __init__(self, certificate, implicit):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.implicit = implicit
        self.mails = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                self._talk(connection)
            except (OSError, ValueError):
                pass
            finally:
                connection.close()

    def _talk(self, connection):
        secure = self.implicit
        if secure:
            connection = self.context.wrap_socket(connection, server_side=True)
        lines = connection.makefile("rb")

        def say(text):
            connection.sendall(text.encode() + b"\r\n")
        commands = []
        say("220 fake")
        while True:
            line = lines.readline().decode().rstrip("\r\n")
            if not line:
                return
            commands.append(line)
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                say("250-fake")
                say("250 AUTH PLAIN" if secure else "250 STARTTLS")
            elif word == "STARTTLS":
                say("220 go on")
                connection = self.context.wrap_socket(connection, server_side=True)
                lines = connection.makefile("rb")
                secure = True
            elif word == "AUTH":
                right = base64.b64decode(line.split(" ")[2]) == b"\0user\0pass"
                say("235 ok" if right else "535 5.7.8 wrong")
            elif word == "DATA":
                say("354 go on")
                data = b""
                while not data.endswith(b"\r\n.\r\n"):
                    data += lines.readline()
                self.mails.append((commands, data.decode()))
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def close(self):
        self.listener.close()


SEXTANT = """
prometheus:
  global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
  scrape_configs:
    - job_name: app
      static_configs: [{{targets: ['{target}']}}]
  rule_files: [rules.yml]
{alerting}
alertmanager:
{alertmanager}
"""

RULES = """
groups:
  - name: g
    rules:
      - alert: PodDown
        expr: pod_down > 0
        labels: {severity: warning}
        annotations:
          summary: 'Pod {{ $labels.pod }} is down.'
          description: 'It <b>stopped</b> & "left".'
          runbook_url: https://runbooks.example.org/poddown
"""


def indented(text, by="  "):
    return "".join(by + line if line.strip() else line for line in text.splitlines(keepends=True))


class Receivers(TestCase):
    def service(self):
        fake = FakeService()
        self.addCleanup(fake.close)
        return fake

    def mail_server(self, implicit):
        certificate = (str(self.folder / "cert.pem"), str(self.folder / "key.pem"))
        if not os.path.exists(certificate[0]):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                            "-addext", "subjectAltName=DNS:localhost", "-keyout", certificate[1], "-out", certificate[0]],
                           check=True, capture_output=True)
        server = FakeMailServer(certificate, implicit)
        self.addCleanup(server.close)
        return server

    def start_with(self, alertmanager, alerting="", *arguments):
        self.app = self.target('pod_down{pod="api-1"} 1\npod_down{pod="api-2"} 1\n')
        self.write("rules.yml", RULES)
        config = self.write("sextant.yaml", SEXTANT.format(target=self.app.address, alerting=alerting,
                                                           alertmanager=indented(alertmanager)))
        return self.start_platform("--config", config, *arguments)

    def test_every_service_is_told(self):
        fake = self.service()
        starttls = self.mail_server(implicit=False)
        implicit = self.mail_server(implicit=True)
        url = fake.url
        sextant = self.start_with(f"""
global:
  slack_api_url: {url}/slack
  pagerduty_url: {url}/pagerduty
  opsgenie_api_url: {url}/opsgenie
  opsgenie_api_key: k
  victorops_api_url: {url}/victorops
  victorops_api_key: k
  telegram_api_url: {url}
  webex_api_url: {url}/webex
  wechat_api_url: {url}/wechat
  wechat_api_secret: s
  wechat_api_corp_id: c
  rocketchat_api_url: {url}/rocketchat
  rocketchat_token: t
  rocketchat_token_id: i
  smtp_from: sextant@example.org
  smtp_auth_username: user
  smtp_auth_password: pass
  smtp_tls_config: {{ca_file: cert.pem}}
route: {{receiver: all, group_by: [alertname], group_wait: 100ms, group_interval: 1s}}
receivers:
- name: all
  webhook_configs: [{{url: '{url}/webhook'}}]
  slack_configs: [{{channel: '#c'}}]
  pagerduty_configs: [{{routing_key: k}}]
  opsgenie_configs: [{{update_alerts: true}}]
  victorops_configs: [{{routing_key: r}}]
  telegram_configs: [{{bot_token: t, chat_id: 1}}]
  discord_configs: [{{webhook_url: '{url}/discord'}}]
  webex_configs: [{{room_id: r, http_config: {{authorization: {{credentials: t}}}}}}]
  msteams_configs: [{{webhook_url: '{url}/msteams'}}]
  msteamsv2_configs: [{{webhook_url: '{url}/msteamsv2'}}]
  wechat_configs: [{{to_user: u}}]
  sns_configs: [{{api_url: '{url}/sns', sigv4: {{region: r, access_key: a, secret_key: s}}, topic_arn: t, use_aws_http_client: true}}]
  jira_configs: [{{api_url: '{url}/jira', project: P, issue_type: Bug}}]
  rocketchat_configs: [{{channel: '#c'}}]
  mattermost_configs: [{{webhook_url: '{url}/mattermost'}}]
  incidentio_configs: [{{url: '{url}/incidentio', alert_source_token: t}}]
  email_configs:
  - {{to: 'ops@example.org', smarthost: 'localhost:{starttls.port}', text: '{{{{ template "__subject" . }}}}'}}
  - {{to: 'ops@example.org', smarthost: 'localhost:{implicit.port}', force_implicit_tls: true}}
""")
        for path in ("/webhook", "/slack", "/pagerduty", "/opsgenie/v2/alerts", "/victorops/k/r", "/bott/sendMessage", "/discord",
                     "/webex", "/msteams", "/msteamsv2", "/wechat/gettoken", "/wechat/message/send", "/sns", "/jira/search",
                     "/jira/issue", "/rocketchat/api/v1/chat.postMessage", "/mattermost", "/incidentio"):
            wait_for(f"{path}; it printed:\n{sextant.output}", lambda path=path: fake.bodies(path))
        wait_for("OpsGenie's changes", lambda: len([p for p, _, _ in fake.requests if p.startswith("/opsgenie/v2/alerts/")]) == 2)
        commands, mail = wait_for("the mail by STARTTLS", lambda: starttls.mails)[0]
        self.assertEqual([c.split(" ")[0] for c in commands][:7],
                         ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
        self.assertIn("Subject: [FIRING:2] PodDown (", mail)
        # All of it is decoded, the headers too, whose boundary may look like a character.
        html = quopri.decodestring(mail.encode()).decode(errors="replace")
        self.assertIn("It &lt;b&gt;stopped&lt;/b&gt; &amp; &#34;left&#34;.", html)
        commands, _ = wait_for("the mail by TLS", lambda: implicit.mails)[0]
        self.assertEqual([c.split(" ")[0] for c in commands][:5], ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"])

    def test_untrusted_mail_servers_get_nothing(self):
        server = self.mail_server(implicit=False)
        sextant = self.start_with(f"""
global: {{smtp_from: a@b.c, smtp_smarthost: 'localhost:{server.port}', smtp_auth_username: user, smtp_auth_password: pass}}
route: {{receiver: mail, group_wait: 100ms, group_interval: 1s}}
receivers: [{{name: mail, email_configs: [{{to: d@e.f}}]}}]
""")
        wait_for("the failure to be logged", lambda: "send STARTTLS command: tls:" in sextant.output)
        self.assertEqual(server.mails, [])

    def test_services_that_fail(self):
        fake = self.service()
        fake.answers["/later"] = [(429, {"Retry-After": "1"}, "slow down")]
        fake.answers["/broken"] = [(500, {}, "oops"), (503, {}, "")]
        fake.answers["/refuses"] = [(400, {}, "bad")] * 100
        fake.answers["/moved"] = [(307, {"Location": fake.url + "/here"}, "")]
        fake.hanging.add("/hangs")
        url = fake.url
        hooks = ["hangs", "later", "broken", "refuses", "moved"]
        receivers = "".join(f"- name: {name}\n  webhook_configs: [{{url: '{url}/{name}'}}]\n" for name in hooks)
        receivers += f"- name: tls\n  webhook_configs: [{{url: '{url.replace('http', 'https')}/tls'}}]\n"
        routes = "".join(f"  - {{receiver: {name}, continue: true}}\n" for name in [*hooks, "tls"])
        server = self.start_with("route:\n  receiver: hangs\n  group_wait: 100ms\n  group_interval: 1m\n  routes:\n" + routes +
                                 "receivers:\n" + receivers)
        started = time.monotonic()
        wait_for("the redirected one", lambda: fake.bodies("/here"))
        wait_for("the one that failed twice", lambda: len(fake.bodies("/broken")) == 3)
        wait_for("the one that was asked to wait", lambda: len(fake.bodies("/later")) == 2)
        self.assertGreaterEqual(time.monotonic() - started, 1)
        wait_for("the one behind broken TLS", lambda: "tls" in server.output.lower())
        self.assertEqual(len(fake.bodies("/hangs")), 1)
        self.assertEqual(json.loads(fake.bodies("/later")[0]), json.loads(fake.bodies("/later")[1]))

        def metric(name, **labels):
            text = server.get("/metrics")[1]
            want = name + "{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "} "
            found = [line for line in text.splitlines() if line.startswith(want)]
            return float(found[0].split()[-1]) if found else None
        wait_for("the refusal to be counted", lambda: metric(
            "alertmanager_notifications_failed_total", integration="webhook", reason="clientError") == 1)
        self.assertEqual(metric("sextant_alerting_rate_limited_total", integration="webhook"), 1)
        self.assertEqual(metric("alertmanager_notifications_total", integration="webhook"), 6)
        self.assertEqual(metric("alertmanager_notifications_failed_total", integration="sns", reason="other"), 0)
        self.assertIn("unexpected status code 400: bad", server.output)

    def test_a_broken_slack_template_raises_an_alert(self):
        fake = self.service()
        self.start_with(f"""
route: {{receiver: slack, group_by: [alertname], group_wait: 100ms, group_interval: 1s}}
receivers:
- name: slack
  slack_configs: [{{api_url: '{fake.url}/slack', channel: '#c', title: '{{{{ .Nope }}}}'}}]
""")
        wait_for("plain words", lambda: [b for b in fake.bodies("/slack") if "alertname=PodDown" in json.loads(b)["text"]])
        wait_for("our own alert", lambda: [
            b for b in fake.bodies("/slack") if "alertname=SextantReceiverTemplateFailed" in json.loads(b)["text"]])

    def test_slack_hears_from_us_what_it_hears_from_alertmanager(self):
        source = CONFORMANCE / "alerting" / "article" / "alertmanager.yml"
        if not (PEERS / "prometheus-alertmanager").exists() or not source.exists():
            self.skipTest("no peer or no reference deployment")
        start = 'mount --bind "$0" /usr/share && exec "$@"'
        if subprocess.run(["unshare", "-m", "sh", "-c", start, PEERS.parent / "share", "true"], capture_output=True).returncode != 0:
            self.skipTest("cannot make a mount namespace here")
        ours, theirs = self.service(), self.service()
        text = source.read_text().replace("route:\n", "route:\n  group_wait: 2s\n", 1)

        def pointed_at(fake):
            return re.sub(r"api_url: \S+", f"api_url: {fake.url}/slack", text)
        self.write("peer.yml", pointed_at(theirs))
        port = free_port()
        peer = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", start, PEERS.parent / "share", PEERS / "prometheus-alertmanager", "--config.file=peer.yml",
             "--storage.path=peer", "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}",
             "--web.external-url=http://alerts.example.org"], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.kill)

        def peer_ready():
            try:
                return Api(port).get("/-/ready")[0] == 200
            except OSError:
                return False
        wait_for("the peer", peer_ready)
        alerting = f"  alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}"
        self.start_with(pointed_at(ours), alerting, "--web.external-url", "http://alerts.example.org")
        firing = [wait_for(name, lambda fake=fake: fake.bodies("/slack"))[0] for name, fake in (("us", ours), ("them", theirs))]
        self.assertEqual(json.loads(firing[0]), json.loads(firing[1]))
        self.assertIn("PodDown", firing[0])


if __name__ == "__main__":
    unittest.main()
