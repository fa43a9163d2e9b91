-- Feedback as the code surface shows it; what doctors want to be told.

-- Feedback of api/11. createdAt is local time that carries a Z all the same (api/00 section 0.9).
create function gh_code_feedback(f feedbacks, tz text) returns json language sql stable as $$
    select json_build_object(
        'feedback_id', f.id, 'type', f.type,
        'typeText', case f.type when 'bug' then '功能异常' when 'suggestion' then '功能建议' when 'complaint' then '服务投诉'
                                else '表扬建议' end,
        'content', f.content, 'status', f.status, 'submitDate', (f.created_at at time zone tz)::date,
        'createdAt', to_char(f.created_at at time zone tz, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
$$;

-- Table: doctor_notification_settings - kinds of messages that a doctor gets; no row: all
create table doctor_notification_settings (
    doctor_id           bigint      not null,
    schedule_change     boolean     not null default true,
    leave_approval      boolean     not null default true,
    system_announcement boolean     not null default true,
    patient_appointment boolean     not null default true,
    version             int         not null default 1,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    constraint doctor_notification_settings_pk        primary key (doctor_id),
    constraint doctor_notification_settings_doctor_fk foreign key (doctor_id) references doctors (id) on delete cascade
);
call gh_touch_rows('doctor_notification_settings');

create function gh_doctor_settings(s doctor_notification_settings) returns json language sql immutable as $$
    select json_build_object('schedule_change', coalesce(s.schedule_change, true), 'leave_approval', coalesce(s.leave_approval, true),
                             'system_announcement', coalesce(s.system_announcement, true),
                             'patient_appointment', coalesce(s.patient_appointment, true))
$$;
