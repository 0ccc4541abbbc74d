"""The web configuration file that Prometheus and its exporters share, with everything that it may say of TLS, beside Debian's
prometheus where that knows it: the same clients get in, and the same are turned away.
"""
import base64
import re
import socket
import ssl
import subprocess
import unittest
import urllib.error
import urllib.request

from harness import PEERS, TestCase, free_port, wait_for

PASSWORD = "secret"
HASH = "$2y$10$abcdefghijklmnopqrstuuqflPDzB6gcMhKa1rZqKiun2YGL5sa2u"


def certificate(folder, name, names, ca=None):
    """A key and a certificate of these alternative names, self-signed or by `ca`."""
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    by = ["-CA", str(folder / f"{ca}.crt"), "-CAkey", str(folder / f"{ca}.key")] if ca else []
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                           "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", *by, "-keyout", str(key), "-out", str(cert)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise unittest.SkipTest(f"openssl cannot make certificates here: {done.stderr}")
    return key, cert


class WebConfig(TestCase):
    def setUp(self):
        super().setUp()
        self.key, self.cert = certificate(self.folder, "server", "DNS:localhost,IP:127.0.0.1")
        certificate(self.folder, "client", "DNS:one.example,email:me@one.example")
        certificate(self.folder, "stranger", "DNS:two.example")
        self.write("prometheus.yml", "global: {}\n")

    def context(self, client=None, **settings):
        context = ssl.create_default_context(cafile=str(self.cert))
        if client:
            context.load_cert_chain(str(self.folder / f"{client}.crt"), str(self.folder / f"{client}.key"))
        for name, value in settings.items():
            setattr(context, name, value)
        return context

    def visit(self, port, client=None, **settings):
        """The status of an answer, or 0 when the connection is refused."""
        try:
            with urllib.request.urlopen(f"https://localhost:{port}/-/healthy", timeout=20, context=self.context(client, **settings)) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, ssl.SSLError):
            return 0

    def ours(self, text, ready=True):
        path = self.write("web.yml", text)
        server = self.start("--config.file=prometheus.yml", f"--storage.tsdb.path={self.folder / 'ours'}",
                            "--web.listen-address=127.0.0.1:0", f"--web.config.file={path}", program=("prometheus",), ready=False)
        if ready:
            wait_for("the port", lambda: self.port_of(server))
        return server

    @staticmethod
    def port_of(server):
        for line in server.output.splitlines():
            if "ready to receive web requests" in line:
                return int(line.rsplit("url=", 1)[1].strip('"').rsplit(":", 1)[1].split("/")[0].strip('"'))
        return None

    def theirs(self):
        port = free_port()
        process = subprocess.Popen([str(PEERS / "prometheus"), "--config.file=prometheus.yml", f"--storage.tsdb.path={self.folder / 'theirs'}",
                                    f"--web.listen-address=127.0.0.1:{port}", f"--web.config.file={self.folder / 'web.yml'}"],
                                   cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def is_up():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True
            except OSError:
                return False
        wait_for("the peer", is_up)
        return port

    def indented(self, path):
        return "\n".join("    " + line for line in path.read_text().splitlines())

    def test_certificates_in_the_file_itself_and_names_of_clients(self):
        inline = ("tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n"
                  f"  cert: |\n{self.indented(self.cert)}\n  key: |\n{self.indented(self.key)}\n"
                  f"  client_ca: |\n{self.indented(self.folder / 'client.crt')}\n"
                  "  client_allowed_sans: [me@one.example]\n")
        server = self.ours(inline)
        port = self.port_of(server)
        self.assertEqual(self.visit(port, "client"), 200)
        self.assertEqual(self.visit(port, "stranger"), 0)
        self.assertEqual(self.visit(port), 0)
        server.stop()
        port = self.port_of(self.ours(inline.replace("[me@one.example]", "[one, me@two.example]")))
        self.assertEqual(self.visit(port, "client"), 0, "it has none of these names")

    @unittest.skipUnless((PEERS / "prometheus").exists(), "no peers here: scripts/peers unpacks them")
    def test_the_same_clients_get_in_as_with_prometheus(self):
        seen = set()
        files = "cert_file: server.crt, key_file: server.key"
        for tls in ("client_auth_type: RequireAnyClientCert", "client_auth_type: RequestClientCert",
                    "client_auth_type: VerifyClientCertIfGiven, client_ca_file: client.crt",
                    "client_auth_type: RequireAndVerifyClientCert, client_ca_file: client.crt",
                    "max_version: TLS12", "min_version: TLS13",
                    "cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256], max_version: TLS12",
                    "curve_preferences: [CurveP521]"):
            with self.subTest(tls):
                server = self.ours(f"tls_server_config: {{{files}, {tls}}}\n")
                ours, theirs = self.port_of(server), self.theirs()
                for client, settings in ((None, {}), ("client", {}), ("stranger", {}),
                                         ("client", {"maximum_version": ssl.TLSVersion.TLSv1_2}),
                                         ("client", {"minimum_version": ssl.TLSVersion.TLSv1_3})):
                    got = self.visit(ours, client, **settings)
                    wanted = wait_for("an answer or none", lambda: (self.visit(theirs, client, **settings),))[0]
                    self.assertEqual(got, wanted, (client, settings))
                    seen.add(got)
                server.stop()
        self.assertEqual(seen, {0, 200}, "some get in, and some do not")

    def test_rate_limit_and_wrong_files(self):
        port = self.port_of(self.ours("tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
                                      "rate_limit: {interval: 1h, burst: 2}\n"))
        self.assertEqual([self.visit(port) for _ in range(3)], [200, 200, 429])
        for tls, says in (("cert: garbage, key_file: server.key", "cert holds no PEM certificate"),
                          ("cert_file: server.crt, key_file: client.key", "does not belong to"),
                          ("cert_file: server.crt, key_file: server.key, cipher_suites: [X]", "unknown cipher: X"),
                          ("cert_file: server.crt, key_file: server.key, curve_preferences: [X]", "unknown curve: X"),
                          ("cert_file: server.crt, key_file: server.key, client_auth_type: X", "invalid ClientAuth: X")):
            server = self.ours(f"tls_server_config: {{{tls}}}\n", ready=False)
            self.assertEqual(server.process.wait(20), 1)
            wait_for(says, lambda server=server, says=says: says in server.output)


class Reload(TestCase):
    """A configuration that is refused late must not have changed who may ask."""

    def web(self, name):
        self.write("web.yml", f"basic_auth_users: {{{name}: '{HASH}'}}\n")
        return str(self.folder / "web.yml")

    def status(self, server, path, user, method="GET"):
        token = base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
        return server.request(method, path, headers={"Authorization": f"Basic {token}"})[0]

    def begin(self, program, log, *arguments):
        server = self.start(*arguments, "--web.listen-address=127.0.0.1:0", f"--web.config.file={self.web('old')}",
                            program=[program], ready=False)
        server.port = int(wait_for("the address", lambda: re.search(log + r".*http://127\.0\.0\.1:(\d+)", server.output)).group(1))
        return server

    def check(self, server, path, break_file, mend_file):
        wait_for("the old user to get in", lambda: self.status(server, path, "old") == 200)
        self.assertEqual(self.status(server, path, "new"), 401)
        self.web("new")
        break_file()
        self.assertEqual(self.status(server, "/-/reload", "old", "POST"), 500)
        self.assertEqual((self.status(server, path, "old"), self.status(server, path, "new")), (200, 401))
        mend_file()
        self.assertEqual(self.status(server, "/-/reload", "old", "POST"), 200)
        self.assertEqual((self.status(server, path, "old"), self.status(server, path, "new")), (401, 200))

    def test_alertmanager_keeps_its_users(self):
        config = "route: {receiver: a}\nreceivers: [{name: a}]\n"
        file = self.write("am.yml", config)
        server = self.begin("alertmanager", "Listening on", f"--config.file={file}", f"--storage.path={self.folder / 'am'}",
                            "--cluster.listen-address=")
        # The file is right; only when its templates are read something is wrong.
        self.write("broken.tmpl", '{{ define "x" }}{{ nosuchfunction }}{{ end }}')
        self.check(server, "/api/v2/status", lambda: self.write("am.yml", config + "templates: [broken.tmpl]\n"),
                   lambda: self.write("am.yml", config))

    def test_prometheus_keeps_its_users(self):
        file = self.write("prometheus.yml", "global: {}\n")
        server = self.begin("prometheus", "web requests", f"--config.file={file}", f"--storage.tsdb.path={self.folder / 'data'}",
                            "--web.enable-lifecycle")
        self.check(server, "/api/v1/status/config", lambda: self.write("prometheus.yml", "global: {query_log_file: no/such/folder/log}\n"),
                   lambda: self.write("prometheus.yml", "global: {}\n"))


if __name__ == "__main__":
    unittest.main()
