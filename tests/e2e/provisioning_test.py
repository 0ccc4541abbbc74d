"""Grafana's provisioning folder and HTTP API against the real binary: files that change while it runs, broken ones, data
sources of our own and of another server, dashboards that are saved, and what survives a restart."""
import json
import os
import pathlib
import unittest

from harness import TestCase, wait_for

PROVIDER = """\
apiVersion: 1
providers:
- name: files
  orgId: 1
  folder: {folder}
  type: file
  updateIntervalSeconds: 1
  allowUiUpdates: {allows}
  options: {{path: {path}}}
"""


def dashboard(uid, title, **more):
    return json.dumps({"uid": uid, "title": title, "tags": ["t"], "panels": [], "schemaVersion": 39, **more})


class Provisioning(TestCase):
    def begin(self, data="data", extra="", allows="false"):
        os.makedirs(pathlib.Path(self.write("provisioning/dashboards/.keep", "")).parent, exist_ok=True)
        boards = pathlib.Path(self.write("boards/.keep", "")).parent
        if not (boards.parent / "provisioning/dashboards/p.yaml").exists():
            self.write("provisioning/dashboards/p.yaml", PROVIDER.format(folder="Team", allows=allows, path=boards))
        config = self.write("sextant.yaml", "grafana:\n  provisioning: provisioning\n" + extra)
        return self.start_platform(f"--config={config}", data=data), boards

    def call(self, server, method, path, body=None, headers=None):
        status, text = server.request(method, path, None if body is None else json.dumps(body).encode(),
                                      {"Content-Type": "application/json", **(headers or {})})
        return status, json.loads(text)

    def titles(self, server, **params):
        return [one["title"] for one in json.loads(server.get("/api/search", **params)[1])]

    def test_files_change_while_it_runs(self):
        server, boards = self.begin()
        self.assertNotIn("First", self.titles(server))
        self.write("boards/first.json", dashboard("first", "First"))
        wait_for("the new file", lambda: "First" in self.titles(server))
        found = json.loads(server.get("/api/search", query="first", type="dash-db")[1])[0]
        self.assertEqual([found["folderTitle"], found["url"], found["tags"]], ["Team", "/d/first/first", ["t"]])
        meta = self.call(server, "GET", "/api/dashboards/uid/first")[1]["meta"]
        self.assertEqual([meta["provisioned"], meta["canSave"], meta["provisionedExternalId"]], [True, False, "first.json"])
        self.write("boards/first.json", dashboard("first", "Changed"))
        wait_for("the changed file", lambda: "Changed" in self.titles(server))
        self.write("boards/first.json", "{ broken")
        problems = wait_for("the problem", lambda: self.call(server, "GET", "/api/admin/provisioning/problems")[1]["problems"])
        self.assertIn("first.json: not a dashboard in JSON", problems[0])
        self.assertIn("Changed", self.titles(server))
        os.remove(boards / "first.json")
        wait_for("the file's end", lambda: "Changed" not in self.titles(server))
        self.assertEqual(server.get("/api/dashboards/uid/first")[0], 404)

    def test_a_broken_file_leaves_the_rest(self):
        self.write("provisioning/dashboards/broken.yaml", "apiVersion: 1\nproviders:\n- name: x\n  optons: {}\n")
        self.write("provisioning/datasources/broken.yaml", "apiVersion: 1\ndatasources:\n- name: x\n")
        self.write("provisioning/datasources/good.yaml", "apiVersion: 1\ndatasources:\n- {name: Good, uid: good, type: prometheus}\n")
        self.write("boards/a.json", dashboard("a", "A"))
        server, _ = self.begin()
        self.assertIn("A", self.titles(server))
        problems = self.call(server, "GET", "/api/admin/provisioning/problems")[1]["problems"]
        self.assertEqual(len(problems), 2, problems)
        self.assertIn('broken.yaml:4:3: providers[0].optons: unknown field; did you mean "options"?', problems[0])
        self.assertIn("datasources[0]: type is missing", problems[1])
        self.assertEqual(self.call(server, "GET", "/api/datasources/uid/good")[1]["name"], "Good")

    def test_the_sidecars_reload(self):
        server, _ = self.begin()
        self.write("provisioning/datasources/late.yaml", "apiVersion: 1\ndatasources:\n- {name: Late, uid: late, type: prometheus}\n")
        status, answer = self.call(server, "POST", "/api/admin/provisioning/datasources/reload")
        self.assertEqual([status, answer], [200, {"message": "Datasources config reloaded"}])
        self.assertEqual(self.call(server, "GET", "/api/datasources/name/Late")[0], 200)
        self.write("boards/b.json", dashboard("b", "B"))
        self.assertEqual(self.call(server, "POST", "/api/admin/provisioning/dashboards/reload")[0], 200)
        self.assertIn("B", self.titles(server))
        status, _ = self.call(server, "POST", "/api/admin/provisioning/dashboards/reload", headers={"Sec-Fetch-Site": "cross-site"})
        self.assertEqual(status, 403)

    def test_saving_conflicts_and_a_restart(self):
        server, _ = self.begin()
        self.write("boards/fixed.json", dashboard("fixed", "Fixed"))
        self.call(server, "POST", "/api/admin/provisioning/dashboards/reload")
        status, folder = self.call(server, "POST", "/api/folders", {"uid": "mine", "title": "Mine"})
        self.assertEqual([status, folder["url"]], [200, "/dashboards/f/mine/mine"])
        self.assertEqual(self.call(server, "POST", "/api/folders", {"title": "Mine"})[0], 409)
        body = {"dashboard": {"id": None, "uid": None, "title": "Saved one", "panels": []}, "folderUid": "mine", "message": "m"}
        status, saved = self.call(server, "POST", "/api/dashboards/db", body)
        self.assertEqual([status, saved["status"], saved["version"], saved["slug"]], [200, "success", 1, "saved-one"])
        again = {"dashboard": {"uid": saved["uid"], "title": "Saved two", "version": 1}, "folderUid": "mine"}
        self.assertEqual(self.call(server, "POST", "/api/dashboards/db", again)[1]["version"], 2)
        status, answer = self.call(server, "POST", "/api/dashboards/db", again)
        self.assertEqual([status, answer["status"]], [412, "version-mismatch"])
        self.assertEqual(self.call(server, "POST", "/api/dashboards/db", {**again, "overwrite": True})[1]["version"], 3)
        status, answer = self.call(server, "POST", "/api/dashboards/db", {"dashboard": {"uid": "fixed", "title": "x", "version": 1}})
        self.assertEqual([status, answer["message"]], [400, "Cannot save provisioned dashboard"])
        self.assertEqual(self.call(server, "DELETE", "/api/dashboards/uid/fixed")[1]["message"], "provisioned dashboard cannot be deleted")
        for bad, message in [({}, "dashboard is missing"), ({"dashboard": {"title": ""}}, "Dashboard title cannot be empty"),
                             ({"dashboard": {"title": "x"}, "folderUid": "nowhere"}, "folder not found")]:
            status, answer = self.call(server, "POST", "/api/dashboards/db", bad)
            self.assertIn(status, (400, 404))
            self.assertIn(message, answer["message"])
        server.stop()
        server, _ = self.begin()
        kept = self.call(server, "GET", f"/api/dashboards/uid/{saved['uid']}")[1]
        self.assertEqual([kept["dashboard"]["title"], kept["meta"]["folderTitle"], kept["meta"]["version"]], ["Saved two", "Mine", 3])
        versions = self.call(server, "GET", f"/api/dashboards/uid/{saved['uid']}/versions")[1]["versions"]
        self.assertEqual([one["version"] for one in versions], [3, 2, 1])
        self.assertEqual(self.call(server, "DELETE", f"/api/dashboards/uid/{saved['uid']}")[1]["message"], "Dashboard Saved two deleted")
        self.assertEqual(self.call(server, "DELETE", "/api/folders/mine")[0], 200)
        self.assertEqual(self.call(server, "GET", "/api/health")[1]["database"], "ok")
        self.assertEqual(self.call(server, "GET", "/api/dashboards/home")[1]["dashboard"]["uid"], "home")

    def test_changes_of_provisioned_ones_hold_until_their_file_changes(self):
        server, _ = self.begin(allows="true")
        self.write("boards/open.json", dashboard("open", "Open"))
        self.call(server, "POST", "/api/admin/provisioning/dashboards/reload")
        version = self.call(server, "GET", "/api/dashboards/uid/open")[1]["dashboard"]["version"]
        status, _ = self.call(server, "POST", "/api/dashboards/db", {"dashboard": {"uid": "open", "title": "Edited", "version": version}})
        self.assertEqual(status, 200)
        self.assertIn("Edited", self.titles(server))
        self.write("boards/open.json", dashboard("open", "From the file"))
        wait_for("the file", lambda: "From the file" in self.titles(server))

    def test_data_sources_and_their_proxy(self):
        other = self.start_platform(data="other")
        wait_for("samples", lambda: other.one('up{job="sextant"}'))
        self.write("provisioning/datasources/d.yaml", f"""\
apiVersion: 1
datasources:
- name: Prometheus
  uid: prometheus
  type: prometheus
  url: http://prometheus-operated:9090/
  isDefault: true
  jsonData: {{timeInterval: 30s}}
- {{name: Alertmanager, uid: alertmanager, type: alertmanager, url: ""}}
- {{name: Other, uid: other, type: prometheus, url: "http://127.0.0.1:{other.port}"}}
- {{name: Gone, uid: gone, type: prometheus, url: "http://127.0.0.1:1"}}
- {{name: Loki, uid: loki, type: loki, url: "http://loki:3100"}}
""")
        server, _ = self.begin(extra="  local_urls: ['http://prometheus-operated:9090']\n")
        wait_for("samples", lambda: server.one('up{job="sextant"}'))
        listed = self.call(server, "GET", "/api/datasources")[1]
        self.assertEqual([one["uid"] for one in listed if one["isDefault"]], ["prometheus"])
        self.assertEqual(self.call(server, "GET", f"/api/datasources/{listed[0]['id']}")[1]["uid"], listed[0]["uid"])
        self.assertEqual(self.call(server, "GET", "/api/datasources/name/nobody")[0], 404)
        query = "/api/v1/query?query=up%7Bjob%3D%22sextant%22%7D"
        for uid in ("prometheus", "other", "sextant"):
            status, answer = self.call(server, "GET", f"/api/datasources/proxy/uid/{uid}{query}")
            self.assertEqual([status, len(answer["data"]["result"])], [200, 1], uid)
        self.assertIn("job", self.call(server, "GET", "/api/datasources/uid/other/resources/api/v1/labels")[1]["data"])
        self.assertEqual(self.call(server, "GET", "/api/datasources/proxy/uid/alertmanager/api/v2/silences"), (200, []))
        status, answer = self.call(server, "GET", f"/api/datasources/proxy/uid/gone{query}")
        self.assertEqual(status, 502)
        self.assertIn("connection refused", answer["message"])
        status, answer = self.call(server, "GET", "/api/datasources/proxy/uid/loki/loki/api/v1/labels")
        self.assertEqual(status, 501)
        self.assertIn("loki", answer["message"])
        for method, path in [("POST", "/-/reload"), ("GET", "/metrics"), ("POST", "/api/v1/write"), ("DELETE", "/api/v1/query"),
                             ("GET", "/api/v1/query/%2e%2e/admin"), ("GET", "/api/v1/label/a%2f..%2fb/values")]:
            self.assertIn(server.request(method, f"/api/datasources/proxy/uid/other{path}")[0], (400, 403, 404, 405), path)

    def test_queries_as_data_frames(self):
        server, _ = self.begin()
        wait_for("samples", lambda: server.one('up{job="sextant"}'))
        ask = lambda *queries: self.call(server, "POST", "/api/ds/query", {"from": "now-5m", "to": "now", "queries": list(queries)})
        up = {"refId": "A", "datasource": {"uid": "sextant"}, "expr": 'up{job="sextant"}', "instant": True, "legendFormat": "{{job}} up"}
        status, answer = ask(up, {"refId": "B", "expr": "1/0", "instant": True})
        self.assertEqual(status, 200)
        frame = answer["results"]["A"]["frames"][0]
        self.assertEqual([field["type"] for field in frame["schema"]["fields"]], ["time", "number"])
        self.assertEqual(frame["schema"]["fields"][1]["labels"]["job"], "sextant")
        self.assertEqual(frame["schema"]["name"], "sextant up")
        self.assertEqual(frame["data"]["values"][1], [1])
        infinite = answer["results"]["B"]["frames"][0]["data"]
        self.assertEqual([infinite["values"][1], infinite["entities"][1]["Inf"]], [[None], [0]])
        status, answer = ask({**up, "instant": False, "range": True, "maxDataPoints": 100}, {"refId": "B", "expr": "up{", "range": True})
        self.assertEqual(status, 400)
        self.assertEqual(answer["results"]["A"]["status"], 200)
        self.assertIn("parse error", answer["results"]["B"]["error"])
        wide = {**up, "instant": False, "range": True, "maxDataPoints": 1000, "intervalMs": 60_000}
        later = lambda query: self.call(server, "POST", "/api/ds/query", {"from": "now-5m", "to": "now+3m", "queries": [query]})[1]
        step_of = lambda query: later(query)["results"]["A"]["frames"][0]["schema"]["meta"]["executedQueryString"].split("Step: ")[1]
        self.assertEqual([step_of(wide), step_of({**wide, "interval": "30s"})], ["1m", "30s"])
        self.assertEqual(ask({**up, "datasource": {"uid": "nobody"}})[1]["results"]["A"]["status"], 404)
        for body in ({}, {"from": "now-1h", "to": "now", "queries": []}, {"from": "soon", "to": "now", "queries": [up]}):
            self.assertEqual(self.call(server, "POST", "/api/ds/query", body)[0], 400, body)

    def test_a_batch_streams_and_one_failure_is_one_line(self):
        server = self.start_platform()
        wait_for("samples", lambda: server.one('up{job="sextant"}'))
        queries = [{"id": str(i), "query": "up", "time": 1} for i in range(50)]
        queries += [{"id": "bad", "query": "up{"}, {"id": "range", "query": "up", "start": 0, "end": 60, "step": 15}]
        queries += [{"id": "columns", "query": "vector(1.5)", "start": 0, "end": 60, "step": 15, "format": "columns"}]
        queries += [{"id": "rows", "query": "up", "start": 0, "end": 60, "step": 15, "format": "rows"}]
        status, text = server.request("POST", "/api/batch", json.dumps({"queries": queries}).encode())
        lines = {line["id"]: line for line in map(json.loads, text.splitlines())}
        self.assertEqual([status, len(lines)], [200, 54])
        self.assertEqual([lines["bad"]["status"], lines["bad"]["answer"]["errorType"]], [400, "bad_data"])
        self.assertEqual(lines["range"]["answer"]["data"]["resultType"], "matrix")
        self.assertEqual(lines["columns"]["answer"]["data"]["result"], [{"metric": {}, "column": {"from": 0, "values": [1.5] * 5}}])
        self.assertEqual([lines["rows"]["status"], "format" in lines["rows"]["answer"]["error"]], [400, True])
        self.assertTrue(all(line["status"] == 200 for id, line in lines.items() if id not in ("bad", "rows")))
        for body in (b"", b"{}", b'{"queries":[]}', b'{"queries":[{"query":"up"}]}', b'{"queries":[{"id":"a","query":[]}]}'):
            self.assertEqual(server.request("POST", "/api/batch", body)[0], 400, body)


if __name__ == "__main__":
    unittest.main()
