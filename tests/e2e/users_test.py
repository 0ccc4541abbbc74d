"""grafana.ini against the real binary: every way in, roles, what another site's page may not do, guessing, what survives a
restart, and what is refused."""
import base64
import concurrent.futures
import http.client
import json
import os
import sqlite3
import subprocess
import unittest

from harness import OWN_ADDRESS, PEERS, TestCase, run, wait_for

INI = """\
[security]
admin_user = root
admin_password = \"\"\"first;secret\"\"\"
"""


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


ROOT = basic("root", "first;secret")


class Users(TestCase):
    def begin(self, ini=INI, extra=(), data="data", **options):
        self.write("grafana.ini", ini)
        config = self.write("sextant.yaml", "grafana:\n  ini: grafana.ini\n")
        return self.start("--data", str(self.folder / data), "--listen", "127.0.0.1:0", f"--config={config}", *extra, **options)

    def ask(self, server, method, path, body=None, headers=None):
        """As urllib does not: without following redirects."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def log_in(self, server, user="root", password="first;secret"):
        answer = self.ask(server, "POST", "/login", {"user": user, "password": password})
        self.assertEqual(answer.status, 200, answer.text)
        cookie = answer.headers["Set-Cookie"]
        self.assertIn("HttpOnly", cookie)
        self.assertIn("SameSite=Lax", cookie)
        return {"Cookie": cookie.split(";")[0], "Origin": f"http://127.0.0.1:{server.port}"}

    def add_user(self, server, login, role, password="viewing"):
        body = {"login": login, "password": password, "role": role}
        answer = self.ask(server, "POST", "/api/admin/users", body, ROOT)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json["id"]

    def test_without_an_ini_nothing_changes(self):
        server = self.start_platform()
        self.assertEqual(server.get("/api/v1/query", query="1")[0], 200)
        self.assertEqual(server.get("/api/user")[0], 404)
        self.assertEqual(self.ask(server, "POST", "/login", {"user": "a", "password": "b"}).status, 404)
        self.assertFalse((self.folder / "data" / "users.sqlite").exists())

    def test_a_session_from_login_to_logout(self):
        server = self.begin()
        for path, status in [("/api/v1/query?query=1", 401), ("/metrics", 401), ("/api/dashboards/home", 401), ("/nosuch", 401),
                             ("/-/ready", 200), ("/-/healthy", 200), ("/api/health", 200), ("/login", 200)]:
            self.assertEqual(self.ask(server, "GET", path).status, status, path)
        page = self.ask(server, "GET", "/d/home/x?from=now-1h")
        self.assertEqual([page.status, page.headers["Location"]], [302, "../../login?redirectTo=%2Fd%2Fhome%2Fx%3Ffrom%3Dnow-1h"])
        session = self.log_in(server)
        me = self.ask(server, "GET", "/api/user", headers=session).json
        self.assertEqual([me["login"], me["isGrafanaAdmin"], me["orgId"]], ["root", True, 1])
        self.assertEqual(self.ask(server, "GET", "/api/v1/query?query=1", headers=session).status, 200)
        # The database has neither the password nor the session's secret, and is the owner's alone.
        secret = session["Cookie"].split("=")[1]
        path = self.folder / "data" / "users.sqlite"
        rows = sqlite3.connect(path).execute("SELECT password_hash FROM users UNION ALL SELECT secret_hash FROM sessions").fetchall()
        self.assertEqual(len(rows), 2)
        self.assertTrue(rows[0][0].startswith("$2b$10$"), rows)
        self.assertNotIn(secret, str(rows))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        # It outlives a restart, and ends with the logout.
        server.stop()
        server = self.begin()
        session["Origin"] = f"http://127.0.0.1:{server.port}"
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=session).status, 200)
        gone = self.ask(server, "GET", "/logout", headers=session)
        self.assertEqual([gone.status, gone.headers["Location"]], [302, "login"])
        self.assertIn("Max-Age=0", gone.headers["Set-Cookie"])
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=session).status, 401)

    def test_another_sites_page_changes_nothing(self):
        server = self.begin()
        session = self.log_in(server)
        silence = {"matchers": [{"name": "a", "value": "b", "isRegex": False}], "startsAt": "2030-01-01T00:00:00Z",
                   "endsAt": "2030-01-02T00:00:00Z", "createdBy": "x", "comment": "y"}
        cookie = {"Cookie": session["Cookie"]}
        for lure in [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Referer": "http://evil.example/"},
                     {"Sec-Fetch-Site": "same-site"}]:
            for headers in [{**cookie, **lure}] + ([{**ROOT, **lure}] if lure else []):
                answer = self.ask(server, "POST", "/api/v2/silences", silence, headers)
                self.assertEqual([answer.status, answer.json], [403, {"message": "origin not allowed"}], headers)
        self.assertEqual(self.ask(server, "GET", "/api/v2/silences", headers=session).json, [])
        self.assertEqual(self.ask(server, "POST", "/api/v2/silences", silence, session).status, 200)
        self.assertEqual(self.ask(server, "POST", "/api/v2/silences", silence, ROOT).status, 200)
        login = self.ask(server, "POST", "/login", {"user": "root", "password": "first;secret"}, {"Origin": "http://evil.example"})
        self.assertEqual(login.status, 403)
        metrics = self.ask(server, "GET", "/metrics", headers=ROOT).text
        self.assertIn("sextant_foreign_requests_refused_total 10", metrics)

    def test_roles(self):
        server = self.begin(extra=("--web.enable-lifecycle",))
        self.add_user(server, "vera", "Viewer")
        editor = self.add_user(server, "ed", "Editor")
        viewer, ed = basic("vera", "viewing"), basic("ed", "viewing")
        board = {"dashboard": {"title": "T", "uid": "t"}}
        steps = [("GET", "/api/search", None, 200, 200), ("POST", "/api/v1/query?query=1", None, 200, 200),
                 ("POST", "/api/dashboards/db", {**board, "overwrite": True}, 403, 200), ("DELETE", "/api/dashboards/uid/t", None, 403, 200),
                 ("POST", "/api/v1/admin/tsdb/clean_tombstones", None, 403, 403), ("POST", "/-/reload", None, 403, 403),
                 ("GET", "/api/users", None, 403, 403), ("POST", "/api/admin/users", {}, 403, 403),
                 ("GET", "/api/auth/keys", None, 403, 403), ("POST", "/api/admin/provisioning/dashboards/reload", None, 403, 403)]
        for method, path, body, for_viewer, for_editor in steps:
            self.assertEqual(self.ask(server, method, path, body, viewer).status, for_viewer, path)
            self.assertEqual(self.ask(server, method, path, body, ed).status, for_editor, path)
        self.assertEqual(self.ask(server, "POST", "/-/reload", headers=ROOT).status, 200)
        refused = self.ask(server, "GET", "/api/users", headers=viewer).json["message"]
        self.assertEqual(refused, "Permission denied: this needs the role Admin, yours is Viewer")
        # A role counts at once, and the last administrator stays one.
        change = self.ask(server, "PATCH", f"/api/org/users/{editor}", {"role": "Admin"}, ROOT)
        self.assertEqual([change.status, change.json["message"]], [200, "Organization user updated"])
        users = self.ask(server, "GET", "/api/org/users", headers=ed).json
        self.assertEqual([(one["login"], one["role"]) for one in users], [("root", "Admin"), ("vera", "Viewer"), ("ed", "Admin")])
        self.assertEqual(self.ask(server, "DELETE", "/api/org/users/1", headers=ed).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=ROOT).status, 401)
        self.assertEqual(self.ask(server, "DELETE", f"/api/admin/users/{editor}", headers=ed).status, 400)
        for bad, status in [({"login": "vera", "password": "xxxx"}, 409), ({"login": "x", "password": "x"}, 400),
                            ({"login": "x", "password": "xxxx", "role": "Owner"}, 400), ({"login": 1, "password": "xxxx"}, 400),
                            ([], 400)]:
            self.assertEqual(self.ask(server, "POST", "/api/admin/users", bad, ed).status, status, bad)

    def test_passwords_change(self):
        server = self.begin()
        vera = self.add_user(server, "vera", "Viewer")
        here, elsewhere = self.log_in(server, "vera", "viewing"), self.log_in(server, "vera", "viewing")
        change = {"oldPassword": "viewing", "newPassword": "another"}
        self.assertEqual(self.ask(server, "PUT", "/api/user/password", {**change, "oldPassword": "no"}, here).status, 401)
        self.assertEqual(self.ask(server, "PUT", "/api/user/password", {**change, "newPassword": "x"}, here).status, 400)
        self.assertEqual(self.ask(server, "PUT", "/api/user/password", change, here).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=here).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=elsewhere).status, 401)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=basic("vera", "viewing")).status, 401)
        self.assertEqual(self.ask(server, "PUT", f"/api/admin/users/{vera}/password", {"password": "third"}, ROOT).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=here).status, 401)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=basic("vera", "third")).status, 200)

    def test_tokens(self):
        server = self.begin()
        made = self.ask(server, "POST", "/api/auth/keys", {"name": "ci", "role": "Editor"}, ROOT)
        self.assertEqual(made.status, 200, made.text)
        bearer = {"Authorization": "Bearer " + made.json["key"]}
        self.assertEqual(self.ask(server, "POST", "/api/dashboards/db", {"dashboard": {"title": "T"}}, bearer).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/users", headers=bearer).status, 403)
        self.assertEqual(self.ask(server, "GET", "/api/search", headers=basic("api_key", made.json["key"])).status, 200)
        short = self.ask(server, "POST", "/api/auth/keys", {"name": "short", "secondsToLive": 1}, ROOT).json
        brief = {"Authorization": "Bearer " + short["key"]}
        wait_for("the token's end", lambda: self.ask(server, "GET", "/api/search", headers=brief).status == 401)
        listed = self.ask(server, "GET", "/api/auth/keys", headers=ROOT)
        self.assertEqual([(one["name"], one["role"], one["hasExpired"]) for one in listed.json], [("ci", "Editor", False), ("short", "Viewer", True)])
        self.assertNotIn(made.json["key"], listed.text)
        server.stop()
        server = self.begin()
        self.assertEqual(self.ask(server, "GET", "/api/search", headers=bearer).status, 200)
        self.assertEqual(self.ask(server, "DELETE", f"/api/auth/keys/{made.json['id']}", headers=ROOT).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/search", headers=bearer).status, 401)
        self.assertEqual(self.ask(server, "POST", "/api/auth/keys", {"name": "x", "secondsToLive": -1}, ROOT).status, 400)

    def test_service_accounts(self):
        server = self.begin()
        made = self.ask(server, "POST", "/api/serviceaccounts", {"name": "sync", "role": "Editor"}, ROOT)
        self.assertEqual([made.status, made.json["role"], made.json["tokens"]], [201, "Editor", 0])
        account = made.json["id"]
        self.assertEqual(self.ask(server, "POST", "/api/serviceaccounts", {"name": "sync"}, ROOT).status, 409)
        token = self.ask(server, "POST", f"/api/serviceaccounts/{account}/tokens", {"name": "t", "secondsToLive": 3600}, ROOT)
        self.assertEqual([token.status, token.headers["Cache-Control"]], [200, "no-store"])
        bearer = {"Authorization": "Bearer " + token.json["key"]}
        board = {"dashboard": {"title": "T", "uid": "t"}, "overwrite": True}
        self.assertEqual(self.ask(server, "POST", "/api/dashboards/db", board, bearer).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/serviceaccounts/search", headers=bearer).status, 403)
        listed = self.ask(server, "GET", f"/api/serviceaccounts/{account}/tokens", headers=ROOT).json
        self.assertEqual([(one["name"], one["hasExpired"]) for one in listed], [("t", False)])
        self.assertEqual(self.ask(server, "GET", "/api/auth/keys", headers=ROOT).json, [])
        # Its role is the account's, at once and after a restart.
        changed = self.ask(server, "PATCH", f"/api/serviceaccounts/{account}", {"role": "Viewer"}, ROOT)
        self.assertEqual([changed.status, changed.json["serviceaccount"]["role"]], [200, "Viewer"])
        server.stop()
        server = self.begin()
        self.assertEqual(self.ask(server, "POST", "/api/dashboards/db", board, bearer).status, 403)
        self.ask(server, "PATCH", f"/api/serviceaccounts/{account}", {"isDisabled": True}, ROOT)
        self.assertEqual(self.ask(server, "GET", "/api/search", headers=bearer).status, 401)
        found = self.ask(server, "GET", "/api/serviceaccounts/search?query=SY&disabled=true", headers=ROOT).json
        self.assertEqual([found["totalCount"], found["serviceAccounts"][0]["isDisabled"]], [1, True])
        self.assertEqual(self.ask(server, "DELETE", f"/api/serviceaccounts/{account}/tokens/99", headers=ROOT).status, 404)
        self.assertEqual(self.ask(server, "DELETE", f"/api/serviceaccounts/{account}", headers=ROOT).status, 200)
        self.assertEqual(self.ask(server, "GET", f"/api/serviceaccounts/{account}", headers=ROOT).status, 404)

    def test_sessions_are_listed_ended_and_given_other_secrets(self):
        server = self.begin()
        vera = self.add_user(server, "vera", "Viewer")
        first = self.log_in(server, "vera", "viewing")
        second = self.log_in(server, "vera", "viewing")
        sessions = self.ask(server, "GET", "/api/user/auth-tokens", headers=second).json
        self.assertEqual([one["isActive"] for one in sessions].count(True), 1)
        self.assertEqual({one["clientIp"] for one in sessions}, {"127.0.0.1"})
        other = next(one["id"] for one in sessions if not one["isActive"])
        self.assertEqual(self.ask(server, "POST", "/api/user/revoke-auth-token", {"authTokenId": other}, second).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=first).status, 401)
        young = self.ask(server, "POST", "/api/user/auth-tokens/rotate", headers=second)
        self.assertEqual([young.status, young.headers["Set-Cookie"]], [200, None])
        self.assertEqual(self.ask(server, "POST", "/api/user/auth-tokens/rotate", headers={**second, "Origin": "http://evil.example"}).status, 403)
        # An administrator sees and ends them too.
        self.assertEqual(len(self.ask(server, "GET", f"/api/admin/users/{vera}/auth-tokens", headers=ROOT).json), 1)
        self.assertEqual(self.ask(server, "POST", f"/api/admin/users/{vera}/logout", headers=ROOT).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=second).status, 401)
        # A session that is old enough gets another secret, and the old one counts for what is under way.
        server.stop()
        path = self.folder / "data" / "users.sqlite"
        server = self.begin()
        third = self.log_in(server, "vera", "viewing")
        server.stop()
        with sqlite3.connect(path) as db:
            db.execute("UPDATE sessions SET rotated_ms = rotated_ms - 3600000")
        db.close()
        server = self.begin()
        third["Origin"] = f"http://127.0.0.1:{server.port}"
        rotated = self.ask(server, "POST", "/api/user/auth-tokens/rotate", headers=third)
        self.assertEqual(rotated.status, 200, rotated.text)
        fresh = {"Cookie": rotated.headers["Set-Cookie"].split(";")[0], "Origin": third["Origin"]}
        self.assertNotEqual(fresh["Cookie"], third["Cookie"])
        for cookies in (fresh, third):
            self.assertEqual(self.ask(server, "GET", "/api/user", headers=cookies).status, 200)

    def test_users_are_renamed_and_disabled_and_have_preferences(self):
        server = self.begin()
        vera = self.add_user(server, "vera", "Viewer")
        self.assertEqual(self.ask(server, "PUT", f"/api/users/{vera}", {"login": "root"}, ROOT).status, 409)
        self.assertEqual(self.ask(server, "PUT", f"/api/users/{vera}", {"name": "Vera", "email": "v@example.com"}, ROOT).status, 200)
        found = self.ask(server, "GET", "/api/users/search?query=EXAMPLE&perpage=1", headers=ROOT).json
        self.assertEqual([found["totalCount"], found["users"][0]["login"]], [1, "vera"])
        self.assertEqual(self.ask(server, "GET", "/api/users?perpage=0", headers=ROOT).status, 400)
        session = self.log_in(server, "vera", "viewing")
        self.assertEqual(self.ask(server, "PUT", "/api/user/preferences", {"theme": "pink"}, session).status, 400)
        self.assertEqual(self.ask(server, "PUT", "/api/user/preferences", {"theme": "dark", "weekStart": "monday"}, session).status, 400)
        self.assertEqual(self.ask(server, "PUT", "/api/user/preferences", {"theme": "dark"}, session).status, 200)
        self.assertEqual(self.ask(server, "PATCH", "/api/user/preferences", {"timezone": "utc"}, session).status, 200)
        wanted = self.ask(server, "GET", "/api/user/preferences", headers=session).json
        self.assertEqual(wanted, {"theme": "dark", "homeDashboardUID": "", "timezone": "utc"})
        self.assertEqual(self.ask(server, "GET", "/api/dashboards/home", headers=session).json["dashboard"]["uid"], "home")
        other = next(one for one in self.ask(server, "GET", "/api/search?type=dash-db", headers=session).json if one["uid"] != "home")
        self.ask(server, "PATCH", "/api/user/preferences", {"homeDashboardUID": other["uid"]}, session)
        self.assertEqual(self.ask(server, "GET", "/api/dashboards/home", headers=session).json, {"redirectUri": other["url"]})
        self.assertEqual(self.ask(server, "GET", "/api/dashboards/home", headers=ROOT).json["dashboard"]["uid"], "home")
        self.ask(server, "PATCH", "/api/user/preferences", {"homeDashboardUID": "gone"}, session)
        self.assertEqual(self.ask(server, "GET", "/api/dashboards/home", headers=session).json["dashboard"]["uid"], "home")
        self.assertEqual(self.ask(server, "POST", f"/api/admin/users/{vera}/disable", headers=ROOT).status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=session).status, 401)
        self.assertEqual(self.ask(server, "POST", "/login", {"user": "vera", "password": "viewing"}).status, 401)
        self.assertEqual(self.ask(server, "POST", "/api/admin/users/1/disable", headers=ROOT).status, 400)
        self.assertEqual(self.ask(server, "POST", f"/api/admin/users/{vera}/enable", headers=ROOT).status, 200)
        self.log_in(server, "vera", "viewing")

    def test_behind_a_trusted_proxy_guessing_shuts_out_one_address(self):
        server = self.begin(INI + "trusted_proxies = 127.0.0.1\n")

        def guess(address, password="wrong"):
            return self.ask(server, "POST", "/login", {"user": "root" if password != "wrong" else f"x{address}", "password": password},
                            {"X-Forwarded-For": f"6.6.6.6, {address}"}).status
        self.assertEqual([guess("192.0.2.1") for _ in range(6)], [401] * 5 + [429])
        self.assertEqual(guess("192.0.2.2", "first;secret"), 200)
        self.assertEqual(guess("192.0.2.1"), 429)
        answer = self.ask(server, "GET", "/api/user/auth-tokens", headers=ROOT)
        self.assertEqual([one["clientIp"] for one in answer.json], ["192.0.2.2"])

    def test_guessing_ends_also_many_at_once(self):
        server = self.begin()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            guesses = list(pool.map(lambda n: self.ask(server, "POST", "/login", {"user": "root", "password": f"guess{n}"}).status, range(30)))
        self.assertEqual(guesses.count(401), 5, guesses)
        self.assertTrue(set(guesses) <= {401, 429, 503}, guesses)
        right = self.ask(server, "POST", "/login", {"user": "root", "password": "first;secret"})
        self.assertEqual(right.status, 429)
        self.assertIn("too many failed attempts; try again in ", right.json["message"])
        self.assertEqual(self.ask(server, "GET", "/api/user", headers=ROOT).status, 429)
        self.assertEqual(self.ask(server, "GET", "/-/ready").status, 200)

    def test_many_clients_with_the_right_password(self):
        server = self.begin()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            statuses = list(pool.map(lambda _: self.ask(server, "GET", "/api/user", headers=ROOT).status, range(20)))
        self.assertEqual(set(statuses), {200})

    def test_anonymous_and_proxy(self):
        ini = INI + "[auth.anonymous]\nenabled = true\norg_name = Main Org.\norg_role = Viewer\n"
        server = self.begin(ini)
        self.assertEqual(self.ask(server, "GET", "/").status, 200)
        self.assertEqual(self.ask(server, "GET", "/api/v1/query?query=1").status, 200)
        self.assertEqual(self.ask(server, "POST", "/api/dashboards/db", {}).status, 403)
        self.assertEqual(self.ask(server, "GET", "/api/user").status, 401)
        # A reload takes another ini, and switches users off and on.
        self.write("grafana.ini", "[auth.proxy]\nenabled = true\nheader_name = X-User\nwhitelist = 127.0.0.0/8\n[users]\nauto_assign_org_role = Editor\n")
        server.process.send_signal(1)
        wait_for("the reload", lambda: self.ask(server, "GET", "/api/search").status == 401)
        who = self.ask(server, "GET", "/api/user", headers={"X-User": "new@example.com"}).json
        self.assertEqual([who["login"], who["role"], who["authLabels"]], ["new@example.com", "Editor", ["Auth Proxy"]])
        self.assertEqual(self.ask(server, "GET", "/api/users", headers={"X-User": "root"}).status, 200)
        self.write("grafana.ini", "[auth.proxy]\nenabled = true\nheader_name = X-User\nwhitelist = 10.0.0.1\n")
        server.process.send_signal(1)
        wait_for("the reload", lambda: self.ask(server, "GET", "/api/user", headers={"X-User": "root"}).status == 401)
        self.write("sextant.yaml", "{}\n")
        server.process.send_signal(1)
        wait_for("the reload", lambda: self.ask(server, "GET", "/api/search").status == 200)

    def test_below_a_prefix(self):
        server = self.begin(extra=("--web.route-prefix=/mon",), ready=False)
        server.port = int(wait_for("the address", lambda: OWN_ADDRESS.search(server.output)).group(1))
        wait_for("the server", lambda: self.ask(server, "GET", "/mon/-/ready").status == 200)
        page = self.ask(server, "GET", "/mon/targets")
        self.assertEqual([page.status, page.headers["Location"]], [302, "login?redirectTo=%2Ftargets"])
        answer = self.ask(server, "POST", "/mon/login", {"user": "root", "password": "first;secret"})
        self.assertIn("; Path=/mon; ", answer.headers["Set-Cookie"])
        self.assertEqual(answer.json["redirectUrl"], "/mon/")

    def test_prometheus_clients_log_in(self):
        server = self.begin()
        token = self.ask(server, "POST", "/api/auth/keys", {"name": "t", "role": "Viewer"}, ROOT).json["key"]
        urls = [f"http://root:first%3Bsecret@127.0.0.1:{server.port}", f"http://api_key:{token}@127.0.0.1:{server.port}"]
        for url in urls:
            code, text = run("promtool", "query", "instant", url, "1+1")
            self.assertEqual(code, 0, text)
            self.assertIn("2 @", text)
        code, text = run("amtool", "--alertmanager.url", urls[0], "silence", "add", "alertname=x", "--comment=c", "--author=a")
        self.assertEqual(code, 0, text)
        code, text = run("amtool", "--alertmanager.url", urls[1], "silence", "expire", text.strip())
        self.assertNotEqual(code, 0, text)
        self.assertIn("needs the role Editor", text)

    @unittest.skipUnless((PEERS / "promtool").exists(), f"no peers in {PEERS}: run scripts/peers")
    def test_the_originals_log_in(self):
        server = self.begin()
        token = self.ask(server, "POST", "/api/auth/keys", {"name": "t", "role": "Editor"}, ROOT).json["key"]
        for url in [f"http://root:first%3Bsecret@127.0.0.1:{server.port}", f"http://api_key:{token}@127.0.0.1:{server.port}"]:
            asked = subprocess.run([PEERS / "promtool", "query", "instant", url, "1+1"], capture_output=True, text=True, timeout=60)
            self.assertIn("2 @", asked.stdout, asked.stderr)
            made = subprocess.run([PEERS / "amtool", "--alertmanager.url", url, "silence", "add", "a=b", "--comment=c", "--author=a"],
                                  capture_output=True, text=True, timeout=60)
            self.assertRegex(made.stdout, "^[0-9a-f-]{36}", made.stderr)
        # A Prometheus that scrapes us and writes to us with the token.
        (self.folder / "peer").mkdir()
        config = self.write("peer.yml", f"""
