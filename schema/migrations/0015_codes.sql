-- Codes that prove who owns a phone number or mail address (BR-08, BR-11).

-- Table: verification_codes - the last code sent to somebody. code_hash null: used up or discarded; the row stays for the pause
-- before the next one and for the window that a right code opens.
create table verification_codes (
    channel        varchar(4)   not null,
    recipient      varchar(254) not null,          -- a phone number without blanks and dashes; a mail address in lower case
    user_id        bigint,                         -- who asked, when that counts
    code_hash      bytea,                          -- sha-256 of channel, recipient and code
    tries_left     smallint     not null,
    sent_at        timestamptz  not null,
    expires_at     timestamptz  not null,
    verified_until timestamptz,
    constraint verification_codes_pk         primary key (channel, recipient),
    constraint verification_codes_user_fk    foreign key (user_id) references users (id) on delete cascade,
    constraint verification_codes_channel_ck check (channel in ('mail', 'sms')),
    constraint verification_codes_tries_ck   check (tries_left >= 0 and (tries_left > 0 or code_hash is null))
);
create index verification_codes_age_ix on verification_codes (sent_at);
create index verification_codes_user_ix on verification_codes (user_id) where user_id is not null;
