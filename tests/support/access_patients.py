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


def known(world):
    return {"relative": lambda: _relative(world)}


ROWS = [
    # whom an account may book for; who has no patient record is told so
    ("identity.list_relatives", "GET", "/patient/patients", "nyyxxxxx", None),
    ("identity.get_default_relative", "GET", "/patient/patients/default", "nyyxxxxx", None),
    ("identity.add_relative", "POST", "/patient/patients", "nyyxxxxx",
     lambda w: {"json": {"name": "某人", "id_card": id_card(w)}}),
    ("identity.update_relative", "PUT", "/patient/patients/{relative}", "nyxxxxxx", lambda w: {"json": {"remark": "x"}}),
    ("identity.set_default_relative", "PUT", "/patient/patients/{patient}/set-default", "nyxxxxxx", None),
    ("identity.remove_relative", "DELETE", "/patient/patients/{relative}", "nyxxxxxx", None),
]
