"""A service manager's socket: what programs tell it (sd_notify), in the order of arrival."""

import os
import socket
import time

from .proc import wait_for


class Manager:
    """abstract: a name of the abstract namespace instead of a path."""

    def __init__(self, folder, name="notify", abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(folder, name)
        self.socket.bind("\0" + path if abstract else path)
        self.address = "@" + path if abstract else path
        self.socket.setblocking(False)
        self.heard = []  # (moment, message)

    def env(self, watchdog_s=None):
        """What a program is started with; WATCHDOG_PID is left out, as its pid is not known before."""
        env = {"NOTIFY_SOCKET": self.address}
        if watchdog_s:
            env["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        return env

    def read(self):
        """Take what has come; all messages so far."""
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return [message for _, message in self.heard]
            self.heard.append((time.monotonic(), text))

    def said(self, line):
        return any(line in message.split("\n") for message in self.read())

    def statuses(self):
        return [line[7:] for message in self.read() for line in message.split("\n") if line.startswith("STATUS=")]

    def wait_for(self, line, timeout=20, alive=None):
        wait_for(line, lambda: self.said(line), timeout, alive=alive)

    def wait_status(self, text, timeout=20):
        """Until the last status has this in it."""
        wait_for(f"status {text}", lambda: any(text in s for s in self.statuses()[-1:]), timeout)

    def pings(self):
        self.read()
        return sum(message == "WATCHDOG=1" for _, message in self.heard)

    def silent_for(self, seconds):
        """No ping for so long."""
        before = self.pings()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.pings() != before:
                return False
            time.sleep(0.02)
        return True

    def wait_ping(self, timeout=10):
        before = self.pings()
        wait_for("a ping of the watchdog", lambda: self.pings() > before, timeout)

    def close(self):
        self.socket.close()
