-- R-65 among the doctors who are there: one who was removed and comes back brings the same licence.
alter table doctors drop constraint doctors_license_uq;
create unique index doctors_license_uq on doctors (license_no) where deleted_at is null;
