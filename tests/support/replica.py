"""A PostgreSQL primary with a synchronous streaming standby, and the change from one to the other."""

import os
import shutil

import psycopg2

from . import paths
from .pg import Cluster, Database
from .proc import wait_for


class Standby(Cluster):
    """A copy of a running primary that follows it, made by pg_basebackup."""

    def __init__(self, primary, **kw):
        # how soon it comes again when the primary was restarted, which waits for it
        super().__init__(fsync=True, settings={"wal_retrieve_retry_interval": "500ms"}, **kw)
        self.primary = primary

    def start(self):
        data = os.path.join(self.dir, "data")
        if self.user:
            shutil.chown(self.dir, self.user, self.user)
        source = f"host={self.primary.address} port={self.primary.port} user={self.superuser} application_name=standby"
        with self.inside():
            self._run(os.path.join(paths.PG_BIN, "pg_basebackup"), "-D", data, "-d", source, "-R", "-X", "stream", "-c", "fast")
        self.launch()
        return self.wait()


class Pair:
    """places: two of (address, port, inside). Nothing acknowledged is on one of the two only. `primary` is the one that takes writes."""

    def __init__(self, places):
        self.places = [{"address": a, "port": p, "inside": inside} for a, p, inside in places]
        self.primary = Cluster(fsync=True, **self.places[0])
        self.standby = None

    def start(self):
        self.primary.start()
        self.follow()
        return self

    def follow(self):
        """A new standby on the place that has none, and commits that wait for it."""
        free = next(p for p in self.places if (p["address"], p["port"]) != (self.primary.address, self.primary.port))
        self.standby = Standby(self.primary, **free).start()
        admin = self.primary.connect("postgres")
        with admin.cursor() as cur:
            cur.execute("alter system set synchronous_standby_names = 'standby'")
            cur.execute("select pg_reload_conf()")
        admin.close()
        wait_for("the standby", lambda: self.replication() == "sync", timeout=30)

    def replication(self):
        """What the primary says of its standby; None: it has none."""
        try:
            admin = self.primary.connect("postgres")
        except psycopg2.OperationalError:
            return None
        try:
            with admin.cursor() as cur:
                cur.execute("select sync_state from pg_stat_replication where application_name = 'standby' and state = 'streaming'")
                row = cur.fetchone()
                return row and row[0]
        finally:
            admin.close()

    def fail_over(self):
        """The standby takes over; whoever was the primary has been stopped before (two that take writes would be two truths)."""
        old, self.primary, self.standby = self.primary, self.standby, None
        assert old._process is None, "the old primary still runs"
        admin = self.primary.connect("postgres")
        with admin.cursor() as cur:
            cur.execute("select pg_promote(true, 30)")
            assert cur.fetchone()[0]
            # it was copied from a primary that waited, after an earlier change
            cur.execute("alter system reset synchronous_standby_names")
            cur.execute("select pg_reload_conf()")
        admin.close()
        old.destroy()

    def create_database(self):
        return PairDatabase(self, self.primary.create_database().name)

    def log(self):
        return "\n".join(f"--- postgres {c.address}:{c.port}\n{c.log()}" for c in (self.primary, self.standby) if c)

    def destroy(self):
        for c in (self.standby, self.primary):
            if c:
                c.destroy()


class PairDatabase(Database):
    """Its url names both hosts; what tests ask themselves goes to the primary."""

    def __init__(self, pair, name):
        self.pair, self.name = pair, name
        hosts = ",".join(f"{p['address']}:{p['port']}" for p in pair.places)
        self.url = f"postgresql://{pair.primary.superuser}@{hosts}/{name}?target_session_attrs=read-write"

    @property
    def cluster(self):
        return self.pair.primary
