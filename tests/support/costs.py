"""What processes cost, as the kernel counts it."""

import os


def children(pid):
    """The pids of a process's children, whichever of its threads started them."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            found += map(int, file.read().split())
    return found


def family(app):
    """An app's keeper, and the keeper's shims."""
    (keeper,) = children(app)
    return keeper, children(keeper)


def kibibytes(pid, name, file="status"):
    """One of the sizes that the kernel tells of a process."""
    with open(f"/proc/{pid}/{file}", encoding="ascii", errors="replace") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def proportional_memory(pid):
    """Bytes of its own, and its part of what it shares."""
    return kibibytes(pid, "Pss", "smaps_rollup") * 1024


def context_switches(*pids):
    """How often the threads of these processes went to sleep or were put to sleep so far."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                total += sum(int(line.split()[1]) for line in file if "_switches" in line)
    return total


def held(pid):
    """What a process holds that must not become more: descriptors, threads, children."""
    counts = (f"/proc/{pid}/fd", f"/proc/{pid}/task")
    return [*(len(os.listdir(path)) for path in counts), len(children(pid))]
