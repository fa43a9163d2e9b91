-- Lists of doctors are counted and filtered in an index alone, whatever is written in their introductions.
drop index doctors_living_ix;
create index doctors_listed_ix on doctors (id) include (dept_id, status, accepting_patients, languages, user_id) where deleted_at is null;
create index doctors_removed_ix on doctors (id) where deleted_at is not null;
