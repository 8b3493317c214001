"""A search of the whole machine: whoever it does not find is not there."""

import contextlib
import os
import resource
import signal
import subprocess
import sys

import psutil
import pytest

from actorch.actors import _leftovers
from actorch.actors._brand import brands_stick, new_brand
from actorch.actors._ledger import OpenAttempt
from actorch.actors._leftovers import Search, _newest
from processes import PROGRAMS, kill_all_at, program, wait_for_sign_in

pytestmark = pytest.mark.skipif(not brands_stick(), reason="no brands here")

SWEEPS = 40
NOISE = "import os\nwhile True:\n    os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)"

THREAD = """
import sys, threading
threading.Thread(target=sys.stdin.readline).start()
print(flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def noise():
    """Somebody whose children come and go all the time."""
    process = subprocess.Popen([sys.executable, "-c", NOISE])
    yield process
    process.kill()
    process.wait()


def attempt(brand):
    return OpenAttempt("run", "agent", 1, brand=brand)


def start(brand, *command, **options):
    def carry():
        hard = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
        resource.setrlimit(resource.RLIMIT_RTTIME, (brand, hard))

    return subprocess.Popen(command, preexec_fn=carry, **options)


def test_whoever_hops_from_pid_to_pid_is_overtaken_by_every_sweep(place, noise):
    brand = new_brand()
    with start(brand, *program("hoppers.py", place, "1"), start_new_session=True) as leader:
        wait_for_sign_in(place)
        leader.kill()
    search = Search([attempt(brand)])
    try:
        counts = [len(list(search.sweep())) for _ in range(SWEEPS)]
        assert min(counts) >= 1
        while found := list(search.sweep()):
            for one in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGKILL)
        assert search.settled
    finally:
        kill_all_at(place)
    assert list(search.sweep()) == []


def test_a_sweep_is_settled_however_much_comes_and_goes(noise):
    search = Search([attempt(new_brand())])
    for _ in range(SWEEPS):
        assert list(search.sweep()) == []
        assert search.settled
    assert noise.poll() is None


def test_threads_that_come_meanwhile_are_nobody(monkeypatch):
    """Threads take numbers, too, and show the brand of their process."""
    brand = new_brand()
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    before, base = psutil.pids(), _newest()
    with start(brand, sys.executable, "-c", THREAD, **options) as process:
        process.stdout.readline()
        numbers = iter([base])
        newest = _newest()  # by now, as if all since then had come while the sweep listed
        monkeypatch.setattr(psutil, "pids", lambda: before)
        monkeypatch.setattr(_leftovers, "_newest", lambda: next(numbers, newest))
        assert [one.pid for one in Search([attempt(brand)]).sweep()] == [process.pid]
        process.communicate(b"\n\n")


def test_where_no_number_is_told_a_sweep_is_settled_if_nobody_has_vanished(monkeypatch):
    monkeypatch.setattr(_leftovers, "_newest", lambda: 0)
    here, gone = os.getppid(), 2**22 + 1
    search = Search([attempt(new_brand())])
    for pids, settled in (([here], True), ([here, gone], False), ([here], True)):
        monkeypatch.setattr(psutil, "pids", lambda pids=pids: pids)
        assert list(search.sweep()) == []
        assert search.settled is settled


def test_what_was_taken_for_a_stranger_is_found_once_its_brand_is_learnt(place):
    outer, inner = new_brand(), new_brand()
    code = "import sys, subprocess; sys.exit(subprocess.call(sys.argv[1:]))"
    script = os.path.join(PROGRAMS, "stays.py")
    lowered = ["prlimit", f"--rttime={inner}:", sys.executable, script, str(place)]
    with start(outer, sys.executable, "-c", code, *lowered) as process:
        (pid,) = wait_for_sign_in(place)
        search = Search([attempt(outer)])
        assert [one.pid for one in search.sweep()] == [process.pid]
        found = {one.pid: one for one in search.find()}
        assert set(found) == {process.pid, pid}
        assert str(place) in found[pid].command
        os.kill(pid, signal.SIGTERM)
