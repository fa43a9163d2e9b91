"""One child process: started, watched, signalled by its own pid only, its output kept in a file."""

import ctypes
import os
import signal
import subprocess
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_SIGTERM = signal.SIGTERM  # inside the class the name signal is a method


def _die_with_parent(sig):
    def preexec():
        _libc.prctl(_PR_SET_PDEATHSIG, sig, 0, 0, 0)

    return preexec


class Process:
    """A child whose stdout and stderr go to a log file. It is killed when the test process dies."""

    def __init__(self, name, argv, log_path, env=None, user=None, cwd=None, death_signal=signal.SIGKILL):
        self.name = name
        self.argv = argv
        self.log_path = log_path
        self.frozen = False
        ids = {}
        if user is not None:
            ids = {"user": user, "group": user, "extra_groups": []}
        self._log = open(log_path, "ab")
        self._popen = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, env=env, cwd=cwd,
            preexec_fn=_die_with_parent(death_signal), start_new_session=True, **ids)
        self.pid = self._popen.pid

    def running(self):
        """Whether it still runs; does not reap, so that its pid and process group stay ours."""
        if self._popen.returncode is not None:
            return False
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def _reap(self):
        """Kill what is left of its group (start_new_session made it the leader), then collect the exit status."""
        if self._popen.returncode is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            self._popen.wait(30)
        return self._popen.returncode

    @property
    def returncode(self):
        return None if self.running() else self._reap()

    def signal(self, sig):
        if self.running():
            os.kill(self.pid, sig)

    def kill9(self):
        """kill -9, and wait until it is gone. Its own children (Kore's workers) get it too."""
        self._reap()

    def freeze(self):
        self.signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.signal(signal.SIGCONT)
        self.frozen = False

    def wait(self, timeout):
        """Its exit status; raises TimeoutExpired."""
        end = time.monotonic() + timeout
        while self.running():
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.argv, timeout)
            time.sleep(0.02)
        return self._reap()

    def stop(self, sig=_SIGTERM, timeout=20):
        """Ask to stop, wait, kill when it does not obey. Returns the exit status; "killed" when it had to be forced."""
        if self.frozen:
            self.thaw()
        self.signal(sig)
        try:
            status = self.wait(timeout)
        except subprocess.TimeoutExpired:
            self._reap()
            status = "killed"
        self._log.close()
        return status

    def output(self):
        with open(self.log_path, "r", encoding="utf-8", errors="replace") as f:
            return f.read()

    def tail(self, lines=40):
        return "".join(self.output().splitlines(keepends=True)[-lines:])


def wait_for(what, ready, timeout=30.0, every=0.05, alive=None):
    """Poll ready() until it is true. Fails with `what` after timeout, or at once when alive() gives a reason to."""
    end = time.monotonic() + timeout
    while True:
        value = ready()
        if value:
            return value
        if alive is not None:
            reason = alive()
            if reason:
                raise AssertionError(f"waiting for {what}: {reason}")
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s for {what}")
        time.sleep(every)
