"""What the next incarnation knows: how often, after what, and from where to resume."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actorch.actors import Crashed
from actorch.supervisors._restart_context import RestartContext, find_token
from specs import label, refused, without

SESSION = r"session: (\w+)"


def test_the_first_incarnation_knows_of_none_before_it():
    first = RestartContext()
    assert (first.incarnation, first.attempt, first.last_exit, first.resume_token) == (
        *(1, 1),
        *(None, None),
    )
    assert repr(first) == "<RestartContext incarnation 1, attempt 1>"


def test_it_is_shown_with_how_the_last_one_ended_but_without_its_token():
    context = RestartContext(4, 2, Crashed(ValueError("private")), "private")
    assert repr(context) == "<RestartContext incarnation 4, attempt 2 after Crashed>"


@pytest.mark.parametrize("key", ["incarnation", "attempt"])
@pytest.mark.parametrize("value", [0, -1, 10**5000, *without(int)], ids=label)
def test_a_count_below_one_or_no_number_is_refused(key, value):
    assert refused(RestartContext, **{key: value}).startswith(f"context.{key}: ")


@pytest.mark.parametrize("value", [Crashed, ValueError(), *without(type(None))], ids=label)
def test_a_last_exit_that_is_no_reason_is_refused(value):
    assert refused(RestartContext, last_exit=value).startswith("context.last_exit: ")


@pytest.mark.parametrize("value", ["a\0b", *without(type(None), str)], ids=label)
def test_a_token_that_no_program_can_be_given_is_refused(value):
    assert refused(RestartContext, resume_token=value).startswith("context.resume_token: ")


@pytest.mark.parametrize(
    ("pattern", "text", "token"),
    [
        (SESSION, "", None),
        (SESSION, "session: ", None),
        (SESSION, "session: a1", "a1"),
        (SESSION, "session: a1\nsession: b2\n", "b2"),
        (r"^id=(\d+)$", "id=7", "7"),
        (r"^id=(\d+)$", "id=7\nid=8", None),
        (r"(?m)^id=(\d+)$", "id=7\nid=8\n", "8"),
        (r"end|id=(\d+)", "id=7 end", None),
        (r"end|id=(\d+)", "end id=7", "7"),
        (r"id=(\d*)", "id=", ""),
        (r"id=(.)", "id=\0", None),
        (r"id=(.)", "id=\udfff", None),
    ],
)
def test_the_token_is_what_the_group_holds_in_the_last_match(pattern, text, token):
    assert find_token(pattern, text) == token


@given(st.lists(st.from_regex(r"\A\w{1,9}\Z"), min_size=1), st.text("ab :\n"))
def test_whatever_stands_around_it_the_last_token_wins(tokens, noise):
    text = "".join(f"{noise}\nsession: {token}\n" for token in tokens)
    assert find_token(SESSION, text + noise) == tokens[-1]


@given(st.text() | st.text("id=\0\udfffx"))
def test_what_is_found_can_always_be_passed_on(text):
    for pattern in (r"(?s)i(.+)", re.escape("id=") + "(.)"):
        RestartContext(resume_token=find_token(pattern, text))
