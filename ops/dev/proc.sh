# Children of run.sh: started in sessions of their own (a Ctrl-C on the terminal reaches run.sh alone), known by pid and start
# time, so that a number that the system gave to somebody else is never signalled. Sourced by run.sh.

declare -A child command
order=()
restarts_left=10

say() {
    printf '== %s\n' "$*"
}

die() {
    printf 'run: %s\n' "$*" >&2
    exit 1
}

# When a process started, in clock ticks since boot: with the pid it names the process. Fails for one that has ended, also when
# nobody has collected it yet.
start_time() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    [[ $1 != [ZX] ]] || return 1
    printf %s "${20}"
}

same_process() { # pid start-time
    local now
    now=$(start_time "$1") && [ "$now" = "$2" ]
}

supervisor_alive() {
    local pid start
    [ -r "$var/supervisor" ] && read -r pid start <"$var/supervisor" && same_process "$pid" "$start"
}

start() { # name command...
    local name=$1
    shift
    [ -x "$1" ] || die "$1 is not built"
    if [ "$name" = postgres ]; then # the other programs turn over their logs themselves
        setsid "$@" > >(GUAHAO_LOG_DIR=$logs exec setsid "$build/guahao" log "$name" >/dev/null 2>&1 9>&-) \
            2>&1 </dev/null 9>&- &
    else
        setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null 9>&- &
    fi
    child[$name]=$!
    command[$name]=$(printf '%q ' "$@")
    [[ " ${order[*]-} " == *" $name "* ]] || order+=("$name")
    printf '%s %s %s\n' "$name" $! "$(start_time $!)" >>"$pids"
}

dead_child() {
    local name
    for name in "${order[@]}"; do
        start_time "${child[$name]}" >/dev/null || printf '%s\n' "$name"
    done
}

# Say which ended and start it again, ten times in all; the database is not started again.
watch_children() {
    local name status
    for name in $(dead_child); do
        wait "${child[$name]}"
        status=$?
        printf 'run: %s ended with status %s; the end of %s:\n' "$name" "$status" "$logs/$name.log" >&2
        tail -n 5 "$logs/$name.log" >&2
        if [ "$name" = postgres ] || [ "$restarts_left" = 0 ]; then
            die "giving up"
        fi
        restarts_left=$((restarts_left - 1))
        printf 'run: starting %s again\n' "$name" >&2
        sleep 0.5
        eval "start $name ${command[$name]}"
    done
}

# Ask, wait, then force. name pid signal seconds
stop_one() {
    local end=$((SECONDS + $4))
    kill "-$3" "$2" 2>/dev/null || return 0
    while start_time "$2" >/dev/null; do
        if [ $SECONDS -ge $end ]; then
            printf 'run: %s does not stop within %s s: killed\n' "$1" "$4" >&2
            kill -KILL "$2" 2>/dev/null
            break
        fi
        sleep 0.05
    done
}

# Newest first: the front drains, then the workers, the broker, the database.
stop_all() {
    local i name
    trap '' INT TERM HUP
    for ((i = ${#order[@]} - 1; i >= 0; i--)); do
        name=${order[i]}
        if [ "$name" = postgres ]; then
            stop_one postgres "${child[$name]}" INT 60
        else
            stop_one "$name" "${child[$name]}" TERM 20
        fi
    done
    order=()
}

# What a former run.sh that was killed left running.
stop_leftovers() {
    local name pid start
    [ -r "$pids" ] || return 0
    while read -r name pid start; do
        if same_process "$pid" "$start"; then
            echo "stopping $name of a former run"
            stop_one "$name" "$pid" "$([ "$name" = postgres ] && echo INT || echo TERM)" 30
        fi
    done < <(tac "$pids")
    rm -f "$pids"
}
