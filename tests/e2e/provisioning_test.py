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
        restore = f"/api/dashboards/uid/{saved['uid']}/restore"
        status, restored = self.call(server, "POST", restore, {"version": 1})
        self.assertEqual([status, restored["status"], restored["version"]], [200, "success", 4])
        kept = self.call(server, "GET", f"/api/dashboards/uid/{saved['uid']}")[1]
        self.assertEqual([kept["dashboard"]["title"], kept["dashboard"]["version"], kept["meta"]["folderTitle"]], ["Saved one", 4, "Mine"])
        for body, status in [({"version": 99}, 404), ({"version": "x"}, 400), ({}, 400)]:
            self.assertEqual(self.call(server, "POST", restore, body)[0], status, body)
        self.assertEqual(self.call(server, "DELETE", f"/api/dashboards/uid/{saved['uid']}")[1]["message"], "Dashboard Saved one deleted")
        self.assertEqual(self.call(server, "DELETE", "/api/folders/mine")[0], 200)
        self.assertEqual(self.call(server, "GET", "/api/health")[1]["database"], "ok")
        home = self.call(server, "GET", "/api/dashboards/home")[1]
        self.assertEqual([home["dashboard"]["uid"], home["meta"]["isHome"]], ["home", True])
        self.assertEqual(self.call(server, "GET", "/api/org")[1]["name"], "Main Org.")

    def test_annotations_of_scripts(self):
        server, _ = self.begin()
        add = lambda **body: self.call(server, "POST", "/api/annotations", body)
        self.assertEqual(add(text="deployed", tags=["deploy", "web"], time=1_000_000), (200, {"id": 1, "message": "Annotation added"}))
        self.assertEqual(add(text="outage", dashboardUID="home", panelId=2, time=2_000_000, timeEnd=3_000_000)[1]["id"], 2)
        self.assertEqual(self.call(server, "POST", "/api/annotations/graphite", {"what": "built", "tags": "deploy ci", "when": 4_000, "data": "by ci"})[1]["id"], 3)
        found = lambda **params: [one["id"] for one in json.loads(server.get("/api/annotations", **params)[1])]
        self.assertEqual(found(), [3, 2, 1])
        self.assertEqual([found(tags="deploy"), found(dashboardUID="home"), found(**{"from": 2_500_000, "to": 3_500_000}), found(limit=1), found(type="alert")],
                         [[3, 1], [2], [2], [3], []])
        one = self.call(server, "GET", "/api/annotations/3")[1]
        self.assertEqual([one["text"], one["tags"], one["time"], one["timeEnd"]], ["built\nby ci", ["deploy", "ci"], 4_000_000, 4_000_000])
        self.assertEqual(json.loads(server.get("/api/annotations/tags", tag="dep")[1]), {"result": {"tags": [{"tag": "deploy", "count": 2}]}})
        self.assertEqual(self.call(server, "PATCH", "/api/annotations/1", {"text": "rolled back"})[1]["message"], "Annotation patched")
        self.assertEqual(self.call(server, "PUT", "/api/annotations/2", {"text": "over", "tags": ["x"], "time": 5, "timeEnd": 6})[1]["message"], "Annotation updated")
        self.assertEqual(self.call(server, "DELETE", "/api/annotations/3")[1]["message"], "Annotation deleted")
        for bad in ({}, {"text": ""}, {"text": "t", "tags": [1]}, {"text": "t", "time": "now"}, {"text": "t", "time": 9, "timeEnd": 8}, []):
            self.assertEqual(self.call(server, "POST", "/api/annotations", bad)[0], 400, bad)
        self.assertEqual([server.get("/api/annotations", **{"from": "x"})[0], server.get("/api/annotations", alertId=3)[0]], [400, 400])
        self.assertEqual(self.call(server, "POST", "/api/annotations", {"text": "t"}, {"Sec-Fetch-Site": "cross-site"})[0], 403)
        self.assertEqual(self.call(server, "DELETE", "/api/annotations/3")[0], 404)
        server.stop()
        server, _ = self.begin()
        kept = {one["id"]: one for one in json.loads(server.get("/api/annotations")[1])}
        self.assertEqual([kept[1]["text"], kept[1]["tags"], kept[2]["text"], kept[2]["tags"], kept[2]["timeEnd"]],
                         ["rolled back", ["deploy", "web"], "over", ["x"], 6])

    def test_lists_come_in_pages(self):
        server, _ = self.begin()
        for title in ("Aa", "Bb", "Cc"):
            self.call(server, "POST", "/api/folders", {"uid": title.lower(), "title": title})
        folders = lambda **params: [one["uid"] for one in json.loads(server.get("/api/folders", **params)[1])]
        self.assertEqual([folders(limit=2), folders(limit=2, page=2), folders(limit=2, page=3)], [["aa", "bb"], ["cc"], []])
        self.assertEqual([folders(limit="many"), folders(page=0), folders(parentUid="aa")], [["aa", "bb", "cc"], ["aa", "bb", "cc"], []])
        self.assertEqual(server.get("/api/folders", parentUid="none")[0], 404)
        made = [self.call(server, "POST", "/api/dashboards/db", {"dashboard": {"uid": uid, "title": uid}})[1] for uid in ("x1", "x2", "x3")]
        self.assertEqual(self.titles(server, query="x", limit=2), ["x1", "x2"])
        self.assertEqual(self.titles(server, query="x", limit=2, page=2), ["x3"])
        self.assertEqual(self.titles(server, query="x", limit="@"), ["x1", "x2", "x3"])
        self.assertEqual(self.titles(server, query="x", sort="alpha-desc"), ["x3", "x2", "x1"])
        self.assertEqual(self.titles(server, dashboardIds=made[1]["id"]), ["x2"])
        self.assertEqual(server.get("/api/search", sort="by-luck")[0], 400)
        self.assertEqual(json.loads(server.get("/api/search/", query="x2")[1])[0]["uid"], "x2")

    def test_importing_somebody_elses(self):
        server, _ = self.begin()
        inputs = [{"name": "DS_P", "type": "datasource", "pluginId": "prometheus"}, {"name": "VAR", "type": "constant", "value": "a\"b"}]
        panel = {"type": "stat", "datasource": {"uid": "${DS_P}"}, "title": "${VAR} ${VAR} ${OTHER}"}
        body = {"dashboard": {"title": "From afar", "__inputs": inputs, "panels": [panel]}, "overwrite": True,
                "inputs": [{"name": "DS_P", "type": "datasource", "pluginId": "prometheus", "value": "sextant"}]}
        status, answer = self.call(server, "POST", "/api/dashboards/import", body)
        self.assertEqual([status, answer["imported"], answer["slug"], answer["importedUrl"]],
                         [200, True, "from-afar", f"/d/{answer['uid']}/from-afar"])
        kept = self.call(server, "GET", f"/api/dashboards/uid/{answer['uid']}")[1]["dashboard"]["panels"][0]
        self.assertEqual([kept["datasource"]["uid"], kept["title"]], ["sextant", 'a"b a"b ${OTHER}'])
        status, answer = self.call(server, "POST", "/api/dashboards/import", {**body, "inputs": []})
        self.assertEqual([status, answer["message"]], [400, "inputs: DS_P is missing"])
        many = {"title": "x" * 10 + "${VAR}" * 50_000, "__inputs": [{"name": "VAR", "value": "y" * 1000}]}
        self.assertEqual(self.call(server, "POST", "/api/dashboards/import", {"dashboard": many})[0], 400)
        for bad in ({}, {"dashboard": []}, {"dashboard": {"title": "x", "__inputs": [1, {"name": 2}]}, "inputs": 3}):
            self.assertIn(self.call(server, "POST", "/api/dashboards/import", bad)[0], (200, 400), bad)
        self.assertEqual(self.call(server, "POST", "/api/dashboards/import", body, {"Sec-Fetch-Site": "cross-site"})[0], 403)

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
        health = lambda uid: self.call(server, "GET", f"/api/datasources/uid/{uid}/health")
        for uid, status, word in [("other", 200, "OK"), ("prometheus", 200, "OK"), ("gone", 400, "ERROR"), ("loki", 400, "ERROR")]:
            self.assertEqual([health(uid)[0], health(uid)[1]["status"]], [status, word], uid)
        self.assertIn("connection refused", health("gone")[1]["message"])
        self.assertEqual(health("nobody")[0], 404)
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
        expr_of = lambda query: later(query)["results"]["A"]["frames"][0]["schema"]["meta"]["executedQueryString"].split("\n")[0]
        rate = {**wide, "expr": "vector($__rate_interval_ms)"}
        self.assertEqual([expr_of(rate), expr_of({**rate, "interval": "1m"})], ["Expr: vector(75000)", "Expr: vector(240000)"])
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
