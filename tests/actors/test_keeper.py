"""The keeper and its shims, spoken to over raw sockets: the protocol, and nonsense instead."""

import contextlib
import os
import random
import socket
import struct
import subprocess
import sys

import psutil
import pytest

from actorch.actors import _keeper
from actorch.actors._keeper.wire import (
    DESCRIPTORS,
    END,
    ENDED,
    FAILED,
    FAILURE,
    FORK,
    GONE,
    HEAD,
    KILL,
    LONGEST,
    LOSS,
    ORDER,
    PLAIN,
    READY,
    SIGNAL,
    SPAWN,
    SPAWNED,
    START,
    WELCOME,
)
from processes import (
    CEILING,
    gone,
    nobody_at,
    program,
    shims_of,
    wait_for_sign_in,
    wait_until,
)

MAIN = os.path.join(os.path.dirname(_keeper.__file__), "__main__.py")


def frame(kind, order, body=b""):
    return HEAD.pack(len(body), kind, order) + body


def spawn_body(argv, env=None, cwd="/", flags=0):
    env = dict(os.environ) if env is None else env
    words = [cwd, *argv, *(f"{name}={value}" for name, value in env.items())]
    return ORDER.pack(flags, 0, 0, len(argv)) + b"\0".join(os.fsencode(word) for word in words)


class Peer:
    """The app's end of a socket, with patience but not for ever."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(CEILING)

    def send(self, data, fds=()):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))]
        sent = self.sock.sendmsg([data], rights if fds else ())
        if sent < len(data):  # even nothing cannot be sent to one who has hung up by now
            self.sock.sendall(data[sent:])

    def next(self):
        """The next frame; None at the end."""
        head = self._exactly(HEAD.size)
        if len(head) < HEAD.size:
            return None
        size, kind, order = HEAD.unpack(head)
        return kind, order, self._exactly(size)

    def _exactly(self, count):
        data = b""
        with contextlib.suppress(ConnectionError):
            while len(data) < count and (more := self.sock.recv(count - len(data))):
                data += more
        return data

    def close(self):
        self.sock.close()


class Keeper(Peer):
    """A keeper that has this test for an app."""

    def __init__(self, *words, wrapper=()):
        ours, theirs = socket.socketpair()
        with theirs:
            command = [*wrapper, sys.executable, "-I", "-S", "-B", MAIN, str(theirs.fileno())]
            self.process = subprocess.Popen(
                [*command, str(os.getpid()), *words], pass_fds=[theirs.fileno()]
            )
        super().__init__(ours)
        kind, _order, body = self.next()
        assert kind == READY
        (self.subreaper,) = WELCOME.unpack(body)
        self.orders = 0

    def shim(self):
        """A shim's socket."""
        ours, theirs = socket.socketpair()
        self.orders += 1
        with theirs:
            self.send(frame(FORK, self.orders, PLAIN), [theirs.fileno()])
        return Peer(ours)

    def end(self):
        """Idempotent."""
        self.close()
        assert self.process.wait(CEILING) == 0


@pytest.fixture
def keeper():
    keeper = Keeper()
    yield keeper
    keeper.end()


@pytest.fixture
def null():
    fd = os.open(os.devnull, os.O_RDWR)
    yield fd
    os.close(fd)


def test_a_shim_runs_one_agent_after_another(keeper, null):
    shim = keeper.shim()
    for number, code in ((5, 0), (6, 7)):
        body = spawn_body(["/bin/sh", "-c", f"exit {code}"])
        shim.send(frame(SPAWN, number, body), [null] * 3)
        kind, order, body = shim.next()
        assert (kind, order) == (SPAWNED, number)
        assert START.unpack(body)[0] > 0
        kind, order, body = shim.next()
        assert (kind, order) == (ENDED, number)
        assert END.unpack(body)[:5] == (True, False, False, code, 0)
    shim.close()


def test_an_order_may_be_given_before_the_shim_exists(keeper, null):
    ours, theirs = socket.socketpair()
    shim = Peer(ours)
    shim.send(frame(SPAWN, 1, spawn_body(["/no/such"])), [null] * 3)
    with theirs:
        keeper.send(frame(FORK, 1, PLAIN), [theirs.fileno()])
    kind, order, body = shim.next()
    assert (kind, order) == (FAILED, 1)
    assert FAILURE.unpack_from(body) == (1, 2)
    shim.close()


