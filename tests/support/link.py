"""A keep-alive HTTP connection for asyncio, for loads of many clients. No retries: whoever calls decides what a lost reply means."""

import asyncio
import json


def request(method, path, token=None, body=None, headers=None):
    """The bytes of a request."""
    data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(data)}"]
    if body is not None:
        lines.append("Content-Type: application/json")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Link:
    def __init__(self, port, timeout=8.0, host="127.0.0.1"):
        self.host, self.port, self.timeout = host, port, timeout
        self._streams = None

    async def exchange(self, data):
        """(status, body) of the reply. Raises LOST when there was none; the next call connects anew."""
        try:
            if self._streams is None:
                self._streams = await asyncio.wait_for(asyncio.open_connection(self.host, self.port), self.timeout)
            self._streams[1].write(data)
            status, body, close = await asyncio.wait_for(self._reply(self._streams[0]), self.timeout)
        except LOST:
            self.close()
            raise
        if close:
            self.close()
        return status, body

    async def _reply(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status, length, close = int(lines[0].split(" ")[1]), 0, False
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
            elif name.lower() == "connection" and value.strip().lower() == "close":
                close = True
        return status, await reader.readexactly(length), close

    def close(self):
        if self._streams:
            self._streams[1].close()
        self._streams = None


LOST = (OSError, EOFError, asyncio.TimeoutError, asyncio.IncompleteReadError)
