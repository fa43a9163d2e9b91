# The private PostgreSQL cluster: a Unix socket, no TCP, durable (fsync on). Sourced by run.sh.

pg_bin=${GUAHAO_PG_BIN:-/usr/lib/postgresql/15/bin}

# PostgreSQL refuses to run as root: then it is the postgres user's.
as_pg() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid postgres --regid postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# Under the run directory when the user that runs PostgreSQL can get there, else in that user's home (a clone below /root).
cluster_dir() {
    if [ -f "$var/pg.dir" ]; then
        cat "$var/pg.dir"
        return
    fi
    local dir=$var/pg
    mkdir -p -m 700 "$dir" || return 1
    if [ "$(id -u)" = 0 ]; then
        chown postgres: "$dir" || return 1
        if ! (cd / && as_pg test -w "$dir"); then
            rmdir "$dir"
            dir=$(getent passwd postgres | cut -d: -f6)/guahao/$tag
            (cd / && as_pg mkdir -p -m 700 "$dir") || return 1
        fi
    fi
    printf '%s\n' "$dir" | tee "$var/pg.dir"
}

cluster_start() {
    [ -x "$pg_bin/postgres" ] || die "PostgreSQL 15 is not installed (make deps)"
    local dir sock
    dir=$(cluster_dir) || die "there is no place for the database"
    sock=$dir
    if [ ${#sock} -gt 88 ]; then
        sock=/tmp/guahao-pg-$(id -u)-$tag
        mkdir -p -m 700 "$sock" && [ -O "$sock" ] || [ "$(id -u)" = 0 ] || die "$sock cannot be used for the socket"
        [ "$(id -u)" != 0 ] || chown postgres: "$sock"
    fi
    cd / # where every user can be
    if [ ! -f "$dir/data/PG_VERSION" ]; then
        say "making a PostgreSQL cluster in $dir"
        as_pg "$pg_bin/initdb" -D "$dir/data" -U guahao -A trust -E UTF8 --locale=C.UTF-8 >"$logs/initdb.log" 2>&1 ||
            { cat "$logs/initdb.log" >&2; die "initdb failed"; }
        as_pg tee -a "$dir/data/postgresql.conf" <<<"include_if_exists 'guahao.conf'" >/dev/null
    fi
    as_pg tee "$dir/data/guahao.conf" <"$here/postgresql.conf" >/dev/null
    say "starting PostgreSQL"
    if [ "$(id -u)" = 0 ]; then
        start postgres "$(command -v setpriv)" --reuid postgres --regid postgres --init-groups -- \
            "$pg_bin/postgres" -D "$dir/data" -k "$sock" -h ''
    else
        start postgres "$pg_bin/postgres" -D "$dir/data" -k "$sock" -h ''
    fi
    local end=$((SECONDS + 120))
    until "$pg_bin/pg_isready" -q -h "$sock" -U guahao -d postgres; do
        [ -z "$(dead_child)" ] || { tail -n 20 "$logs/postgres.log" >&2; die "PostgreSQL does not start"; }
        [ $SECONDS -lt $end ] || die "PostgreSQL does not answer"
        sleep 0.1
    done
    "$pg_bin/psql" -qAtX -h "$sock" -U guahao -d postgres -c "select 1 from pg_database where datname = 'guahao'" | grep -q 1 ||
        "$pg_bin/createdb" -h "$sock" -U guahao -T template0 guahao || die "the database cannot be made"
    DATABASE_URL="postgresql:///guahao?host=$sock&user=guahao"
}
