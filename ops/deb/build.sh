#!/bin/bash
# The Debian package guahao_VERSION_ARCH.deb of what was built, below $BUILD/deb, or in $OUT. Called by `make deb`.
set -eu -o pipefail
umask 022
cd "$(dirname "$0")/../.."
out=${OUT:-$BUILD/deb} root=${OUT:-$BUILD/deb}/root
version=$(sed -n 's/^#define GH_VERSION *"\([^"]*\)".*/\1/p' lib/base/gh.h)
arch=$(dpkg --print-architecture)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y lib/base/gh.h)}
date=$(LC_ALL=C date -u -R -d "@$epoch")
doc=$root/usr/share/doc/guahao

rm -rf "$root" "$out"/guahao_*.deb && mkdir -p "$root/DEBIAN"
BUILD=$BUILD DESTDIR=$root PREFIX=/usr SYSCONFDIR=/etc LOCALSTATEDIR=/var RUNSTATEDIR=/run UNITDIR=/lib/systemd/system \
    ops/install/install.sh install >/dev/null
for p in "$root"/usr/bin/*; do
    objcopy --strip-debug --strip-unneeded --remove-section=.comment --remove-section=.note "$p"
done
# the front finds its hooks by name: its dynamic symbols stay, as --strip-unneeded keeps them
rm "$doc/LICENSE"
sed "s|@DATE@|$date|; s|@VERSION@|$version|" ops/deb/changelog | gzip -9n >"$doc/changelog.gz"
cat ops/deb/copyright >"$doc/copyright"
find "$root/usr/share/man" -type f -exec gzip -9n {} +
install -D -m 644 ops/deb/lintian-overrides "$root/usr/share/lintian/overrides/guahao"
printf '/etc/guahao/guahao.conf\n' >"$root/DEBIAN/conffiles"
for s in postinst prerm postrm; do install -m 755 "ops/deb/$s" "$root/DEBIAN/$s"; done
(cd "$root" && find usr lib -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)

# which packages the programs' libraries are in: dpkg-shlibdeps wants a source package's control file to look at
mkdir -p "$out/source/debian" && printf 'Source: guahao\n\nPackage: guahao\nArchitecture: any\n' >"$out/source/debian/control"
libs=$(cd "$out/source" && dpkg-shlibdeps -O ../root/usr/bin/* | sed -n 's/^shlibs:Depends=//p')
size=$(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)
sed "s|@VERSION@|$version|; s|@ARCH@|$arch|; s|@LIBS@|$libs|; s|@SIZE@|$size|" ops/deb/control >"$root/DEBIAN/control"
SOURCE_DATE_EPOCH=$epoch dpkg-deb --root-owner-group "-Z${COMPRESS:-xz}" --build "$root" "$out/guahao_${version}_$arch.deb" >/dev/null
rm -rf "$root" "$out/source"
echo "  $out/guahao_${version}_$arch.deb"
