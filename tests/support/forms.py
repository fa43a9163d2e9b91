"""multipart/form-data bodies as clients write them, and files of each kind."""

import os
import zlib

BOUNDARY = "----gh7MA4YWxkTrZu0gW"


def part(name, content, filename=None, kind=None, extra=""):
    """The bytes of one part, its delimiter before it."""
    content = content.encode() if isinstance(content, str) else content
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"'
    head += "\r\n"
    if kind:
        head += f"Content-Type: {kind}\r\n"
    return head.encode() + extra.encode() + b"\r\n" + content + b"\r\n"


def form(*parts):
    """Keywords for a request of these parts."""
    return sent(b"".join(parts) + f"--{BOUNDARY}--\r\n".encode())


def sent(body):
    return {"data": body, "headers": {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}}


def one(name, content, filename="scan.jpg", kind="image/jpeg"):
    return form(part(name, content, filename, kind))


def _chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(size=0, seed=b""):
    """A real picture of one pixel, different for each seed, filled up to size bytes."""
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])) + _chunk(b"tEXt", b"s\0" + seed)
    end = _chunk(b"IDAT", zlib.compress(b"\0\0")) + _chunk(b"IEND", b"")
    room = size - len(start) - len(end) - 12
    return start + (_chunk(b"prVt", os.urandom(room)) if room >= 0 else b"") + end


def jpeg(size=64):
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0" + os.urandom(size) + b"\xff\xd9"


def gif():
    return b"GIF89a\1\0\1\0\x80\0\0" + os.urandom(12) + b";"


def webp():
    return b"RIFF\x24\0\0\0WEBPVP8 " + os.urandom(24)


def bmp():
    return b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0" + os.urandom(36)