def test_an_order_may_come_in_pieces(keeper, null):
    shim = keeper.shim()
    data = frame(SPAWN, 1, spawn_body(["/bin/sh", "-c", "exit 3"]))
    shim.send(data[:1], [null] * 3)
    for number in range(1, len(data)):
        shim.send(data[number : number + 1])
    assert shim.next()[0] == SPAWNED
    assert END.unpack(shim.next()[2])[3] == 3
    shim.close()


def test_several_words_may_come_at_once(keeper, null, place):
    shim = keeper.shim()
    order = frame(SPAWN, 1, spawn_body(program("stubborn.py", place)))
    shim.send(frame(KILL, 99) + order, [null] * 3)
    assert shim.next()[:2] == (SPAWNED, 1)
    wait_for_sign_in(place)
    shim.send(frame(SIGNAL, 1, b"\x0f") + frame(SIGNAL, 98, b"\x09") + frame(KILL, 97))
    shim.send(frame(KILL, 1) + frame(KILL, 1))
    kind, _order, body = shim.next()
    assert (kind, END.unpack(body)[4]) == (ENDED, 9)
    shim.send(frame(KILL, 1))
    shim.send(frame(SPAWN, 2, spawn_body(["/bin/true"], env={})), [null] * 3)
    assert shim.next()[:2] == (SPAWNED, 2)
    assert shim.next()[:2] == (ENDED, 2)
    shim.close()


def test_each_shim_that_is_gone_is_told(keeper):
    shim = keeper.shim()
    shim.close()
    assert keeper.next() == (GONE, 1, LOSS.pack(0, 0))
    other = keeper.shim()
    wait_until(lambda: shims_of(keeper.process.pid))
    psutil.Process(*shims_of(keeper.process.pid)).kill()
    assert keeper.next() == (GONE, 2, LOSS.pack(0, 0))
    assert other.next() is None
    other.close()


def test_something_that_is_no_socket_makes_no_shim(keeper, null):
    keeper.send(frame(FORK, 1, PLAIN), [null])
    assert keeper.next() == (GONE, 1, LOSS.pack(0, 0))


@pytest.fixture
def crowded(keeper):
    """The keeper is in a group that may have no more processes than it has."""
    path = f"/sys/fs/cgroup/pids/actorch-{os.getpid()}"
    try:
        os.mkdir(path)
    except OSError:
        pytest.skip("needs the pids controller of cgroup v1, and the right to use it")
    _write(f"{path}/cgroup.procs", str(keeper.process.pid))
    _write(f"{path}/pids.max", "1")
    yield path
    keeper.end()
    os.rmdir(path)


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def test_a_shim_that_cannot_be_forked_is_told_with_the_reason(keeper, crowded):
    shim = keeper.shim()
    assert keeper.next() == (GONE, 1, LOSS.pack(11, 0))
    assert shim.next() is None
    shim.close()
    _write(f"{crowded}/pids.max", "max")
    keeper.shim().close()
    assert keeper.next() == (GONE, 2, LOSS.pack(0, 0))


def test_an_app_that_ended_before_its_order_was_read_gets_no_agent(null, place):
    keeper = Keeper()
    ours, theirs = socket.socketpair()
    shim = Peer(ours)
    os.kill(keeper.process.pid, 19)
    shim.send(frame(SPAWN, 1, spawn_body(program("stays.py", place))), [null] * 3)
    with theirs:
        keeper.send(frame(FORK, 1, PLAIN), [theirs.fileno()])
    shim.close()
    os.kill(keeper.process.pid, 18)
    assert keeper.next() == (GONE, 1, LOSS.pack(0, 0))
    assert nobody_at(place)
    assert os.listdir(place) == []
    keeper.end()


def test_a_keeper_whose_app_is_another_than_its_parent_ends_at_once():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-I", "-S", "-B", MAIN, str(theirs.fileno()), "1"]
        done = subprocess.run(command, pass_fds=[theirs.fileno()], timeout=CEILING, check=False)
    assert done.returncode == 0


# Nonsense


