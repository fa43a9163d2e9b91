"""Rows of the access table about the queue of a session and records of visits (api/07, api/08, api/11)."""


def seen(world):
    """An order of the patient's with the doctor, who sees him just now."""
    order = world.appointment()
    world.h.run("update registration_orders set is_calling = true, call_time = now() where id = %s", order)
    return order


def visit(world):
    """A record of a visit of the patient's with the doctor."""
    return world.h.one("insert into medical_records (patient_id, doctor_id, visit_date, created_at, updated_at) "
                       "values (%s, %s, now(), now(), now()) returning id", world.patient, world.h.doctor)


def seen_visit(world):
    """One, while the doctor has an appointment of the patient's (BR-120)."""
    world.appointment()
    return visit(world)


def known(world):
    return {"visit": lambda: visit(world), "seen_visit": lambda: seen_visit(world)}


ROWS = [
    # a doctor's own session; administrators look on
    ("clinical.get_queue", "GET", "/doctor/consultation/queue", "nffyfffy", lambda w: {"params": {"schedule_id": w.session()}}),
    ("clinical.call_next_patient", "POST", "/doctor/consultation/next", "nffyffff", lambda w: {"json": {"schedule_id": w.session()}}),
    ("clinical.pass_patient", "POST", "/doctor/consultation/pass", "nffyffff", lambda w: {"json": {"order_id": seen(w)}}),
    ("clinical.complete_visit", "POST", "/doctor/consultation/complete", "nffyffff", lambda w: {"json": {"order_id": seen(w)}}),
    # each his own
    ("clinical.get_own_health_record", "GET", "/patient/health-record", "nyyxxxxx", None),
    ("clinical.list_own_health_records", "GET", "/patient/health-records", "nyyxxxxx", None),
    ("clinical.get_own_visit", "GET", "/patient/visit-record/{visit}", "nyfxxxxx", None),
    ("clinical.get_visit_record", "GET", "/common/visit-record/{seen_visit}", "nyfyfffy", None),
]
