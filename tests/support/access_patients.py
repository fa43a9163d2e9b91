"""Rows of the access table about patients (api/07 section 7.4, api/22, api/30): those of the table's patient, who is assigned to the
table's doctor."""


def id_card(world):
    world.h.serial += 1
    return f"{world.h.serial:018d}"


def _relative(world):
    """A relative of the patient's, and the only one."""
    world.h.run("delete from patient_relations where user_patient_id <> related_patient_id")
    world.h.relate(world.patient, relative := world.h.patient(account=False)[0])
    return relative


def _number(world):
    """The patient's national id, so that nobody else may have it."""
    if not world.h.one("select national_id_bidx is not null from patients where id = %s", world.patient):
        world.house.api(world.users["admin"]).patch(f"/api/v1/patients/{world.patient}", {"national_id": "N-0001"})
    return "N-0001"


def _assignment(world):
    return world.h.one("insert into care_assignments (patient_id, doctor_id, valid_from) values (%s, %s, current_date - 2) returning id",
                       world.patient, world.h.extra_doctor())


def known(world):
    return {"relative": lambda: _relative(world), "new_patient": lambda: world.h.patient(account=False)[0],
            "assignment": lambda: _assignment(world)}


READ, OWN, CLINICAL = "nyfyfyyy", "nyyxxxxx", "nyfyfffy"


ROWS = [
    # whom an account may book for; who has no patient record is told so
    ("identity.list_relatives", "GET", "/patient/patients", "nyyxxxxx", None),
    ("identity.get_default_relative", "GET", "/patient/patients/default", "nyyxxxxx", None),
    ("identity.add_relative", "POST", "/patient/patients", "nyyxxxxx",
     lambda w: {"json": {"name": "某人", "id_card": id_card(w)}}),
    ("identity.update_relative", "PUT", "/patient/patients/{relative}", "nyxxxxxx", lambda w: {"json": {"remark": "x"}}),
    ("identity.set_default_relative", "PUT", "/patient/patients/{patient}/set-default", "nyxxxxxx", None),
    ("identity.remove_relative", "DELETE", "/patient/patients/{relative}", "nyxxxxxx", None),
    ("identity.update_basic_info", "PUT", "/patient/profile/basic-info", "nyyxxxxx", lambda w: {"json": {"height": 170}}),
    # no campus directory here: those with a patient record are told so
    ("identity.verify_campus_identity", "POST", "/patient/identity/verify", "nrrxxxxx",
     lambda w: {"json": {"identifier": "2130", "password": "x"}}),

    # patients on /api/v1: patient:read, patient:manage and record:read of api/20 section 6; `me` is for who has a patient record
    ("identity.v1_get_my_patient", "GET", "/api/v1/patients/me", OWN, None),
    ("identity.v1_update_my_patient", "PATCH", "/api/v1/patients/me", OWN, lambda w: {"json": {"occupation": "x"}}),
    ("identity.v1_create_my_patient", "POST", "/api/v1/patients/me", "nrrrrrrr",
     lambda w: {"json": {"full_name": "某人", "national_id": _number(w)}}),
    ("identity.v1_get_my_medical_profile", "GET", "/api/v1/patients/me/medical-profile", "nyyxxxfx", None),
    ("identity.v1_update_my_medical_profile", "PATCH", "/api/v1/patients/me/medical-profile", OWN,
     lambda w: {"json": {"smoking": "never"}}),
    ("identity.v1_list_my_timeline", "GET", "/api/v1/patients/me/timeline", OWN, None),
    ("identity.v1_list_patients", "GET", "/api/v1/patients", "nffyyyyy", None),
    ("identity.v1_create_patient", "POST", "/api/v1/patients", "nffyyfyy", lambda w: {"json": {"full_name": "某人"}}),
    ("identity.v1_get_patient", "GET", "/api/v1/patients/{patient}", READ, None),
    # a doctor changes the clinical part alone
    ("identity.v1_update_patient", "PATCH", "/api/v1/patients/{patient}", "nyffffyy", lambda w: {"json": {"occupation": "x"}}),
    ("identity.v1_delete_patient", "DELETE", "/api/v1/patients/{new_patient}", "nffffffy", None),
    ("identity.v1_get_medical_profile", "GET", "/api/v1/patients/{patient}/medical-profile", CLINICAL, None),
    ("identity.v1_update_medical_profile", "PATCH", "/api/v1/patients/{patient}/medical-profile", CLINICAL,
     lambda w: {"json": {"smoking": "never"}}),
    ("identity.v1_list_timeline", "GET", "/api/v1/patients/{patient}/timeline", READ, None),
    ("identity.v1_list_assignments", "GET", "/api/v1/patients/{patient}/assignments", READ, None),
    ("identity.v1_create_assignment", "POST", "/api/v1/patients/{patient}/assignments", "nffyfffy",
     lambda w: {"json": {"doctor_id": w.h.extra_doctor()}}),
    ("identity.v1_close_assignment", "DELETE", "/api/v1/patients/{patient}/assignments/{assignment}", "nffyfffy", None),
    # the nurse has no department here, so that her list is empty
    ("booking.v1_list_patient_appointments", "GET", "/api/v1/patients/{patient}/appointments", READ, None),
    # pictures, released ones for the patient; everything as a file
    ("identity.v1_list_patient_images", "GET", "/api/v1/patients/{patient}/images", CLINICAL, None),
    ("identity.v1_export_my_data", "POST", "/api/v1/patients/me/export", OWN, None),

    # Heartbeat
    ("identity.hb_list_patients", "GET", "/patient/", "nyyyyyyy", None),
    ("identity.hb_get_patient", "GET", "/patient/{patient}", READ, None),
    ("identity.hb_create_patient", "POST", "/patient/", "yyyyyyyy",
     lambda w: {"json": {"name": "Pat", "email": w.new_email(), "password": "Tr0ub4dor&3"}}),
    ("identity.hb_update_patient", "PUT", "/patient/", "nyffffyy", lambda w: {"json": {"id": w.patient, "address": "12 Lake Road"}}),
    ("identity.hb_delete_patient", "DELETE", "/patient/", "nffffffy", lambda w: {"params": {"patient_id": w.h.patient(account=False)[0]}}),
]


