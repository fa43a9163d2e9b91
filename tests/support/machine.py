"""A machine of its own: this one's file system under a layer that is thrown away, with its own processes, mounts, network and host
name, and systemd as its process 1. What a package does to a machine is tried in it. /tmp, /run, home folders and the clone are not
to be seen inside."""

import os
import shutil
import signal
import subprocess

from . import paths
from .proc import wait_for

CGROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")  # where cgroup2 may be mounted
SYSTEMD = "/lib/systemd/systemd"
SERVICES_OFF = ("systemd-networkd", "systemd-resolved", "systemd-timesyncd", "systemd-logind", "prometheus", "networking",
                "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "man-db.timer")

# Becomes process 1 of the new machine. $1: its folder, $2: file to take along, the rest: folders to hide.
BOOT = r"""
set -e
at=$1 file=$2; shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs "$at"
mkdir "$at/up" "$at/work" "$at/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$at/up,workdir=$at/work" "$at/root"
cd "$at/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs dev
for d in null zero full random urandom tty; do touch dev/$d; mount --bind /dev/$d dev/$d; done
mkdir dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
for d in tmp run root home "$@"; do [ ! -d "./$d" ] || mount -t tmpfs -o mode=1777 tmpfs "./$d"; done
cp "$file" root/
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
hostname guahao-test
mkdir old
pivot_root . old
umount -l /old
rm -f /var/lib/man-db/auto-update
for u in $OFF; do ln -sf /dev/null "/etc/systemd/system/$u$(case $u in *.timer) ;; *) echo .service ;; esac)"; done
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target --show-status=no
"""


def why_not():
    """Why this machine cannot have another inside; None when it can."""
    if os.geteuid() != 0:
        return "only root makes a machine of its own"
    if not os.path.exists(SYSTEMD) or not os.path.exists("/lib/systemd/systemd-journald"):
        return "systemd is not installed"
    if not shutil.which("pg_lsclusters"):
        return "PostgreSQL's cluster tools are not installed"
    with open("/proc/filesystems", encoding="ascii") as f:
        if "\toverlay\n" not in f.read():
            return "the kernel has no overlay file system"
    if not _cgroup_root():
        return "no cgroup2 can be written"
    done = subprocess.run(["unshare", "-m", "-p", "-n", "-u", "-i", "-C", "--fork", "true"], capture_output=True, text=True)
    return f"namespaces are refused: {done.stderr.strip()}" if done.returncode else None


def _cgroup_root():
    for at in CGROUPS:
        probe = os.path.join(at, f"guahao-probe-{os.getpid()}")
        try:
            os.mkdir(probe)
        except OSError:
            continue
        usable = os.path.exists(os.path.join(probe, "cgroup.procs")) and os.path.exists(os.path.join(probe, "cgroup.kill"))
        os.rmdir(probe)
        if usable:
            return at
    return None


class Machine:
    def __init__(self, file):
        """file: taken along, as /root/NAME."""
        self.dir = paths.temp_dir(0o755)
        self.cgroup = os.path.join(_cgroup_root(), f"guahao-test-{os.getpid()}")
        os.mkdir(self.cgroup)
        self.log = open(os.path.join(self.dir, "boot.log"), "wb")
        at = os.path.join(self.dir, "at")
        os.mkdir(at)
        hidden = [paths.ROOT.lstrip("/")] if not paths.ROOT.startswith(("/tmp/", "/root/", "/home/")) else []
        enter = f'echo $$ >{self.cgroup}/cgroup.procs; exec unshare -m -p -n -u -i -C --fork --kill-child bash -c "$0" boot "$@"'
        self.process = subprocess.Popen(["bash", "-c", enter, BOOT, at, file, *hidden], stdout=self.log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, env={**os.environ, "OFF": " ".join(SERVICES_OFF)},
                                        start_new_session=True)
        try:
            wait_for("systemd", self._booted, 60, alive=self._ended)
        except BaseException:
            self.destroy()
            raise

    def _first(self):
        """The process that is 1 inside."""
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
                return int(f.read().split()[0])
        except (OSError, IndexError):
            return None

    def _booted(self):
        return self._first() and self.run("test -S /run/systemd/private && systemctl is-system-running", check=False
                                          ).stdout.strip() in ("running", "degraded")

    def _ended(self):
        if self.process.poll() is None:
            return None
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def run(self, script, check=True, timeout=120):
        """bash inside, as root."""
        done = subprocess.run(["nsenter", "-t", str(self._first()), "-m", "-p", "-n", "-u", "-i", "-C", "env", "-i",
                               "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "bash", "-c", script],
                              capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        if check:
            assert done.returncode == 0, f"{script}: {done.returncode}\n{done.stdout}{done.stderr}{self.journal()}"
        return done

    def out(self, script):
        return self.run(script).stdout.strip()

    def journal(self):
        return self.run("journalctl --no-pager -q -n 60 -u 'guahao*'; systemctl --failed --no-legend", check=False).stdout

    def destroy(self):
        first = self._first()
        if first:
            os.kill(first, signal.SIGKILL)  # of a namespace of processes: all of it ends
        if self.process.poll() is None:
            self.process.wait(30)
        self.log.close()
        for at, _, _ in os.walk(self.cgroup, topdown=False):
            wait_for(f"{at} to be empty", lambda at=at: _removed(at), 10)
        paths.remove_dir(self.dir)


def _removed(at):
    try:
        os.rmdir(at)
    except OSError:
        return False
    return True
