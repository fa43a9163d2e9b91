"""A small hospital behind the whole running system: what API tests of booking stand on."""

from .hospital import Hospital


class House:
    def __init__(self, system, db):
        self.system = system
        self.h = Hospital(db)
        self._apis = {}

    def api(self, user):
        """An HTTP client signed in as an account of the hospital, by its id."""
        if user not in self._apis:
            name = self.h.one("select username from users where id = %s", user)
            self._apis[user] = self.system.api(user=name)
        return self._apis[user]

    def reset(self):
        """Settings as booking tests expect them."""
        self.h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "08:00"}')
        for key in ("appointment.department_interval", "appointment.strict_session", "appointment.require_prepayment"):
            self.h.setting(key, None)

    def close(self):
        self.h.close()


def open_house(empty_db, make_system, conf=None):
    return House(make_system(empty_db, conf).start(), empty_db)
