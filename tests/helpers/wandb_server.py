"""As much of a Weights & Biases server as its client needs, here: it keeps what it is sent.

Only the client's side is real: what it sends, and that it takes these answers for W&B's.
"""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "0" * 40


class Server(ThreadingHTTPServer):
    """What it was sent: `runs`, their `history`, `files`, `views` by name, names of `artifacts`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.runs: dict[str, dict] = {}
        self.history: dict[str, list[dict]] = {}
        self.files: dict[str, bytes] = {}
        self.views: dict[str, dict] = {}
        self.artifacts: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def login(self) -> dict[str, str]:
        """The environment of who is logged in here."""
        return {"WANDB_MODE": "online", "WANDB_API_KEY": KEY, "WANDB_BASE_URL": self.url}

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def graphql(self, told: dict) -> dict:
        # "query Name(..." or "mutation Name(...": not every client says the name again.
        name = re.match(r"\s*(?:query|mutation)\s+(\w+)", told["query"])[1]
        answer = getattr(self, name, None)
        if answer is None:
            return {"errors": [{"message": f"{name} is not known here"}]}
        return {"data": answer(told.get("variables", {}))}

    # The answers, by the operation's name.

    def UpsertBucket(self, told: dict) -> dict:  # noqa: N802
        name = told["name"]
        known = name in self.runs
        run = self.runs.setdefault(name, {})
        run |= {key: value for key, value in told.items() if value is not None}
        bucket = {"id": name, "name": name, "displayName": run.get("displayName"),
                  "historyLineCount": 0, "config": None, "sweepName": None, "description": "",
                  "project": project(run["project"])}  # fmt: skip
        return {"upsertBucket": {"bucket": bucket, "inserted": not known}}

    def CreateRunFiles(self, told: dict) -> dict:  # noqa: N802
        files = [{"name": name, "uploadUrl": f"{self.url}/upload/{told['run']}/{name}"}
                 for name in told["files"]]  # fmt: skip
        answer = {"runID": told["run"], "uploadHeaders": [], "files": files}
        return {"createRunFiles": answer}

    def ServerFeaturesQuery(self, told: dict) -> dict:  # noqa: N802
        return {"serverInfo": {"features": []}}

    def CreateArtifact(self, told: dict) -> dict:  # noqa: N802
        self.artifacts.append(told["input"]["artifactCollectionName"])
        # That the content is known here already spares the client sending it.
        artifact = {"id": "a", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": artifact}}

    def RunResumeStatus(self, told: dict) -> dict:  # noqa: N802
        run = self.runs.get(told["name"])
        if run is None:
            return {"model": {"id": "p", "name": told["project"], "bucket": None}}
        rows = self.history.get(told["name"], [])
        bucket = {
            "id": told["name"], "name": told["name"], "summaryMetrics": "{}",
            "displayName": run.get("displayName"), "logLineCount": 0,
            "historyLineCount": len(rows), "eventsLineCount": 0, "historyTail": json.dumps(
                [json.dumps(row) for row in rows[-1:]]
            ), "eventsTail": "[]", "config": run.get("config", "{}"), "tags": run.get("tags"),
            "wandbConfig": "{}",
        }  # fmt: skip
        return {"model": {"id": "p", "name": told["project"], "bucket": bucket}}

    def Viewer(self, told: dict) -> dict:  # noqa: N802
        return {"viewer": {"id": "v", "entity": "somebody", "username": "somebody", "flags": "{}",
                           "teams": {"edges": []}, "apiKeys": {"edges": []}}}  # fmt: skip

    def GetDefaultEntity(self, told: dict) -> dict:  # noqa: N802
        return self.Viewer(told)

    def UpsertView2(self, told: dict) -> dict:  # noqa: N802
        known = told["name"] in self.views
        self.views[told["name"]] = {**told, "id": f"id of {told['name']}"}
        view = {"id": f"id of {told['name']}", "name": told["name"]}
        return {"upsertView": {"view": view, "inserted": not known}}

    def View(self, told: dict) -> dict:  # noqa: N802
        found = [view for name, view in self.views.items() if name == told["viewName"]]
        edges = [{"node": {key: view[key] for key in ("id", "displayName", "spec")}}
                 for view in found]  # fmt: skip
        return {"project": {"allViews": {"edges": edges}}}


def project(name: str) -> dict:
    return {"id": "p", "name": name, "entity": {"id": "e", "name": "somebody"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        """Nothing: the test says what matters."""

    def body(self) -> bytes:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return (
            gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content
        )

    def answer(self, value: dict) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:  # noqa: N802
        self.answer({})

    def do_PUT(self) -> None:  # noqa: N802
        self.server.files[self.path.removeprefix("/upload/")] = self.body()
        self.answer({})

    def do_POST(self) -> None:  # noqa: N802
        content = self.body()
        if self.path == "/graphql":
            self.answer(self.server.graphql(json.loads(content)))
            return
        if self.path.endswith("/file_stream"):  # /files/<entity>/<project>/<run>/file_stream
            sent = json.loads(content).get("files", {}).get("wandb-history.jsonl")
            if sent:
                rows = self.server.history.setdefault(self.path.split("/")[4], [])
                rows[sent["offset"] :] = map(json.loads, sent["content"])
        self.answer({"exitcode": None, "limits": {}})