def _not_the_patient(w, r):
    """A list without the patient, whatever the filter asks for."""
    assert r.status_code == 200, r.text
    assert all(item["id"] != w.patient for item in r.json()["data"]["items"]), r.text


def _sent(**members):
    return lambda w: {"json": {k: v(w) if callable(v) else v for k, v in members.items()}}


def _asked(**members):
    return lambda w: {"params": {k: v(w) if callable(v) else v for k, v in members.items()}}


DOCTOR, USER = (lambda w: w.h.doctor), (lambda w: w.users["patient"])

# members that name a row, with somebody else's (foreign_rows)
CASES = {
    ("booking.v1_list_patient_appointments", "query", "dept_id"): ("other", _asked(dept_id=lambda w: w.h.dept), "f"),
    ("booking.v1_list_patient_appointments", "query", "doctor_id"): ("other", _asked(doctor_id=DOCTOR), "f"),
    ("booking.v1_list_patient_appointments", "query", "schedule_id"): ("other", _asked(schedule_id=1), "f"),
    ("identity.hb_update_patient", "query", "id"): ("other", lambda w: {"params": {"id": w.patient}, "json": {"name": "x"}}, "f"),
    ("identity.hb_update_patient", "query", "patient_id"):
        ("other", lambda w: {"params": {"patient_id": w.patient}, "json": {"name": "x"}}, "f"),
    ("identity.v1_create_my_patient", "body", "national_id"): ("newcomer", _sent(full_name="某人", national_id=_number), "r"),
    ("identity.v1_create_my_patient", "body", "primary_doctor_id"): ("newcomer", _sent(full_name="某人", primary_doctor_id=DOCTOR), "f"),
    ("identity.v1_create_my_patient", "body", "user_id"): ("newcomer", _sent(full_name="某人", user_id=USER), "f"),
    ("identity.v1_create_patient", "body", "national_id"): ("doctor2", _sent(full_name="某人", national_id=_number), "r"),
    ("identity.v1_create_patient", "body", "primary_doctor_id"): ("doctor2", _sent(full_name="某人", primary_doctor_id=DOCTOR), "f"),
    ("identity.v1_create_patient", "body", "user_id"): ("doctor2", _sent(full_name="某人", user_id=USER), "f"),
    ("identity.v1_list_patient_images", "query", "record_id"): ("other", _asked(record_id=1), "f"),
    ("identity.v1_list_patients", "query", "doctor_id"): ("doctor2", _asked(doctor_id=DOCTOR), _not_the_patient),
    ("identity.v1_list_patients", "query", "national_id"): ("doctor2", _asked(national_id=_number), _not_the_patient),
    ("identity.v1_update_my_patient", "body", "national_id"): ("other", _sent(national_id=_number), "r"),
    ("identity.v1_update_my_patient", "body", "primary_doctor_id"): ("other", _sent(primary_doctor_id=DOCTOR), "f"),
    ("identity.v1_update_my_patient", "body", "user_id"): ("other", _sent(user_id=USER), "f"),
    ("identity.v1_update_patient", "body", "national_id"): ("doctor", _sent(national_id="N-0002"), "f"),
    ("identity.v1_update_patient", "body", "primary_doctor_id"): ("doctor2", _sent(primary_doctor_id=lambda w: w.h.doctor2), "f"),
    ("identity.v1_update_patient", "body", "user_id"): ("other", _sent(user_id=lambda w: w.users["other"]), "f"),
}
