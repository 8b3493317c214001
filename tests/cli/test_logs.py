"""`actorch logs`: what it shows, what it says where there is nothing, and when it ends."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from actorch.actors._records import AgentRecord
from history import attempt, record, run
from processes import CEILING, wait_until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

GATE = "until test -e {gate}; do sleep 0.02; done"


@pytest.fixture
def ran(actorch):
    """Run agents to their end; returns the run's id."""

    def call(*words, name="demo"):
        said = actorch("run", "-q", "--name", name, *words)
        return re.search(r"\[run (.+?)\]", said.out)[1]

    return call


@pytest.fixture
def two(ran):
    return ran("-a", "first=sh -c 'echo one; echo two; echo bad >&2'", "-a", "second=echo three")


@pytest.fixture
def going(process, tmp_path):
    """Start a run whose agents may wait for `gate`; returns it once there is output."""

    def start(*scripts, words=()):
        agents = []
        for number, script in enumerate(scripts):
            path = tmp_path / f"agent{number}.sh"
            path.write_text(script.replace("WAIT", GATE.format(gate=tmp_path / "gate")))
            agents += ["-a", f"agent{number}=sh {path}"]
        null = subprocess.DEVNULL
        one = process("run", "--name", "going", *words, *agents, stdout=null, stderr=null)
        wait_until(lambda: any(map(os.path.getsize, files())), "output")
        return one

    yield start
    (tmp_path / "gate").touch()


def files(pattern=""):
    """The output files of all runs."""
    place = os.path.join(os.environ["ACTORCH_STATE_DIR"], "runs")
    with contextlib.suppress(FileNotFoundError):
        found = [os.path.join(place, run, name) for run in os.listdir(place)
                 for name in os.listdir(os.path.join(place, run))]  # fmt: skip
        return [path for path in sorted(found) if pattern in path]
    return []


class Reader:
    """Reads lines of a process with a ceiling on the wait for each."""

    def __init__(self, stream):
        self.stream = stream
        self.lines = []
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.stream:
            with self.changed:
                self.lines.append(line.decode())
                self.changed.notify_all()

    def wait_for(self, line):
        with self.changed:
            assert self.changed.wait_for(lambda: line in self.lines, CEILING), self.lines


@pytest.fixture
def follow(process):
    """Start to follow; what is printed is read meanwhile."""
    readers = []

    def start(*words):
        one = process("logs", "-f", *words)
        reader = Reader(one.stdout)
        readers.append((one, reader))
        return one, reader

    yield start
    for one, reader in readers:
        one.kill()
        reader.thread.join(CEILING)


# What is shown


def test_one_agent_is_shown_as_it_printed_first_its_output_then_its_errors(actorch, two):
    assert actorch("logs", two, "first") == (0, "one\ntwo\nbad\n", "")


def test_several_agents_get_a_prefix_in_the_order_of_the_fleet(actorch, two):
    shown = "first  │ one\nfirst  │ two\nfirst  ║ bad\nsecond │ three\n"
    assert actorch("logs", two) == (0, shown, "")
    assert actorch("logs", two, "second", "first") == (0, shown, "")


def test_one_of_the_streams_alone(actorch, two):
    assert actorch("logs", "--stderr", two).out == "first  ║ bad\n"
    assert actorch("logs", "--stdout", two, "first").out == "one\ntwo\n"
    assert actorch("logs", "--stdout", "--stderr", two, "first").out == "one\ntwo\nbad\n"


def test_a_run_is_found_by_id_by_its_beginning_by_name_and_as_the_last(actorch, ran):
    older = ran("-a", "a=echo older")
    newer = ran("-a", "a=echo newer")
    other = ran("-a", "a=echo other", name="other")
    shown = {word: actorch("logs", word).out for word in (older, newer, older[:-1], "demo", "last")}
    assert shown == {
        older: "older\n",
        newer: "newer\n",
        older[:-1]: "older\n",
        "demo": "newer\n",
        "last": "other\n",
    }
    assert actorch("logs", "other").out == actorch("logs", other).out


