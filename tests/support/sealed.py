"""Identity numbers sealed by hand: AES-256-GCM, the key derived from the file (lib/base/seal.h)."""

import hmac

import pytest


def seal_number(system, db, patient, number):
    """Give a patient this identity number, as the service stores it."""
    aead = pytest.importorskip("cryptography.hazmat.primitives.ciphers.aead")
    with open(f"{system.var}/keys/data.key") as f:
        key = hmac.new(bytes.fromhex(f.read().strip()), b"guahao sealed column 1", "sha256").digest()
    nonce = b"n" * 12
    sealed = b"\x01" + nonce + aead.AESGCM(key).encrypt(nonce, number.encode(), f"patients.national_id_enc:{patient}".encode())
    db.query("update patients set national_id_enc = %s, national_id_bidx = %s where id = %s", sealed, str(patient).encode(), patient)
    return sealed
