"""A small mail server on a port of its own: keeps what it gets, and can refuse or hang."""

import email
import email.policy
import socketserver
import threading


class _Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        server = self.server.owner
        server.seen += 1
        if server.hang:
            server.released.wait(60)
            return
        self.say("220 tests")
        while True:
            line = self.rfile.readline()
            word = line[:4].upper().rstrip()
            if not line or word == b"QUIT":
                return
            if word == b"MAIL" and server.refuse:
                self.say("451 4.3.0 try again")
            elif word == b"DATA":
                self.say("354 go on")
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b"..") else line)
                server.mails.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
                self.say("250 kept")
            else:
                self.say("250 tests")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


class MailServer:
    """with MailServer() as m: m.url, m.mails (parsed messages)."""

    def __init__(self):
        self.mails, self.seen, self.refuse, self.hang, self.released = [], 0, False, False, threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.owner = self
        self.url = "smtp://127.0.0.1:%d" % self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