global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: us, authorization: {{credentials: {token}}}, static_configs: [{{targets: ["127.0.0.1:{server.port}"]}}]}}
remote_write:
- {{url: "http://127.0.0.1:{server.port}/api/v1/write", authorization: {{credentials: {token}}}}}
""")
        peer = subprocess.Popen([PEERS / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/peer",
                                 "--web.listen-address=127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(peer.wait)
        self.addCleanup(peer.kill)
        query = "/api/v1/query?query=up%7Bjob%3D%22us%22%7D"
        found = wait_for("what the peer wrote", lambda: self.ask(server, "GET", query, headers=ROOT).json["data"]["result"])
        self.assertEqual(found[0]["value"][1], "1")

    def test_what_is_refused(self):
        def refusal(ini, yaml="grafana:\n  ini: grafana.ini\n", data="refused", arguments=()):
            self.write("grafana.ini", ini)
            config = self.write("sextant.yaml", yaml)
            code, text = run("--data", str(self.folder / data), "--listen", "127.0.0.1:0", f"--config={config}", *arguments)
            self.assertNotEqual(code, 0)
            return text
        self.assertIn("security.admin_password (or GF_SECURITY_ADMIN_PASSWORD) must be set", refusal(""))
        self.assertIn("grafana.ini:2: users.allow_sign_up: users cannot sign up", refusal("[users]\nallow_sign_up = true\n"))
        self.assertIn("grafana.ini:2: auth.ldap.enabled: this way to log in is not supported", refusal("[auth.ldap]\nenabled = true\n"))
        self.assertIn("grafana.ini:1: expected \"key = value\"", refusal("nonsense\n"))
        self.assertIn("auth.proxy.whitelist must name", refusal(INI + "[auth.proxy]\nenabled = true\n"))
        self.assertIn("nosuch.ini", refusal("", "grafana:\n  ini: nosuch.ini\n"))
        web = self.write("web.yml", "basic_auth_users:\n  a: $2b$04$" + "a" * 53 + "\n")
        self.assertIn("basic_auth_users cannot be used together with grafana.ini", refusal(INI, arguments=(f"--web.config.file={web}",)))
        (self.folder / "broken").mkdir()
        (self.folder / "broken" / "users.sqlite").write_text("x" * 4096)
        self.assertIn("users' database", refusal(INI, data="broken"))
        # A reload that is refused leaves everything as it was.
        server = self.begin(data="good")
        self.write("grafana.ini", "[auth.anonymous]\nenabled = perhaps\n")
        server.process.send_signal(1)
        wait_for("the refusal", lambda: "expected true or false, got" in server.output)
        self.assertEqual(self.ask(server, "GET", "/api/search").status, 401)
        self.assertEqual(self.ask(server, "GET", "/api/search", headers=ROOT).status, 200)

    def test_keys_that_do_nothing_are_said(self):
        server = self.begin(INI + "[server]\nhttp_port = 3000\n")
        self.assertIn("server.http_port", server.output)

    def test_bad_requests(self):
        server = self.begin()
        for body in [None, [], {}, {"user": "root"}, {"user": "", "password": "x"}, {"user": "root", "password": 1},
                     {"user": "x" * 191, "password": "x"}, {"user": "root", "password": "x" * 73}]:
            self.assertEqual(self.ask(server, "POST", "/login", body).status, 400, body)
        self.assertEqual(self.ask(server, "POST", "/login", {"user": "root", "password": "x" * 100_000}).status, 413)
        for path in ["/api/users/x", "/api/users/99999999999999999999"]:
            self.assertEqual(self.ask(server, "GET", path, headers=ROOT).status, 400)
        self.assertEqual(self.ask(server, "GET", "/api/users/99", headers=ROOT).status, 404)
        self.assertEqual(self.ask(server, "GET", "/api/search", headers={"Authorization": "Basic !!!"}).status, 401)
        self.assertEqual(self.ask(server, "GET", "/api/search", headers={"Cookie": "grafana_session=" + "0" * 64}).status, 401)


if __name__ == "__main__":
    unittest.main()
