"""A stand-in for the hub on loopback, good enough for the real huggingface_hub client.

It serves `<root>/datasets/<org>/<name>/…` and `<root>/models/<org>/<name>/…`:

    with HubServer(root) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)

One commit per repository, made from the names and bytes of its files, so that it changes when they do. Files
of `LFS_BYTES` or more carry the headers of large files.
"""

import contextlib
import hashlib
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

KINDS = {"datasets": "dataset", "models": "model"}
LFS_BYTES = 10_000


@dataclass
class HubServer:
    """The server, what it is asked to do wrong, and what it was asked for."""

    root: Path
    gated: set[str] = field(default_factory=set)
    """Repositories that answer 403 to a token and 401 to none."""
    token: str = ""
    """A token that opens gated repositories."""
    cut_after: dict[str, int] = field(default_factory=dict)
    """File → bytes after which its next download breaks off, once."""
    broken: bool = False
    """True: every request is answered with 500."""
    requests: list[str] = field(default_factory=list)
    """`METHOD /path`, in order."""

    _connections: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> "HubServer":
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        for connection in self._connections:
            # A client that keeps its connection alive would else go on talking to a server that is gone.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def commit(self, kind: str, name: str) -> str:
        """The repository's only commit, for example `commit("datasets", "org/name")`."""
        digest = hashlib.sha1(usedforsecurity=False)
        for path in self.files(kind, name):
            digest.update(path.encode() + b"\0" + (self.root / kind / name / path).read_bytes())
        return digest.hexdigest()

    def files(self, kind: str, name: str) -> list[str]:
        folder = self.root / kind / name
        return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    def downloads(self) -> list[str]:
        """The files that were asked for with GET, in order."""
        return [
            line.split("/resolve/", 1)[1].split("/", 1)[1]
            for line in self.requests
            if line.startswith("GET") and "/resolve/" in line
        ]


class _Handler(BaseHTTPRequestHandler):
    server_hub: HubServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server_hub._connections.append(self.connection)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read `requests` instead of stderr."""

    def _answer(self, body: bool) -> None:
        hub = self.server_hub
        path = unquote(urlsplit(self.path).path).strip("/")
        hub.requests.append(f"{self.command} /{path}")
        if hub.broken:
            return self._refuse(500, "", "internal error")
        words = path.split("/")
        if words[0] == "api" and len(words) >= 4 and words[1] in KINDS:
            return self._api(words[1], "/".join(words[2:4]), words[4:])
        kind = words[0] if words[0] == "datasets" else "models"
        words = words[1:] if words[0] == "datasets" else words
        if len(words) >= 5 and words[2] == "resolve":
            return self._file(kind, "/".join(words[:2]), words[3], "/".join(words[4:]), body)
        return self._refuse(404, "RepoNotFound", "no such page")

    def _api(self, kind: str, name: str, rest: list[str]) -> None:
        if not self._allowed(kind, name):
            return
        revision = rest[1] if rest[:1] in (["revision"], ["tree"]) and len(rest) > 1 else "main"
        if not self._known(kind, name, revision):
            return self._refuse(404, "RevisionNotFound", "no such revision")
        hub = self.server_hub
        folder = hub.root / kind / name
        files = hub.files(kind, name)
        if rest[:1] == ["tree"]:
            below = "/".join(rest[2:])
            return self._json([_entry(folder, file) for file in files if file.startswith(below)])
        siblings = [{"rfilename": file, "size": (folder / file).stat().st_size} for file in files]
        sha = hub.commit(kind, name)
        self._json(
            {
                "id": name,
                "sha": sha,
                "private": False,
                "gated": name in hub.gated,
                "tags": [],
                "siblings": siblings,
                "downloads": 0,
                "likes": 0,
            }
        )

    def _file(self, kind: str, name: str, revision: str, file: str, body: bool) -> None:
        hub = self.server_hub
        if not self._allowed(kind, name):
            return
        if not self._known(kind, name, revision):
            return self._refuse(404, "RevisionNotFound", "no such revision")
        if file not in hub.files(kind, name):
            return self._refuse(404, "EntryNotFound", "no such file", commit=hub.commit(kind, name))
        data = (hub.root / kind / name / file).read_bytes()
        first = _range_start(self.headers.get("Range"))
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        for key, value in _headers(data, hub.commit(kind, name)).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if body:
            self._send(file, data, first)

    def _send(self, file: str, data: bytes, first: int) -> None:
        stop = self.server_hub.cut_after.pop(file, None)
        if stop is None:
            self.wfile.write(data[first:])
            return
        self.wfile.write(data[first : first + stop])
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def _allowed(self, kind: str, name: str) -> bool:
        hub = self.server_hub
        if not hub.files(kind, name):
            # The hub does not tell a missing repository from a private one.
            self._refuse(401 if not self.headers.get("Authorization") else 404, "RepoNotFound", "Repository not found")
            return False
        if name in hub.gated:
            sent = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            if not hub.token or sent != hub.token:
                self._refuse(403 if sent else 401, "GatedRepo", f"Access to {name} is restricted")
                return False
        return True

    def _known(self, kind: str, name: str, revision: str) -> bool:
        return revision in ("main", self.server_hub.commit(kind, name))

    def _json(self, answer: object) -> None:
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, status: int, code: str, message: str, commit: str = "") -> None:
        self.send_response(status)
        for key, value in {"X-Error-Code": code, "X-Error-Message": message, "X-Repo-Commit": commit}.items():
            if value:
                self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _headers(data: bytes, commit: str) -> dict[str, str]:
    headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if len(data) >= LFS_BYTES:
        sha = hashlib.sha256(data).hexdigest()
        return headers | {"ETag": f'"{sha}"', "X-Linked-Etag": f'"{sha}"', "X-Linked-Size": str(len(data))}
    return headers | {"ETag": f'"{_blob_id(data)}"'}


def _entry(folder: Path, file: str) -> dict[str, Any]:
    data = (folder / file).read_bytes()
    entry: dict[str, Any] = {"type": "file", "path": file, "size": len(data), "oid": _blob_id(data)}
    if len(data) >= LFS_BYTES:
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return entry


def _blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _range_start(header: str | None) -> int:
    return int(header.removeprefix("bytes=").split("-")[0]) if header else 0
