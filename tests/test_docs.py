"""What the docs say is what the code does: pages, tables, examples and README are held to it."""

import dataclasses
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import types
from collections.abc import Iterator

import click
import msgspec
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCS = os.path.join(ROOT, "docs")
EXAMPLES = sorted(os.listdir(os.path.join(DOCS, "examples")))


def text_of(*path: str) -> str:
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def load_generator() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(
        "docs_generate", os.path.join(DOCS, "generate.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages() -> list[str]:
    """Every page, as a path below docs/ without its ending."""
    return sorted(
        os.path.relpath(os.path.join(directory, name), DOCS).removesuffix(".md")
        for directory, _directories, names in os.walk(DOCS)
        for name in names
        if name.endswith(".md") and "_build" not in directory
    )


def rows_below(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading."""
    section = text_of("docs", page).split(f"{heading}\n", 1)[1]
    found: list[list[str]] = []
    for line in section.splitlines():
        if line.startswith("|"):
            found.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif found:
            break
    return found[2:]


def first_column(page: str, heading: str) -> list[str]:
    return [row[0].strip("` ") for row in rows_below(page, heading)]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_every_page_is_reached_from_the_index() -> None:
    listed: list[str] = []
    for block in code_blocks(text_of("docs", "index.md"), r"\{toctree\}"):
        listed += [line for line in block.splitlines() if line and not line.startswith(":")]
    assert sorted(listed) == [page for page in pages() if page != "index"]


def test_every_link_between_pages_and_from_the_readme_leads_somewhere() -> None:
    broken = [
        f"{page}: {target}"
        for page in ["README.md", *(f"docs/{page}.md" for page in pages())]
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text_of(page))
        if not os.path.exists(os.path.join(ROOT, os.path.dirname(page), target))
    ]
    assert broken == []


def test_the_generated_parts_are_what_the_code_says() -> None:
    outdated = load_generator().outdated()
    assert sorted(outdated) == [], "run: python docs/generate.py"


def commands() -> Iterator[tuple[str, click.Command]]:
    for context, command in load_generator().commands():
        yield context.command_path, command


def test_every_command_and_option_has_help_and_stands_in_the_reference() -> None:
    page = text_of("docs", "reference", "cli.md")
    missing: list[str] = []
    for path, command in commands():
        if f"## {path}\n" not in page or not command.help:
            missing.append(path)
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                missing += [f"{path} {name}" for name in option.opts if f"`{name}`" not in page]
                if not option.help:
                    missing.append(f"{path} {option.opts[-1]}: no help")
    assert missing == []


@pytest.mark.parametrize(
    ("table", "record"),
    [("runs", "RunRecord"), ("agents", "AgentRecord"), ("attempts", "AttemptRecord")],
)
def test_the_page_on_history_has_every_column(table: str, record: str) -> None:
    records = importlib.import_module("actorch.actors._records")
    fields = getattr(records, record).__struct_fields__
    page = "reference/history.md"
    assert sorted(first_column(page, f"## Table `{table}`")) == sorted(fields)


def test_the_page_on_history_names_the_schema_version() -> None:
    database = importlib.import_module("actorch.actors._database")
    page = " ".join(text_of("docs/reference/history.md").split())
    assert f"the schema, {database.SCHEMA_VERSION};" in page


def test_the_page_on_signals_has_every_signal_and_field() -> None:
    events = importlib.import_module("actorch.actors._events")
    told = {row[0]: (row[1], row[2]) for row in rows_below("reference/signals.md", "## Payloads")}
    for payload, signal in events.Events()._by_type.items():
        name = next(
            n for n, value in vars(events.Events()).items() if value.__doc__ == signal.__doc__
        )
        fields = ", ".join(f"`{field}`" for field in payload.__struct_fields__)
        assert told.pop(f"`{name}`") == (f"`{payload.__name__}`", fields)
    assert told == {}


def fields_of(cls: type) -> set[str]:
    if issubclass(cls, msgspec.Struct):
        return set(cls.__struct_fields__)
    return {field.name for field in dataclasses.fields(cls)}


def test_the_page_on_the_fleet_file_has_every_key() -> None:
    actors = importlib.import_module("actorch.actors")
    supervisors = importlib.import_module("actorch.supervisors")
    page = "reference/fleet-file.md"
    told = {
        heading: set(first_column(page, heading))
        for heading in (
            "## `[run]`",
            "## `[[agent]]`",
            "## `[agent.retry]`",
            "## `[agent.retry.backoff]`",
        )
    }
    assert told["## `[run]`"] == fields_of(supervisors.RunSpec) - {"agents"}
    assert told["## `[[agent]]`"] == fields_of(actors.AgentSpec) - {"retry"}
    assert told["## `[agent.retry]`"] == fields_of(actors.RetryPolicy)
    assert told["## `[agent.retry.backoff]`"] == fields_of(actors.Backoff)


def fleet_blocks() -> list[str]:
    """Every piece of TOML on a page that is a fleet of its own, or can be made one."""
    blocks: list[str] = []
    for page in pages():
        blocks += code_blocks(text_of("docs", f"{page}.md"), "toml")
    return blocks


@pytest.mark.parametrize("block", fleet_blocks())
def test_every_fleet_on_a_page_is_valid(
    block: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from actorch.supervisors import load_fleet

    if "[[agent]]" not in block:
        block += '\n[[agent]]\nname = "any"\ncommand = ["true"]\n'
    path = tmp_path_factory.mktemp("fleet") / "fleet.toml"
    path.write_text(block, encoding="utf-8")
    assert load_fleet(str(path)).agents


def run_python(*arguments: str, folder: str = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        timeout=50,
        check=False,
    )


EXPECTED = {
    "asyncio_app.py": (0, "done\nVerdict.CANCELLED\n"),
    "flaky.py": (
        0,
        "1 transient exit code 75\n2 transient exit code 75\n3 success exit code 0\n"
        "Verdict.OK 'attempt 3\\n'\n",
    ),
    "gate.py": (
        0,
        "PartialFailureError: 2 of 3 agents succeeded, 2 required; without success: security\n",
    ),
    "follow.py": (
        0,
        "count 1 of 3\ncount 2 of 3\ncount 3 of 3\n"
        "warn stderr careful\ncount: succeeded\nrun: ok\nwarn: succeeded\n",
    ),
    "own_actors.py": (
        0,
        "5 fetched a page\n"
        "observer: stops\nfetcher: stops\n"
        "1 2\n"
        "['counter: stopping', 'io: running', 'observer: running']\n"
        "counter: stops\n"
        "dead letter: too late, ended\n"
        "observer: Counter ended, Shutdown()\n"
        "observer: stops\nfetcher: stops\n",
    ),
    "supervise_flaky.py": (
        0,
        "Shutdown()\n"
        "fix: failed, step1\nfix: failed, step1 step2\nfix: succeeded, step1 step2 step3\n"
        "lint: succeeded, clean\n",
    ),
    "shutdown.py": (
        0,
        "drain: no more orders\nflush: run cancelled\nend: nothing is left\n",
    ),
    "threads.py": (0, "".join(f"change-{n}: ok, lint has read change-{n}\n" for n in range(4))),
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_example_does_what_its_page_says(name: str) -> None:
    done = run_python(os.path.join(DOCS, "examples", name))
    assert (done.returncode, done.stdout, done.stderr) == (*EXPECTED[name], "")


@pytest.mark.parametrize(
    ("page", "example"),
    [
        ("supervise-a-flaky-agent", "supervise_flaky.py"),
        ("supervise-your-own-actors", "own_actors.py"),
    ],
)
def test_a_page_shows_what_its_example_prints(page: str, example: str) -> None:
    assert EXPECTED[example][1] in code_blocks(text_of("docs", "how-to", f"{page}.md"), "text")


def test_the_python_reference_has_the_public_names_that_autodoc_passes_over() -> None:
    page = text_of("docs", "reference", "python.md")
    missing: list[str] = []
    for package in ("actorch.actors", "actorch.supervisors"):
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if not isinstance(value, type | types.FunctionType):
                missing += [] if f"{package}.{name}\n" in page else [name]
    assert missing == []


def test_the_example_that_watches_sees_a_run_from_its_start_to_its_verdict() -> None:
    done = run_python(os.path.join(DOCS, "examples", "watch.py"))
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == "started 1"
    assert lines[-1] == "finished ok"
    states = [line.split()[1] for line in lines if re.fullmatch(r"hello [a-z]+", line)]
    assert states[-3:] == ["starting", "running", "succeeded"]


def test_the_example_of_an_apps_tests_passes() -> None:
    path = os.path.join(DOCS, "examples", "test_review.py")
    done = run_python("-m", "pytest", "-q", "-p", "no:cacheprovider", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 passed" in done.stdout


def test_every_example_is_tested() -> None:
    others = {"test_review.py", "watch.py", "web_app.py", "review.toml"}
    assert set(EXAMPLES) - {"__pycache__"} == {*EXPECTED, *others}


def test_the_example_of_the_main_job_lets_three_reviewers_vote_on_the_whole_source() -> None:
    from actorch.supervisors import load_fleet

    fleet = load_fleet(os.path.join(DOCS, "examples", "review.toml"))
    assert [agent.name for agent in fleet.agents] == ["lint", "types", "security"]
    for agent, tool in zip(fleet.agents, ("ruff", "mypy", "bandit"), strict=True):
        assert tool in agent.argv[0]
        assert {"actors", "supervisors", "cli"} <= set(agent.argv)
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    assert {"ruff", "mypy", "bandit"} <= {re.split(r"[>\[]", one)[0] for one in extras["examples"]}


def test_the_readme_has_the_two_commands_and_ci_runs_what_they_run() -> None:
    readme, ci = text_of("README.md"), text_of(".ci", "run")
    assert (
        "python3 -m venv .venv && .venv/bin/pip install '.[examples]' && "
        ".venv/bin/actorch run docs/examples/review.toml" in readme
    )
    assert ".venv/bin/pip install '.[test]' && .venv/bin/python -m pytest" in readme
    assert 'actorch" run docs/examples/review.toml' in ci
    assert "-m pytest" in ci


@pytest.mark.parametrize(
    ("page", "number"),
    [("README.md", 0), ("docs/tutorial/first-fleet.md", 0)],
)
def test_a_snippet_that_stands_alone_runs(page: str, number: int, state_dir: str) -> None:
    block = code_blocks(text_of(page), "python")[number]
    folder = os.path.join(state_dir, "project")
    os.makedirs(folder)
    done = run_python("-c", stand_in_for_tools(block), folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Verdict.")


def stand_in_for_tools(block: str) -> str:
    """The snippet with programs that every machine has, in place of the reviewers."""
    block = re.sub(r'\["(ruff|mypy|python)"[^\]]*\]', '["true"]', block)
    assert '["true"]' in block
    return block


def test_the_changelog_speaks_of_this_version_and_of_what_users_can_see() -> None:
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    headings = re.findall(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] in (version, "Unreleased")
    assert version in headings
