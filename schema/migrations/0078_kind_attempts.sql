-- The most attempts that a durable job of a kind gets (`guahao jobs kinds KIND --attempts N`).

-- Column: job_kinds.attempts_max
--   null: what the job says
alter table job_kinds add column attempts_max int;
alter table job_kinds add constraint job_kinds_attempts_ck check (attempts_max between 1 and 1000);