def test_the_last_lines_are_those_of_each_file(actorch, two):
    assert actorch("logs", "-n", "1", two).out == "first  │ two\nfirst  ║ bad\nsecond │ three\n"
    assert actorch("logs", "-n", "0", two) == (0, "", "")


def test_the_last_attempt_is_shown_unless_another_is_asked_for(actorch, ran):
    words = ("--retries", "1", "-a", "a=sh -c 'echo $ACTORCH_ATTEMPT; exit 75'")
    run_id = ran(*words)
    assert actorch("logs", run_id).out == "2\n"
    assert actorch("logs", "--attempt", "1", run_id).out == "1\n"
    assert actorch("logs", "--attempt", "all", run_id).out == "a.1 │ 1\na.2 │ 2\n"
    said = actorch("logs", "--attempt", "3", run_id)
    assert said.code == 2
    assert "has no attempt 3 of these agents; there are 2" in said.line


def test_lines_can_begin_with_a_time(actorch, two):
    os.utime(files("second.1.out")[0], (1.5, 1.5))
    assert actorch("logs", "-t", two, "second").out == "1970-01-01T00:00:01.500Z three\n"


def test_what_is_older_is_left_out(actorch, two):
    os.utime(files("first.1.out")[0], (1.5, 1.5))
    assert actorch("logs", "--since", "1h", two).out == "first  ║ bad\nsecond │ three\n"
    assert actorch("logs", "--since", "2999-01-01", two) == (0, "", "")
    assert "one" in actorch("logs", "--since", "1970-01-01T00:00:00Z", two).out


def test_no_control_sequence_gets_through_unless_raw_and_colours_where_there_are_some(actorch, ran):
    run_id = ran("-a", r"a=printf '\033]0;title\007\033[31mred\033[2J\n10%%\r99%%\n\200end'")
    assert actorch("logs", run_id).out == "red\n99%\n�end\n"
    colour = actorch("logs", "--color", "always", run_id).out
    assert colour == "\x1b[31mred\x1b[0m\n99%\n�end\n"


def test_raw_copies_every_byte(process, ran):
    run_id = ran("-a", r"a=printf '\033]0;t\007\0\200\r\nend'", "-a", "b=echo b")
    out, err = process("logs", "--raw", run_id).communicate(timeout=CEILING)
    assert (out, err) == (b"\x1b]0;t\x07\0\x80\r\nendb\n", b"")


def test_a_very_long_line_is_one_line(process, ran):
    run_id = ran("-a", 'a=sh -c \'head -c 300000 /dev/zero | tr "\\0" x; printf "é\\nb\\n"\'')
    out, _err = process("logs", run_id).communicate(timeout=CEILING)
    assert out.decode() == "x" * 300_000 + "é\nb\n"


def test_no_output_at_all_is_nothing_and_no_error(actorch, ran):
    assert actorch("logs", ran("-a", "a=true", "-a", "b=true")) == (0, "", "")


def test_output_whose_files_are_gone_is_nothing_and_no_error(actorch, two):
    for path in files():
        os.unlink(path)
    assert actorch("logs", two) == (0, "", "")


@pytest.mark.parametrize("name", ["--help", "-n", "ünï 🙂", "n" * 100])
def test_an_agent_may_be_called_anything(actorch, ran, name):
    run_id = ran("-a", f"{name}=echo hello", "-a", "b=true")
    assert actorch("logs", run_id, "--", name) == (0, "hello\n", "")
    assert actorch("logs", run_id).out.endswith(" │ hello\n")


def test_a_merged_file_is_shown_once(actorch, state_dir, tmp_path):
    path = tmp_path / "both"
    path.write_text("once\n")
    paths = {"stdout_path": str(path), "stderr_path": str(path)}
    of_record(state_dir, **paths)
    assert actorch("logs", "crafted").out == "once\n"
    assert actorch("logs", "--stderr", "crafted").out == "once\n"


