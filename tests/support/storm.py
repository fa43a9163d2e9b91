"""Random life of a hospital over HTTP: many clients on three surfaces read, book, pay, move, cancel, wait and are displaced at once.

What each client does is drawn from GUAHAO_SEED (printed), so that a run can be repeated; what meets what is up to the machine. An action
whose operation the contract does not have is left out. Afterwards the database is compared with what clients were told, and with its
own rules (`guahao books`).
"""

import asyncio
import collections
import datetime as dt
import json
import os
import random
import re
import time
import uuid

import psycopg2

from . import clock
from .books import broken
from .hospital import Hospital, at, today, ts
from .link import LOST, Link, request

PASS = {429, 502, 503, 504}
DOCTORS, DAYS, PATIENTS, CHILDREN = 5, 3, 30, 8
LIFE = "40000"                                          # minutes: the clock moves, tokens stay good
GIVE_UP = 45.0


def seed():
    return int(os.environ.get("GUAHAO_SEED") or random.SystemRandom().randrange(1 << 32))


def seconds(short):
    """How long to run: GUAHAO_STORM seconds when it is set."""
    return float(os.environ.get("GUAHAO_STORM") or short)


CONF = {"front.workers": 1, "ratelimit.enabled": "false", "worker.heartbeat_ms": 500, "broker.heartbeat_ms": 500}


class Answer:
    """yes: the payload; no: the name or number of the refusal; neither: nobody knows what became of it."""

    def __init__(self, status=None, yes=None, no=None):
        self.status, self.yes, self.no = status, yes, no


def read(surface, status, body):
    doc = json.loads(body) if body else None
    if surface == "code":
        good = status == 200 and doc["code"] == 0
        return Answer(status, doc["message"]) if good else Answer(status, no=f'{doc["code"]} {doc["message"]["error"]} {doc["message"]["msg"]}')
    if surface == "v1":
        return Answer(status, doc["data"]) if doc["success"] else Answer(status, no=doc["data"]["code"])
    return Answer(status, doc) if status < 300 else Answer(status, no=f"{status} {doc['detail']}")


BUSY = ("IDEMPOTENCY_IN_PROGRESS", "相同的请求正在处理中", "is still running")


class Watch:
    """A client's connection that measures how long the client is without any answer. fronts: [(host, port)]; as behind a load balancer
    it goes to the next one when nothing comes from this one, or a 502 or 503. gaps: [(since, until)] of more than GAP seconds."""

    GAP = 0.5

    def __init__(self, fronts, n=0):
        self.links = [Link(port, host=host) for host, port in fronts]
        self.at = n % len(self.links)
        self.since, self.longest, self.moment, self.gaps = None, 0.0, None, []

    async def exchange(self, data):
        """As Link.exchange(). The caller says ended() when this was an answer, and not only a word to come again (503 and the like)."""
        self.since = self.since or time.monotonic()
        good = False
        try:
            status, body = await self.links[self.at].exchange(data)
            good = status not in (502, 503)
            return status, body
        finally:
            if not good:
                self.at = (self.at + 1) % len(self.links)

    def ended(self):
        now = time.monotonic()
        if self.since and now - self.since > self.GAP:
            self.gaps.append((self.since, now))
        if self.since and now - self.since > self.longest:
            self.longest, self.moment = now - self.since, now
        self.since = None

    def close(self):
        self.ended()                                    # who is without an answer at the end has had none until now
        for link in self.links:
            link.close()


