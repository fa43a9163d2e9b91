"""A TCP relay whose directions can be stopped: to its two sides the link is then cut without a word, as by a firewall."""

import selectors
import socket
import threading


class Relay:
    """Forwards 127.0.0.1:port to a target port. cut("up") holds what goes to the target, cut("down") what comes from it, cut() both; what
    is held arrives after mend(), as TCP would send it again."""

    def __init__(self, target):
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._held = set()
        self._select = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._stop = False
        self._select.register(self._listener, selectors.EVENT_READ, None)
        self._select.register(self._woken, selectors.EVENT_READ, None)
        self._ends = []                                          # (from, to, direction)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self, *directions):
        self._held = set(directions or ("up", "down"))
        self._wake.send(b"x")

    def mend(self):
        self._held = set()
        self._wake.send(b"x")

    def close(self):
        self._stop = True
        self._wake.send(b"x")
        self._thread.join(10)

    def _accept(self):
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=2)
        except OSError:
            client.close()
            return
        for s in (client, server):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ends += [(client, server, "up"), (server, client, "down")]

    def _drop(self, a, b):
        self._ends = [e for e in self._ends if e[0] not in (a, b)]
        for s in (a, b):
            if s.fileno() >= 0:
                if s in self._select.get_map():
                    self._select.unregister(s)
                s.close()

    def _watch(self):
        """Read only where forwarding goes on."""
        for source, _, direction in self._ends:
            wanted, watched = direction not in self._held, source in self._select.get_map()
            if wanted and not watched:
                self._select.register(source, selectors.EVENT_READ, None)
            elif watched and not wanted:
                self._select.unregister(source)

    def _forward(self, source):
        for a, b, _ in self._ends:
            if a is source:
                try:
                    data = a.recv(1 << 16)
                    if data:
                        b.sendall(data)
                        return
                except OSError:
                    pass
                self._drop(a, b)
                return

    def _run(self):
        while not self._stop:
            self._watch()
            for key, _ in self._select.select(1.0):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(100)
                else:
                    self._forward(key.fileobj)
        for a, b, _ in list(self._ends):
            self._drop(a, b)
        self._listener.close()
        self._wake.close()
        self._woken.close()
