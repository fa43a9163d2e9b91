"""Calls at the same moment."""

import threading


def at_once(*calls):
    """The replies of calls made at the same moment, in their order."""
    gate, replies = threading.Barrier(len(calls)), [None] * len(calls)

    def run(i, call):
        gate.wait()
        replies[i] = call()

    threads = [threading.Thread(target=run, args=x) for x in enumerate(calls)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return replies
