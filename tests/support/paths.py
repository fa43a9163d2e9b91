"""Where the sources and the programs under test are, and short-lived directories."""

import atexit
import os
import re
import shutil
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("GUAHAO_BUILD") or os.path.join(ROOT, "build"))
PG_BIN = os.environ.get("GUAHAO_PG_BIN", "/usr/lib/postgresql/15/bin")

# Directory names are short (socket paths end at 107 bytes) and carry our pid, so that a later run can remove what a
# killed one left behind.
_PREFIX = "ght."
_dirs = []


def program(name):
    """Path of a built program; fails clearly when it is missing."""
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not built (make build, or set GUAHAO_BUILD)")
    return path


def temp_dir(mode=0o711):
    """A new directory directly below /tmp, removed at exit."""
    path = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}.", dir="/tmp")
    os.chmod(path, mode)
    _dirs.append(path)
    return path


def remove_dir(path):
    shutil.rmtree(path, ignore_errors=True)
    if path in _dirs:
        _dirs.remove(path)


def alive(pid):
    """Whether a process of that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def remove_stale_dirs():
    """Remove directories of test runs whose process is gone."""
    for name in os.listdir("/tmp"):
        m = re.fullmatch(re.escape(_PREFIX) + r"(\d+)\..*", name)
        if m and not alive(int(m[1])):
            shutil.rmtree(os.path.join("/tmp", name), ignore_errors=True)


@atexit.register
def _remove_all():
    if os.environ.get("GUAHAO_TEST_KEEP"):
        print("kept:", *_dirs)
        return
    for path in list(_dirs):
        remove_dir(path)
