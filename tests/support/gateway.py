"""A provider of short messages on a port of its own: keeps the requests it gets, and answers as told."""

import http.server
import threading


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


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class Gateway:
    """with Gateway() as g: g.url, g.requests as (path, headers, body); g.status is what it answers."""

    def __init__(self, tls=None):
        self.requests, self.status, self.hang, self.released = [], 200, False, threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = ("https" if tls else "http") + "://127.0.0.1:%d" % self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
