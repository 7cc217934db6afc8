"""The mutants of a module: each is its text with one thing changed, inside one function.

In: the text of a module. Out: a `Mutant` for each change that mutmut's operators know. What runs once at the import
(signatures, decorators, constants) is not mutated, nor what only people read: log lines and texts of several words.
mutmut itself leaves out decorated functions, and so every transaction; here a function is mutated whatever wraps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import libcst as cst
from libcst._nodes.internal import CodegenState
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, PositionProvider, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators

UNCHANGED = ("isinstance", "len")  # as in mutmut: a call of these with None raises wherever it is reached
SAME_AS_NONE = ("False", "sa.null()")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """`before` and `after` are the lines that differ, without their indentation."""

    function: str  # its name, after that of its class
    line: int  # of the function, or of its first decorator
    lines: range  # of what is changed
    before: str
    after: str
    text: str  # the whole module

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it, wherever in the module its line is."""
        return self.function, self.before, self.after


def mutants_of(text: str, skip_calls: Sequence[str]) -> list[Mutant]:
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = _Visitor(wrapper.module, (*skip_calls, *UNCHANGED))
    wrapper.visit(visitor)
    return list({mutant.text: mutant for mutant in visitor.found}.values())


class _Visitor(cst.CSTVisitor):  # type: ignore[misc]  # libcst is not where the types are checked
    METADATA_DEPENDENCIES = (PositionProvider, WhitespaceInclusivePositionProvider)

    def __init__(self, module: cst.Module, skip_calls: Sequence[str]) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._module = module
        self._lines = module.code.splitlines(keepends=True)
        self._skip_calls = skip_calls
        self._names: list[str] = []
        self._depth = 0  # of the block that the visitor is in
        self._outer: tuple[str, int] | None = None  # the outermost function that the visitor is in

    def on_visit(self, node: cst.CSTNode) -> bool:
        self._depth += isinstance(node, cst.IndentedBlock)
        if isinstance(node, cst.ClassDef):
            self._names.append(node.name.value)
        elif isinstance(node, cst.FunctionDef):
            if self._outer is None:
                first = node.decorators[0] if node.decorators else node
                self._outer = ".".join((*self._names, node.name.value)), self._position(first).start.line
            node.body.visit(self)
            return False
        elif self._is_skipped(node):
            return False
        if self._outer:
            for kind, operator in mutation_operators:
                if isinstance(node, kind):
                    mutated = [
                        other
                        for other in operator(node)
                        if not (_says_the_same(node, other) or _takes_a_text(node, other))
                    ]
                    # Of the spellings of a text one will do: the others fail the same tests.
                    for other in mutated[:1] if isinstance(node, cst.BaseString) else mutated:
                        self._add(node, other)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._depth -= isinstance(original_node, cst.IndentedBlock)
        if isinstance(original_node, cst.ClassDef):
            self._names.pop()
        elif isinstance(original_node, cst.FunctionDef) and self._outer:
            first = original_node.decorators[0] if original_node.decorators else original_node
            if self._position(first).start.line == self._outer[1]:
                self._outer = None

    def _position(self, node: cst.CSTNode) -> cst.metadata.CodeRange:
        return self.get_metadata(PositionProvider, node)

    def _is_skipped(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Parameters):
            return True
        if isinstance(node, cst.Call):
            name = get_full_name_for_node(node.func) or ""
            return any(fnmatchcase(name, pattern) for pattern in self._skip_calls)
        return isinstance(node, cst.BaseString) and " " in "".join(_texts(node)).strip()

    def _add(self, node: cst.CSTNode, mutated: cst.CSTNode) -> None:
        assert self._outer is not None
        lines = self._with(node, mutated)
        before, after = _difference(self._lines, lines)
        at = self._position(node)
        function, line = self._outer
        self.found.append(
            Mutant(
                function=function,
                line=line,
                lines=range(at.start.line, at.end.line + 1),
                before=before,
                after=after,
                text="".join(lines),
            )
        )

    def _with(self, node: cst.CSTNode, mutated: cst.CSTNode) -> list[str]:
        """The lines of the module with one node in place of another: to write all of it anew is slow."""
        at = self.get_metadata(WhitespaceInclusivePositionProvider, node)
        first, last = at.start.line - 1, at.end.line - 1
        head, tail = self._lines[first][: at.start.column], self._lines[last][at.end.column :]
        whole = "".join(self._lines[first : last + 1])
        if head + self._written(node) + tail != whole:
            return str(self._module.deep_replace(node, mutated).code).splitlines(keepends=True)
        changed = (head + self._written(mutated) + tail).splitlines(keepends=True)
        return [*self._lines[:first], *changed, *self._lines[last + 1 :]]

    def _written(self, node: cst.CSTNode) -> str:
        state = CodegenState(default_indent="    ", default_newline="\n")
        for _ in range(self._depth):
            state.increase_indent("    ")
        node._codegen(state)
        return "".join(state.tokens)


def _texts(node: cst.CSTNode) -> Iterator[str]:
    """What a string says, without the expressions in it."""
    if isinstance(node, cst.SimpleString):
        yield node.raw_value
    elif isinstance(node, cst.FormattedStringText):
        yield node.value
    elif isinstance(node, cst.ConcatenatedString):
        yield from _texts(node.left)
        yield from _texts(node.right)
    elif isinstance(node, cst.FormattedString):
        for part in node.parts:
            yield from _texts(part)


def _says_the_same(node: cst.CSTNode, mutated: cst.CSTNode) -> bool:
    """None where the code says False or sa.null(): it reads the same where a truth, or a value of SQL, is asked for."""
    if isinstance(node, cst.Assign | cst.AnnAssign) and isinstance(mutated, cst.Assign | cst.AnnAssign):
        pairs = [(node.value, mutated.value)]
    elif isinstance(node, cst.Call) and isinstance(mutated, cst.Call) and len(node.args) == len(mutated.args):
        pairs = [(a.value, b.value) for a, b in zip(node.args, mutated.args, strict=True) if a is not b]
    else:
        return False
    return all(_source(a) in SAME_AS_NONE and _source(b) == "None" for a, b in pairs)


def _takes_a_text(node: cst.CSTNode, mutated: cst.CSTNode) -> bool:
    """An argument of a function that only people read is left out. That an error has a message is tested, however."""
    if not isinstance(node, cst.Call) or not isinstance(mutated, cst.Call):
        return False
    name = (get_full_name_for_node(node.func) or "").rpartition(".")[2]
    gone = [arg.value for arg in node.args if not any(arg is other for other in mutated.args)]
    return not name[:1].isupper() and len(gone) == 1 and " " in "".join(_texts(gone[0])).strip()


def _source(node: cst.CSTNode | None) -> str:
    return cst.Module([]).code_for_node(node) if node is not None else ""


def _difference(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    same = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    before, after = before[same:], after[same:]
    pairs = enumerate(zip(reversed(before), reversed(after), strict=False))
    alike = next((n for n, (a, b) in pairs if a != b), min(len(before), len(after)))
    return _stripped(before[: len(before) - alike]), _stripped(after[: len(after) - alike])


def _stripped(lines: Sequence[str]) -> str:
    return "\n".join(line.strip() for line in lines)
