"""Rows of access_table for photos, uploads and stored files (api/02, api/05, api/11), and what they are tried on."""

from . import forms

PUBLIC, SIGNED_IN, ADMIN = "yyyyyyyy", "nyyyyyyy", "nffffffy"


def _attachment(world):
    r = world.house.api(world.users["patient"]).post("/common/upload", **forms.one("file", forms.png()))
    return r.json()["message"]["url"]


def _doctor_with_photo(world):
    r = world.house.api(world.users["admin"]).post(f"/admin/doctors/{world.h.doctor}/photo", **forms.one("photo", forms.png()))
    return r.json()["message"]["doctor_id"]


def known(world):
    return {"attachment": lambda: _attachment(world), "doctor_with_photo": lambda: _doctor_with_photo(world)}


ROWS = [
    ("directory.upload_doctor_photo", "POST", "/admin/doctors/{doctor}/photo", ADMIN, lambda w: forms.one("photo", forms.png())),
    ("directory.get_doctor_photo", "GET", "/admin/doctors/{doctor_with_photo}/photo", ADMIN, None),
    ("directory.show_doctor_photo", "GET", "/patient/doctors/{doctor_with_photo}/photo", PUBLIC, None),
    ("directory.delete_doctor_photo", "DELETE", "/admin/doctors/{doctor_with_photo}/photo", ADMIN, None),
    ("directory.upload_image", "POST", "/common/upload", SIGNED_IN, lambda w: forms.one("file", forms.png())),
    ("directory.get_attachment", "GET", "/admin/audit/attachment/raw", ADMIN, lambda w: {"params": {"path": _attachment(w)}}),
    ("front.get_icon", "GET", "/common/icon?path=logo.png", PUBLIC, None),
    ("directory.get_static_file", "GET", "/{attachment}", PUBLIC, None),
]
