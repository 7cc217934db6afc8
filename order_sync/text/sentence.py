"""In: a problem as it stands in a list or after a colon, such as "board 5 is a multi-level board".
Out: the same as a sentence of its own.
Never: a change to its words."""

from __future__ import annotations


def as_sentence(problem: str) -> str:
    """With a capital letter and a full stop; unchanged if it has its full stop, for then it is one."""
    return problem if problem.endswith(".") else f"{problem[0].upper()}{problem[1:]}."