def nonsense(rng, null):
    """Something that is no order, or an order that is not carried out, and its descriptors."""
    body = spawn_body(["/bin/true"])
    order = rng.randrange(1, 1 << 64)
    fds = [null] * rng.choice([0, 0, 1, 2, 3, 4, 7])
    wild = ORDER.pack(1, 0, rng.randrange(3), rng.randrange(1 << 32))
    kinds = [
        rng.randbytes(rng.randrange(1, 200)),
        frame(rng.randrange(256), order, rng.randbytes(rng.randrange(50))),
        frame(SPAWN, order, rng.randbytes(rng.randrange(80))),
        frame(SPAWN, order, body[: rng.randrange(len(body))]),
        frame(SPAWN, order, wild + body[ORDER.size :]),
        frame(SPAWN, 0, body),
        frame(SIGNAL, order),
        frame(SIGNAL, order, rng.randbytes(3)) + frame(KILL, order, rng.randbytes(3)),
        frame(READY, order) + frame(ENDED, order, b"x" * 40),
        HEAD.pack(LONGEST + 1, SPAWN, order),
        HEAD.pack(0xFFFFFFFF, SPAWN, order) + b"x" * 1000,
        HEAD.pack(5000, SPAWN, order) + b"x" * 10,
        body,
    ]
    return rng.choice(kinds), fds


@pytest.mark.parametrize("seed", range(40))
def test_nonsense_instead_of_an_order_ends_the_shim_or_is_refused(keeper, null, seed):
    rng = random.Random(seed)
    shim = keeper.shim()
    with contextlib.suppress(ConnectionError):
        for _ in range(rng.randrange(1, 4)):
            data, fds = nonsense(rng, null)
            shim.send(data, fds)
    shim.sock.shutdown(socket.SHUT_WR)
    while (answer := shim.next()) is not None:
        assert answer[0] in (SPAWNED, FAILED, ENDED)
    shim.close()
    assert keeper.next()[:2] == (GONE, 1)


@pytest.mark.parametrize("seed", range(30))
def test_nonsense_while_an_agent_runs_ends_its_tree(keeper, null, place, seed):
    rng = random.Random(seed)
    shim = keeper.shim()
    name = "stubborn.py" if seed == 0 else "stays.py"
    shim.send(frame(SPAWN, 1, spawn_body(program(name, place))), [null] * 3)
    assert shim.next()[0] == SPAWNED
    wait_for_sign_in(place)
    with contextlib.suppress(ConnectionError):
        shim.send(*nonsense(rng, null))
    shim.sock.shutdown(socket.SHUT_WR)
    (ended,) = iter(shim.next, None)
    assert ended[:2] == (ENDED, 1)
    assert nobody_at(place)
    shim.close()
    assert keeper.next()[:2] == (GONE, 1)


@pytest.mark.parametrize("seed", range(20))
def test_nonsense_to_the_keeper_ends_all_trees(null, place, seed):
    rng = random.Random(seed)
    keeper = Keeper()
    shim = keeper.shim()
    shim.send(frame(SPAWN, 1, spawn_body(program("stays.py", place))), [null] * 3)
    assert shim.next()[0] == SPAWNED
    wait_for_sign_in(place)
    data, fds = nonsense(rng, null)
    with contextlib.suppress(ConnectionError):
        keeper.send(data, fds)
        keeper.sock.shutdown(socket.SHUT_WR)
    assert keeper.process.wait(CEILING) == 0
    assert nobody_at(place)
    shim.close()
    keeper.close()


@pytest.mark.parametrize("count", sorted({0, 1, 2, 4, 7} - {DESCRIPTORS[SPAWN]}))
def test_an_order_with_too_few_or_too_many_descriptors_is_not_carried_out(
    keeper, null, place, count
):
    shim = keeper.shim()
    shim.send(frame(SPAWN, 1, spawn_body(program("stays.py", place))), [null] * count)
    answers = list(iter(shim.next, None))
    assert [kind for kind, _order, _body in answers] in ([], [SPAWNED, ENDED])
    assert nobody_at(place)
    shim.close()


def test_two_orders_at_once_end_the_tree_of_the_first(keeper, null, place):
    shim = keeper.shim()
    for number in (1, 2):
        order = frame(SPAWN, number, spawn_body(program("stays.py", place)))
        shim.send(order, [null] * 3)
    assert shim.next()[:2] == (SPAWNED, 1)
    assert shim.next()[:2] == (ENDED, 1)
    assert shim.next() is None
    assert nobody_at(place)
    shim.close()


def test_a_shim_keeps_no_descriptor_of_what_it_refused(keeper, null):
    shim = keeper.shim()
    shim.send(frame(SPAWN, 1, spawn_body(["/bin/true"])), [null] * 3)
    assert [shim.next()[0], shim.next()[0]] == [SPAWNED, ENDED]
    (pid,) = shims_of(keeper.process.pid)
    before = os.listdir(f"/proc/{pid}/fd")
    for number in range(2, 50):
        shim.send(frame(SPAWN, number, spawn_body(["/no/such"])), [null] * 3)
        assert shim.next()[0] == FAILED
    assert len(os.listdir(f"/proc/{pid}/fd")) == len(before)
    shim.close()


