"""Rows of the access table about moving appointments (api/07 section 7.2, api/24 AP-08)."""


def target(world):
    """Another session of the patient's doctor, in the clinic of the appointment made last."""
    clinic = world.h.one("select clinic_id from schedules order by id desc limit 1")
    world.h.run("update schedules set is_latest = false where doctor_id = %s and date = %s", world.h.doctor, world.day(6))
    return world.h.session(6, "上午", clinic=clinic, price="0.00")        # what the appointment costs


ROWS = [
    ("booking.list_reschedule_options", "GET", "/patient/appointments/{appointment}/reschedule-options", "nyfxxxxx", None),
    ("booking.reschedule_appointment", "PUT", "/patient/appointments/{appointment}/reschedule", "nyfxxxxx",
     lambda w: {"json": {"scheduleId": target(w)}}),
    # of nurses arrival and absence only: appointment:manage of api/20 section 6
    ("booking.v1_reschedule_appointment", "POST", "/api/v1/appointments/{appointment}/reschedule", "nyfyffyy",
     lambda w: {"json": {"schedule_id": target(w)}}),
    ("booking.hb_update_appointment", "PUT", "/appointment/", "nyfyffyy",
     lambda w: {"json": {"id": w.appointment(), "description": "某因"}}),
]

CASES = {
    ("booking.hb_update_appointment", "query", "appointment_id"):
        ("other", lambda w: {"params": {"appointment_id": w.appointment()}, "json": {"description": "某因"}}, "f"),
}
