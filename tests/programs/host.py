"""Prints, as JSON, what is global in a process: before, while, and after it runs agents.

host.py STATE_DIRECTORY
"""

import asyncio
import ctypes
import faulthandler
import gc
import json
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import socket
import sys
import tempfile
import threading
import warnings

_libc = ctypes.CDLL(None)
_FLAGS = {"death signal": 2, "subreaper": 37}
_LIMITS = [name for name in dir(resource) if name.startswith("RLIMIT_")]


def flag(number):
    value = ctypes.c_int(-1)
    _libc.prctl(number, ctypes.byref(value), 0, 0, 0)
    return value.value


def by_kernel(*names):
    """Lines of the status of the main thread."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return [line.split() for line in file if line.startswith(names)]


def handlers():
    return {int(number): repr(signal.getsignal(number)) for number in signal.valid_signals()}


def wakeup_descriptor():
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found)
    return found


def umask():
    found = os.umask(0o77)
    os.umask(found)
    return found


def text_of_file(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def logs():
    """How the root is set up, and the loggers that are not as `getLogger` makes them."""
    root, loggers = logging.getLogger(), logging.root.manager.loggerDict
    plain = (logging.NOTSET, True, False, [])
    set_up = {name: set_up_of(one) for name, one in loggers.items() if hasattr(one, "level")}
    changed = {name: found for name, found in set_up.items() if found != plain}
    return [root.level, list(map(repr, root.handlers)), root.manager.disable, changed]


def set_up_of(logger):
    """A NullHandler is what a library may have."""
    handlers = [one for one in logger.handlers if not isinstance(one, logging.NullHandler)]
    return (logger.level, logger.propagate, logger.disabled, list(map(repr, handlers)))


def event_loop_policy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return repr(asyncio.get_event_loop_policy())


def interpreter():
    """Its settings that concern everybody."""
    return {
        "hooks": list(map(repr, (sys.excepthook, sys.unraisablehook, threading.excepthook))),
        "traces": [sys.gettrace(), sys.getprofile(), threading.gettrace()],
        "switch interval": sys.getswitchinterval(),
        "recursion": sys.getrecursionlimit(),
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()],
        "path": sys.path[:],
        "finders": list(map(repr, sys.meta_path)),
        "streams": list(map(repr, (sys.stdin, sys.stdout, sys.stderr))),
        "faulthandler": faulthandler.is_enabled(),
        "stack": threading.stack_size(),
        "random": hash(random.getstate()),
        "socket timeout": socket.getdefaulttimeout(),
        "temporary directory": tempfile.tempdir,
        "start method": multiprocessing.get_start_method(allow_none=True),
    }


def census():
    return {
        "signal handlers": handlers(),
        "signals by the kernel": by_kernel("SigIgn", "SigCgt", "SigBlk", "SigPnd", "ShdPnd"),
        "signal mask": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        "wakeup descriptor": wakeup_descriptor(),
        "timers": [signal.getitimer(timer) for timer in range(3)],
        "flags": {name: flag(number) for name, number in _FLAGS.items()},
        "scheduling": [os.getpriority(os.PRIO_PROCESS, 0), list(os.sched_getaffinity(0))],
        "out of memory": text_of_file("/proc/self/oom_score_adj"),
        "session": [os.getsid(0), os.getpgrp(), os.getppid()],
        "working directory": os.getcwd(),
        "umask": umask(),
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": logs(),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
        "warnings": list(map(repr, warnings.filters)),
        "event loop policy": event_loop_policy(),
        "interpreter": interpreter(),
    }


def belongings():
    """What must be there again once a system is closed."""
    while len(tasks := os.listdir("/proc/self/task")) > threading.active_count():
        os.sched_yield()  # a thread that was joined takes a moment to leave the kernel
    return {
        "threads": [thread.name for thread in threading.enumerate()],
        "tasks": tasks,
        "descriptors": sorted(os.listdir("/dev/fd")),
        "children": [text_of_file(f"/proc/self/task/{task}/children") for task in tasks],
    }


def start_one_thread():
    """The first one makes libc catch a signal of its own, whoever starts it."""
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def main():
    start_one_thread()
    before = {**census(), **belongings()}
    from actorch.actors import AgentSpec
    from actorch.supervisors import ActorSystem

    imported = {**census(), **belongings()}
    with ActorSystem(state_dir=sys.argv[1]) as system:
        first = system.run([AgentSpec("one", ["true"]), AgentSpec("two", ["false"])], quorum=1)
        assert first.wait(30).verdict.value == "degraded"
        second = system.run([AgentSpec("sleeps", ["sleep", "600"])])
        while [row.state.value for row in system.snapshot().of(second.id)] != ["running"]:
            os.sched_yield()
        while_running = census()
        second.stop()
        assert second.wait(30).verdict.value == "cancelled"
    found = {"import": imported, "run": while_running, "close": {**census(), **belongings()}}
    json.dump({"before": before, **found}, sys.stdout)


if __name__ == "__main__":
    main()
