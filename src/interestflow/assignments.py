"""Texts of the form `NAME=VALUE`, in which the command line is given the parameters of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable


class AssignmentError(ValueError):
    """A text that assigns no value to a known name; the message says which and what was expected."""


def split_assignments(option: str, assignments: Iterable[str], names: Collection[str]) -> dict[str, str]:
    """Return the texts of `NAME=VALUE` by name, in the order in which they were given.

    Args:
        option: the option of the command line, for messages.
        assignments: texts such as `learning_rate=0.001`; a value may hold further `=`.
        names: the names that may be assigned.

    Raises:
        AssignmentError: if a text has no `=` or no name, if its name is unknown, or if a name is given twice.

    Example:

    >>> split_assignments("--parameter", ["span=2026", "filter=a=1"], ["filter", "span"])
    {'span': '2026', 'filter': 'a=1'}
    """
    values: dict[str, str] = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator or not name:
            raise AssignmentError(f"`{option}` should be NAME=VALUE, received {assignment!r}")
        if name not in names:
            known = f"one of {', '.join(sorted(names))}" if names else "a parameter, of which there are none"
            raise AssignmentError(f"`{option}` should name {known}, received {name!r}")
        if name in values:
            raise AssignmentError(f"`{option} {name}` should be given once, received it twice")
        values[name] = value
    return values
