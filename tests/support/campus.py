"""A campus directory on a port of its own: who has which password, as the setting campus.directory = http asks it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Campus:
    def __init__(self):
        self.people = {}            # number: (password, answer); an answer that is no text is written as JSON
        self.asked = []             # (path, body as an object)
        self.status = None          # answers everything with this status
        self.delay = 0
        campus = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                campus.asked.append((self.path, sent))
                time.sleep(campus.delay)
                password, answer = campus.people.get(sent["identifier"], (None, None))
                status = campus.status or (200 if password == sent["password"] else 401)
                text = (answer if isinstance(answer, str) else json.dumps(answer)).encode() if status == 200 else b""
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/verify"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, number, password="Campus-1", name="学生甲", code="student", role="学生"):
        self.people[number] = (password, {"userId": number, "userName": name, "roleCode": code, "roleName": role})
        return number

    def close(self):
        self.server.shutdown()
        self.server.server_close()
