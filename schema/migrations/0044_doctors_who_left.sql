-- A doctor who was removed gets no session: refused under the name of the foreign key that would say so if the row had gone. Giving one
-- takes the lock of that key, removing a doctor the whole row's, so that of two at once one sees the other.
create function gh_session_doctor() returns trigger language plpgsql as $$
begin
    perform from doctors where id = new.doctor_id and deleted_at is null for key share;
    if not found then
        raise foreign_key_violation using constraint = 'schedules_doctor_fk', table = 'schedules',
            message = 'the doctor does not exist';
    end if;
    return new;
end $$;
create trigger schedules_doctor before insert or update of doctor_id on schedules
    for each row execute function gh_session_doctor();
