#!/bin/bash
# Put what was built where an installation has it, or take it away again. Called by the Makefile, which builds first.
#
#   ops/install/install.sh install|uninstall
#
# BUILD DESTDIR PREFIX SYSCONFDIR LOCALSTATEDIR RUNSTATEDIR UNITDIR: see ops/mk/install.mk
set -eu -o pipefail
umask 022
cd "$(dirname "$0")/../.."
programs="guahao guahao-broker guahao-front guahao-worker"
etc=$SYSCONFDIR/guahao var=$LOCALSTATEDIR/lib/guahao run=$RUNSTATEDIR/guahao share=$PREFIX/share/guahao

fill() { # a file with @NAMES@
    sed -e "s|@BINDIR@|$PREFIX/bin|g" -e "s|@SBINDIR@|$PREFIX/sbin|g" -e "s|@SHAREDIR@|$share|g" -e "s|@ETCDIR@|$etc|g" \
        -e "s|@VARDIR@|$var|g" -e "s|@RUNDIR@|$run|g" "$1"
}

put() { # mode, file, to
    install -D -m "$1" "$2" "$root$3"
}

put_files() { # folder, files
    install -d "$root$1"
    install -m 644 -t "$root$1" "${@:2}"
}

# conf/guahao.conf with the one setting that an installation has otherwise.
settings() {
    sed "s|^#    dir = \${var}/run\$|    dir = $run|" conf/guahao.conf >"$1"
    grep -qx "    dir = $run" "$1" || { echo "install: conf/guahao.conf has no run.dir" >&2; exit 1; }
}

put_all() { # root
    local root=$1 f made
    made=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$made'" RETURN
    for f in $programs; do put 755 "$BUILD/$f" "$PREFIX/bin/$f"; done
    fill ops/install/guahao-setup >"$made/setup"
    put 755 "$made/setup" "$PREFIX/sbin/guahao-setup"
    for f in run.sh proc.sh; do put 755 "ops/dev/$f" "$share/run/$f"; done
    for f in cluster.sh postgresql.conf; do put 644 "ops/dev/$f" "$share/run/$f"; done
    chmod 644 "$root$share/run/proc.sh"
    put_files "$share/schema/migrations" schema/migrations/*.sql
    put_files "$share/schema/openapi" schema/openapi/*.yaml
    put_files "$share/docs" build/docs/*
    put_files "$share/prometheus" ops/prometheus/prometheus.yml ops/prometheus/rules.yml
    put_files "$share/grafana" ops/grafana/guahao.json
    settings "$made/guahao.conf"
    put 644 "$made/guahao.conf" "$share/conf/guahao.conf"
    printf '%s\n' "config $etc/guahao.conf" "env $etc/guahao.env" "var $var" >"$made/places"
    put 644 "$made/places" "$share/places"
    for f in ops/systemd/guahao*; do
        fill "$f" >"$made/unit"
        put 644 "$made/unit" "$UNITDIR/${f##*/}"
    done
    fill ops/systemd/hardening.conf >"$made/unit"
    # the drop-ins of all guahao-*.service, also of instances
    put 644 "$made/unit" "$UNITDIR/guahao-.service.d/50-hardening.conf"
    ops/install/man.sh "$BUILD" "$made/man"
    for f in 1 8; do put_files "$PREFIX/share/man/man$f" "$made/man/"*".$f"; done
    put 644 README.md "$PREFIX/share/doc/guahao/README.md"
    put 644 ops/README.md "$PREFIX/share/doc/guahao/operating.md"
    put 644 LICENSE "$PREFIX/share/doc/guahao/LICENSE"
    # settings that somebody has edited stay
    if [ "$root" != "$DESTDIR" ] || [ ! -e "$root$etc/guahao.conf" ]; then
        put 644 "$made/guahao.conf" "$etc/guahao.conf"
    fi
}

# What an installation would put, file by file; then folders of ours that are empty. Edited settings stay.
take_away() {
    local tree f
    tree=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$tree'" RETURN
    put_all "$tree"
    while IFS= read -r f; do
        if [ "/$f" != "$etc/guahao.conf" ] || cmp -s "$tree/$f" "$DESTDIR/$f"; then
            rm -f "$DESTDIR/$f"
        fi
    done < <(cd "$tree" && find . -type f -printf '%P\n')
    while IFS= read -r f; do
        case /$f in *guahao*) rmdir --ignore-fail-on-non-empty "$DESTDIR/$f" 2>/dev/null || true ;; esac
    done < <(cd "$tree" && find . -depth -mindepth 1 -type d -printf '%P\n')
}

case ${1-} in
install)
    put_all "$DESTDIR"
    echo "  installed into $DESTDIR$PREFIX${DESTDIR:+ and $DESTDIR$SYSCONFDIR}; $PREFIX/sbin/guahao-setup makes it run"
    ;;
uninstall)
    take_away
    echo "  removed; what it has stored is in the database and in $var"
    ;;
*) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
