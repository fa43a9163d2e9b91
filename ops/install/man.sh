#!/bin/bash
# Manual pages of what is installed, made of what the programs say with --help.
#
#   ops/install/man.sh BUILD OUT
set -eu -o pipefail
build=$1 out=$2
mkdir -p "$out"
version=$("$build/guahao" version | cut -d' ' -f2)

verbatim() { # text on stdin, as it stands
    echo .nf
    sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/"
    echo .fi
}

head_of() { # name, section, sentence
    local name=${1//-/\\-}
    printf '.TH %s %s "" "Guahao %s" "Guahao"\n.SH NAME\n%s \\- %s\n' "${1^^}" "$2" "$version" "$name" "$3"
}

tail_of() { # other pages
    printf '.SH FILES\n.nf\n'
    printf '%s\n' "${SYSCONFDIR:-/etc}/guahao/guahao.conf" "${SYSCONFDIR:-/etc}/guahao/guahao.env" \
        "${LOCALSTATEDIR:-/var}/lib/guahao" | verbatim | sed 1d
    printf '.SH SEE ALSO\n'
    printf '%s\n' "$@" | sed 's/-/\\-/g; s/^\(.*\)(\(.*\))$/.BR \1 (\2)/'
}

program() { # name, sentence
    {
        head_of "$1" 1 "$2"
        printf '.SH DESCRIPTION\n'
        "$build/$1" --help | verbatim
        tail_of 'guahao(1)' 'guahao-setup(8)'
    } >"$out/$1.1"
}

{
    head_of guahao 1 "the command of a Guahao hospital registration system"
    printf '.SH DESCRIPTION\n'
    "$build/guahao" help | verbatim
    printf '.SH COMMANDS\n'
    "$build/guahao" help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' | while read -r command; do
        printf '.SS %s\n' "${command//-/\\-}"
        "$build/guahao" "$command" --help | sed '/^global options:/,/^$/d' | verbatim
    done
    tail_of 'guahao-setup(8)' 'guahao-broker(1)' 'guahao-worker(1)' 'guahao-front(1)'
} >"$out/guahao.1"
program guahao-broker "broker between fronts and workers of Guahao"
program guahao-worker "worker of Guahao, which serves pools of operations"
program guahao-front "HTTP front of Guahao"
{
    head_of guahao-setup 8 "make an installed Guahao run"
    printf '.SH DESCRIPTION\n'
    bash ops/install/guahao-setup --help | verbatim
    tail_of 'guahao(1)'
} >"$out/guahao-setup.8"
