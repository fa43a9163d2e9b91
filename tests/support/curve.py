"""CURVE certificates as czmq's zcert writes them."""

import os


def write_cert(path, public, secret=None, role=None):
    """A certificate as czmq's zcert writes it."""
    meta = f'metadata\n    role = "{role}"\n' if role else "metadata\n"
    keys = f'curve\n    public-key = "{public.decode()}"\n'
    with open(path, "w", encoding="ascii") as f:
        f.write(meta + keys)
    if secret:
        with open(path + "_secret", "w", encoding="ascii", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.write(meta + keys + f'    secret-key = "{secret.decode()}"\n')