# Without subreapers, as on macOS: best effort


@pytest.fixture
def portable():
    keeper = Keeper("portable")
    assert not keeper.subreaper
    yield keeper
    keeper.end()


@pytest.mark.parametrize(
    ("name", "words", "count"),
    [("stays.py", (), 1), ("polite_leader.py", ("setsid",), 2), ("chain.py", (10,), 10)],
)
def test_without_subreapers_descendants_are_found_by_their_parents(
    portable, null, place, name, words, count
):
    shim = portable.shim()
    shim.send(frame(SPAWN, 1, spawn_body(program(name, place, *words))), [null] * 3)
    assert shim.next()[0] == SPAWNED
    wait_for_sign_in(place, count)
    shim.send(frame(KILL, 1))
    kind, _order, body = shim.next()
    assert (kind, END.unpack(body)[4]) == (ENDED, 9)
    assert nobody_at(place)
    shim.close()


def test_without_subreapers_leftovers_are_found_by_their_group(portable, null, place):
    shim = portable.shim()
    body = spawn_body(program("leaves.py", place, 3, "stubborn.py"))
    shim.send(frame(SPAWN, 1, body), [null] * 3)
    assert shim.next()[0] == SPAWNED
    kind, _order, body = shim.next()
    assert (kind, END.unpack(body)[3]) == (ENDED, 3)
    assert nobody_at(place)
    shim.close()


def test_without_subreapers_a_leftover_that_obeys_is_waited_for(portable, null, place):
    shim = portable.shim()
    body = spawn_body(program("leaves.py", place, 0, "stays.py"))
    shim.send(frame(SPAWN, 1, body), [null] * 3)
    assert [shim.next()[0], shim.next()[0]] == [SPAWNED, ENDED]
    assert nobody_at(place)
    shim.close()


# What cannot be killed

FREEZER = "/sys/fs/cgroup/freezer"


@pytest.fixture
def frozen():
    """A group whose members do not even notice SIGKILL, until it is thawed."""
    path = f"{FREEZER}/actorch-{os.getpid()}"
    try:
        os.mkdir(path)
    except OSError:
        pytest.skip("needs a freezer of cgroup v1, and the right to use it")
    yield path
    _write(f"{path}/freezer.state", "THAWED")

    def removed():
        try:
            os.rmdir(path)
        except OSError:
            return False
        return True

    wait_until(removed)


@pytest.mark.slow
def test_who_survives_sigkill_is_named_and_watched_to_the_end(keeper, null, place, frozen):
    shim = keeper.shim()
    shim.send(frame(SPAWN, 1, spawn_body(program("polite_leader.py", place))), [null] * 3)
    leader = START.unpack(shim.next()[2])[0]
    child = next(pid for pid in wait_for_sign_in(place, 2) if pid != leader)
    (owner,) = shims_of(keeper.process.pid)
    _write(f"{frozen}/cgroup.procs", str(child))
    _write(f"{frozen}/freezer.state", "FROZEN")
    shim.send(frame(KILL, 1))
    kind, _order, body = shim.next()
    reusable, _cut_off, _starved, _code, signum, *_usage, _left, killed = END.unpack_from(body)
    assert (kind, reusable, signum, killed) == (ENDED, False, 9, 1)
    survivor, _, reason = body[END.size :].decode().partition(" ")
    assert (int(survivor), reason) == (child, "in state D")
    assert shim.next() is None
    assert not gone(owner)
    _write(f"{frozen}/freezer.state", "THAWED")
    wait_until(lambda: gone(child) and gone(owner))
    shim.close()


WITHOUT_CAP_KILL = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(24, 5, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user takes root")
def test_who_belongs_to_another_user_is_named(null, place):
    keeper = Keeper(wrapper=[sys.executable, "-S", "-c", WITHOUT_CAP_KILL])
    shim = keeper.shim()
    shim.send(frame(SPAWN, 1, spawn_body(program("other_user.py", place))), [null] * 3)
    leader = START.unpack(shim.next()[2])[0]
    child = next(pid for pid in wait_for_sign_in(place, 2) if pid != leader)
    wait_until(lambda: psutil.Process(child).uids().real == 65534)
    shim.send(frame(KILL, 1))
    kind, _order, body = shim.next()
    assert (kind, END.unpack_from(body)[4]) == (ENDED, 9)
    assert body[END.size :].decode() == f"{child} not permitted"
    shim.close()
    keeper.end()
    assert not gone(child)
    os.kill(child, 9)
