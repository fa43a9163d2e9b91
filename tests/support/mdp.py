"""A plain Majordomo client (18/MDP 0.2) written with pyzmq, independent of our C code."""

import zmq

REQUEST, PARTIAL, FINAL = b"\x01", b"\x02", b"\x03"


class Client:
    """A DEALER speaking MDP/Client 0.2 to one broker endpoint."""

    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(endpoint)

    def send(self, service, *body):
        self.socket.send_multipart([b"MDPC02", REQUEST, service.encode(), *body])

    def recv(self, timeout=5.0):
        """(command, service, body frames), or None when nothing came."""
        if not self.socket.poll(int(timeout * 1000)):
            return None
        frames = self.socket.recv_multipart()
        assert len(frames) >= 4 and frames[0] == b"MDPC02" and frames[1] in (PARTIAL, FINAL), frames
        return frames[1], frames[2].decode(), frames[3:]

    def call(self, service, *body, timeout=5.0):
        """Body frames of the final answer, or None."""
        self.send(service, *body)
        while True:
            answer = self.recv(timeout)
            if answer is None or answer[0] == FINAL:
                return None if answer is None else answer[2]

    def close(self):
        self.socket.close(0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def mmi(endpoint, name, *args, timeout=2.0):
    """Frames of an MMI answer (code first), or None when the broker is silent."""
    with Client(endpoint) as client:
        return client.call("mmi." + name, *(args or (b"",)), timeout=timeout)
