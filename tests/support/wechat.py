"""The WeChat platform on a port of its own: tokens, codes and subscription messages, with the answers that a test asks for."""

import contextlib
import http.server
import json
import urllib.parse

from .served import Served


class _Handler(http.server.BaseHTTPRequestHandler):
    def _answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(self.server.owner.status)
        self.send_header("Content-Length", str(len(data)))
        with contextlib.suppress(BrokenPipeError):      # who asked did not wait
            self.end_headers()
            self.wfile.write(data)

    def _parts(self):
        path, _, query = self.path.partition("?")
        return path, dict(urllib.parse.parse_qsl(query))

    def do_GET(self):
        owner = self.server.owner
        path, query = self._parts()
        if owner.hang:
            owner.released.wait(60)
        if path != "/sns/jscode2session" or query["grant_type"] != "authorization_code":
            return self._answer({"errcode": 40002, "errmsg": "invalid grant_type"})
        owner.codes.append(query)
        openid = owner.people.pop(query["js_code"], None)
        self._answer({"openid": openid, "session_key": "c2Vzc2lvbg==", "unionid": "u-" + openid} if openid
                     else {"errcode": 40029, "errmsg": "invalid code"})

    def do_POST(self):
        owner = self.server.owner
        path, query = self._parts()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if path == "/cgi-bin/stable_token":
            owner.tokens.append(body)
            return self._answer({"access_token": f"token/{len(owner.tokens)}", "expires_in": 7200})
        if query.get("access_token") != f"token/{owner.good or len(owner.tokens)}":
            return self._answer({"errcode": 42001, "errmsg": "access_token expired"})
        owner.messages.append(body)
        code = owner.errcodes.pop(0) if owner.errcodes else 0
        self._answer({"errcode": code, "errmsg": "ok" if code == 0 else "refused"})

    def log_message(self, *_):
        pass


class Platform(Served):
    """with Platform() as p: p.url; p.people: {code: openid}; p.errcodes: of the next messages; p.good: number of the only good token;
    p.tokens, p.codes, p.messages: what was asked."""

    def __init__(self):
        self.people, self.errcodes, self.good, self.status = {}, [], None, 200
        self.tokens, self.codes, self.messages = [], [], []
        super().__init__(_Handler)
