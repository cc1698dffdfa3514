"""Texts of the form `NAME=VALUE`: the values by name, and the sentence for each text that is none."""

import pytest

from interestflow.assignments import AssignmentError, split_assignments


def test_values_by_name_in_their_order() -> None:
    values = split_assignments("--parameter", ["b=1", "a=", "c=x=y"], ["a", "b", "c"])
    assert list(values.items()) == [("b", "1"), ("a", ""), ("c", "x=y")]


@pytest.mark.parametrize(
    ("assignments", "names", "message"),
    [
        (["a"], ["a"], "`--parameter` should be NAME=VALUE, received 'a'"),
        (["=1"], ["a"], "`--parameter` should be NAME=VALUE, received '=1'"),
        (["c=1"], ["b", "a"], "`--parameter` should name one of a, b, received 'c'"),
        (["c=1"], [], "`--parameter` should name a parameter, of which there are none, received 'c'"),
        (["a=1", "a=1"], ["a"], "`--parameter a` should be given once, received it twice"),
    ],
)
def test_a_text_that_assigns_nothing_is_refused(assignments: list[str], names: list[str], message: str) -> None:
    with pytest.raises(AssignmentError) as raised:
        split_assignments("--parameter", assignments, names)
    assert str(raised.value) == message
