-- What rules read of the `registration` settings (BR-67 ff.), one row an entry: of the hospital (doctor_id 0) or a doctor.
-- -1 stands for what is absent or not of the right form; the rules then use the next level's value.
create view v_registration_settings as
    select case c.scope_type when 'GLOBAL' then 0 else c.scope_id end as doctor_id,
           coalesce(gh_setting_int(c.config_value, 'advanceBookingDays'), -1) as advance_days,
           coalesce(gh_setting_minutes(c.config_value, 'sameDayDeadline'), -1) as deadline_minute,
           coalesce(gh_setting_int(c.config_value, 'noShowLimit'), -1) as no_show_limit,
           coalesce(gh_setting_int(c.config_value, 'cancelHoursBefore'), -1) as cancel_hours,
           coalesce(gh_setting_int(c.config_value, 'sameClinicInterval'), -1) as clinic_interval,
           coalesce(gh_setting_int(c.config_value, 'paymentTimeoutMinutes'), -1) as payment_minutes,
           coalesce(gh_setting_int(c.config_value, 'maxAppointmentsPerPeriod'), -1) as period_limit,
           coalesce(gh_setting_int(c.config_value, 'appointmentPeriodDays'), -1) as period_days
      from system_config c
     where c.config_key = 'registration' and c.is_active and c.scope_type in ('GLOBAL', 'DOCTOR');
