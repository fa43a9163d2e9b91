"""Members of requests that name a row, and what they give when the row is somebody else's (decisions 31).

members() derives them from the contract. Each must be tried: by its row of access_table (which sends it, and of which somebody is
refused), by a case here, or be one of EVERYBODYS: rows that anybody may name, such as a department. Operations for
administrators alone need no case: all rows are theirs.
"""

import re

from . import access_moves, access_notify, access_patients, access_waitlist, contract

ROW = re.compile(r"(^|[._\]])(id|ids|sid)$|[a-z_](Id|Ids)$|_ids?$")


def _deref(value):
    while "$ref" in value:
        value = contract.component(value["$ref"])
    return value


def _names(schema, before="", depth=0):
    """Dotted names of all members of a schema, lists as `items[]`."""
    schema = _deref(schema)
    if depth > 6:
        return
    for part in schema.get("allOf", []) + schema.get("oneOf", []) + schema.get("anyOf", []):
        yield from _names(part, before, depth + 1)
    for name, value in schema.get("properties", {}).items():
        yield before + name
        yield from _names(value, before + name + ".", depth + 1)
    if "items" in schema:
        yield from _names(schema["items"], before[:-1] + "[].", depth + 1)


def is_for_administrators(access):
    return access in (["admin"], ["superuser"], ["admin", "superuser"]) or isinstance(access, dict) and access["scope"] == ["all"]


def members():
    """{(operation, "path"|"query"|"body", member)} that name a row and may be sent by others than administrators."""
    found = set()
    for name in contract.operations():
        _, _, operation = contract.place(name)
        if is_for_administrators(operation["x-access"]):
            continue
        for p in map(_deref, operation.get("parameters", [])):
            if p["in"] in ("path", "query") and ROW.search(p["name"]):
                found.add((name, p["in"], p["name"]))
    for name, _, body in contract.bodies():
        if not is_for_administrators(contract.operations()[name]["x-access"]):
            found |= {(name, "body", m) for m in _names(body.get("schema", {})) if ROW.search(m)}
    return found


# Whose rows are read or named by all who may call the operation at all.
EVERYBODYS = {
    # sessions, and what they hang on, are there to be booked by anybody
    ("booking.book_appointment", "body"): ("scheduleId", "hospitalId", "departmentId"),
    ("booking.join_waitlist", "body"): ("scheduleId",),
    ("booking.reschedule_appointment", "body"): ("scheduleId",),
    ("booking.convert_waitlist_place", "body"): ("slotId",),        # sent by a client, means nothing
    ("booking.hb_create_appointment", "body"): ("doctor_id",),
    ("booking.v1_book_appointment", "body"): ("schedule_id", "doctor_id"),
    ("booking.v1_check_booking", "body"): ("schedule_id", "doctor_id"),
    ("booking.v1_reschedule_appointment", "body"): ("schedule_id", "doctor_id"),
    ("booking.hb_update_appointment", "body"): ("doctor_id",),
    # the catalogue
    ("directory.browse_bookable_schedules", "query"): ("departmentId", "hospitalId"),
    ("directory.browse_clinic_schedules", "path"): ("clinic_id",),
    ("directory.browse_clinics", "query"): ("dept_id", "area_id"),
    ("directory.browse_department_schedules", "path"): ("dept_id",),
    ("directory.browse_doctor_schedules", "path"): ("doctor_id",),
    ("directory.browse_doctors", "query"): ("dept_id",),
    ("directory.browse_hospitals", "query"): ("area_id",),
    ("directory.browse_minor_departments", "query"): ("major_dept_id",),
    ("directory.hb_get_doctor", "path"): ("doctor_id",),
    ("directory.show_doctor", "path"): ("doctor_id",),
    ("directory.show_doctor_photo", "path"): ("doctor_id",),
    ("identity.v1_create_my_doctor", "body"): ("specialty_ids", "dept_id", "department_id"),    # until it is activated it shows nowhere
    ("identity.v1_update_my_doctor", "body"): ("specialty_ids",),
    ("directory.v1_get_department", "path"): ("id",),
    ("directory.v1_get_doctor", "path"): ("id",),
    ("directory.v1_get_specialty", "path"): ("id",),
    ("directory.v1_list_departments", "query"): ("parent_id",),
    ("directory.v1_list_doctors", "query"): ("dept_id",),
    ("schedule.v1_get_session", "path"): ("id",),
    ("schedule.v1_list_sessions", "query"): ("doctor_id", "dept_id", "clinic_id"),
    # an administrator decides on the week that a head asks for, whoever is to sit there (api/08 section 8.7)
    ("audit.submit_schedule_change", "body"): ("changes[].doctorId",),
    # a doctor may sit in a clinic of another department; his hours are there to be read
    ("schedule.v1_add_availability", "body"): ("clinic_id", "[].clinic_id"),
    ("schedule.v1_replace_availability", "body"): ("rules[].clinic_id",),
    ("schedule.v1_update_availability_rule", "body"): ("clinic_id",),
    ("schedule.v1_get_availability", "path"): ("id",),
    ("schedule.v1_update_session", "body"): ("clinic_id",),
    # templates of the WeChat platform, asked for by anybody for oneself
    ("notify.check_wechat_template", "query"): ("templateId",),
    # a provider's own name for what it reports
    ("billing.v1_receive_payment_event", "body"): ("event_id",),
    # names of OAuth2 clients, which are no rows and not looked at (api/21 OA-01)
    ("identity.oauth_issue_token", "body"): ("client_id",),
    ("identity.oauth_revoke_token", "body"): ("client_id",),
}


