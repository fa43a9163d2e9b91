"""Rows of the access table about the waitlist (api/07 section 7.3): entries of the table's patient."""


def full_session(world):
    """A session of the doctor without a place."""
    session = world.session()
    world.h.run("update schedules set total_slots = 0, remaining_slots = 0 where id = %s", session)
    return session


def waiting(world):
    """An entry of the patient's for such a session."""
    world.h.serial += 1
    return world.h.one(
        "insert into registration_orders (order_no, patient_id, initiator_user_id, doctor_id, schedule_id, slot_date, time_section, "
        "slot_type, starts_at, ends_at, list_price, price, status, payment_status, source_type, channel, created_at, updated_at) "
        "select %s, %s, %s, doctor_id, id, date, time_section, slot_type, starts_at, ends_at, 0, 0, 'waitlist', 'pending', 'waitlist', "
        "'bjtu', now(), now() from schedules where id = %s returning id", f"w{world.h.serial}", world.patient,
        world.users["patient"], full_session(world))


def known(world):
    return {"waiting": lambda: waiting(world)}


ROWS = [
    ("booking.join_waitlist", "POST", "/patient/waitlist", "nyfxxxxx",
     lambda w: {"json": {"scheduleId": full_session(w), "patientId": w.patient}}),
    ("booking.list_waitlist", "GET", "/patient/waitlist", "nyyxxxxx", None),
    ("booking.leave_waitlist", "DELETE", "/patient/waitlist/{waiting}", "nyfxxxxx", None),
    # the session is full: a refusal by the rule for whose entry it is
    ("booking.convert_waitlist_place", "POST", "/patient/waitlist/{waiting}/convert", "nrfxxxxx", None),
]

CASES = {("booking.convert_waitlist_place", "path", "waitlistId"): ("other", lambda w: {}, "f")}
