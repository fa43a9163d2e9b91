"""TCP links of some lateness: a relay that hands bytes on after `delay` seconds, each way, in order."""

import asyncio
import threading


class Relay:
    """Runs on a thread of its own inside a host of a Lab. add() gives the port that leads to a target; delay may change at any time."""

    def __init__(self, lab, host):
        self.address, self.delay = lab.address[host], 0.0
        self._loop = None
        self._ready, self._next = threading.Event(), 20000
        self._thread = threading.Thread(target=self._run, args=(lab, host), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self, lab, host):
        with lab.inside(host):
            self._loop = asyncio.new_event_loop()
            self._loop.call_soon(self._ready.set)
            self._loop.run_forever()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0.05))
            self._loop.close()

    def add(self, target, port):
        """The address and port of this relay that lead to port of target."""
        self._next += 1
        asyncio.run_coroutine_threadsafe(self._serve(self._next, target, port), self._loop).result(10)
        return f"{self.address}:{self._next}"

    async def _serve(self, own, target, port):
        async def one(reader, writer):
            try:
                there = await asyncio.open_connection(target, port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(self._copy(reader, there[1]), self._copy(there[0], writer))

        await asyncio.start_server(one, self.address, own)

    async def _copy(self, reader, writer):
        late = asyncio.Queue(1024)
        sender = asyncio.ensure_future(self._send(late, writer))
        try:
            while data := await reader.read(65536):
                await late.put((self._loop.time() + self.delay, data))
        except OSError:
            pass
        await late.put((0, None))
        await sender

    async def _send(self, late, writer):
        try:
            while True:
                due, data = await late.get()
                if data is None:
                    break
                wait = due - self._loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                writer.write(data)
                await writer.drain()
        except OSError:
            while (await late.get())[1] is not None:    # the other side is gone; its peer is told when it says more
                pass
        finally:
            writer.close()

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
