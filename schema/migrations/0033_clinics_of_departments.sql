-- The first clinic of a department (api/07, doctor detail) is one look into an index.
create index clinics_dept_id_ix on clinics (minor_dept_id, id);
drop index clinics_dept_ix;
