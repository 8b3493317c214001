"""The shim: owns one agent's whole tree at a time, and says how it ended."""

from __future__ import annotations

import os
import struct
import sys

from . import program
from .kin import (
    Kin,
    children,
    descendants,
    is_subreaper,
    look_up,
    number_outside,
    send_signal,
    still_lives,
)
from .owner import Owner
from .wire import (
    END,
    ENDED,
    FAILED,
    KEEP,
    KILL,
    SESSION,
    SIGNAL,
    SPAWN,
    SPAWNED,
    START,
    Frame,
    ProtocolError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    import socket
else:
    import _signal as signal  # see __init__

LEFTOVER_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL for what an agent left behind."""

ORPHAN_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL for a tree that nobody wants any more."""

_SHORT_LIFE = 0.01
"""Seconds that the news of a start waits for that of the end, to wake the app up once for both."""

_LOOK = 0.1
"""Seconds between two looks for orphans where they do not become ours."""

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Tree:
    """One agent's: the leader, and what is known so far about its end."""

    def __init__(self, order: int, started: program.Started) -> None:
        self.order = order
        self.leader = started.pid
        self.group = started.group
        self.keep = bool(started.flags & KEEP)
        self.session_only = bool(started.flags & SESSION) and is_subreaper()
        self.polite = 0
        self.cut_off = False
        self.left = 0
        self.status: int | None = None
        self._seen: list[Kin] = []
        self._user = self._system = 0.0
        self._rss = 0

    def alive(self) -> list[Kin]:
        """Its living processes, and for an order about a session those in it."""
        found = descendants(self.leader)
        if not is_subreaper():  # who has lost its parent is no descendant, but was one before
            found += [one for one in self._seen if still_lives(one, found)]
            self._seen = found
        return [one for one in found if not self.session_only or one.session == self.leader]

    def add_usage(self, user: float, system: float, rss: int) -> None:
        """What one of its processes, and those which that has waited for, used."""
        self._user += user
        self._system += system
        self._rss = max(self._rss, rss * _RSS_UNIT)

    def end(self, reusable: bool, killed: int) -> bytes:
        """The body of an ENDED, but for the survivors."""
        code = None if self.status is None else os.waitstatus_to_exitcode(self.status)
        exited, signum = (-1, 0) if code is None else (code, 0) if code >= 0 else (-1, -code)
        starved, peak = (False, 0) if self.group is None else self.group.memory()
        usage = self._user, self._system, peak or self._rss
        how = reusable, self.cut_off, starved
        return END.pack(*how, exited, signum, *usage, self.left, killed)


class Shim(Owner):
    """Runs one tree after another. Ends when nobody wants it any more and its tree is gone.

    Args:
        control: the app is at its other end.
        keeper: a pipe that ends when the keeper does.
        notes: a pipe to the keeper, for those that want to be left alone.
    """

    def __init__(self, control: socket.socket, keeper: int, notes: int) -> None:
        super().__init__(control, SPAWN, SIGNAL, KILL)
        self._keeper = keeper
        self._notes = notes
        self._tree: Tree | None = None
        self._reported = True
        self._leaving = False
        self._doomed = False
        self.watch(keeper, self._on_keeper_gone)

    def finished(self) -> bool:
        """Whether nobody wants it any more, and its tree is gone."""
        return self._leaving and self._tree is None

    def mine(self) -> set[int]:
        """All children: whoever loses its parent becomes one."""
        tree = self._tree
        if tree is None or (is_subreaper() and not tree.session_only):
            return set(children(os.getpid()))
        return {one.pid for one in tree.alive()}

    def strike(self, pid: int) -> None:
        """SIGKILL; of a session, also who is no child, and whose number may be used again."""
        if self._tree is None or not self._tree.session_only:
            super().strike(pid)
        elif (
            (one := look_up(pid))
            and one.session == self._tree.leader
            and not send_signal(one, signal.SIGKILL)
        ):
            self.refuse(pid)

    def kill(self) -> None:
        """SIGKILL the tree, by its cgroup if it has one, and whoever is left one by one."""
        tree = self._tree
        if tree is not None and tree.group is not None and not tree.session_only:
            tree.group.kill()
        super().kill()

    def obey(self, frame: Frame, deserted: bool) -> None:
        """Spawn, or signal or kill what was spawned; what is about an earlier order is late."""
        tree = self._tree
        if frame.kind == SPAWN:
            if tree is not None:
                raise ProtocolError
            if not (deserted or self._leaving):
                self._spawn(frame)
        elif tree is not None and frame.order == tree.order:
            if frame.kind == SIGNAL:
                self._stop(tree, frame.body[0])
            elif not self.killing:
                self.kill()

    def _spawn(self, frame: Frame) -> None:
        try:
            started = program.start(frame.body, frame.fds)
        except program.NotStartedError as error:
            self.wire.send(FAILED, frame.order, error.body)
            return
        self._tree = Tree(frame.order, started)
        self._reported = False
        self.killed = 0
        seen = look_up(started.pid)
        pids = number_outside(started.pid), number_outside(os.getpid())
        start = START.pack(pids[0], seen.start if seen else 0, pids[1])
        self.wire.hold(SPAWNED, frame.order, start)
        self.alarm(_SHORT_LIFE, self.wire.flush)

    def reap(self) -> None:
        """Take what has ended. No child left means that the tree is gone, and is a proof."""
        while (tree := self._tree) is not None:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                if is_subreaper() or not tree.alive():
                    self._on_tree_gone()
                elif not self.about_to_kill:
                    self.alarm(_LOOK, self.reap)
                return
            if pid == 0:
                break
            self.forget(pid, status)
            tree.add_usage(usage.ru_utime, usage.ru_stime, usage.ru_maxrss)
            if pid == tree.leader and not self._reported:
                tree.status = status
                self.alarm(0, self._on_leader_ended)
        self._look_whether_session_is_over()
        if self._doomed:
            for pid in self.mine():
                self.strike(pid)

    def _look_whether_session_is_over(self) -> None:
        """Who has left the session may live on, and need not be waited for."""
        tree = self._tree
        if tree is None or not tree.session_only or tree.status is None or self._reported:
            return
        if not tree.alive():
            self.all_dead()
            self._retire()

    def _on_leader_ended(self) -> None:
        """It ended before its tree did."""
        tree = self._tree
        if tree is None or self._reported or self.killing:
            return
        alive = tree.alive()
        tree.left = len(alive)
        if tree.polite:
            for one in alive:
                if one.group != tree.leader:
                    send_signal(one, tree.polite)
        elif tree.keep and alive and not self._leaving:
            self._retire()
        elif not self._leaving:
            self._end_tree(tree, LEFTOVER_GRACE)

    def _end_tree(self, tree: Tree, grace: float) -> None:
        for one in tree.alive():
            send_signal(one, signal.SIGTERM)
        self.alarm(grace, self.kill)

    def _stop(self, tree: Tree, signum: int) -> None:
        """Politely: first the leader's group; whoever is left once the leader is gone as well."""
        tree.polite = signum
        if tree.status is None:
            try:
                os.killpg(tree.leader, signum)
                os.killpg(tree.leader, signal.SIGCONT)
            except OSError:
                pass  # not ours to signal; the kill that follows will tell
        elif not self.about_to_kill:
            for one in tree.alive():
                send_signal(one, signum)

    def end(self) -> None:
        """Nobody wants this tree any more: end it, and then this process."""
        if self._leaving:
            return
        self._leaving = True
        tree = self._tree
        if tree is not None and not self.about_to_kill:
            tree.cut_off = tree.status is None and not tree.polite
            self._end_tree(tree, ORPHAN_GRACE)

    def _on_keeper_gone(self, _events: int) -> None:
        self.unwatch(self._keeper)
        self.end()

    def _on_tree_gone(self) -> None:
        self._report(not self._leaving)
        self._remove_group()
        self._tree = None
        self.all_dead()

    def give_up(self) -> None:
        """Report who survives, and wait for their end without being waited for."""
        self._doomed = True
        self._retire(self.survivors(self._tree.alive() if self._tree else []))

    def _retire(self, survivors: bytes = b"") -> None:
        """Report now, and from here on only wait. The keeper shall neither wait nor kill."""
        self._leaving = True
        self._leave_note()
        self._report(False, survivors)
        self.unwatch(self._keeper)
        self.unwatch(self.wire.sock.fileno())
        self.wire.sock.close()
        if not is_subreaper():
            self._tree = None

    def _leave_note(self) -> None:
        try:
            os.write(self._notes, struct.pack("i", number_outside(os.getpid())))
        except OSError:
            return  # the keeper is gone

    def _report(self, reusable: bool, survivors: bytes = b"") -> None:
        if self._tree is not None and not self._reported:
            self._reported = True
            body = self._tree.end(reusable, self.killed)
            self._remove_group()
            self.cancel(self.wire.flush)
            self.wire.send(ENDED, self._tree.order, body + survivors)

    def _remove_group(self) -> None:
        """Without effect while somebody is in it."""
        if self._tree is not None and self._tree.group is not None:
            self._tree.group.remove()
