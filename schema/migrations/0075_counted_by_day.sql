-- What /api/v1/system/statistics counts by day (api/29 SY-10).
-- Their conditions are such that nothing else's plan takes them for the rows of a bill or a patient.
create index payments_paid_ix        on payments (paid_at) where paid_at is not null;
create index refunds_completed_ix    on refunds (completed_at) where completed_at is not null;
create index medical_records_day_ix  on medical_records (visit_date);
create index images_created_ix       on images (created_at) where deleted_at is null;
create index doctors_living_ix       on doctors (id) where deleted_at is null;
