"""The files that programs write their log to (log.dir), plain and compressed, as entries."""

import glob
import gzip
import json
import os


def text_of(path):
    opener = gzip.open if path.endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""                                   # compressed meanwhile


def files(folder, name="*"):
    """Paths of a log file and of its older ones: files(d, "front.log"); of all of them without a name."""
    found = glob.glob(os.path.join(folder, name)) + glob.glob(os.path.join(folder, name + ".2*"))
    return sorted({p for p in found if not p.endswith((".part", ".lock"))})


def text(folder, name="*"):
    return "".join(text_of(p) for p in files(folder, name))


def entries(folder, name="*"):
    """The JSON lines of these files. A line that is being written is left out."""
    found = []
    for line in text(folder, name).splitlines():
        if line.startswith("{") and line.endswith("}"):
            found.append(json.loads(line))
    return found
