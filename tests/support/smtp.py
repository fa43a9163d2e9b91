"""A small mail server on a port of its own: keeps what it gets, and can refuse or hang; with TLS and sign-in where asked."""

import base64
import email
import email.policy
import socketserver
import threading


class _Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def secure(self):
        self.connection = self.server.owner.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.encrypted = True

    def greet(self):
        """The answer to EHLO."""
        server = self.server.owner
        lines = ["tests"]
        if server.tls and server.mode == "starttls" and not self.encrypted:
            lines.append("STARTTLS")
        if server.user and self.encrypted:
            lines.append("AUTH PLAIN LOGIN")
        for i, line in enumerate(lines):
            self.say("250%s%s" % (" " if i == len(lines) - 1 else "-", line))

    def sign_in(self, line):
        """AUTH PLAIN or LOGIN, with or without a first answer (RFC 4954)."""
        words = line.split()

        def ask(prompt):
            self.say("334 " + base64.b64encode(prompt).decode())
            return base64.b64decode(self.rfile.readline())
        if words[1].upper() == b"PLAIN":
            _, user, password = (base64.b64decode(words[2]) if len(words) > 2 else ask(b"")).split(b"\0")
        else:
            user = base64.b64decode(words[2]) if len(words) > 2 else ask(b"Username:")
            password = ask(b"Password:")
        self.signed_in = (user.decode(), password.decode()) == self.server.owner.user
        self.server.owner.sign_ins.append((user.decode(), self.signed_in, self.encrypted))
        self.say("235 2.7.0 good" if self.signed_in else "535 5.7.8 wrong")

    def handle(self):
        server = self.server.owner
        server.seen += 1
        self.encrypted = self.signed_in = False
        if server.hang:
            server.released.wait(60)
            return
        try:
            if server.mode == "smtps":
                self.secure()
            self.talk(server)
        except (OSError, ValueError):
            server.broken += 1              # the client did not like our certificate, or left

    def talk(self, server):
        self.say("220 tests")
        while True:
            line = self.rfile.readline()
            word = line[:4].upper().rstrip()
            if not line or word == b"QUIT":
                return
            if word == b"EHLO":
                self.greet()
            elif word == b"STAR":
                self.say("220 go on")
                self.secure()
            elif word == b"AUTH":
                self.sign_in(line)
            elif word == b"MAIL" and server.refuse:
                self.say("451 4.3.0 try again")
            elif word == b"MAIL" and server.user and not self.signed_in:
                self.say("530 5.7.0 sign in first")
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
    """with MailServer() as m: m.url, m.mails (parsed messages).

    mode: "starttls" or "smtps" with the ssl.SSLContext tls; user: (name, password) that has to sign in.
    """

    def __init__(self, mode=None, tls=None, user=None):
        self.mode, self.tls, self.user, self.sign_ins, self.broken = mode, tls, user, [], 0
        self.mails, self.seen, self.refuse, self.hang, self.released = [], 0, False, False, threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.owner = self
        self.url = ("smtps" if mode == "smtps" else "smtp") + "://127.0.0.1:%d" % self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
