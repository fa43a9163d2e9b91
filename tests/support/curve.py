"""CURVE certificates as czmq's zcert writes them."""

import os
import re


def write_cert(path, public, secret=None, role=None):
    """A certificate as czmq's zcert writes it."""
    meta = f'metadata\n    role = "{role}"\n' if role else "metadata\n"
    keys = f'curve\n    public-key = "{public.decode()}"\n'
    with open(path, "w", encoding="ascii") as f:
        f.write(meta + keys)
    if secret:
        with open(path + "_secret", "w", encoding="ascii", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(meta + keys + f'    secret-key = "{secret.decode()}"\n')


def read_cert(path):
    """(public key, secret key or None) of a certificate file."""
    with open(path, encoding="ascii") as f:
        text = f.read()
    keys = [re.search(rf'{half}-key = "([^"]+)"', text) for half in ("public", "secret")]
    return tuple(k and k[1].encode() for k in keys)
