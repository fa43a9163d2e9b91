-- Pages of sessions by day are read off an index of their whole order.
drop index schedules_date_ix;
create index schedules_date_ix on schedules (date, id) where is_latest;
