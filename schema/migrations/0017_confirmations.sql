-- Accounts of seed 002's mail form wait until the link in a mail has been opened (api/01 section 1.3).

-- null: nothing to confirm. An account that was not confirmed by then gives its names back (signup.sql).
alter table users add column confirm_until timestamptz;
create index users_confirm_ix on users (confirm_until) where confirm_until is not null and not is_verified;
