"""What is given to an agent, as words or on its standard input: it arrives whole, or is refused."""

import hashlib
import os

import pytest

from actorch.actors import AgentSpec, AgentState, SpecError, StopPlan, StopStep
from actorch.actors._checks import ARGUMENT_BYTES
from actorch.supervisors import Verdict
from fleets import CEILING, at_once, gone, python, shell, wait_for_file

KIBIBYTE = 1024


def only(system, spec):
    return system.run([spec]).wait(CEILING)[spec.name]


def words_of(system, *words):
    """What a program makes of these words: the length of each."""
    code = "import os, sys; print(*(len(os.fsencode(word)) for word in sys.argv[1:]))"
    spec = python("words", code)
    agent = only(system, AgentSpec("words", [*spec.command, *words]))
    return list(map(int, agent.stdout.split()))


def test_a_prompt_of_127_kibibytes_arrives_as_one_word(system):
    assert words_of(system, "x" * 127 * KIBIBYTE) == [127 * KIBIBYTE]


def test_the_longest_prompt_that_is_accepted_arrives_and_a_longer_one_is_refused(system):
    assert words_of(system, "x" * ARGUMENT_BYTES) == [ARGUMENT_BYTES]
    with pytest.raises(SpecError, match="put a long prompt on stdin"):
        AgentSpec("a", ["true", "x" * 128 * KIBIBYTE])


def test_a_prompt_of_the_longest_kind_arrives_through_the_shell(system):
    script = f"echo ${{#X}} # {'x' * 126 * KIBIBYTE}"
    assert only(system, shell("a", f"X=abc; {script}")).stdout == "3\n"


def test_many_long_words_are_refused_by_the_kernel_and_explained(system):
    spec = AgentSpec("a", ["true", *["x" * ARGUMENT_BYTES] * 20])
    agent = only(system, spec)
    assert (agent.error.kind, len(agent.attempts)) == ("spawn_failed", 1)
    assert "too long; put the prompt on stdin" in agent.error.message


def test_empty_and_odd_words_arrive(system):
    assert words_of(system, "", "=", "\n", "é", "\udcff", "", "🦊") == [0, 1, 1, 2, 1, 0, 4]


def test_ten_megabytes_of_any_text_arrive_on_standard_input_byte_by_byte(system):
    prompt = "0123456é\n\r\n\0🦊" * 650_000
    code = "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    assert only(system, python("a", code, stdin=prompt)).stdout.split() == [
        hashlib.sha256(prompt.encode()).hexdigest()
    ]


def test_an_agent_that_never_reads_its_prompt_can_be_stopped_at_once(system, tmp_path):
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 600"
    run = system.run([shell("deaf", script, stdin="x" * 10_000_000)])
    wait_for_file(tmp_path / "pid")
    run.stop()
    assert run.wait(3.0).verdict is Verdict.CANCELLED
    assert gone(int((tmp_path / "pid").read_text()))


def test_an_agent_that_never_reads_its_prompt_times_out(system):
    stop = StopPlan((StopStep(15, 0.1),))
    spec = shell("deaf", "exec sleep 600", stdin="x" * 10_000_000, timeout=0.2, stop=stop)
    assert only(system, spec).state is AgentState.TIMED_OUT


def test_an_agent_that_reads_a_part_and_ends_keeps_its_exit_code(system):
    agent = only(system, shell("a", "head -c 3; exit 6", stdin="abcdef" * 1_000_000))
    assert (agent.stdout, agent.exit.code) == ("abc", 6)


def test_every_attempt_reads_its_prompt_from_the_start(system):
    spec = shell("a", "cat; exit 75", stdin="prompt", retry=at_once(3))
    agent = only(system, spec)
    outputs = []
    for attempt in agent.attempts:
        with open(attempt.stdout_path) as file:
            outputs.append(file.read())
    assert outputs == ["prompt"] * 3


def test_agents_may_read_the_same_file_at_once(system, tmp_path):
    (tmp_path / "prompt").write_text("x" * 1_000_000)
    fleet = [shell(f"a{n}", "wc -c", stdin_file=str(tmp_path / "prompt")) for n in range(5)]
    result = system.run(fleet).wait(CEILING)
    assert [agent.stdout.strip() for agent in result.agents] == ["1000000"] * 5


NAMES = ["..", "-x", "*", "a b", "a.1", "a.1.2", "a", "é" * 100, "🦊" * 50, "A", "~", "$HOME", "%s"]


def test_agents_of_any_name_have_files_of_their_own(system):
    fleet = [shell(name, 'printf %s "$ACTORCH_AGENT"; cat', stdin=name) for name in NAMES]
    run = system.run(fleet)
    result = run.wait(CEILING)
    assert result.history is None
    assert [result[name].stdout for name in NAMES] == [2 * name for name in NAMES]
    paths = [result[name].attempts[0].stdout_path for name in NAMES]
    assert {os.path.dirname(path) for path in paths} == {run.directory}
    assert len(set(paths)) == len(NAMES)


@pytest.mark.parametrize("name", ["a/b", "a\nb", "x" * 10_000, "", "\0", "\ud800"])
def test_a_name_that_is_no_file_name_starts_nothing(system, tmp_path, name):
    with pytest.raises(SpecError, match="name"):
        system.run([shell("first", f"> {tmp_path}/ran"), shell(name, "true")])
    assert not (tmp_path / "ran").exists()
    assert system.snapshot().runs == ()


@pytest.mark.parametrize("env", [{"A=B": "x"}, {"": "x"}, {"A\0": "x"}, {"A": "\0"}, {"A": 1}])
def test_a_variable_that_no_program_can_be_given_is_refused(env):
    with pytest.raises(SpecError, match="env"):
        shell("a", "true", env=env)
