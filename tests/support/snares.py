"""Something to be stuck in until the test is over."""

import threading

from fleets import CEILING


class Snare:
    """Whoever calls `never_returns` does not come back before `release` is set."""

    def __init__(self):
        self.held = threading.Event()
        self.release = threading.Event()

    def never_returns(self, *_args, **_kwargs):
        self.held.set()
        self.release.wait(10 * CEILING)

    async def never_goes_on(self):
        import asyncio

        self.held.set()
        await asyncio.Event().wait()

    def caught(self):
        """Wait until somebody is in it."""
        assert self.held.wait(CEILING)