class World:
    """The rows that the storm plays with, made with plain SQL."""

    def __init__(self, db):
        self.db = db
        self.h = h = Hospital(db)
        h.setting("registration", '{"paymentTimeoutMinutes": 30, "cancelHoursBefore": 2, "sameDayDeadline": "23:59", '
                                  '"maxAppointmentsPerPeriod": 50, "advanceBookingDays": 30, "noShowLimit": 10}')
        # many bookings of few accounts: nobody is banned for it (BR-128, BR-135)
        h.run("create function nobody() returns trigger language plpgsql as $$ begin return null; end $$")
        h.run("create trigger nobody before insert on user_bans for each row execute function nobody()")
        self.phones, self.people = [], {}               # phone -> the patients whom the account books for
        for n in range(PATIENTS):
            pid, uid = h.patient()
            self.phones.append(h.one("select phonenumber from users where id = %s", uid))
            self.people[self.phones[-1]] = [pid]
            if n < CHILDREN:
                child, _ = h.patient(account=False)
                h.relate(pid, child)
                self.people[self.phones[-1]].append(child)
        self.doctors, self.sessions = {}, {}
        for _ in range(DOCTORS):
            uid = h.user("doctor", roles=["DOCTOR"])
            doctor = h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, '医生丁') returning id", uid, h.dept)
            clinic = h.one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, '诊室') returning id", h.area, h.dept)
            self.doctors[doctor] = h.one("select phonenumber from users where id = %s", uid)
            for day in range(DAYS):
                for section, first in (("上午", "08:00"), ("下午", "14:00")):
                    places, price = 2 + (day + len(self.sessions)) % 4, ("50.00", "80.00", "0.00")[len(self.sessions) % 7 % 3]
                    i = h.session(6 + day, section, places=places, price=price, doctor=doctor, clinic=clinic)
                    self.sessions[i] = {"doctor": doctor, "day": today() + dt.timedelta(days=6 + day), "section": section,
                                        "starts": at(today() + dt.timedelta(days=6 + day), first), "places": places, "price": price}

    def look(self, sql, *args):
        """Rows, for a client that wants to know what to ask for; none while the database is away."""
        try:
            return self.db.query(sql, *args)
        except psycopg2.OperationalError:
            return []

    def close(self):
        self.h.close()


