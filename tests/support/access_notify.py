"""Rows of the access table about feedback, messages and WeChat (api/07, api/08, api/11), and what they are tried on."""

SIGNED_IN, ADMIN, DOCTORS = "nyyyyyyy", "nffffffy", "nffyyfff"


def feedback(world):
    """A piece of the patient's feedback."""
    return world.h.one("insert into feedbacks (user_id, type, content, created_at, updated_at) values (%s, 'praise', '某事', now(), now()) "
                       "returning id", world.users["patient"])


def notice(world):
    """A message that the patient was told."""
    return world.h.one("insert into message_outbox (channel, recipient, template, subject, body, user_id, listed, created_at, expires_at, "
                       "sent_at) values ('sms', '13900000000', 'visit_cancelled', '门诊取消通知', '某事', %s, true, now(), now(), now()) "
                       "returning id", world.users["patient"])


def known(world):
    return {"feedback": lambda: feedback(world), "notice": lambda: notice(world)}


ROWS = [
    ("notify.create_feedback", "POST", "/common/feedback", SIGNED_IN, lambda w: {"json": {"type": "bug", "content": "某事"}}),
    ("notify.list_own_feedback", "GET", "/common/feedback", SIGNED_IN, None),
    # another's is not there
    ("notify.get_own_feedback", "GET", "/common/feedback/{feedback}", "nyxxxxxx", None),
    ("notify.list_feedback", "GET", "/admin/feedbacks", ADMIN, None),
    ("notify.set_feedback_status", "PUT", "/admin/feedbacks/{feedback}/status", ADMIN, lambda w: {"json": {"status": "closed"}}),
    ("notify.get_doctor_settings", "GET", "/doctor/notification/settings", DOCTORS, None),
    ("notify.set_doctor_settings", "POST", "/doctor/notification/settings", DOCTORS, lambda w: {"json": {"leave_approval": False}}),
    # the visit is three days ahead: a refusal by the rule for whose it is
    ("notify.send_visit_reminder", "POST", "/patient/appointments/{appointment}/send-reminder", "nrfxxxxx", None),
    ("notify.list_messages", "GET", "/patient/messages", SIGNED_IN, None),
    ("notify.mark_message_read", "PUT", "/patient/messages/{notice}/read", "nyxxxxxx", None),
    ("notify.delete_message", "DELETE", "/patient/messages/{notice}", "nyxxxxxx", None),
    # each for the own account
    ("notify.bind_wechat", "POST", "/patient/wechat/bind-by-code", SIGNED_IN, lambda w: {"json": {"code": "some-code"}}),
    ("notify.check_wechat_template", "GET", "/patient/wechat/authorized", SIGNED_IN, lambda w: {"params": {"templateId": "t1"}}),
    ("notify.store_wechat_subscription", "POST", "/patient/wechat/subscribe-auth", SIGNED_IN,
     lambda w: {"json": {"subscribeAuthResult": {"t1": "accept"}}}),
    ("notify.get_wechat_binding", "GET", "/patient/wechat/bindinfo", SIGNED_IN, None),
]

CASES = {("notify.send_visit_reminder", "path", "appointmentId"): ("other", lambda w: {}, "f")}