def everybodys():
    return {(op, where, member) for (op, where), names in EVERYBODYS.items() for member in names}


def _others(name):
    """A list without rows of the patient, whatever the filter asks for."""
    def check(w, r):
        assert r.status_code == 200, r.text
        assert all(item[name] != w.patient for item in r.json()["data"]["items"]), r.text
    return check


def _week(w, **more):
    return {"params": {"startDate": w.day(7), "endDate": w.day(13), **more}}


def _day(w, **more):
    return {"params": {"date": w.day(7), "shift": "morning", **more}}


def _change(w, doctor):
    return {"date": w.day(9), "shift": "morning", "doctorId": doctor}


def _is_own(who):
    """What was made belongs to the caller, whoever was named."""
    def check(w, r):
        assert r.status_code == 201, r.text
        assert w.h.one("select user_id from doctors where id = %s", r.json()["data"]["id"]) == w.users[who], r.text
    return check


# (operation, where, member): (caller, what is sent, letter of access_table or a check of the answer)
CASES = {
    ("booking.hb_delete_appointment", "query", "id"): ("other", lambda w: {"params": {"id": w.appointment()}}, "f"),
    ("booking.hb_delete_appointment", "body", "id"): ("other", lambda w: {"json": {"id": w.appointment()}}, "f"),
    ("booking.v1_check_in_appointment", "path", "id"): ("nurse", lambda w: {}, "f"),        # she has no department
    ("booking.v1_list_appointments", "query", "patient_id"):
        ("other", lambda w: (w.appointment(), {"params": {"patient_id": w.patient}})[1], _others("patient_id")),
    ("booking.v1_list_appointments", "query", "doctor_id"):
        ("other", lambda w: (w.appointment(), {"params": {"doctor_id": w.h.doctor}})[1], _others("patient_id")),
    ("booking.v1_list_appointments", "query", "dept_id"):
        ("other", lambda w: (w.appointment(), {"params": {"dept_id": w.h.dept}})[1], _others("patient_id")),
    ("booking.v1_list_appointments", "query", "schedule_id"):
        ("other", lambda w: {"params": {"schedule_id": w.h.one("select schedule_id from registration_orders where id = %s",
                                                               w.appointment())}}, _others("patient_id")),
    # one's own account is changed, never the one that the body names
    ("identity.v1_update_me", "body", "id"): ("other", lambda w: {"json": {"id": w.users["patient"]}}, "f"),
    ("identity.v1_update_me", "body", "patient_id"): ("other", lambda w: {"json": {"patient_id": w.patient}}, "f"),
    ("identity.v1_update_me", "body", "doctor_id"): ("other", lambda w: {"json": {"doctor_id": w.h.doctor}}, "f"),
    # a doctor's own profile: his account and department are the office's to set
    ("identity.v1_update_my_doctor", "body", "user_id"): ("doctor2", lambda w: {"json": {"user_id": w.h.doctor_user}}, "f"),
    ("identity.v1_update_my_doctor", "body", "dept_id"): ("doctor2", lambda w: {"json": {"dept_id": w.h.dept}}, "f"),
    ("identity.v1_update_my_doctor", "body", "department_id"): ("doctor2", lambda w: {"json": {"department_id": w.h.dept}}, "f"),
    ("identity.v1_create_my_doctor", "body", "user_id"):
        ("newcomer", lambda w: {"json": {"name": "某医生", "user_id": w.users["other"]}}, _is_own("newcomer")),
    ("identity.hb_update_doctor", "query", "id"):
        ("doctor2", lambda w: {"params": {"id": w.h.doctor}, "json": {"specialization": "x"}}, "f"),
    ("identity.hb_update_doctor", "query", "doctor_id"):
        ("doctor2", lambda w: {"params": {"doctor_id": w.h.doctor}, "json": {"specialization": "x"}}, "f"),
    ("identity.hb_update_doctor", "body", "dept_id"): ("doctor2", lambda w: {"json": {"id": w.h.doctor2, "dept_id": w.h.dept}}, "f"),
    # the head of another department
    ("audit.get_clinic_week", "query", "clinicId"): ("head2", lambda w: _week(w, clinicId=w.h.clinic), "f"),
    ("audit.list_available_doctors", "query", "clinicId"): ("head2", lambda w: _day(w, clinicId=w.h.clinic), "f"),
    ("audit.get_department_leave", "path", "audit_id"): ("head2", lambda w: {}, "f"),
    ("audit.approve_department_leave", "path", "audit_id"): ("head2", lambda w: {}, "f"),
    ("audit.reject_department_leave", "path", "audit_id"): ("head2", lambda w: {"json": {"comment": "某因"}}, "f"),
    ("audit.submit_schedule_change", "body", "clinicId"):
        ("head2", lambda w: {"json": {"clinicId": w.h.clinic, "changes": [_change(w, w.h.doctor2)]}}, "f"),
}
CASES |= access_moves.CASES | access_notify.CASES | access_patients.CASES | access_waitlist.CASES
