"""A rush of bookings with retries, for chaos tests: asyncio, keep-alive connections, one Idempotency-Key a booking."""

import asyncio
import json
import time
import uuid

PASS = {429, 502, 503, 504}


class Booking:
    """What one client wants, and what became of it."""

    def __init__(self, token, patient, session, surface):
        self.token, self.patient, self.session, self.surface = token, patient, session, surface
        self.key = str(uuid.uuid4())
        self.answer = None        # "yes", or the name or number of the refusal
        self.order = None
        self.tries = 0
        self.first = self.last = None

    def request(self):
        if self.surface == "v1":
            path, body = "/api/v1/appointments", {"schedule_id": self.session["id"], "patient_id": self.patient}
        else:
            path, body = "/patient/appointments", {"scheduleId": self.session["id"], "hospitalId": self.session["area"],
                                                   "departmentId": self.session["dept"], "patientId": self.patient}
        data = json.dumps(body).encode()
        return (f"POST {path} HTTP/1.1\r\nHost: chaos\r\nContent-Type: application/json\r\nAuthorization: Bearer {self.token}\r\n"
                f"Idempotency-Key: {self.key}\r\nContent-Length: {len(data)}\r\n\r\n").encode() + data

    def read(self, status, body):
        """True when this reply settles it."""
        if status in PASS:
            return False
        doc = json.loads(body)
        if self.surface == "v1":
            yes, data = doc["success"], doc["data"]
            reason = None if yes else data["code"]
        else:
            yes, data = doc["code"] == 0, doc["message"]
            reason = None if yes else f'{doc["code"]} {data["msg"]}'
        if reason in ("IDEMPOTENCY_IN_PROGRESS", "99 相同的请求正在处理中"):
            return False
        self.answer = "yes" if yes else reason
        self.order = data["id"] if yes else None
        return True


class Rush:
    """Sends all bookings over some connections. `answered` counts as it goes; a test may act when it has grown."""

    def __init__(self, port, bookings, connections=64, reply_timeout=8.0, give_up=40.0):
        self.port, self.bookings, self.connections = port, bookings, connections
        self.reply_timeout, self.give_up = reply_timeout, give_up
        self.answered = self.retries = self.lost = 0
        self.moments = []         # when answers came
        self._next = 0

    async def _reply(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status, length = int(lines[0].split(" ")[1]), 0
        close = False
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = int(value)
            elif name.lower() == "connection" and value.strip().lower() == "close":
                close = True
        return status, await reader.readexactly(length), close

    async def _one(self, b, link):
        """Send a booking until it is settled or given up. Returns the connection, or None when it is of no more use."""
        b.first = time.monotonic()
        while time.monotonic() - b.first < self.give_up:
            b.tries += 1
            try:
                if link is None:
                    link = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), self.reply_timeout)
                link[1].write(b.request())
                status, body, close = await asyncio.wait_for(self._reply(link[0]), self.reply_timeout)
                if close:
                    link[1].close()
                    link = None
                if b.read(status, body):
                    b.last = time.monotonic()
                    self.moments.append(b.last)
                    self.answered += 1
                    return link
            except (OSError, EOFError, asyncio.TimeoutError, asyncio.IncompleteReadError):
                self.lost += 1
                if link:
                    link[1].close()
                link = None
            self.retries += 1
            await asyncio.sleep(min(0.05 * 2 ** min(b.tries, 4), 0.8))
        return link

    async def _client(self):
        link = None
        while self._next < len(self.bookings):
            b = self.bookings[self._next]
            self._next += 1
            link = await self._one(b, link)
        if link:
            link[1].close()

    async def run(self, act):
        """All bookings, with `act(self)` (a coroutine) beside them."""
        side = asyncio.ensure_future(act(self))
        await asyncio.gather(*(self._client() for _ in range(self.connections)))
        await side

    async def until(self, share):
        """Wait until this share of all bookings is answered."""
        while self.answered < share * len(self.bookings):
            await asyncio.sleep(0.005)

    def longest_outage(self):
        """The longest time without any answer, and the longest a single client waited for its own."""
        gaps = [b - a for a, b in zip(self.moments, self.moments[1:])]
        return max(gaps, default=0), max((b.last - b.first for b in self.bookings if b.last), default=0)
