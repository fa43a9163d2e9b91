"""A certificate authority for one test, and certificates of it."""

import os
import ssl
import subprocess


def _openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Authority:
    """Keys and certificates in a directory; `file` is what clients trust."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.file, self._key = self._path("ca.pem"), self._path("ca.key")
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Test authority", "-keyout", self._key,
                 "-out", self.file)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def server(self, name="IP:127.0.0.1"):
        """An ssl.SSLContext of a server with a certificate for this name."""
        base = self._path("server-" + name.replace(":", "-"))
        with open(base + ".ext", "w", encoding="ascii") as f:
            f.write(f"subjectAltName={name}\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", base + ".key", "-out", base + ".csr")
        _openssl("x509", "-req", "-in", base + ".csr", "-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", "2",
                 "-extfile", base + ".ext", "-out", base + ".pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(base + ".pem", base + ".key")
        return context
