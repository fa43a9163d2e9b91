"""Rows of the access table about feedback and messages (api/07, api/08, api/11), and what they are tried on."""

SIGNED_IN, ADMIN, DOCTORS = "nyyyyyyy", "nffffffy", "nffyyfff"


def feedback(world):
    """A piece of the patient's feedback."""
    return world.h.one("insert into feedbacks (user_id, type, content, created_at, updated_at) values (%s, 'praise', '某事', now(), now()) "
                       "returning id", world.users["patient"])


def known(world):
    return {"feedback": lambda: feedback(world)}


ROWS = [
    ("notify.create_feedback", "POST", "/common/feedback", SIGNED_IN, lambda w: {"json": {"type": "bug", "content": "某事"}}),
    ("notify.list_own_feedback", "GET", "/common/feedback", SIGNED_IN, None),
    # another's is not there
    ("notify.get_own_feedback", "GET", "/common/feedback/{feedback}", "nyxxxxxx", None),
    ("notify.list_feedback", "GET", "/admin/feedbacks", ADMIN, None),
    ("notify.set_feedback_status", "PUT", "/admin/feedbacks/{feedback}/status", ADMIN, lambda w: {"json": {"status": "closed"}}),
    ("notify.get_doctor_settings", "GET", "/doctor/notification/settings", DOCTORS, None),
    ("notify.set_doctor_settings", "POST", "/doctor/notification/settings", DOCTORS, lambda w: {"json": {"leave_approval": False}}),
]
