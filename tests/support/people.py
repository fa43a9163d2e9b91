"""Patients as the tests of their operations need them: the house, HTTP clients, numbers that nobody else has."""

import itertools

from .house import open_house

_serial = itertools.count(1)


def card(birth="19900307", male=True):
    """A new id card number of 18 characters."""
    return f"{next(_serial):06d}{birth}00{1 if male else 2}X"


class People:
    def __init__(self, house):
        self.house, self.h, self.system = house, house.h, house.system

    def api(self, user=None):
        return self.house.api(user) if user else self.system.api()

    def patient(self, **columns):
        """(patient id, account, client) of a new patient; columns of patients by name."""
        pid, uid = self.h.patient()
        for name, value in columns.items():
            self.h.run(f"update patients set {name} = %s where id = %s", value, pid)
        return pid, uid, self.api(uid)

    def audit(self, action, entity_id):
        """(actor, patient, changes) of the entries of one action on one row, the eldest first."""
        return self.h.run("select actor_id, patient_id, changes from audit_log where action = %s and entity_id = %s order by id",
                          action, str(entity_id))


def open_people(empty_db, make_system, conf=None):
    house = open_house(empty_db, make_system, {"password.cost": 10, **(conf or {})})
    house.reset()
    return People(house)
