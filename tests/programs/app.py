"""An app with agents: runs the programs it is told to, and then does as told, or stays.

    app.py PLACE WAY PROGRAM [WORDS…]

WAY: "stays"; "ignores-sigchld" and "reaps-all" run PROGRAM and print its exit code; "forks" has a
child of its own, which stays, when it is killed.
"""

import os
import signal
import sys
import threading

from actorch.actors._dispatcher import Dispatcher
from actorch.actors._process import ProcessHost
from actorch.actors._process_events import Ended, SpawnOrder

_place, way, program, *words = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))


def reap_everybody():
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            os.sched_yield()


if way == "ignores-sigchld":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
elif way == "reaps-all":
    threading.Thread(target=reap_everybody, daemon=True).start()

over = threading.Event()
seen = []


def on_event(event):
    seen.append(event)
    if isinstance(event, Ended):
        over.set()


null = os.open(os.devnull, os.O_RDWR)
dispatcher = Dispatcher("app")
host = ProcessHost(dispatcher)
command = [sys.executable, "-S", "-E", os.path.join(here, program), _place, *words]
order = SpawnOrder(tuple(command), dict(os.environ), _place, null, null, null)
dispatcher.call_soon(host.spawn, order, on_event)

if way in ("ignores-sigchld", "reaps-all"):
    over.wait(30)
    host.close()
    dispatcher.close()
    print(seen[-1].code)
    sys.exit(0)
if way == "forks" and os.fork() == 0:
    open(os.path.join(_place, f"forked-{os.getpid()}"), "w").close()
    signal.pause()
if way == "raises":
    while not any(name.isdigit() for name in os.listdir(_place)):
        os.sched_yield()
    raise SystemExit("as asked")
signal.pause()
