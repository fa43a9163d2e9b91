-- BR-96: a patient waits once for a session.
create unique index registration_orders_wait_uq on registration_orders (schedule_id, patient_id) where status = 'waitlist';
