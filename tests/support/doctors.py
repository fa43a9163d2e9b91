"""A hospital with its office: what tests of doctors stand on."""

import itertools

from . import forms
from .accounts import PASSWORD, add_user
from .hospital import Hospital
from .http import Api, data, message

_serial = itertools.count(1)


class Office:
    def __init__(self, system, db):
        self.system, self.db, self.h = system, db, Hospital(db)
        self._apis = {}

    def api(self, user=None):
        """Signed in as an account of the hospital, by its id; None: nobody."""
        if user is None:
            return self.system.api()
        if user not in self._apis:
            self._apis[user] = self.system.api(user=self.h.one("select username from users where id = %s", user))
        return self._apis[user]

    @property
    def admin(self):
        return self.api(self.h.admin)

    def sign_in(self, name, password=PASSWORD):
        """By a password: an Api with a token of one session of its own."""
        pair = data(self.system.api().post("/api/v1/auth/login", {"username": name, "password": password}))
        return Api(self.system.base, pair["access_token"])

    def doctor(self, account=True, roles=("DOCTOR",), **columns):
        """(doctor, account or None) of a new one in the first department; columns of doctors by name."""
        n = next(_serial)
        user = add_user(self.db, roles, username=f"doc{n}", identifier=f"GH{n:04d}", user_type="doctor") if account else None
        row = {"user_id": user, "dept_id": self.h.dept, "name": f"新医生{n}", **columns}
        names = ", ".join(row)
        return self.h.one(f"insert into doctors ({names}) values ({', '.join(['%s'] * len(row))}) returning id",
                          *row.values()), user

    def entries(self, action, entity_id):
        """What the audit log says of a row: its changes, the newest last."""
        return [r[0] for r in self.h.run("select changes from audit_log where action = %s and entity_id = %s order by id", action,
                                         str(entity_id))]

    def photo(self, doctor):
        """Upload one; its path."""
        r = self.admin.post(f"/admin/doctors/{doctor}/photo", **forms.one("photo", forms.png(seed=str(doctor).encode()), "a.png", "image/png"))
        return message(r)["photo_path"]

    def specialty(self, code, name):
        return self.h.one("insert into specialties (code, name) values (%s, %s) returning id", code, name)

    def row(self, doctor):
        """The stored doctor as a dictionary."""
        with self.h.conn.cursor() as cur:
            cur.execute("select * from doctors where id = %s", (doctor,))
            return dict(zip([c.name for c in cur.description], cur.fetchone()))

    def account(self, user):
        with self.h.conn.cursor() as cur:
            cur.execute("select * from users where id = %s", (user,))
            return dict(zip([c.name for c in cur.description], cur.fetchone()))


def open_office(empty_db, make_system, conf=None):
    system = make_system(empty_db, {"password.cost": 10, **(conf or {})})
    return Office(system.start(pools=("identity,directory,schedule", "booking")), empty_db)
