"""The mutations: each is a small error in one place of a module."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is",
}  # fmt: skip
ARITHMETIC = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "//", ast.Pow: "*",
    ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip
AXES = ("dim", "axis")
REDUCTIONS = {"sum", "mean", "amax", "amin", "max", "min", "cumsum", "softmax", "log_softmax", "argmax", "norm"}
"""Methods whose first argument is an axis."""


@dataclass(frozen=True)
class Mutation:
    """A replacement of a piece of source text.

    Attributes:
        operator: `comparison`, `arithmetic`, `constant`, `axis`, `dropped call` or `changed return`.
        line: The line where the piece begins, from 1.
        start: The offset of its first byte in the UTF-8 text.
        stop: The offset after its last byte.
        text: What replaces it.
    """

    operator: str
    line: int
    start: int
    stop: int
    text: str

    def apply(self, source: str) -> str:
        """Return the mutated source."""
        raw = source.encode()
        return (raw[: self.start] + self.text.encode() + raw[self.stop :]).decode()


def mutations(source: str) -> list[Mutation]:
    """Return every mutation of a module, in the order of its lines.

    Documentation, annotations, decorators, imports, the messages of errors and `strict` of `zip` are left alone.
    """
    tree = ast.parse(source)
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def replace(operator: str, node: ast.expr | ast.stmt, text: str) -> Mutation:
        start = starts[node.lineno - 1] + node.col_offset
        stop = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        return Mutation(operator, node.lineno, start, stop, text)

    found = [replace(operator, node, text) for node in _code(tree) for operator, text in _of(node)]
    return sorted(found, key=lambda mutation: (mutation.line, mutation.start, mutation.operator))


def _code(tree: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Yield the expressions and statements that run."""
    for name, part in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
            continue
        for node in part if isinstance(part, list) else [part]:
            if not isinstance(node, ast.AST) or isinstance(node, ast.Import | ast.ImportFrom | ast.Raise | ast.Assert):
                continue
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.keyword) and node.arg == "strict"):
                continue
            if isinstance(node, ast.expr | ast.stmt):
                yield node
            yield from _code(node)


def _of(node: ast.expr | ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the mutations of a node: the operator, and the text that replaces the node."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            yield "comparison", f"({ast.unparse(left)} {COMPARISONS[type(op)]} {ast.unparse(right)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC and not _is_text(node):
            yield "arithmetic", f"({ast.unparse(left)} {ARITHMETIC[type(op)]} {ast.unparse(right)})"
        case ast.Constant(value=bool(value)):
            yield "constant", str(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield "constant", f"({value + 1!r})"
        case ast.Call(func=ast.Attribute(attr=name), args=[axis, *_], keywords=keywords):
            yield from _axis(node, name, axis, keywords)
        case ast.Call(keywords=keywords) if any(keyword.arg in AXES for keyword in keywords):
            yield from _axis(node, "", None, keywords)
        case ast.Call(func=ast.Attribute(value=value), args=[], keywords=[]):
            yield "dropped call", ast.unparse(value)
        case ast.Expr(value=ast.Call()):
            yield "dropped call", "pass"
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "changed return", "return None"


def _axis(node: ast.Call, name: str, first: ast.expr | None, keywords: list[ast.keyword]) -> Iterator[tuple[str, str]]:
    """Yield the call with its axis replaced by another one."""
    places = [(keyword, "value") for keyword in keywords if keyword.arg in AXES]
    number = _number(first) if name in REDUCTIONS else None
    if number is not None:
        yield "axis", ast.unparse(ast.Call(node.func, [ast.Constant(_other(number)), *node.args[1:]], keywords))
    for keyword, _ in places:
        number = _number(keyword.value)
        if number is not None:
            changed = [ast.keyword(k.arg, ast.Constant(_other(number)) if k is keyword else k.value) for k in keywords]
            yield "axis", ast.unparse(ast.Call(node.func, node.args, changed))


def _number(node: ast.expr | None) -> int | None:
    """Return the value of a whole number, with or without a sign."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return None


def _other(axis: int) -> int:
    return 0 if axis else -1


def _is_text(node: ast.BinOp) -> bool:
    """Return whether an operand is visibly a string."""
    sides = (node.left, node.right)
    return any(
        isinstance(x, ast.JoinedStr) or (isinstance(x, ast.Constant) and isinstance(x.value, str)) for x in sides
    )
