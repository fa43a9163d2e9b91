"""Who may do what, written by hand from api/20 section 6 and the pages of the operations (decisions 31).

One row an operation: operationId, method, path, a letter for each caller in the order of CALLERS, and what is sent. The target of a
row is the patient's own, and the doctor's: an appointment in {appointment} is the patient's with the doctor.
  y  done                              n  not signed in (401)
  f  refused for who is calling (403, or code 102)
  x  not there for this caller (404, or code 106): no patient record, another's session
  r  answered by a rule of the operation, whoever asks
"""

from . import access_applications, access_billing, access_clinical, access_files, access_moves, access_notify, access_patients, access_payments, access_waitlist

CALLERS = ("nobody", "patient", "other", "doctor", "doctor2", "nurse", "staff", "admin")

PUBLIC, SIGNED_IN, ADMIN = "yyyyyyyy", "nyyyyyyy", "nffffffy"


def form(**values):
    return lambda w: {"data": {k: v(w) if callable(v) else v for k, v in values.items()}}


def body(**values):
    """A JSON body; callables are asked with the world."""
    return lambda w: {"json": {k: v(w) if callable(v) else v for k, v in values.items()}}


def query(**values):
    return lambda w: {"params": {k: v(w) if callable(v) else v for k, v in values.items()}}


def password(w):
    return w.password


def phone(w):
    return w.phone


def staff_number(w):
    return w.staff_number


def session(w):
    return w.session()


def patient(w):
    return w.patient


def doctor(w):
    return w.h.doctor


def appointment(w):
    return w.appointment()


def days(w):
    return {"params": {"start_date": w.today, "end_date": w.day(7)}}


def new_schedule(w):
    """A session of a doctor who has none, in the clinic of the hospital."""
    return {"doctor_id": w.h.extra_doctor(), "clinic_id": w.h.clinic, "schedule_date": w.day(5), "time_section": "上午",
            "slot_type": "普通", "price": 0, "total_slots": 16}


def one_evening(w):
    """A single evening that the doctor has free."""
    w.h.serial += 1
    return {"date": w.day(10 + w.h.serial % 40), "start_time": "19:00", "end_time": "20:00"}


