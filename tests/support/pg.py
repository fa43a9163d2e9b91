"""A private PostgreSQL cluster on a Unix socket, and databases in it."""

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import threading

import psycopg2

from . import paths
from .proc import Process, wait_for


class Cluster:
    """A throw-away cluster. fsync is off unless asked. Runs as the postgres user when we are root. No TCP unless an address is given:
    then programs are told to come that way (url), and who can reach it is trusted. inside: the context that the server is started
    in (Lab.inside)."""

    def __init__(self, fsync=False, settings=None, address=None, port=5432, inside=contextlib.nullcontext):
        self.address, self.port, self.inside = address, port, inside
        self.dir = paths.temp_dir(0o755)
        self.socket_dir = self.dir
        self.user = "postgres" if os.geteuid() == 0 else None
        self.superuser = self.user or getpass.getuser()
        self.settings = {
            "listen_addresses": "", "unix_socket_directories": self.socket_dir, "unix_socket_permissions": "0700",
            "max_connections": "200", "shared_buffers": "128MB", "timezone": "UTC", "log_timezone": "UTC",
            "log_lock_waits": "on", "deadlock_timeout": "200ms", "max_wal_size": "2GB", "min_wal_size": "256MB",
        }
        if not fsync:
            self.settings.update({"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"})
        if address:
            self.settings.update({"listen_addresses": address, "port": str(port)})
        self.settings.update(settings or {})
        self._process = None
        self._lock = threading.Lock()
        self._serial = 0
        self._starts = 0

    def _run(self, *argv):
        ids = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", **ids)
        assert done.returncode == 0, f"{argv[0]}: {done.stderr}"

    def start(self):
        data = os.path.join(self.dir, "data")
        if not os.path.isdir(data):
            if self.user:
                shutil.chown(self.dir, self.user, self.user)
            self._run(os.path.join(paths.PG_BIN, "initdb"), "-D", data, "-A", "trust", "-E", "UTF8",
                      "--locale=C.UTF-8", "-N", "-U", self.superuser)
            if self.address:
                with open(os.path.join(data, "pg_hba.conf"), "a", encoding="ascii") as f:
                    f.write("host all all samenet trust\nhost replication all samenet trust\n")
        self.launch()
        return self.wait()

    def launch(self):
        """Start the server without waiting for it."""
        self._starts += 1
        argv = [os.path.join(paths.PG_BIN, "postgres"), "-D", os.path.join(self.dir, "data")]
        for name, value in self.settings.items():
            argv += ["-c", f"{name}={value}"]
        with self.inside():
            self._process = Process("postgres", argv, os.path.join(self.dir, f"postgres.{self._starts}.log"),
                                    user=self.user, cwd="/", death_signal=signal.SIGQUIT)

    def wait(self):
        """Returns when it accepts connections."""
        wait_for("PostgreSQL", self._accepts, timeout=60,
                 alive=lambda: None if self._process.running() else self._process.tail())
        return self

    def _accepts(self):
        try:
            self.connect("postgres").close()
            return True
        except psycopg2.OperationalError:
            return False

    @property
    def pid(self):
        return self._process.pid

    def stop(self, immediate=False):
        if self._process is not None:
            self._process.stop(signal.SIGQUIT if immediate else signal.SIGINT, timeout=30)
            self._process = None

    def destroy(self):
        self.stop(immediate=True)
        if not os.environ.get("GUAHAO_TEST_KEEP"):
            paths.remove_dir(self.dir)

    def log(self):
        return self._process.tail(80) if self._process else ""

    def url(self, database):
        if self.address:
            return f"postgresql://{self.superuser}@{self.address}:{self.port}/{database}"
        return f"postgresql:///{database}?host={self.socket_dir}&user={self.superuser}"

    def connect(self, database, autocommit=True):
        conn = psycopg2.connect(host=self.socket_dir, port=self.port, user=self.superuser, dbname=database, connect_timeout=5)
        conn.autocommit = autocommit
        return conn

    def _admin(self, sql):
        conn = self.connect("postgres")
        try:
            with conn.cursor() as cur:
                cur.execute(sql)
        finally:
            conn.close()

    def create_database(self, name=None, template=None):
        """A new database, from a template (which nobody may be connected to) when given."""
        with self._lock:
            if name is None:
                self._serial += 1
                name = f"t{self._serial}"
            self._admin(f'create database "{name}" template "{template or "template0"}"'
                        + ("" if template is None else " strategy file_copy"))
        return Database(self, name)

    def drop_database(self, name):
        self._admin(f'drop database if exists "{name}" with (force)')


class Database:
    """A database of a cluster with short helpers for tests."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.url = cluster.url(name)

    def connect(self, autocommit=True):
        return self.cluster.connect(self.name, autocommit)

    def query(self, sql, *args):
        """Run one statement in its own transaction; rows, or [] when it gives none."""
        conn = self.connect()
        try:
            with conn.cursor() as cur:
                cur.execute(sql, args or None)
                return cur.fetchall() if cur.description else []
        finally:
            conn.close()

    def row(self, sql, *args):
        rows = self.query(sql, *args)
        assert len(rows) == 1, f"{len(rows)} rows: {sql}"
        return rows[0]

    def value(self, sql, *args):
        return self.row(sql, *args)[0]

    def drop(self):
        self.cluster.drop_database(self.name)
