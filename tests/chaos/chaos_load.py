"""A rush of bookings with retries, for chaos tests: asyncio, keep-alive connections, one Idempotency-Key a booking."""

import asyncio
import json
import time
import uuid

from support.link import LOST, Link, request

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
        return request("POST", path, self.token, body, {"Idempotency-Key": self.key})

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

    async def _one(self, b, link):
        """Send a booking until it is settled or given up."""
        b.first = time.monotonic()
        while time.monotonic() - b.first < self.give_up:
            b.tries += 1
            try:
                if b.read(*await link.exchange(b.request())):
                    b.last = time.monotonic()
                    self.moments.append(b.last)
                    self.answered += 1
                    return
            except LOST:
                self.lost += 1
            self.retries += 1
            await asyncio.sleep(min(0.05 * 2 ** min(b.tries, 4), 0.8))

    async def _client(self):
        link = Link(self.port, self.reply_timeout)
        while self._next < len(self.bookings):
            b = self.bookings[self._next]
            self._next += 1
            await self._one(b, link)
        link.close()

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
