-- Messages as people see them: whose they are, which are shown to the account, what goes to WeChat, what is said once only.

-- Table: message_outbox, further columns. A notice of an account keeps its text, to be read under the account's messages; texts without an
-- account are codes and links, and are wiped as before. No foreign keys: a notice outlives what it is about.
--   user_id          the account that is told; null: a code or link, or somebody without account
--   order_id         the appointment it is about
--   day              of what is said once: the visit day (BR-147)
--   listed           shown under the account's messages; a copy by WeChat of what went by mail or short message is not
--   read_at          when the account read it
--   scene, wechat_*  of the channel wechat: the platform's template, and its members as JSON text
alter table message_outbox
    alter column channel type varchar(8),
    add column user_id         bigint,
    add column order_id        bigint,
    add column day             date,
    add column listed          boolean not null default false,
    add column read_at         timestamptz,
    add column scene           varchar(40),
    add column wechat_template varchar(128),
    add column wechat_data     text,
    drop constraint message_outbox_channel_ck,
    drop constraint message_outbox_wiped_ck,
    add constraint message_outbox_channel_ck check (channel in ('mail', 'sms', 'wechat')) not valid,
    add constraint message_outbox_wiped_ck   check (case when user_id is null then (next_at is null) = (body is null)
                                                         else body is not null end) not valid,
    add constraint message_outbox_listed_ck  check (not listed or (user_id is not null and subject is not null)) not valid,
    add constraint message_outbox_wechat_ck  check (channel <> 'wechat' or (wechat_template <> '' and user_id is not null)) not valid;
alter table message_outbox validate constraint message_outbox_channel_ck;
alter table message_outbox validate constraint message_outbox_wiped_ck;
alter table message_outbox validate constraint message_outbox_listed_ck;
alter table message_outbox validate constraint message_outbox_wechat_ck;

create unique index message_outbox_once_uq on message_outbox (order_id, template, day, channel) where day is not null;
create index message_outbox_user_ix on message_outbox (user_id, id) where listed;
create index message_outbox_kept_ix on message_outbox (created_at) where next_at is null and user_id is not null;
drop index message_outbox_age_ix;
create index message_outbox_age_ix on message_outbox (created_at) where next_at is null and user_id is null;
-- What is said once is known by the outbox now; the log has a row for each attempt (BR-149).
drop index wechat_message_logs_reminder_uq;

-- A text with its {placeholders} filled in. For the strings of a JSON text: as they stand within the quotes there.
create function gh_filled(template text, words jsonb, for_json boolean) returns text language plpgsql immutable as $$
declare
    word record;
begin
    for word in select w.key, w.value from jsonb_each_text(words) w loop
        template := replace(template, '{' || word.key || '}', coalesce(
            case when for_json then substr(to_json(word.value)::text, 2, length(to_json(word.value)::text) - 2) else word.value end, ''));
    end loop;
    return template;
end $$;

-- Where a notice goes. By mail, else by short message, to the first of two people who has either (by_address); and by WeChat, to the
-- first who has bound an id and accepted the template (BR-149). user_id: whose notice it is.
create function gh_told_at(user1 bigint, mail1 text, phone1 text, user2 bigint, mail2 text, phone2 text, wechat_template text,
                           by_address boolean)
returns table (channel text, recipient text, user_id bigint, listed boolean) language sql stable rows 2 as $$
    with people as (
        select w.n, u.id, coalesce(u.email, w.mail) as mail, coalesce(u.phonenumber, w.phone) as phone
          from (values (1, user1, mail1, phone1), (2, user2, mail2, phone2)) as w (n, user_id, mail, phone)
          left join users u on u.id = w.user_id and not u.is_deleted
    ), address as (
        select v.channel, v.recipient, (select p.id from people p where p.id is not null order by p.n limit 1) as whose
          from people p cross join lateral (values (1, 'mail', p.mail), (2, 'sms', p.phone)) as v (k, channel, recipient)
         where by_address and v.recipient <> ''
         order by p.n, v.k limit 1
    )
    select a.channel, a.recipient, a.whose, a.whose is not null from address a
     union all
    select * from (
        select 'wechat', r.openid, p.id, not exists (select from address a where a.whose = p.id)
          from people p cross join lateral gh_wechat_recipient(p.id, wechat_template) as r (openid)
         where wechat_template <> '' and r.openid is not null
         order by p.n limit 1) w
$$;

-- What kind of message the patient client shows (api/07 section 7.6).
create function gh_notice_type(template text) returns text language sql immutable as $$
    select case when template in ('place_offered', 'wait_cancelled') then 'waitlist'
                when template like 'visit\_%' or template like 'booking\_%' then 'appointment' else 'system' end
$$;
