-- Names of files in Content-Disposition: RFC 8187 takes fewer characters as they are than a query does.

create or replace function gh_file_headers(digest bytea, name text, keep text) returns json language sql immutable as $$
    select json_build_object('ETag', '"' || encode(digest, 'hex') || '"', 'Cache-Control', keep,
                             'Content-Disposition', 'inline; filename*=UTF-8'''''
                                 || replace(replace(gh_url_text(name), ',', '%2C'), ':', '%3A'))
$$;
