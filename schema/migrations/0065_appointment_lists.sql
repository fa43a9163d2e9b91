-- Lists of appointments by department: also of doctors who left.
create index doctors_any_dept_ix on doctors (dept_id);
