"""A record on the web: a server that breaks off, refuses, is slow or sends another file."""

import contextlib
import hashlib
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from g2p.data.sources import download

CONTENT = np.random.default_rng(0).bytes(100_000)
NAME = "some.zip"


class Server(ThreadingHTTPServer):
    """A record at /api/records/1 with one file. Attributes set how it answers."""

    name = NAME
    described = CONTENT  # by the record
    content = CONTENT  # what is sent
    breaks = 0  # how many answers break off half way
    ranges = True  # whether Range is obeyed
    pause = 0.0  # seconds in the middle of a file
    status = 200  # of the file
    statuses = ()  # of the record, one after the other, before it is 200
    listing = None  # instead of the record's own

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requested = []  # the Range of each request for the file
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.record = f"{self.address}/api/records/1"

    @property
    def md5(self):
        return hashlib.md5(self.described).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server = self.server
        if self.path.startswith("/api/records"):
            status, *server.statuses = [*server.statuses, 200]
            file = {
                "key": server.name,
                "size": len(server.described),
                "checksum": f"md5:{server.md5}",
                "links": {"self": f"{server.address}/files/{server.name}"},
            }
            listing = server.listing
            self.answer(
                status, json.dumps({"files": [file]}).encode() if listing is None else listing
            )
        else:
            requested = self.headers.get("Range")
            server.requested.append(requested)
            start = int(requested[len("bytes=") : -1]) if requested and server.ranges else 0
            body = server.content[start:]
            status = 206 if start and server.status == 200 else server.status
            self.answer(status, body, f"bytes {start}-{len(server.content) - 1}/{len(body)}")

    def answer(self, status, body, content_range=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        if content_range and self.server.breaks:
            self.server.breaks -= 1
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if content_range:
            time.sleep(self.server.pause)
        with contextlib.suppress(OSError):  # the other side has stopped waiting
            self.wfile.write(body[half:])


@contextlib.contextmanager
def serving():
    """Run a server; downloads from it retry at once."""
    with pytest.MonkeyPatch.context() as patch, Server() as server:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(download, "PAUSES", (0, 0, 0))
        patch.setattr(download, "CHUNK", 250)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
