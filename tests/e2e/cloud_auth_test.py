"""Tokens and keys of clouds: roles, identities and assertions of remote write, discovery, scrapes and notifications, given by a
server of ours in the place of AWS, Azure and Google.
"""
import base64
import json
import os
import subprocess
import unittest
import unittest.mock
import urllib.parse

from harness import TestCase, run, wait_for
from local_server import Answer, LocalServer

STS = """<{0}Response><{0}Result><Credentials><AccessKeyId>ROLE{1}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
<SessionToken>session{1}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{0}Result></{0}Response>"""
EC2 = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"
CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: asserted
    static_configs: [{{targets: ['{cloud}']}}]
    oauth2:
      client_id: me
      grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer
      client_certificate_key_file: key.pem
      client_certificate_key_id: k1
      signature_algorithm: RS384
      audience: them
      claims: {{team: {{id: 7}}}}
      token_url: http://{cloud}/assertion
  - job_name: discovered
    ec2_sd_configs: [{{endpoint: 'http://{cloud}/ec2', region: eu-1, access_key: AK, secret_key: SK, role_arn: 'arn:ec2', external_id: x}}]
remote_write:
  - {{name: aws, url: 'http://{cloud}/aws', sigv4: {{region: eu-1, role_arn: 'arn:write', external_id: ext}}}}
  - {{name: azure, url: 'http://{cloud}/azure', azuread: {{managed_identity: {{}}, scope: 'https://mine/.default'}}}}
  - {{name: google, url: 'http://{cloud}/google', google_iam: {{}}}}
"""
ALERTS = """
route: {{receiver: sns, group_wait: 0s, group_interval: 1s}}
receivers:
- name: sns
  sns_configs: [{{api_url: 'http://{cloud}/sns', sigv4: {{region: eu-1, role_arn: 'arn:sns', external_id: y}}, topic_arn: t}}]