class Storm:
    """clients asyncio clients on a system that runs, for some seconds."""

    def __init__(self, system, world, seed, clients=20):
        self.system, self.world, self.seed, self.n_clients = system, world, seed, clients
        print(f"GUAHAO_SEED={seed}")
        phones = world.phones + list(world.doctors.values())
        self.tokens = {p: system.cli("token", "--user", p, "--minutes", LIFE).stdout.strip() for p in phones}
        for name, uid in (("admin", world.h.admin), ("staff", world.h.staff)):
            phone = world.h.one("select phonenumber from users where id = %s", uid)
            self.tokens[name] = system.cli("token", "--user", phone, "--minutes", LIFE).stdout.strip()
        document = system.api().get("/openapi.json").json()
        self.has = {op["operationId"] for path in document["paths"].values() for op in path.values() if "operationId" in op}
        self.orders = []                                # what clients know: {id, phone, patient, session}
        self.waits = []                                 # the same of the waitlist
        self.told = {}                                  # order -> (patient, session) of every yes
        self.unanswered = []                            # keys that never got an answer
        self.over = {"cancelled": set(), "paid": set(), "left": set()}    # orders of which that was answered yes
        self.counts = collections.Counter()
        self.faults = []
        self.twice = []                                 # orders that were given to two calls
        self.outages = []                               # of each client: longest time without an answer, and when it ended
        self.gaps = []                                  # times of more than Watch.GAP in which a client was without any
        self.running = True

    # -- asking

    async def ask(self, link, surface, method, path, token, body=None, key=True):
        """One call. With a key it is repeated until it is answered; without one it is sent once, and may be lost."""
        key = str(uuid.uuid4()) if key else None
        data = request(method, path, self.tokens[token], body, {"Idempotency-Key": key} if key else None)
        begun, pause = time.monotonic(), 0.05
        while True:
            try:
                self.counts["requests"] += 1
                status, raw = await link.exchange(data)
                if status not in PASS:
                    answer = read(surface, status, raw)
                    if not (answer.no and any(b in answer.no for b in BUSY)):
                        link.ended()
                        if status >= 500 or status == 401 or (status == 422 and "VALIDATION" in str(answer.no)):
                            self.faults.append((method, path, body, status, raw[:300]))
                        return answer
                else:
                    self.counts[f"again {status}"] += 1
            except LOST:
                self.counts["again lost"] += 1
            if not key or time.monotonic() - begun > GIVE_UP:
                if key:
                    self.unanswered.append((method, path, key))
                return Answer()
            self.counts["retries"] += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.8)

    def knows(self, order, phone, patient, session):
        if order in self.told:
            self.twice.append((order, self.told[order], (patient, session)))
        self.told[order] = (patient, session)
        self.orders.append({"id": order, "phone": phone, "patient": patient, "session": session})

    # -- actions: each is (link, rng) -> Answer or None when there is nothing to do

    def somebody(self, rng):
        phone = rng.choice(self.world.phones)
        return phone, rng.choice(self.world.people[phone])

    def session(self, rng):
        return rng.choice(list(self.world.sessions))

    def known(self, rng, what=None):
        """One of the latest orders; what was cancelled is asked for now and then."""
        pool = self.orders if what is None else what
        if pool and rng.random() < 0.9:
            pool = [o for o in pool[-80:] if o["id"] not in self.over["cancelled"] and o["id"] not in self.over["left"]] or pool
        return rng.choice(pool[-60:]) if pool else None

    async def book_code(self, link, rng):
        (phone, patient), s = self.somebody(rng), self.session(rng)
        a = await self.ask(link, "code", "POST", "/patient/appointments", phone,
                           {"scheduleId": s, "hospitalId": self.world.h.area, "departmentId": self.world.h.dept, "patientId": patient})
        if a.yes:
            self.knows(a.yes["id"], phone, patient, s)
        return a

    async def book_v1(self, link, rng):
        (phone, patient), s = self.somebody(rng), self.session(rng)
        a = await self.ask(link, "v1", "POST", "/api/v1/appointments", phone, {"schedule_id": s, "patient_id": patient})
        if a.yes:
            self.knows(a.yes["id"], phone, patient, s)
        return a

    async def book_hb(self, link, rng):
        phone, s = rng.choice(self.world.phones), self.session(rng)
        patient, its = self.world.people[phone][0], self.world.sessions[s]
        moment = its["starts"] + dt.timedelta(minutes=15 * rng.randrange(its["places"]))
        a = await self.ask(link, "hb", "POST", "/appointment/", phone, {"doctor_id": its["doctor"], "date_time": ts(moment)})
        if a.yes:
            self.knows(a.yes["id"], phone, patient, s)
        return a

    async def pay_code(self, link, rng):
        o = self.known(rng)
        a = o and await self.ask(link, "code", "POST", f"/patient/appointments/{o['id']}/pay", o["phone"], {"method": "wechat"})
        if a and a.yes:
            self.over["paid"].add(o["id"])
        return a

    async def open_code(self, link, rng):
        """A payment online of the code surface, which the sandbox may end."""
        o = self.known(rng)
        rows = o and self.world.look("select gh_bill_balance(b) from bills b where b.appointment_id = %s and b.kind = 'REGISTRATION' "
                                         "and b.status <> 'CANCELLED'", o["id"])
        if not rows:
            return None
        a = await self.ask(link, "code", "POST", "/patient/payments/create", o["phone"],
                           {"appointmentId": o["id"], "amount": float(rows[0][0]), "paymentMethod": "alipay"})
        if a.yes and rng.random() < 0.8 and "billing.v1_play_sandbox_payment" in self.has:
            for payment, in self.world.look("select id from payments where payment_no = %s", a.yes["paymentNo"]):
                await self.ask(link, "v1", "POST", f"/api/v1/payments/sandbox/{payment}", "admin",
                               {"outcome": rng.choice(["success", "success", "fail"])}, key=False)
        return a

    def bill(self, rng, states=("ISSUED", "PARTIALLY_PAID")):
        o = self.known(rng)
        rows = o and self.world.look("select id, total from bills where appointment_id = %s and status = any (%s) order by id",
                                         o["id"], list(states))
        return (o, *rng.choice(rows)) if rows else None

    async def pay_counter(self, link, rng):
        found = self.bill(rng)
        if not found:
            return None
        o, bill, total = found
        body = {"method": rng.choice(["CASH", "CARD"])}
        if rng.random() < 0.3:
            body["amount"] = str(total / 2)
        return await self.ask(link, "v1", "POST", f"/api/v1/billing/{bill}/payments", "admin", body)

    async def pay_online(self, link, rng):
        found = self.bill(rng)
        if not found:
            return None
        o, bill, _ = found
        a = await self.ask(link, "v1", "POST", f"/api/v1/billing/{bill}/payments", o["phone"], {"method": "ONLINE"})
        if a.yes and a.yes["status"] == "PENDING":
            then = rng.random()
            if then < 0.3:
                await self.ask(link, "v1", "POST", f"/api/v1/payments/{a.yes['id']}/cancel", o["phone"], {}, key=False)
            if then > 0.2 and "billing.v1_play_sandbox_payment" in self.has:
                await self.ask(link, "v1", "POST", f"/api/v1/payments/sandbox/{a.yes['id']}", "admin",
                               {"outcome": rng.choice(["success", "success", "fail"])}, key=False)
        return a

    async def refund(self, link, rng):
        o = self.known(rng)
        rows = o and self.world.look("select p.id, p.amount from payments p join bills b on b.id = p.bill_id where b.appointment_id = %s "
                                         "and p.status = 'SUCCEEDED'", o["id"])
        if not rows:
            return None
        payment, amount = rng.choice(rows)
        body = {"reason": "多收"}
        if rng.random() < 0.7:
            body["amount"] = str(round(amount / rng.choice([2, 4, 5]), 2))
        return await self.ask(link, "v1", "POST", f"/api/v1/payments/{payment}/refunds", "admin", body)

    async def cancel_code(self, link, rng):
        o = self.known(rng)
        a = o and await self.ask(link, "code", "PUT", f"/patient/appointments/{o['id']}/cancel", o["phone"], {})
        if a and a.yes:
            self.over["cancelled"].add(o["id"])
        return a

    async def cancel_v1(self, link, rng):
        o = self.known(rng)
        how = rng.choice([("POST", f"/api/v1/appointments/{o['id']}/cancel", {"reason": "x"}), ("DELETE", f"/api/v1/appointments/{o['id']}", None),
                          ]) if o else None
        a = how and await self.ask(link, "v1", how[0], how[1], o["phone"], how[2], key=False)
        if a and a.yes:
            self.over["cancelled"].add(o["id"])
        return a

    async def cancel_hb(self, link, rng):
        o = self.known(rng)
        a = o and await self.ask(link, "hb", "DELETE", f"/appointment/?appointment_id={o['id']}", o["phone"], key=False)
        if a and a.yes and a.yes["status"] == "SCHEDULED":      # as it was; what is over is hidden only
            self.over["cancelled"].add(o["id"])
        return a

    async def cancel_payment(self, link, rng):
        o = self.known(rng)
        a = o and await self.ask(link, "code", "POST", f"/patient/appointments/{o['id']}/cancel-payment", o["phone"], {})
        if a and a.yes:
            self.over["cancelled"].add(o["id"])
        return a

    def elsewhere(self, rng, o):
        """Another session of the same doctor."""
        now = self.world.sessions.get(o["session"])
        return rng.choice([s for s, i in self.world.sessions.items() if now is None or (i["doctor"] == now["doctor"] and s != o["session"])])

    async def move_code(self, link, rng):
        o = self.known(rng)
        return o and await self.ask(link, "code", "PUT", f"/patient/appointments/{o['id']}/reschedule", o["phone"],
                                    {"scheduleId": self.elsewhere(rng, o)}, key=False)

    async def move_v1(self, link, rng):
        o = self.known(rng)
        return o and await self.ask(link, "v1", "POST", f"/api/v1/appointments/{o['id']}/reschedule", rng.choice([o["phone"], "admin"]),
                                    {"schedule_id": self.session(rng), "reason": "x"})

    async def move_hb(self, link, rng):
        o = self.known(rng)
        if not o:
            return None
        its = self.world.sessions[self.elsewhere(rng, o)]
        moment = its["starts"] + dt.timedelta(minutes=15 * rng.randrange(its["places"]))
        return await self.ask(link, "hb", "PUT", "/appointment/", o["phone"], {"id": o["id"], "date_time": ts(moment)}, key=False)

    async def status_v1(self, link, rng):
        o = self.known(rng)
        body = rng.choice([{"fhir_status": "arrived"}, {"status": "COMPLETED"}, {"fhir_status": "noshow"}, {"status": "CANCELLED"},
                           {"status": "SCHEDULED"}])
        return o and await self.ask(link, "v1", "POST", f"/api/v1/appointments/{o['id']}/status", "staff", body, key=False)

    async def check_in(self, link, rng):
        o = self.known(rng)
        return o and await self.ask(link, "v1", "POST", f"/api/v1/appointments/{o['id']}/check-in", "staff", key=False)

    async def join(self, link, rng):
        (phone, patient), s = self.somebody(rng), self.session(rng)
        a = await self.ask(link, "code", "POST", "/patient/waitlist", phone, {"scheduleId": s, "patientId": patient})
        if a.yes:
            self.knows(a.yes["id"], phone, patient, s)
            self.waits.append(self.orders[-1])
        return a

    async def leave(self, link, rng):
        o = self.known(rng, self.waits)
        a = o and await self.ask(link, "code", "DELETE", f"/patient/waitlist/{o['id']}", o["phone"], key=False)
        if a and a.yes:
            self.over["left"].add(o["id"])
        return a

    async def convert(self, link, rng):
        o = self.known(rng, self.waits)
        return o and await self.ask(link, "code", "POST", f"/patient/waitlist/{o['id']}/convert", o["phone"], {"slotId": "default_slot"})

    async def stop_session(self, link, rng):
        s = self.session(rng)
        a = await self.ask(link, "code", "PUT", f"/admin/schedules/{s}", "admin", {"status": "停诊"}, key=False)
        await self.ask(link, "code", "PUT", f"/admin/schedules/{s}", "admin", {"status": "正常"}, key=False)
        return a

    async def change_places(self, link, rng):
        s, n = self.session(rng), rng.randrange(2, 9)
        if rng.random() < 0.5:
            return await self.ask(link, "code", "PUT", f"/admin/schedules/{s}", "admin", {"total_slots": n}, key=False)
        return await self.ask(link, "v1", "PATCH", f"/api/v1/schedules/{s}", "admin", {"total_slots": n}, key=False)

    async def add_slot(self, link, rng):
        (phone, patient), s = self.somebody(rng), self.session(rng)
        a = await self.ask(link, "code", "POST", "/schedules/add-slot", "admin",
                           {"schedule_id": s, "patient_id": patient, "slot_type": "普通", "reason": "管理员直接加号"})
        if a.yes:
            self.knows(a.yes["order_id"], phone, patient, s)
        return a

    async def ask_slot(self, link, rng):
        """A doctor applies for one place more, the office decides."""
        (_, patient), s = self.somebody(rng), self.session(rng)
        a = await self.ask(link, "code", "POST", "/schedules/add-slot", self.world.doctors[self.world.sessions[s]["doctor"]],
                           {"schedule_id": s, "patient_id": patient, "slot_type": "普通", "reason": "病情需要复诊加号一次"})
        if a.yes:
            word = rng.choice(["approve", "reject"])
            await self.ask(link, "code", "POST", f"/admin/audit/add-slot/{a.yes['audit_id']}/{word}", "admin", {"comment": "已阅"}, key=False)
        return a

    async def take_leave(self, link, rng):
        its = self.world.sessions[self.session(rng)]
        a = await self.ask(link, "code", "POST", "/doctor/leave/apply", self.world.doctors[its["doctor"]],
                           {"date": its["day"].isoformat(), "shift": "morning" if its["section"] == "上午" else "afternoon", "reason": "会议"})
        if a.yes:
            await self.ask(link, "code", "POST", f"/admin/audit/leave/{int(re.sub('[^0-9]', '', a.yes['applicationId']))}/approve", "admin",
                           {"comment": "同意"}, key=False)
        return a

    async def read_code(self, link, rng):
        phone, h = rng.choice(self.world.phones), self.world.h
        return await self.ask(link, "code", "GET", rng.choice(["/patient/appointments", "/patient/waitlist", "/patient/doctors",
                                                               f"/patient/hospitals/schedules?departmentId={h.dept}"]), phone, key=False)

    async def read_v1(self, link, rng):
        path, who = rng.choice([("appointments/me", None), ("billing/me", None), (f"schedules/{self.session(rng)}", None), ("doctors", None),
                                ("schedules?only_free=true", None), ("appointments?page_size=5", "admin"), ("jobs?page_size=5", "admin")])
        return await self.ask(link, "v1", "GET", f"/api/v1/{path}", who or rng.choice(self.world.phones), key=False)

    async def read_hb(self, link, rng):
        o = self.known(rng)
        return o and await self.ask(link, "hb", "GET", f"/appointment/by_id/{o['id']}", o["phone"], key=False)

    ACTIONS = (                                         # weight, action, operation that it needs
        (16, book_code, "booking.book_appointment"), (16, book_v1, "booking.v1_book_appointment"),
        (8, book_hb, "booking.hb_create_appointment"), (14, pay_code, "booking.pay_appointment"),
        (5, open_code, "billing.create_order_payment"),
        (8, pay_counter, "billing.v1_create_payment"), (6, pay_online, "billing.v1_create_payment"), (4, refund, "billing.v1_create_refund"),
        (4, cancel_code, "booking.cancel_appointment"), (5, cancel_v1, "booking.v1_cancel_appointment"),
        (3, cancel_hb, "booking.hb_delete_appointment"), (4, cancel_payment, "booking.cancel_payment"),
        (5, move_code, "booking.reschedule_appointment"), (5, move_v1, "booking.v1_reschedule_appointment"),
        (4, move_hb, "booking.hb_update_appointment"), (3, status_v1, "booking.v1_set_appointment_status"),
        (2, check_in, "booking.v1_check_in_appointment"), (14, join, "booking.join_waitlist"), (4, leave, "booking.leave_waitlist"),
        (5, convert, "booking.convert_waitlist_place"), (0.6, stop_session, "schedule.update_schedule"),
        (3, change_places, "schedule.v1_update_session"), (1.5, add_slot, "audit.add_slot"), (1, ask_slot, "audit.approve_add_slot_audit"),
        (0.4, take_leave, "audit.approve_leave_audit"), (10, read_code, "booking.list_appointments"),
        (10, read_v1, "booking.v1_list_my_appointments"), (5, read_hb, "booking.hb_get_appointment"),
    )

    # -- running

    async def _client(self, n, until):
        rng, link = random.Random(f"{self.seed}:{n}"), Watch(self.system.fronts, n)
        actions = [(w, a) for w, a, op in self.ACTIONS if op in self.has]
        while time.monotonic() < until and self.running:
            action = rng.choices([a for _, a in actions], [w for w, _ in actions])[0]
            answer = await action(self, link, rng)
            if answer is not None:
                self.counts[f"{action.__name__} {'yes' if answer.yes is not None else 'no' if answer.no else 'unknown'}"] += 1
                if answer.no:
                    self.counts[f"   {action.__name__}: {answer.no}"] += 1
        link.close()
        self.outages.append((link.longest, link.moment))
        self.gaps += link.gaps

    async def _time(self, until, every):
        """The clock moves on: unpaid orders time out. Never so far that a session begins."""
        rng = random.Random(f"{self.seed}:clock")
        while self.running and time.monotonic() + every < until:
            await asyncio.sleep(every)
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: self.system.cli("clock", "--quiet", rng.choice(["+31m", "+16m", "+31m"]), check=False))

    async def _run(self, length, beside, every):
        until = time.monotonic() + length
        side = [asyncio.ensure_future(beside(until))] if beside else []
        clients = [self._client(n, until) for n in range(self.n_clients)]
        try:
            await asyncio.gather(*clients, self._time(until, every))
        finally:
            self.running = False
            await asyncio.gather(*side)

    def run(self, length, beside=None, every=3.0):
        """beside: a coroutine function that does harm meanwhile, and has repaired it when it returns."""
        self.begun = time.monotonic()
        asyncio.run(self._run(length, beside, every))
        print(f"GUAHAO_SEED={self.seed}: {sum(n for k, n in self.counts.items() if k.endswith((' yes', ' no', ' unknown')))} calls, "
              f"{len(self.told)} orders, {self.counts['retries']} retries")
        for name, n in sorted(self.counts.items()):
            print(f"  {n:6d} {name}")

    # -- afterwards

    def settle(self):
        """Time-outs and offers that are due are done, by the jobs pool itself."""
        clock.move(self.system, "+2m")
        end, found = time.monotonic() + 30, None
        while time.monotonic() < end:
            found, _ = broken(self.system)
            if not found:
                return
            time.sleep(0.5)
        name, rows = next(iter(found.items()))
        story = self.story(int(rows[0].split(":")[0])) if name.startswith(("r1", "r8", "r9", "br", "order", "paid", "hist")) else ""
        raise AssertionError(f"GUAHAO_SEED={self.seed}: " + "\n".join(f"{name}: {rows}" for name, rows in found.items()) + f"\n{story}")

    def story(self, order):
        """All that the database knows of an order, for a test that fails."""
        q = self.world.db.query
        return {name: q(sql, order) for name, sql in (
            ("order", "select row_to_json(o) from registration_orders o where id = %s"),
            ("history", "select id, at, action, from_value, to_value, note from appointment_history where order_id = %s order by id"),
            ("bills", "select id, kind, status, total, paid_amount, refunded_amount, supplements from bills where appointment_id = %s order by id"),
            ("payments", "select p.* from payments p join bills b on b.id = p.bill_id where b.appointment_id = %s order by p.id"))}

    def tally(self):
        """What clients were told beside what the database has: {kind of difference: rows}, and all orders that are there."""
        db = self.world.db
        stored = {r[0]: r[1:] for r in db.query("select id, patient_id, schedule_id, status, source_type, reschedule_count "
                                                "from registration_orders")}
        paid = {r[0] for r in db.query("select b.appointment_id from bills b join payments p on p.bill_id = b.id and p.status = 'SUCCEEDED'")}
        return {
            "lost orders": sorted(set(self.told) - set(stored)),
            "lost cancellations": sorted(i for name in ("cancelled", "left") for i in self.over[name]
                                         if i in stored and stored[i][2] not in ("cancelled", "timeout")),
            "lost payments": sorted(self.over["paid"] - paid),
            "doubled orders": sorted(i for i, r in stored.items() if i not in self.told and r[3] != "add_slot"),
            "doubled answers": self.twice,
        }, stored

    def longest_outage(self):
        """(seconds, seconds after the beginning when it ended) of the client that was longest without any answer."""
        length, moment = max(self.outages)
        return length, (moment or self.begun) - self.begun

    def verify(self):
        """Every yes is in the database once and as it was said; nothing is there that nobody was told of."""
        where = f"GUAHAO_SEED={self.seed}"
        found, stored = self.tally()
        assert not self.faults, f"{where}: {len(self.faults)} faults: {self.faults[:5]}"
        assert not self.unanswered, f"{where}: {len(self.unanswered)} calls were never answered: {self.unanswered[:3]}"
        for name, rows in found.items():
            assert not rows, f"{where}: {len(rows)} {name}: {rows[:5]}; {self.story(rows[0]) if name != 'doubled answers' else ''}"
        other = {i: (t, stored[i]) for i, t in self.told.items()
                 if stored[i][0] != t[0] or (stored[i][1] != t[1] and stored[i][4] == 0)}
        assert not other, f"{where}: orders are not what was answered: {list(other.items())[:3]}"
        self.settle()
