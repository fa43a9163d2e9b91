#!/bin/bash
# Guahao on this machine: a private PostgreSQL cluster, the broker, the workers and the front.
#
#   ops/dev/run.sh run      start all in the foreground; Ctrl-C stops all
#   ops/dev/run.sh up       the same in the background; returns when /readyz answers 200
#   ops/dev/run.sh down     stop what `up` or `run` started
#
# GUAHAO_VAR        run directory (default ./var): keys, logs, cluster; several run side by side with one each
# GUAHAO_HTTP_PORT  port of the front (default 8080)
# DATABASE_URL      another database instead of the private cluster
# GUAHAO_BUILD      directory of the programs (default ./build)
# GUAHAO_POOLS      worker processes, one a word (default "booking audit,billing,clinical,identity,directory,jobs,notify,schedule,stats,pricing,system")
# GUAHAO_SEED       options for `guahao seed`, e.g. "--patients 5000"; "none": no demo data
set -u -o pipefail
umask 022
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

var=${GUAHAO_VAR:-var}
mkdir -p "$var" || exit 1
var=$(cd "$var" && pwd)
build=$(cd "${GUAHAO_BUILD:-$root/build}" 2>/dev/null && pwd) || { echo "run: nothing is built (make build)" >&2; exit 1; }
port=${GUAHAO_HTTP_PORT:-8080}
url=http://127.0.0.1:$port
logs=$var/log
pids=$var/run.pids              # one line a process: name pid start-time
tag=$(printf %s "$var" | sha256sum | cut -c1-10)
export GUAHAO_VAR=$var GUAHAO_HTTP_PORT=$port GUAHAO_LOG_DIR=${GUAHAO_LOG_DIR-$logs}

. "$here/proc.sh"
. "$here/cluster.sh"

# Sockets end at 107 bytes: a long run directory gets a short one beside it.
run_dir() {
    local dir=${GUAHAO_RUN_DIR:-$var/run}
    if [ ${#dir} -gt 88 ]; then
        dir=/tmp/guahao-$(id -u)-$tag
    fi
    mkdir -p -m 700 "$dir" && [ -O "$dir" ] || die "$dir cannot be used for sockets"
    export GUAHAO_RUN_DIR=$dir
}

# What commands in another shell need to find this instance (ops/cmd/env.c).
write_env() {
    (umask 077 && printf '%s=%s\n' DATABASE_URL "$DATABASE_URL" GUAHAO_HTTP_PORT "$port" GUAHAO_RUN_DIR "$GUAHAO_RUN_DIR" \
        >"$var/run.env.new") && mv "$var/run.env.new" "$var/run.env"
}

prepare() {
    rm -f "$var/run.env"
    run_dir
    if [ -z "${DATABASE_URL:-}" ]; then
        cluster_start
    fi
    export DATABASE_URL
    write_env
    say "database"
    "$build/guahao" migrate --quiet || die "the migrations failed"
    "$build/guahao" keys init --quiet || die "the keys cannot be made"
    [ "${GUAHAO_SEED:-}" != none ] || return 0
    # shellcheck disable=SC2086
    "$build/guahao" seed --if-empty ${GUAHAO_SEED:-} || die "the demo data cannot be loaded"
}

start_programs() {
    say "programs"
    start broker "$build/guahao-broker"
    local pools
    for pools in ${GUAHAO_POOLS:-booking audit,billing,clinical,identity,directory,jobs,notify,schedule,stats,pricing,system}; do
        start "worker-${pools//,/+}" "$build/guahao-worker" "$pools"
    done
    start front "$build/guahao-front"
}

# Somebody else's /readyz on our port would pass for ours.
port_is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

ready() {
    curl -s -o /dev/null -f --max-time 5 "$url/readyz"
}

# Several times in a row: each process of the front has to be ready. A program that ends before that will not get better.
wait_ready() {
    local end=$((SECONDS + 60)) good=0
    while [ $good -lt 5 ]; do
        if ready; then
            good=$((good + 1))
            continue
        fi
        good=0
        [ -z "$(dead_child)" ] || { restarts_left=0; watch_children; }
        [ $SECONDS -lt $end ] || { tail -n 5 "$logs"/*.log >&2; die "$url/readyz does not answer 200"; }
        sleep 0.1
    done
}

banner() {
    local accounts=$'\n  accounts   administrator A0001, doctor D0001, patients 13800000001 and up; password Guahao-2026'
    [ "${GUAHAO_SEED:-}" != none ] || accounts=
    cat <<END

Guahao is ready on $url$accounts
  try        curl $url/patient/hospitals
  logs       $logs/
  database   psql '$DATABASE_URL'
  commands   GUAHAO_VAR=$var $build/guahao help
END
}

serve() { # stop-hint
    exec 9>"$var/run.lock"
    flock -n 9 || die "it runs already (make down stops it)"
    stop_leftovers
    : >"$pids"
    trap 'stopping=1' INT TERM HUP
    trap 'stop_all; rm -f "$var/run.pids" "$var/run.ready" "$var/supervisor"' EXIT
    printf '%s %s\n' $$ "$(start_time $$)" >"$var/supervisor"
    mkdir -p "$logs" || exit 1
    port_is_free || die "port $port of 127.0.0.1 is in use: GUAHAO_HTTP_PORT=N takes another"
    prepare
    start_programs
    wait_ready
    banner
    echo "  stop       $1"
    touch "$var/run.ready"
    while [ -z "$stopping" ]; do
        sleep 1 9>&- &
        wait $!
        [ -n "$stopping" ] || [ -z "$(dead_child)" ] || watch_children
    done
    say "stopping"
}

up() {
    rm -f "$var/run.ready" && mkdir -p "$logs" || exit 1
    if supervisor_alive; then
        echo "it runs already on http://127.0.0.1:$(sed -n 's/^GUAHAO_HTTP_PORT=//p' "$var/run.env" 2>/dev/null)"
        exit 0
    fi
    setsid "$here/run.sh" serve >"$logs/run.log" 2>&1 </dev/null &
    local pid=$! end=$((SECONDS + 180))
    until [ -e "$var/run.ready" ]; do
        if ! kill -0 $pid 2>/dev/null || [ $SECONDS -gt $end ]; then
            cat "$logs/run.log" >&2
            exit 1
        fi
        sleep 0.1
    done
    sed -n '/^Guahao is ready/,$p' "$logs/run.log"
}

down() {
    if ! supervisor_alive; then
        stop_leftovers
        echo "it does not run"
        return 0
    fi
    local pid start
    read -r pid start <"$var/supervisor"
    kill -TERM "$pid"
    local end=$((SECONDS + 60))
    while supervisor_alive; do
        [ $SECONDS -lt $end ] || die "process $pid does not stop"
        sleep 0.1
    done
    echo "stopped"
}

stopping=
case ${1:-} in
run) serve Ctrl-C ;;
serve) serve "make down" ;;
up) up ;;
down) down ;;
*) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
