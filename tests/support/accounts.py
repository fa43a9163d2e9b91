"""Accounts made straight in the database, with known passwords."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import crypt

PASSWORD = "Guahao-2026"
_hashes = {}


def bcrypt(password=PASSWORD, cost=10):
    """A bcrypt hash, made once per password and cost."""
    if (password, cost) not in _hashes:
        _hashes[password, cost] = crypt.crypt(password, f"$2b${cost:02d}$abcdefghijklmnopqrstuu")
    return _hashes[password, cost]


def bcrypt_ok(password, hash):
    return crypt.crypt(password, hash) == hash


def add_user(db, roles=("PATIENT",), password=PASSWORD, cost=10, **columns):
    """A verified account; columns of users by name. Its id."""
    row = {"hashed_password": bcrypt(password, cost), "is_verified": True, **columns}
    names = ", ".join(row)
    user = db.value(f"insert into users ({names}) values ({', '.join(['%s'] * len(row))}) returning id", *row.values())
    for role in roles:
        db.query("insert into user_roles (user_id, role_code) values (%s, %s)", user, role)
    return user
