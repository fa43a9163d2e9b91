"""A provider of short messages on a port of its own: keeps the requests it gets, and answers as told."""

import http.server

from .served import Served


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        gateway = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        gateway.requests.append((self.path, dict(self.headers), body))
        if gateway.hang:
            gateway.released.wait(60)
        self.send_response(gateway.status)
        if gateway.status in (301, 307):
            self.send_header("Location", gateway.url + "/elsewhere")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


class Gateway(Served):
    """with Gateway() as g: g.url, g.requests as (path, headers, body); g.status is what it answers."""

    def __init__(self, tls=None):
        self.requests, self.status = [], 200
        super().__init__(_Handler, tls)
