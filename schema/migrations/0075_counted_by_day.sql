-- What /api/v1/system/statistics counts by day (api/29 SY-10).
create index payments_paid_ix        on payments (paid_at) where status = 'SUCCEEDED';
create index refunds_completed_ix    on refunds (completed_at) where status = 'SUCCEEDED';
create index medical_records_day_ix  on medical_records (visit_date) where status <> 'VOIDED';
create index images_created_ix       on images (created_at) where deleted_at is null;
create index doctors_living_ix       on doctors (id) where deleted_at is null;
