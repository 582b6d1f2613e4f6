"""A local stand-in for a Weights & Biases server: it stores all that its client sends.

Only the client is real: its requests, and that it accepts these answers as W&B's.
"""

import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "0" * 40


class Server(ThreadingHTTPServer):
    """The server, with what clients sent: `runs`, `history`, `files`, `views`, `artifacts`."""

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
        """Return the environment variables of a user who is logged in to this server."""
        return {"WANDB_MODE": "online", "WANDB_API_KEY": KEY, "WANDB_BASE_URL": self.url}

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def graphql(self, request: dict) -> dict:
        # "query Name(..." or "mutation Name(...": not every client repeats the name.
        name = re.match(r"\s*(?:query|mutation)\s+(\w+)", request["query"])[1]
        answer = getattr(self, name, None)
        if answer is None:
            return {"errors": [{"message": f"this server has no {name}"}]}
        return {"data": answer(request.get("variables", {}))}

    # The answers, named by operation.

    def UpsertBucket(self, variables: dict) -> dict:  # noqa: N802
        name = variables["name"]
        existed = name in self.runs
        run = self.runs.setdefault(name, {})
        run |= {key: value for key, value in variables.items() if value is not None}
        bucket = {"id": name, "name": name, "displayName": run.get("displayName"),
                  "historyLineCount": 0, "config": None, "sweepName": None, "description": "",
                  "project": project(run["project"])}  # fmt: skip
        return {"upsertBucket": {"bucket": bucket, "inserted": not existed}}

    def CreateRunFiles(self, variables: dict) -> dict:  # noqa: N802
        files = [{"name": name, "uploadUrl": f"{self.url}/upload/{variables['run']}/{name}"}
                 for name in variables["files"]]  # fmt: skip
        answer = {"runID": variables["run"], "uploadHeaders": [], "files": files}
        return {"createRunFiles": answer}

    def ServerFeaturesQuery(self, variables: dict) -> dict:  # noqa: N802
        return {"serverInfo": {"features": []}}

    def CreateArtifact(self, variables: dict) -> dict:  # noqa: N802
        self.artifacts.append(variables["input"]["artifactCollectionName"])
        # The client does not upload content that is committed already.
        artifact = {"id": "a", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": artifact}}

    def RunResumeStatus(self, variables: dict) -> dict:  # noqa: N802
        run = self.runs.get(variables["name"])
        if run is None:
            return {"model": {"id": "p", "name": variables["project"], "bucket": None}}
        rows = self.history.get(variables["name"], [])
        bucket = {
            "id": variables["name"], "name": variables["name"], "summaryMetrics": "{}",
            "displayName": run.get("displayName"), "logLineCount": 0,
            "historyLineCount": len(rows), "eventsLineCount": 0, "historyTail": json.dumps(
                [json.dumps(row) for row in rows[-1:]]
            ), "eventsTail": "[]", "config": run.get("config", "{}"), "tags": run.get("tags"),
            "wandbConfig": "{}",
        }  # fmt: skip
        return {"model": {"id": "p", "name": variables["project"], "bucket": bucket}}

    def Viewer(self, variables: dict) -> dict:  # noqa: N802
        return {"viewer": {"id": "v", "entity": "somebody", "username": "somebody", "flags": "{}",
                           "teams": {"edges": []}, "apiKeys": {"edges": []}}}  # fmt: skip

    def GetDefaultEntity(self, variables: dict) -> dict:  # noqa: N802
        return self.Viewer(variables)

    def UpsertView2(self, variables: dict) -> dict:  # noqa: N802
        existed = variables["name"] in self.views
        self.views[variables["name"]] = {**variables, "id": f"id of {variables['name']}"}
        view = {"id": f"id of {variables['name']}", "name": variables["name"]}
        return {"upsertView": {"view": view, "inserted": not existed}}

    def View(self, variables: dict) -> dict:  # noqa: N802
        views = [view for name, view in self.views.items() if name == variables["viewName"]]
        edges = [{"node": {key: view[key] for key in ("id", "displayName", "spec")}}
                 for view in views]  # fmt: skip
        return {"project": {"allViews": {"edges": edges}}}


def project(name: str) -> dict:
    return {"id": "p", "name": name, "entity": {"id": "e", "name": "somebody"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        """Print nothing."""

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
