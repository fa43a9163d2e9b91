"""The file of the development senders."""

import json
import os
import re

from .proc import wait_for


def messages(system, recipient):
    """All that was delivered to a recipient, oldest first."""
    path = os.path.join(system.var, "mail", "messages.jsonl")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")[:-1]
    return [m for m in map(json.loads, lines) if m["recipient"] == recipient]


def wait(system, recipient, count=1):
    """The count-th message to a recipient, once it is there."""
    wait_for(f"message {count} to {recipient}", lambda: len(messages(system, recipient)) >= count)
    return messages(system, recipient)[count - 1]


def code(system, recipient, count=1):
    """The six digits of the count-th message."""
    return re.search(r"(?<!\d)\d{6}(?!\d)", wait(system, recipient, count)["text"])[0]


def link(system, recipient, count=1):
    """The link in the count-th message."""
    return re.search(r"https?://\S+", wait(system, recipient, count)["text"])[0]
