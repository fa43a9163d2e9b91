-- The nightly count of registrations (nightly.c); what is done in one go is a function of the schema (0052), shared with guahao stats.

-- name: begin_count
-- $1 today, $2 now
select run, area from gh_statistics_begin($1::date, $2::timestamptz) order by area

-- name: count_area
-- $1 run, $2 area, $3 now
select gh_statistics_part($1::bigint, $2::bigint, $3::timestamptz)

-- name: close_count
-- $1 run, $2 now
select days, differed, more from gh_statistics_close($1::bigint, $2::timestamptz)
