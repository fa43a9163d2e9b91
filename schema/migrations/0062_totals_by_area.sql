-- Totals of the hospital have a row an area: areas are counted side by side and do not wait for each other's sums.
alter table statistics_totals add column area_id bigint not null default 0;
alter table statistics_totals drop constraint statistics_totals_pk;
alter table statistics_totals add constraint statistics_totals_pk primary key (day, slot_type, area_id);
create or replace function gh_statistics_added() returns trigger language plpgsql as $$
declare
    sign int := case tg_op when 'INSERT' then 1 else -1 end;
begin
    insert into statistics_totals as t (day, slot_type, area_id, registrations, completed, revenue)
    select r.day, r.slot_type, coalesce(c.area_id, 0), sign * sum(r.registrations), sign * sum(r.completed), sign * sum(r.revenue)
      from rows_of r left join clinics c on c.id = r.clinic_id
     group by 1, 2, 3 order by 1, 2, 3
        on conflict (day, slot_type, area_id) do update
           set registrations = t.registrations + excluded.registrations, completed = t.completed + excluded.completed,
               revenue = t.revenue + excluded.revenue;
    return null;
end $$;
