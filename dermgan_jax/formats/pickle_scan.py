"""Looks through a pickle before it is loaded, for what would fill the memory or never end.

A pickle of nine bytes can ask for a memo of gigabytes, and a dictionary's key of tuples in tuples
for 2**30 steps each time it is looked up. The opcodes are gone through once; nothing is built.
"""

import pickletools
from typing import IO, TypeAlias

from dermgan_jax.reading_limits import Budget

LARGEST_KEY = 100  # tuples and values that a key of a dictionary consists of
# How many values an opcode takes from the stack; others take none.
_TAKES = {
    **dict.fromkeys(("POP", "TUPLE1", "BINPERSID", "READONLY_BUFFER", "STOP"), 1),
    **dict.fromkeys(("TUPLE2", "REDUCE", "NEWOBJ", "STACK_GLOBAL"), 2),
    **dict.fromkeys(("TUPLE3", "NEWOBJ_EX"), 3),
}
_TAKES_TO_MARK = frozenset({"LIST", "TUPLE", "DICT", "FROZENSET", "INST", "OBJ", "POP_MARK"})
# Those that put what they take into a container, which stays: how many, None being up to the mark.
_FILLS = {
    "APPEND": 1,
    "SETITEM": 2,
    "BUILD": 1,
    "APPENDS": None,
    "SETITEMS": None,
    "ADDITEMS": None,
}
_GIVES_NOTHING = frozenset({"PROTO", "FRAME", "POP", "POP_MARK"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})

# What is known of a value: of how many it consists, at most `LARGEST_KEY` + 1, in a list of one.
_Value: TypeAlias = list[int]


class _Global(list):
    """What is known of a function or class, which a pickle may name and use but not change."""


def scan(file: IO[bytes], budget: Budget) -> None:
    """Goes through one pickle, from where a file is to where the pickle ends.

    Raises:
      UserError: if it holds more objects than the budget allows.
      ValueError, IndexError, KeyError: if it is damaged, numbers its memo beyond what it holds, or
        uses as a key what takes long to look up.
    """
    stack: list[_Value] = []
    marks: list[int] = []  # lengths that the stack had
    memo: dict[int, _Value] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        budget.count()
        name = opcode.name
        if name == "MARK":
            marks.append(len(stack))
        elif name == "POP" and marks and marks[-1] == len(stack):
            marks.pop()
        elif name in _PUTS:
            if argument > count:
                raise ValueError(f"it numbers its value {argument} of at most {count}")
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _GETS:
            stack.append(memo[argument])
        elif name == "DUP":
            stack.append(stack[-1])
        else:
            to_mark = name in _TAKES_TO_MARK or _FILLS.get(name, 0) is None
            number = _FILLS.get(name) or _TAKES.get(name, 0)
            taken = _taken(stack, marks.pop() if to_mark else len(stack) - number)
            _require_short_keys(name, taken)
            if name == "BUILD" and isinstance(stack[-1], _Global):
                raise ValueError("it asks to change a function or class")
            if name in _FILLS:
                stack[-1][0] = _together(stack[-1][0], taken)
            elif name not in _GIVES_NOTHING:
                kind = _Global if name in ("GLOBAL", "STACK_GLOBAL") else list
                stack.append(kind([_together(1, taken)]))


def _taken(stack: list[_Value], start: int) -> list[_Value]:
    """Takes what the stack holds from a length on."""
    if start < 0:
        raise IndexError("it takes values that it has not given")
    taken = stack[start:]
    del stack[start:]
    return taken


def _together(own: int, others: list[_Value]) -> int:
    return min(own + sum(value[0] for value in others), LARGEST_KEY + 1)


def _require_short_keys(name: str, taken: list[_Value]) -> None:
    keys: list[_Value] = []
    if name in ("DICT", "SETITEM", "SETITEMS"):
        keys = taken[::2]
    elif name in ("ADDITEMS", "FROZENSET"):
        keys = taken
    if any(key[0] > LARGEST_KEY for key in keys):
        raise ValueError("a key consists of very many values")
