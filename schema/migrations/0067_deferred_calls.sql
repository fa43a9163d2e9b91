-- Calls that their caller asked to have carried out later (Prefer: respond-async, api/20 section 8). A job of such a call carries
-- what the call itself would have: its Idempotency-Key, from where it came, and the status that its success has.
alter table jobs
    add column idem_key       varchar(255),
    add column caller_ip      text,
    add column caller_agent   text,
    add column success_status smallint;