def of_record(state_dir, **paths):
    """A run that only its rows tell of."""
    import msgspec

    agent = AgentRecord(
        run_id="crafted", name="a", position=0, state="succeeded", command="[]", cwd="/"
    )
    one = msgspec.structs.replace(attempt("crafted", "succeeded"), **paths)
    record(state_dir, run("crafted", "ok", directory=state_dir), agent, one)


def test_what_was_given_back_to_the_disk_at_the_start_of_a_file_is_skipped(actorch, two):
    with open(files("first.1.out")[0], "wb") as file:
        file.seek(1 << 20)
        file.write(b"kept\n")
    assert actorch("logs", two, "first").out == "kept\nbad\n"
    assert len(actorch("logs", "--raw", two, "first").out) in (9, 9 + (1 << 20))


@pytest.mark.parametrize("kind", ["symlink", "fifo"])
def test_what_was_planted_in_the_place_of_a_file_is_not_read(actorch, two, kind):
    path = files("first.1.out")[0]
    os.unlink(path)
    os.symlink("/etc/passwd", path) if kind == "symlink" else os.mkfifo(path)
    said = actorch("logs", two, "first")
    assert (said.code, said.out) == (0, "bad\n")
    assert f"{path}: is not shown: " in said.line


# What cannot be shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nosuch",), "no run 'nosuch'; the newest is "),
        (("dmeo",), "no run 'dmeo'; did you mean demo?"),
        (("",), "no run ''; the newest is "),
        (("\udcff",), r"no run '\udcff'; the newest is "),
        (("last", "\udcff"), r"has no agent '\udcff', but: first, second"),
        (("last", "frist"), "has no agent 'frist', but: first, second"),
        (("-n", "-1", "last"), "--tail: '-1' is not allowed: must be a number of lines"),
        (("--since", "soon", "last"), "--since: 'soon' is not allowed: must be a duration such as"),
        (("--attempt", "0", "last"), "--attempt: '0' is not allowed: must be the number of an"),
        (("--raw", "-t", "last"), "--raw and --timestamps exclude each other"),
        ((), "Missing argument 'RUN'"),
    ],
)
def test_words_that_are_wrong_are_told_in_one_line(actorch, two, words, told):
    said = actorch("logs", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.line


def test_a_beginning_of_several_ids_is_told_with_some_of_them(actorch, state_dir):
    record(state_dir, *(run(f"20260101-{n}", "ok", started=float(n)) for n in range(7)))
    said = actorch("logs", "2026")
    assert (said.code, said.out) == (2, "")
    ids = ", ".join(f"20260101-{n}" for n in (6, 5, 4, 3, 2))
    assert said.line == f"'2026' is the beginning of more than one: {ids}, …"


def test_where_nothing_was_recorded_nothing_is_made(actorch, state_dir):
    said = actorch("logs", "last")
    assert (said.code, said.line) == (2, f"no run is recorded in {state_dir}")
    assert not os.path.exists(state_dir)


def test_reading_leaves_the_state_directory_as_it_is(actorch, state_dir, two):
    before = {name: os.stat(f"{state_dir}/{name}").st_mtime_ns for name in os.listdir(state_dir)}
    assert actorch("logs", "-f", two).code == 0
    after = {name: os.stat(f"{state_dir}/{name}").st_mtime_ns for name in os.listdir(state_dir)}
    assert after == before


def test_a_history_of_an_older_actorch_is_read_as_it_is(actorch, state_dir, two):
    with contextlib.closing(sqlite3.connect(f"{state_dir}/history.db")) as connection:
        for column in ("pid_namespace", "collected"):
            connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    assert actorch("logs", two, "second") == (0, "three\n", "")
    assert actorch("logs", "-f", two, "second") == (0, "three\n", "")


def test_a_history_that_is_none_is_told_and_exits_with_125(actorch, state_dir):
    os.makedirs(state_dir)
    with open(f"{state_dir}/history.db", "wb") as file:
        file.write(b"no database\n" * 100)
    said = actorch("logs", "last")
    assert (said.code, said.out) == (125, "")
    assert "history.db: file is not a database" in said.line


def test_a_reader_that_has_enough_ends_it_quietly(process, ran):
    run_id = ran("-a", "a=sh -c 'yes | head -c 3000000'")
    one = process("logs", run_id)
    assert one.stdout.readline() == b"y\n"
    one.stdout.close()
    assert one.wait(CEILING) == 141
    assert one.stderr.read() == b""


def test_a_closed_standard_output_is_no_error(two):
    command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "actorch.cli", "logs", two]
    done = subprocess.run(command, capture_output=True, timeout=CEILING, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# Following


def test_a_run_of_another_process_is_followed_to_its_end(going, follow, tmp_path):
    one = going("echo begun; WAIT; echo bad >&2; printf unfinished", "WAIT; echo other")
    followed, reader = follow("going")
    reader.wait_for("agent0 │ begun\n")
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert sorted(reader.lines) == [
        "agent0 │ begun\n", "agent0 │ unfinished\n", "agent0 ║ bad\n", "agent1 │ other\n",
    ]  # fmt: skip
    assert one.wait(CEILING) == 0
    assert followed.stderr.read() == b""


def test_further_attempts_are_followed(going, follow, tmp_path):
    going("echo $ACTORCH_ATTEMPT; WAIT; exit 75", words=("--retries", "1"))
    followed, reader = follow("last")
    reader.wait_for("1\n")
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert reader.lines == ["1\n", "2\n"]


@linux_only
def test_all_of_a_further_attempt_is_new(going, follow, tmp_path):
    going("WAIT; echo $ACTORCH_ATTEMPT; exit 75", "echo x", words=("--retries", "1"))
    followed, reader = follow("-n", "0", "last", "agent0")
    wait_until(lambda: watches(followed.pid), "the watch")
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert reader.lines == ["1\n", "2\n"]


@pytest.mark.slow
def test_without_inotify_it_looks_again_and_again(going, actorch, monkeypatch, tmp_path):
    from actorch.cli import _log_watch

    def refuse():
        raise OSError

    monkeypatch.setattr(_log_watch, "Inotify", refuse)
    going("echo begun; sleep 0.3; echo more; exit 75", words=("--retries", "1"))
    assert actorch("logs", "-f", "last") == (0, "begun\nmore\nbegun\nmore\n", "")


def test_an_empty_file_that_goes_away_is_not_worth_a_word(going, follow, tmp_path):
    going("echo begun; WAIT; echo more")
    followed, reader = follow("last")
    reader.wait_for("begun\n")
    os.unlink(files(".err")[0])
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert (reader.lines, followed.stderr.read()) == (["begun\n", "more\n"], b"")


def test_following_one_agent_ends_with_that_agent(going, follow, tmp_path):
    one = going("echo first; WAIT", "echo second")
    followed, reader = follow("last", "agent1")
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert reader.lines == ["second\n"]
    assert one.poll() is None


def test_following_one_attempt_ends_with_that_attempt(going, follow, tmp_path):
    going("echo $ACTORCH_ATTEMPT; test $ACTORCH_ATTEMPT = 2 && WAIT; exit 75",
          words=("--retries", "1"))  # fmt: skip
    followed, reader = follow("--attempt", "1", "last")
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert reader.lines == ["1\n"]


@linux_only
def test_only_what_is_new_is_shown_if_asked_for(going, follow, tmp_path):
    going("echo old; WAIT; echo new")
    followed, reader = follow("-n", "0", "last")
    wait_until(lambda: watches(followed.pid), "the watch")
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert reader.lines == ["new\n"]


def watches(pid):
    """Whether it waits for growth, having read what there was."""
    return blocked(pid) and any("inotify" in target for target in descriptors(pid))


def descriptors(pid):
    """What its descriptors are."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            yield os.readlink(f"/proc/{pid}/fd/{number}")


def blocked(pid):
    """Whether it sleeps."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0] == b"S"


def test_following_ends_when_the_owner_is_killed(going, follow):
    one = going("echo begun; WAIT")
    followed, reader = follow("last")
    reader.wait_for("begun\n")
    one.kill()
    one.wait()
    assert followed.wait(CEILING) == 0
    assert followed.stderr.read().endswith(b": whoever ran it is dead; this is all there is\n")


def test_a_run_that_was_interrupted_is_not_waited_for(actorch, state_dir):
    record(state_dir, run("dead", "running", directory=state_dir), attempt("dead", "running"))
    said = actorch("logs", "-f", "dead")
    assert (said.code, said.out) == (0, "")


def test_a_reader_that_goes_while_nothing_comes_ends_it(going, process):
    going("echo begun; WAIT")
    followed = process("logs", "-f", "last")
    assert followed.stdout.readline() == b"begun\n"
    followed.stdout.close()
    assert followed.wait(CEILING) == 141
    assert followed.stderr.read() == b""


def test_ctrl_c_ends_it(going, follow):
    going("echo begun; WAIT")
    followed, reader = follow("last")
    reader.wait_for("begun\n")
    followed.send_signal(signal.SIGINT)
    assert followed.wait(CEILING) == 130
    assert followed.stderr.read().strip() == b""


def test_a_file_that_was_cut_short_is_followed_from_its_new_start(going, follow, tmp_path):
    going("echo a long first line; WAIT; echo end")
    followed, reader = follow("last")
    reader.wait_for("a long first line\n")
    os.truncate(files(".out")[0], 0)
    with open(files(".out")[0], "ab") as file:
        file.write(b"anew\n")
    reader.wait_for("anew\n")
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert reader.lines == ["a long first line\n", "anew\n", "end\n"]


def test_a_file_that_was_replaced_is_told_and_the_new_one_followed(going, follow, tmp_path):
    going("echo begun; WAIT")
    followed, reader = follow("last")
    reader.wait_for("begun\n")
    path = files(".out")[0]
    (tmp_path / "new").write_text("other\n")
    os.rename(tmp_path / "new", path)
    reader.wait_for("other\n")
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    assert followed.stderr.read().decode() == (
        f"actorch: {path}: another file has taken its place; going on with that one\n"
    )


def test_a_file_that_was_deleted_is_told_once_and_the_others_are_followed(going, follow, tmp_path):
    going("echo begun; WAIT; echo late >&2")
    followed, reader = follow("last")
    reader.wait_for("begun\n")
    path = files(".out")[0]
    os.unlink(path)
    (tmp_path / "gate").touch()
    assert followed.wait(CEILING) == 0
    reader.thread.join(CEILING)
    assert reader.lines == ["begun\n", "late\n"]
    assert followed.stderr.read().decode() == f"actorch: {path}: was deleted\n"


@linux_only
def test_waiting_costs_nothing(going, follow):
    going("echo begun; WAIT")
    followed, reader = follow("last")
    reader.wait_for("begun\n")
    wait_until(lambda: watches(followed.pid), "the watch")
    before = switches(followed.pid)
    threading.Event().wait(1.0)
    assert switches(followed.pid) - before <= 5


def switches(pid):
    """How often it went to sleep."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        (line,) = [line for line in file if line.startswith("voluntary_ctxt_switches")]
    return int(line.split()[1])


def test_a_flood_is_copied_whole(going, follow, process, tmp_path):
    going("WAIT; head -c 50000000 /dev/zero; echo end", "echo x")
    followed = process("logs", "-f", "--raw", "last", "agent0", stderr=None)
    (tmp_path / "gate").touch()
    out, _err = followed.communicate(timeout=CEILING)
    assert followed.returncode == 0
    assert len(out) == 50_000_004
    assert out.endswith(b"\0end\n")
