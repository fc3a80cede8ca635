"""A web server on 127.0.0.1 that gives one file, as badly as it is told to."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `content` under every address."""

    daemon_threads = True

    def __init__(self, content, *, drop_after=0, drops=1, ranges=True, status=0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.drop_after = drop_after  # bytes after which the first `drops` answers break off
        self.drops = drops
        self.ranges = ranges
        self.status = status
        self.content = content
        self.asked = []  # the Range header of each request

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/weights"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.status:
            self.send_error(server.status)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        rest = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        if server.drop_after and server.drops:
            server.drops -= 1
            rest = rest[: server.drop_after]
        self.wfile.write(rest)
        self.close_connection = True

    def log_message(self, *_arguments):
        pass


@contextmanager
def serving(content, **options):
    server = Server(content, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
