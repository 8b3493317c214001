"""The keeper and its shims: the processes between an app and its agents.

    app ── keeper ── shim ── agent, and whatever it starts
                 └── shim ── …

A program of its own: `__main__` is run by path, so nothing here imports anything but the standard
library and its neighbours. Both are single-threaded, sleep until something happens, and are
subreapers: a process whose parent dies becomes theirs, whatever session, group or environment it
has made for itself, and nobody else can recycle its number before they reap it.

Every shim has its own copy of each page of memory that it writes to, if only to count a reference.
So little is imported here: `_signal` and `_socket` are what `signal` and `socket` are made of, but
without enumerations; `typing` is for type checkers only, and there is no `contextlib`.

The protocol is explained in docs/reference/keeper-protocol.md.
"""
