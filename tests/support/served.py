"""Servers that a test plays on a port of their own: what they share."""

import http.server
import threading


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class Served:
    """with a subclass as s: requests reach `handler`, whose self.server.owner is s. One that hangs waits for `released`."""

    def __init__(self, handler, tls=None):
        self.hang, self.released = False, threading.Event()
        self._server = Server(("127.0.0.1", 0), handler)
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