"""


class FakeCloud(LocalServer):
    """Answers what clouds answer and keeps what came: (path, headers, form, query)."""

    def __init__(self):
        self.seen = []
        super().__init__()

    def answer(self, request):
        form = request.form()
        self.seen.append((request.path, request.headers, form, request.query))
        return Answer(self.text(request.path, form), kind="text/plain" if request.path == "/metrics" else "application/json")

    def text(self, path, form):
        metadata = "/latest/meta-data/iam/security-credentials/"
        keys = {"Code": "Success", "AccessKeyId": "MACHINE", "SecretAccessKey": "s", "Token": "m", "Expiration": "2099-01-01T00:00:00Z"}
        return {
            "/sts": STS.format(form.get("Action"), form.get("RoleArn")),
            "/ec2": EC2,
            "/latest/api/token": "imds",
            metadata: "machine-role",
            metadata + "machine-role": json.dumps(keys),
            "/msi": json.dumps({"access_token": "azure-token", "expires_in": "3600"}),
            "/computeMetadata/v1/instance/service-accounts/default/token": json.dumps({"access_token": "google-token", "expires_in": 3600}),
            "/assertion": json.dumps({"access_token": "asserted-token", "expires_in": 3600}),
            "/metrics": "up_there 1\n",
        }.get(path, "{}")

    def of(self, path):
        return [(headers, form, query) for seen, headers, form, query in self.seen if seen == path]


class CloudAuth(TestCase):
    def setUp(self):
        super().setUp()
        self.cloud = FakeCloud()
        self.addCleanup(self.cloud.close)
        address = self.cloud.address
        environment = unittest.mock.patch.dict(os.environ, {
            "HOME": str(self.folder), "AWS_ENDPOINT_URL_STS": f"http://{address}/sts",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{address}", "GCE_METADATA_HOST": address,
            "IDENTITY_ENDPOINT": f"http://{address}/msi", "IDENTITY_HEADER": "secret header"})
        environment.start()
        self.addCleanup(environment.stop)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS"):
            os.environ.pop(name, None)

    def first(self, path):
        return wait_for(f"a request for {path}", lambda: self.cloud.of(path))[0]

    def key(self):
        subprocess.run(["openssl", "genrsa", "-out", str(self.folder / "key.pem"), "2048"], check=True, capture_output=True)

    def test_a_server_shows_who_it_is(self):
        self.key()
        config = self.write("prometheus.yml", CONFIG.format(cloud=self.cloud.address))
        server = self.start("--config.file", config, "--storage.tsdb.path", str(self.folder / "data"),
                            "--web.listen-address", "127.0.0.1:0", program=("prometheus",))

        # The instance's keys assume the role, whose keys sign.
        headers, _, _ = self.first("/aws")
        self.assertIn("Credential=ROLEarn:write/", headers["Authorization"])
        self.assertIn("/eu-1/aps/aws4_request", headers["Authorization"])
        self.assertEqual(headers["X-Amz-Security-Token"], "sessionarn:write")
        assumed = [(headers, form) for headers, form, _ in self.cloud.of("/sts") if form["RoleArn"] == "arn:write"]
        self.assertEqual(len(assumed), 1)
        self.assertEqual(assumed[0][1]["ExternalId"], "ext")
        self.assertIn("Credential=MACHINE/", assumed[0][0]["Authorization"])

        headers, _, _ = self.first("/azure")
        self.assertEqual(headers["Authorization"], "Bearer azure-token")
        headers, _, query = self.cloud.of("/msi")[0]
        self.assertEqual(headers["X-IDENTITY-HEADER"], "secret header")
        self.assertEqual(urllib.parse.parse_qs(query)["resource"], ["https://mine"])
        headers, _, _ = self.first("/google")
        self.assertEqual(headers["Authorization"], "Bearer google-token")

        headers, _, _ = self.first("/ec2")
        self.assertIn("Credential=ROLEarn:ec2/", headers["Authorization"])
        self.assertIn("/eu-1/ec2/aws4_request", headers["Authorization"])

        wait_for("a scrape with a token", lambda: server.one('up{job="asserted"}') == 1)
        headers, _, _ = self.cloud.of("/metrics")[0]
        self.assertEqual(headers["Authorization"], "Bearer asserted-token")
        header, claims, _ = self.cloud.of("/assertion")[0][1]["assertion"].split(".")
        decode = lambda part: json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        self.assertEqual(decode(header), {"alg": "RS384", "typ": "JWT", "kid": "k1"})
        claims = decode(claims)
        self.assertEqual((claims["iss"], claims["sub"], claims["aud"], claims["team"]), ("me", "me", "them", {"id": 7}))
        for path in ("/msi", "/assertion", "/computeMetadata/v1/instance/service-accounts/default/token"):
            self.assertEqual(len(self.cloud.of(path)), 1, f"{path}: kept")
        shown = server.api("status/config")["yaml"]
        self.assertIn("role_arn: arn:write", shown)
        self.assertNotIn("secret_key: SK", shown)

    def test_a_notification_is_signed_by_a_role(self):
        config = self.write("alertmanager.yml", ALERTS.format(cloud=self.cloud.address))
        server = self.start("--config.file", config, "--storage.path", str(self.folder / "am"),
                            "--web.listen-address", "127.0.0.1:0", program=("alertmanager",))
        server.request("POST", "/api/v2/alerts", json.dumps([{"labels": {"alertname": "A"}}]).encode(), {"Content-Type": "application/json"})
        headers, form, _ = self.first("/sns")
        self.assertEqual(form["TopicArn"], "t")
        self.assertIn("Credential=ROLEarn:sns/", headers["Authorization"])
        self.assertIn("/eu-1/sns/aws4_request", headers["Authorization"])
        self.assertEqual(self.cloud.of("/sts")[0][1]["ExternalId"], "y")

    def test_what_is_wrong_is_named(self):
        for field, says in {
            "azuread: {cloud: Moon, sdk: {}}": "must provide a cloud in the Azure AD config",
            "azuread: {}": "must provide an Azure Managed Identity",
            "azuread: {sdk: {}}, google_iam: {}": "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be configured",
            "sigv4: {external_id: x}": "external_id can only be used with role_arn",
            "google_iam: {file: x}": "unknown field",
        }.items():
            path = self.write("bad.yml", f"remote_write: [{{url: 'http://x', {field}}}]\n")
            code, output = run("prometheus", "--config.file", path, "--storage.tsdb.path", str(self.folder / "bad"))
            self.assertEqual(code, 1, output)
            self.assertIn("bad.yml:1:", output)
            self.assertIn(says, output)


if __name__ == "__main__":
    unittest.main()