TABLE = [
    # signing in and out, who am I (api/01, api/21)
    ("identity.login_patient", "POST", "/auth/patient/login", PUBLIC, body(phonenumber=phone, password=password)),
    ("identity.login_staff", "POST", "/auth/staff/login", PUBLIC, body(identifier=staff_number, password=password)),
    ("identity.login_account", "POST", "/auth/login", PUBLIC, body(username=phone, password=password)),
    ("identity.login_form", "POST", "/auth/swagger-login", PUBLIC, body(username=phone, password=password)),
    ("identity.close_session", "POST", "/auth/logout", PUBLIC, None),
    ("identity.renew_token", "POST", "/auth/refresh-token", SIGNED_IN, None),
    ("identity.get_role", "GET", "/auth/me", SIGNED_IN, None),
    ("identity.get_user_info", "GET", "/auth/user-info", SIGNED_IN, None),
    ("identity.fetch_user_info", "POST", "/auth/user-info", SIGNED_IN, None),
    ("identity.v1_login_user", "POST", "/api/v1/auth/login", PUBLIC, body(username=phone, password=password)),
    ("identity.v1_logout_session", "POST", "/api/v1/auth/logout", SIGNED_IN, None),
    ("identity.v1_get_auth_me", "GET", "/api/v1/auth/me", SIGNED_IN, None),
    ("identity.v1_refresh_tokens", "POST", "/api/v1/auth/refresh", PUBLIC, body(refresh_token=lambda w: w.refresh_token())),
    ("identity.v1_list_sessions", "GET", "/api/v1/auth/sessions", SIGNED_IN, None),
    # another's session is not there, as one's own list says
    ("identity.v1_revoke_session", "DELETE", "/api/v1/auth/sessions/{patient_session}", "nyxxxxxx", None),
    ("identity.v1_get_password_policy", "GET", "/api/v1/auth/password-policy", PUBLIC, None),
    ("identity.v1_check_password", "POST", "/api/v1/auth/password-check", PUBLIC, body(password="Tr0ub4dor&3")),
    ("identity.v1_change_password", "POST", "/api/v1/auth/change-password", "nrrrrrrr",
     body(current_password="Not-mine-1", new_password="Tr0ub4dor&3")),
    ("identity.v1_request_password_reset", "POST", "/api/v1/auth/forgot", PUBLIC, body(email="nobody@example.test")),
    ("identity.v1_reset_password", "POST", "/api/v1/auth/reset", "rrrrrrrr", body(token="unknown", new_password="Tr0ub4dor&3")),
    ("identity.oauth_revoke_token", "POST", "/auth/revoke", PUBLIC, form(token="unknown")),
    # another's token is not for them: 401 invalid_client
    ("identity.oauth_introspect_token", "POST", "/auth/introspect", "nnnnnnny", form(token=lambda w: w.refresh_token())),
    ("identity.oauth_issue_token", "POST", "/auth/token", PUBLIC,
     form(grant_type="password", username=phone, password=password)),

    # registration (api/01, api/21): the seed's form; the other one needs a code
    ("identity.register_account", "POST", "/auth/register", PUBLIC,
     lambda w: {"json": {"email": w.new_email(), "username": f"r{w.h.serial}", "phonenumber": w.new_phone(),
                         "password": "Strong-pass-26"}}),
    ("identity.v1_register_user", "POST", "/api/v1/auth/register", PUBLIC,
     lambda w: {"json": {"email": w.new_email(), "password": "Strong-pass-26", "full_name": "某人"}}),
    ("identity.confirm_email", "GET", "/auth/verifyEmail", "rrrrrrrr", query(token="x.y.z")),

    # codes by short message and mail (api/01): a wrong code is 106 or a refusal of its own
    ("identity.send_sms_code", "POST", "/auth/sms/send-code", PUBLIC, body(phone=lambda w: w.new_phone())),
    ("identity.verify_sms_code", "POST", "/auth/sms/verify-code", "xxxxxxxx",
     body(phone=lambda w: w.new_phone(), code="000000")),
    ("identity.send_email_code", "POST", "/auth/email/send-verify-code", SIGNED_IN, body(email=lambda w: w.new_email())),
    ("identity.bind_email", "POST", "/auth/email/verify-code", "nrrrrrrr",
     body(email=lambda w: w.new_email(), code="000000")),
    ("identity.update_profile", "PUT", "/auth/profile", "nyyxxxxx", body(realName="示例患者")),

    # accounts and roles (api/21): administrators, and everybody for the own account
    ("identity.v1_get_me", "GET", "/api/v1/users/me", SIGNED_IN, None),
    ("identity.v1_update_me", "PATCH", "/api/v1/users/me", SIGNED_IN, body(full_name="某人")),
    ("identity.v1_list_users", "GET", "/api/v1/users", ADMIN, None),
    ("identity.v1_create_user", "POST", "/api/v1/users", ADMIN,
     body(email=lambda w: w.new_email(), generate_password=True)),
    ("identity.v1_reset_user_password", "POST", "/api/v1/users/{new_user}/reset-password", ADMIN, None),
    ("identity.v1_get_user", "GET", "/api/v1/users/{patient_user}", "nyfffffy", None),
    ("identity.v1_update_user", "PATCH", "/api/v1/users/{new_user}", ADMIN, body(full_name="某人")),
    ("identity.v1_delete_user", "DELETE", "/api/v1/users/{new_user}", ADMIN, None),
    ("identity.v1_replace_user_roles", "PUT", "/api/v1/users/{new_user}/roles", ADMIN, body(roles=["STAFF"])),
    ("identity.v1_unlock_user", "POST", "/api/v1/users/{new_user}/unlock", ADMIN, None),
    ("identity.v1_revoke_user_sessions", "DELETE", "/api/v1/users/{new_user}/sessions", ADMIN, None),
    ("identity.v1_list_roles", "GET", "/api/v1/roles", ADMIN, None),
    ("identity.v1_list_permissions", "GET", "/api/v1/permissions", ADMIN, None),
    ("identity.v1_create_role", "POST", "/api/v1/roles", ADMIN,
     body(code=lambda w: w.role_code(), name="某职", permissions=[{"code": "user:read", "scope": "own"}])),
    ("identity.v1_update_role", "PATCH", "/api/v1/roles/{new_role}", ADMIN, body(name="某职")),
    ("identity.v1_delete_role", "DELETE", "/api/v1/roles/{new_role}", ADMIN, None),
    # the same on the code surface (api/01 section 1.4): one's own names are one's own to change
    ("identity.list_users", "GET", "/auth/users", ADMIN, None),
    ("identity.register_admin", "POST", "/auth/register-admin", "fffffffy",
     body(identifier=lambda w: w.role_code(), password="Wj-2026", name="某人")),
    ("identity.get_user", "GET", "/auth/users/{patient_user}", "nyfffffy", None),
    ("identity.update_user", "PUT", "/auth/users/{patient_user}/updateProfile", "nyfffffy",
     body(email=lambda w: w.new_email())),
    ("identity.delete_user", "DELETE", "/auth/users/{new_user}", ADMIN, None),
    ("identity.set_user_role", "PUT", "/auth/users/{new_user}/role", ADMIN, body(is_admin=False)),

    # requests recorded, figures (api/01 section 1.4, api/09)
    ("stats.list_requests", "GET", "/auth/user-logs", ADMIN, None),
    ("stats.count_users", "GET", "/statistics/users", SIGNED_IN, None),
    ("stats.count_visits", "GET", "/statistics/visits", SIGNED_IN, None),
    ("stats.get_hospital_registrations", "GET", "/statistics/hospital/registrations", ADMIN, None),
    ("stats.get_area_registrations", "GET", "/statistics/areas/{area}/registrations", ADMIN, None),
    ("stats.get_department_registrations", "GET", "/statistics/departments/{dept}/registrations", ADMIN, None),
    ("stats.get_doctor_registrations", "GET", "/statistics/doctors/{doctor}/registrations", ADMIN, None),
    ("stats.rank_departments", "GET", "/statistics/departments/ranking", ADMIN, None),
    ("stats.rank_doctors", "GET", "/statistics/doctors/ranking", ADMIN, None),

    # the catalogue (api/07)
    ("directory.browse_hospitals", "GET", "/patient/hospitals", PUBLIC, None),
    ("directory.browse_major_departments", "GET", "/patient/major-departments", PUBLIC, None),
    ("directory.browse_minor_departments", "GET", "/patient/minor-departments", PUBLIC, None),
    ("directory.browse_clinics", "GET", "/patient/clinics", PUBLIC, query(dept_id=lambda w: w.h.dept)),
    ("directory.browse_doctors", "GET", "/patient/doctors", PUBLIC, None),
    ("directory.show_doctor", "GET", "/patient/doctors/{doctor}", PUBLIC, None),
    ("directory.search_catalogue", "GET", "/patient/search/global", PUBLIC, query(keyword="医")),
    ("directory.browse_department_schedules", "GET", "/patient/departments/{dept}/schedules", PUBLIC,
     query(start_date=lambda w: w.today, end_date=lambda w: w.today)),
    ("directory.browse_doctor_schedules", "GET", "/patient/doctors/{doctor}/schedules", PUBLIC,
     query(start_date=lambda w: w.today, end_date=lambda w: w.today)),
    ("directory.browse_clinic_schedules", "GET", "/patient/clinics/{clinic}/schedules", PUBLIC,
     query(start_date=lambda w: w.today, end_date=lambda w: w.today)),
    ("directory.browse_bookable_schedules", "GET", "/patient/hospitals/schedules", PUBLIC,
     query(departmentId=lambda w: w.h.dept)),

    # doctors (api/02 section 2.3, api/23, api/30): read by everybody, the office's list by administrators
    ("directory.list_doctors", "GET", "/admin/doctors", ADMIN, None),
    ("directory.v1_list_doctors", "GET", "/api/v1/doctors", PUBLIC, None),
    ("directory.v1_get_doctor", "GET", "/api/v1/doctors/{doctor}", PUBLIC, None),
    ("directory.v1_get_my_doctor", "GET", "/api/v1/doctors/me/profile", "nffyyfff", None),
    ("identity.create_doctor", "POST", "/admin/doctors", ADMIN, body(dept_id=lambda w: w.h.dept, name="某医生")),
    ("identity.update_doctor", "PUT", "/admin/doctors/{doctor}", ADMIN, body(specialty="冠心病")),
    ("identity.transfer_doctor", "PUT", "/admin/doctors/{doctor}/transfer", ADMIN, body(new_dept_id=lambda w: w.h.dept)),
    ("identity.create_doctor_account", "POST", "/admin/doctors/{new_doctor}/create-account", ADMIN,
     body(identifier=lambda w: w.role_code(), password="Wj-2026")),
    ("identity.delete_doctor", "DELETE", "/admin/doctors/{new_doctor}", ADMIN, None),
    ("identity.v1_delete_doctor", "DELETE", "/api/v1/doctors/{new_doctor}", ADMIN, None),
    ("identity.hb_delete_doctor", "DELETE", "/doctor/", ADMIN, query(doctor_id=lambda w: w.new_doctor())),
    ("identity.v1_create_doctor", "POST", "/api/v1/doctors", ADMIN, body(name="某医生")),
    ("identity.v1_update_doctor", "PATCH", "/api/v1/doctors/{doctor}", ADMIN, body(specialty_text="冠心病")),
    # doctor:manage on one's own rows; an administrator has none
    ("identity.v1_update_my_doctor", "PATCH", "/api/v1/doctors/me/profile", "nffyyffx", body(introduction="某")),
    ("identity.v1_create_my_doctor", "POST", "/api/v1/doctors/me/profile", "nffrrfff", body(name="某医生")),
    ("identity.hb_create_doctor", "POST", "/doctor/", ADMIN,
     lambda w: {"json": {"name": "A", "email": w.new_email(), "password": "Strong-pass-26"}}),
    ("identity.hb_update_doctor", "PUT", "/doctor/", "nffyfffy", body(id=doctor, specialization="冠心病")),
    ("directory.v1_list_my_patients", "GET", "/api/v1/doctors/me/patients", "nffyyfff", None),
    ("directory.hb_list_doctors", "GET", "/doctor/", PUBLIC, None),
    ("directory.hb_get_doctor", "GET", "/doctor/{doctor}", PUBLIC, None),
    # sessions (api/04): administrators; on v1 (api/23): availability:manage of api/20 section 6. The office has no department
    # here, so that its scope D holds nothing.
    ("schedule.create_schedule", "POST", "/admin/schedules", ADMIN, lambda w: {"json": new_schedule(w)}),
    ("schedule.update_schedule", "PUT", "/admin/schedules/{session}", ADMIN, body(total_slots=20)),
    ("schedule.delete_schedule", "DELETE", "/admin/schedules/{session}", ADMIN, None),
    ("schedule.list_department_schedules", "GET", "/admin/departments/{dept}/schedules", ADMIN, days),
    ("schedule.list_doctor_schedules", "GET", "/admin/doctors/{doctor}/schedules", ADMIN, days),
    ("schedule.list_clinic_schedules", "GET", "/admin/clinics/{clinic}/schedules", ADMIN, days),
    ("schedule.list_doctor_schedules_today", "GET", "/admin/doctors/{doctor}/schedules/today", ADMIN, None),
    ("schedule.v1_list_sessions", "GET", "/api/v1/schedules", SIGNED_IN, None),
    ("schedule.v1_get_session", "GET", "/api/v1/schedules/{session}", SIGNED_IN, None),
    ("schedule.v1_create_session", "POST", "/api/v1/schedules", ADMIN,
     lambda w: {"json": {"doctor_id": w.h.extra_doctor(), "date": w.day(5), "section": "MORNING"}}),
    ("schedule.v1_update_session", "PATCH", "/api/v1/schedules/{session}", "nffyfffy", body(total_slots=20)),
    ("schedule.v1_delete_session", "DELETE", "/api/v1/schedules/{session}", "nffyfffy", None),
    ("schedule.v1_get_availability", "GET", "/api/v1/doctors/{doctor}/availability", PUBLIC, None),
    ("schedule.v1_add_availability", "POST", "/api/v1/doctors/{doctor}/availability", "nffyfffy", lambda w: {"json": one_evening(w)}),
    ("schedule.v1_replace_availability", "PUT", "/api/v1/doctors/{doctor}/availability", "nffyfffy", body(rules=[])),
    ("schedule.v1_update_availability_rule", "PATCH", "/api/v1/doctors/{doctor}/availability/{rule}", "nffyfffy",
     body(slot_minutes=30)),
    ("schedule.v1_delete_availability_rule", "DELETE", "/api/v1/doctors/{doctor}/availability/{rule}", "nffyfffy", None),

    # departments, clinics, areas, people (api/02): the office's; doctors find patients by name
    ("directory.list_major_departments", "GET", "/admin/major-departments", ADMIN, None),
    ("directory.create_major_department", "POST", "/major-departments", ADMIN, body(name=lambda w: w.role_code())),
    ("directory.update_major_department", "PUT", "/admin/major-departments/{new_major}", ADMIN, body(description="某科")),
    ("directory.delete_major_department", "DELETE", "/admin/major-departments/{new_major}", ADMIN, None),
    ("directory.list_minor_departments", "GET", "/admin/minor-departments", ADMIN, None),
    ("directory.create_minor_department", "POST", "/admin/minor-departments", ADMIN,
     body(name=lambda w: w.role_code(), major_dept_id=lambda w: w.h.major)),
    ("directory.update_minor_department", "PUT", "/minor-departments/{new_minor}", ADMIN, body(default_price_normal=5)),
    ("directory.delete_minor_department", "DELETE", "/admin/minor-departments/{new_minor}", ADMIN, None),
    ("directory.list_clinics", "GET", "/admin/clinics", ADMIN, None),
    ("directory.create_clinic", "POST", "/admin/clinics", ADMIN, body(name="某诊室", minor_dept_id=lambda w: w.h.dept)),
    ("directory.update_clinic", "PUT", "/admin/clinics/{clinic}", ADMIN, body(address="门诊楼")),
    ("directory.select_department_head", "POST", "/admin/departments/{new_minor}/heads/select", ADMIN,
     body(doctor_id=lambda w: w.new_director())),
    ("directory.remove_department_head", "DELETE", "/admin/departments/{new_minor}/heads/{new_director}", ADMIN, None),
    ("directory.list_areas", "GET", "/admin/hospital-areas", ADMIN, None),
    ("directory.list_patients", "GET", "/admin/patients", ADMIN, query(patient_id=patient)),
    ("directory.find_patients", "GET", "/patients", "nffyyffy", query(name="患者")),

    # departments and specialties on /api/v1 (api/23): department:manage
    ("directory.v1_list_departments", "GET", "/api/v1/departments", PUBLIC, None),
    ("directory.v1_get_department", "GET", "/api/v1/departments/{dept}", PUBLIC, None),
    ("directory.v1_create_department", "POST", "/api/v1/departments", ADMIN, body(name=lambda w: w.role_code())),
    ("directory.v1_update_department", "PATCH", "/api/v1/departments/{new_minor}", ADMIN, body(description="某科")),
    ("directory.v1_delete_department", "DELETE", "/api/v1/departments/{new_minor}", ADMIN, None),
    ("directory.v1_list_specialties", "GET", "/api/v1/specialties", PUBLIC, None),
    ("directory.v1_get_specialty", "GET", "/api/v1/specialties/{new_specialty}", PUBLIC, None),
    ("directory.v1_create_specialty", "POST", "/api/v1/specialties", ADMIN,
     body(code=lambda w: w.role_code(), name=lambda w: w.role_code())),
    ("directory.v1_update_specialty", "PATCH", "/api/v1/specialties/{new_specialty}", ADMIN, body(description="某专业")),
    ("directory.v1_delete_specialty", "DELETE", "/api/v1/specialties/{new_specialty}", ADMIN, None),

    # appointments: the code surface is the patients' (api/07); who has no patient record is told so (106)
    ("booking.book_appointment", "POST", "/patient/appointments", "nyfxxxxx",
     body(scheduleId=session, hospitalId=lambda w: w.h.area, departmentId=lambda w: w.h.dept, patientId=patient)),
    ("booking.list_appointments", "GET", "/patient/appointments", "nyyxxxxx", None),
    ("booking.list_initiated_appointments", "GET", "/patient/my-initiated-appointments", "nyyxxxxx", None),
    ("booking.get_appointment", "GET", "/patient/appointments/{appointment}", "nyfxxxxx", None),
    ("booking.cancel_appointment", "PUT", "/patient/appointments/{appointment}/cancel", "nyfxxxxx", body()),

    # appointments on /api/v1 (api/24) and Heartbeat (api/30): appointment:book, :read, :manage of api/20 section 6.
    # The nurse has no department here, so that her scope D holds nothing.
    ("booking.v1_book_appointment", "POST", "/api/v1/appointments", "nyfyfyyy",
     body(schedule_id=session, patient_id=patient)),
    ("booking.v1_list_appointments", "GET", "/api/v1/appointments", SIGNED_IN, None),
    ("booking.v1_list_my_appointments", "GET", "/api/v1/appointments/me", "nyyfffff", None),
    ("booking.v1_list_doctor_appointments", "GET", "/api/v1/appointments/doctor/me", "nffyyfff", None),
    ("booking.v1_get_appointment", "GET", "/api/v1/appointments/{appointment}", "nyfyffyy", None),
    ("booking.v1_delete_appointment", "DELETE", "/api/v1/appointments/{appointment}", "nyfyffyy", None),
    ("booking.v1_cancel_appointment", "POST", "/api/v1/appointments/{appointment}/cancel", "nyfyffyy", body(reason="travel")),
    ("booking.v1_check_booking", "POST", "/api/v1/appointments/check", "nyfyfyyy", body(schedule_id=session, patient_id=patient)),
    # of nurses arrival and absence only; a patient may ask for CANCELLED
    ("booking.v1_update_appointment", "PATCH", "/api/v1/appointments/{appointment}", "nyfyffyy", body(reason="travel")),
    ("booking.v1_set_appointment_status", "POST", "/api/v1/appointments/{appointment}/status", "nffyffyy", body(status="COMPLETED")),
    ("booking.v1_check_in_appointment", "POST", "/api/v1/appointments/{appointment}/check-in", "nfffffyy", None),
    ("booking.v1_list_appointment_history", "GET", "/api/v1/appointments/{appointment}/history", "nyfyffyy", None),
    ("booking.hb_list_by_doctor", "GET", "/appointment/by_doctor/{doctor}", "nffyffyy", None),
    ("booking.hb_list_by_patient", "GET", "/appointment/by_patient/{patient}", "nyfyffyy", None),
    ("booking.hb_get_appointment", "GET", "/appointment/by_id/{appointment}", "nyfyffyy", None),
    ("booking.hb_create_appointment", "POST", "/appointment/", "nyfyfyyy",
     lambda w: {"json": {"doctor_id": w.h.doctor, "patient_id": w.patient, "date_time": w.free_time()}}),
    ("booking.hb_delete_appointment", "DELETE", "/appointment/", "nyfyffyy", query(appointment_id=appointment)),

    # settings and prices (api/06, api/03): administrators
    ("system.get_config", "GET", "/admin/config", ADMIN, None),
    ("system.update_config", "PUT", "/config", ADMIN, body(registration={"noShowLimit": 3})),
    ("system.get_consultation_config", "GET", "/admin/consultation/config", ADMIN, None),
    ("system.update_consultation_config", "PUT", "/admin/consultation/config", ADMIN, query(max_pass_count=3)),
    ("pricing.get_global_prices", "GET", "/admin/global-prices", ADMIN, None),
    ("pricing.update_global_prices", "PUT", "/admin/global-prices", ADMIN, query(default_price_normal=50)),
    ("pricing.get_identity_discounts", "GET", "/admin/patient-identity-discounts", ADMIN, None),
    ("pricing.update_identity_discounts", "PUT", "/admin/patient-identity-discounts", ADMIN, body(student=0.8)),
    # durable jobs (api/29): another's job is not there
    ("jobs.v1_list_jobs", "GET", "/api/v1/jobs", SIGNED_IN, None),
    ("jobs.v1_get_job", "GET", "/api/v1/jobs/{patient_job}", "nyxxxxxy", None),
    ("jobs.v1_get_job_result", "GET", "/api/v1/jobs/{patient_job}/result", "nyxxxxxy", None),
    ("jobs.v1_cancel_job", "DELETE", "/api/v1/jobs/{patient_waiting_job}", "nyxxxxxy", None),

    # a quote is for whom may book: appointment:book of api/20 section 6
    ("pricing.v1_quote_session", "GET", "/api/v1/schedules/{session}/quote", "nyfyfyyy", query(patient_id=patient)),
    ("system.v1_list_config", "GET", "/api/v1/system/config", ADMIN, None),
    ("system.v1_update_config", "PATCH", "/api/v1/system/config", ADMIN, body(**{"code.resend_s": 60})),
    ("system.v1_get_statistics", "GET", "/api/v1/system/statistics", ADMIN, None),
    ("system.v1_set_log_level", "PATCH", "/api/v1/system/log-level", ADMIN, body(level="info", component="worker.send", ttl_s=1)),
    ("system.v1_flush_cache", "POST", "/api/v1/system/cache/flush", ADMIN, body(scope="tokens")),
    ("system.v1_list_audit_log", "GET", "/api/v1/system/audit-log", ADMIN, None),
    ("system.v1_verify_audit_log", "POST", "/api/v1/system/audit-log/verify", ADMIN, None),
    # superusers alone (tests/api/test_backups.py)
    ("system.v1_create_backup", "POST", "/api/v1/system/backups", "nfffffff", body(label="mine")),
    ("system.v1_list_backups", "GET", "/api/v1/system/backups", "nfffffff", None),

    # answered by the front
    ("front.hb_get_root", "GET", "/", PUBLIC, None),
    ("front.get_health", "GET", "/health", PUBLIC, None),
    ("front.get_readiness", "GET", "/readyz", PUBLIC, None),
    ("front.get_metrics", "GET", "/metrics", PUBLIC, None),    # loopback is one of metrics.allow
    ("front.get_openapi", "GET", "/openapi.json", PUBLIC, None),
    ("front.v1_get_health", "GET", "/api/v1/system/health", PUBLIC, None),
    ("front.v1_get_ready", "GET", "/api/v1/system/ready", PUBLIC, None),
    ("front.v1_list_queues", "GET", "/api/v1/system/queues", ADMIN, None),
    ("front.v1_get_metrics", "GET", "/api/v1/system/metrics", ADMIN, None),
    ("front.v1_get_info", "GET", "/api/v1/system/info", SIGNED_IN, None),
    ("front.get_docs", "GET", "/docs", PUBLIC, None),
    ("front.get_redoc", "GET", "/redoc", PUBLIC, None),
    ("front.get_docs_file", "GET", "/docs/docs.js", PUBLIC, None),
] + access_applications.ROWS + access_billing.ROWS + access_clinical.ROWS + access_files.ROWS + access_moves.ROWS + access_notify.ROWS + access_patients.ROWS + access_payments.ROWS + access_waitlist.ROWS
