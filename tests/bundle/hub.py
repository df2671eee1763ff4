"""The routes of the Hugging Face hub by which bundles are pushed and pulled; it keeps all in memory."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_somebody"
Files = dict[str, bytes]


@dataclass
class Repository:
    """What a hub keeps of one: the files of each commit, the newest last."""

    private: bool
    commits: dict[str, Files]

    @property
    def newest(self) -> str:
        return list(self.commits)[-1]


@dataclass
class Hub:
    """What a hub keeps; `large` is what was uploaded apart from a commit, by digest; `sizes` what it says of files, by name."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub at a port of this machine, for who has `TOKEN`."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, content: Any = None, **headers: str) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def route(self) -> tuple[str, bytes]:
            return unquote(urlsplit(self.path).path), self.rfile.read(
                int(self.headers.get("Content-Length", 0))
            )

        def do_PUT(self) -> None:
            path, body = self.route()
            hub.large[path.rpartition("/")[2]] = body
            self.answer(200)

        def do_POST(self) -> None:
            path, body = self.route()
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(401, {"error": "Unauthorized"})
            elif path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                status = 409 if name in hub.repositories else 200
                empty = {"0" * 40: {".gitattributes": b""}}
                private = asked.get("private", asked.get("visibility") == "private")
                hub.repositories.setdefault(name, Repository(private, empty))
                self.answer(status, {"url": f"{hub.address}/{name}"})
            elif path.endswith("/preupload/main"):
                modes = [
                    {
                        "path": each["path"],
                        "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular",
                        "shouldIgnore": False,
                    }
                    for each in json.loads(body)["files"]
                ]
                self.answer(200, {"files": modes})
            elif path.endswith("/lfs/objects/batch"):
                objects = [
                    {**each, "actions": {"upload": {"href": f"{hub.address}/upload/{each['oid']}"}}}
                    for each in json.loads(body)["objects"]
                ]
                self.answer(200, {"transfer": "basic", "objects": objects})
            elif match := re.fullmatch(r"/api/models/(.+)/commit/main", path):
                repository = hub.repositories[match[1]]
                oid = hashlib.sha1(body).hexdigest()
                repository.commits[oid] = self.changed(repository.commits[repository.newest], body)
                self.answer(200, {"commitUrl": f"{hub.address}/{match[1]}/commit/{oid}", "commitOid": oid})
            else:
                self.answer(200 if path == "/api/validate-yaml" else 404, {})

        def changed(self, files: Files, body: bytes) -> Files:
            files = dict(files)
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                match line["key"]:
                    case "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    case "lfsFile":
                        files[value["path"]] = hub.large[value["oid"]]
                    case "deletedFile":
                        del files[value["path"]]
            return files

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path, _ = self.route()
            info = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            match = info or file
            found = hub.repositories.get(match[1]) if match else None
            if match is None or found is None or self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
                return
            oid = found.newest if match[2] in (None, "main") else match[2]
            files = found.commits.get(oid)
            if files is None:
                self.answer(404, {"error": "Revision not found"}, X_Error_Code="RevisionNotFound")
            elif info:
                siblings = [
                    {"rfilename": name, "size": hub.sizes.get(name, len(content))}
                    for name, content in files.items()
                ]
                self.answer(200, {"id": match[1], "sha": oid, "private": found.private, "siblings": siblings})
            elif match[3] in files:
                content = files[match[3]]
                self.answer(200, content, X_Repo_Commit=oid, ETag=f'"{hashlib.sha1(content).hexdigest()}"')
            else:
                self.answer(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
