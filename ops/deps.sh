#!/bin/bash
# Install the Debian packages that are missing, and only those.
#
#   ops/deps.sh [GROUP...]     groups: run build test bench deb lint; none: all of them
#   ops/deps.sh --list GROUP   the packages of a group
#   ops/deps.sh --check GROUP  name what is missing, install nothing; status 1 when something is
#
# It looks for commands, headers and modules rather than package names, so that software from elsewhere counts too.
# As another user than root it asks sudo.
set -eu

# group  package  what shows that it is there: cmd:NAME pc:PKG-CONFIG file:PATH py:MODULE
table() {
    cat <<'END'
run    postgresql-15         file:/usr/lib/postgresql/15/bin/postgres
run    postgresql-client-15  file:/usr/lib/postgresql/15/bin/psql
run    tzdata                file:/usr/share/zoneinfo/Asia/Shanghai
run    ca-certificates       file:/etc/ssl/certs/ca-certificates.crt
run    curl                  cmd:curl
run    procps                cmd:ps
build  gcc                   cmd:gcc
build  libc6-dev             file:/usr/include/stdio.h
build  make                  cmd:make
build  git                   cmd:git
build  patch                 cmd:patch
build  pkg-config            cmd:pkg-config
build  kore                  file:/usr/share/kore/src/kore.c
build  libzmq3-dev           pc:libzmq
build  libczmq-dev           pc:libczmq
build  libjwt-dev            pc:libjwt
build  libjansson-dev        pc:jansson
build  libyaml-dev           pc:yaml-0.1
build  libssl-dev            pc:libcrypto
build  libcrypt-dev          file:/usr/include/crypt.h
build  libpq-dev             pc:libpq
build  libcurl4-openssl-dev  pc:libcurl
build  uthash-dev            file:/usr/include/uthash.h
build  nodejs                cmd:node
build  npm                   cmd:npm
build  zlib1g-dev            pc:zlib
test   libcmocka-dev         pc:cmocka
test   python3               cmd:/usr/bin/python3
test   python3-pytest        py:pytest
test   python3-pytest-xdist  py:xdist
test   python3-pytest-rerunfailures py:pytest_rerunfailures
test   python3-requests      py:requests
test   python3-zmq           py:zmq
test   python3-msgpack       py:msgpack
test   python3-psycopg2      py:psycopg2
test   python3-jsonschema    py:jsonschema
test   python3-yaml          py:yaml
test   python3-cryptography  py:cryptography
test   iproute2              cmd:ip
test   nftables              file:/usr/sbin/nft
bench  wrk                   cmd:wrk
bench  postgresql-15         file:/usr/lib/postgresql/15/bin/pgbench
test   prometheus            cmd:promtool
test   chromium              cmd:chromium
test   chromium-driver       cmd:chromedriver
test   python3-selenium      py:selenium
deb    dpkg-dev              cmd:dpkg-shlibdeps
test   dpkg-dev              cmd:dpkg-shlibdeps
test   systemd               file:/lib/systemd/systemd
lint   clang                 cmd:clang
lint   clang-tidy            cmd:clang-tidy
lint   clang-format          cmd:clang-format
lint   cppcheck              cmd:cppcheck
END
}

present() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null ;;
    pc:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#pc:}" ;;
    file:*) [ -e "${1#file:}" ] ;;
    # an import costs a tenth of a second; the folder of the system's Python shows as much
    py:*) compgen -G "/usr/lib/python3/dist-packages/${1#py:}*" >/dev/null ;;
    esac
}

missing() { # groups...
    local group package sign wanted=" $* "
    table | while read -r group package sign; do
        [[ $wanted == *" $group "* ]] || continue
        present "$sign" || echo "$package"
    done
}

install_all() { # packages...
    local root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "deps: as root, please: apt-get install $*" >&2; exit 1; }
        root=(sudo)
    fi
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300)
    echo "deps: installing $*"
    # no service starts because its program is a tool here (postgresql, prometheus): invoke-rc.d(8) asks this file
    local policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        "${root[@]}" sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
        # shellcheck disable=SC2064 # these words, now
        trap "${root[*]} rm -f $policy" EXIT
    fi
    # package lists may be missing (a bare image) or stale (an old one)
    if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
        "${root[@]}" "${apt[@]}" update
    fi
    "${root[@]}" "${apt[@]}" install --no-install-recommends "$@" </dev/null || {
        "${root[@]}" "${apt[@]}" update
        "${root[@]}" "${apt[@]}" install --no-install-recommends "$@" </dev/null
    }
}

mode=install
case ${1-} in
--list | --check) mode=${1#--}; shift ;;
-h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
[ $# -gt 0 ] || set -- run build test bench deb lint
for group; do
    table | grep -q "^$group " || { echo "deps: there is no group $group" >&2; exit 2; }
done

if [ $mode = list ]; then
    for group; do table | sed -n "s/^$group  *\([^ ]*\) .*/\1/p"; done
    exit 0
fi
mapfile -t packages < <(missing "$@")
[ ${#packages[@]} -gt 0 ] || exit 0
if [ $mode = check ]; then
    echo "missing: ${packages[*]}"
    exit 1
fi
install_all "${packages[@]}"
mapfile -t packages < <(missing "$@")
[ ${#packages[@]} -eq 0 ] || { echo "deps: still missing after installation: ${packages[*]}" >&2; exit 1; }
