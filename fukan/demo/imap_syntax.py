"""How IMAP commands are written (RFC 3501 9): tokens, lists, literals and sets of messages. No commands."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

LITERAL_BYTES: Final = 60 * 1024 * 1024  # why: the largest mail the demo's SMTP takes

# A literal's place in the joined line is held by its number between two NUL, which no command may contain.
_LITERAL: Final = re.compile(rb"\{(\d+)(\+?)\}$")
_TOKEN: Final = re.compile(
    rb'"(?P<quoted>(?:[^"\\]|\\.)*)"'
    rb"|\x00(?P<literal>\d+)\x00"
    rb"|(?P<bracket>[()])"
    rb"|(?P<atom>(?:[^\s()\[\"\x00]|\[[^\]]*\])+)"
)

Argument = bytes | list["Argument"]


class Bad(Exception):
    """The command cannot be understood; the answer is BAD with this text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command as it came: its name in capitals and its arguments, lists nested."""

    name: str
    arguments: list[Argument]
    by_uid: bool


class Line(NamedTuple):
    """A command as it was read: its tag, the rest with its literals' places, and the literals."""

    tag: str
    text: bytes
    literals: list[bytes]


class TooBig(Exception):
    """A literal is over the limit; what follows on the line cannot be made sense of."""


async def read_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Line:
    """Read one command with its literals. Raises TooBig; the stream's own errors pass through."""
    line, literals = b"", list[bytes]()
    while True:
        part = (await reader.readuntil(b"\r\n"))[:-2].replace(b"\x00", b"")
        found = _LITERAL.search(part)
        if not found:
            tag, _, text = (line + part).partition(b" ")
            return Line(tag.decode("ascii", "replace") or "*", text, literals)
        line += part[: found.start()] + b"\x00%d\x00" % len(literals)
        literals.append(await _literal(reader, writer, size=int(found[1]), wait=not found[2]))


async def _literal(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, size: int, wait: bool
) -> bytes:
    if size > LITERAL_BYTES:
        raise TooBig
    if wait:
        writer.write(b"+ go on\r\n")
        await writer.drain()
    return await reader.readexactly(size)


def parse(line: Line) -> Command:
    """Return the command that *line* holds, or raise Bad."""
    name, _, text = line.text.partition(b" ")
    if by_uid := name.upper() == b"UID":
        name, _, text = text.partition(b" ")
    return Command(
        name=name.decode("ascii", "replace").upper(),
        arguments=_nested(_tokens(text, line.literals)),
        by_uid=by_uid,
    )


def _tokens(text: bytes, literals: list[bytes]) -> Iterator[tuple[str, bytes]]:
    end = 0
    for found in _TOKEN.finditer(text):
        if text[end : found.start()].strip():
            raise Bad("the arguments cannot be read")
        end = found.end()
        kind = found.lastgroup or ""
        value = found[kind]
        match kind:
            case "quoted":
                yield "atom", re.sub(rb"\\(.)", rb"\1", value)
            case "literal":
                yield "atom", literals[int(value)]
            case _:
                yield kind, value
    if text[end:].strip():
        raise Bad("the arguments cannot be read")


def _nested(tokens: Iterator[tuple[str, bytes]]) -> list[Argument]:
    stack: list[list[Argument]] = [[]]
    for kind, value in tokens:
        if kind == "atom":
            stack[-1].append(value)
        elif value == b"(":
            stack.append([])
        elif len(stack) > 1:
            closed = stack.pop()
            stack[-1].append(closed)
        else:
            raise Bad("a bracket too many")
    if len(stack) > 1:
        raise Bad("a bracket is open")
    return stack[0]


def word(argument: Argument) -> str:
    """Return *argument* as text, or raise Bad when it is a list."""
    if isinstance(argument, list):
        raise Bad("a list where a word is wanted")
    return argument.decode("utf-8", "replace")


def words(argument: Argument) -> list[str]:
    """Return the words of a list, or of a single word."""
    return [word(each) for each in argument] if isinstance(argument, list) else [word(argument)]


def members(text: str, numbers: list[int]) -> set[int]:
    """Return those of *numbers* (ascending) that the sequence set *text* names: `3`, `1:4,9`, `7:*`."""
    top = numbers[-1] if numbers else 0
    wanted: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition(":")
        low, high = sorted((_number(first, top), _number(last or first, top)))
        wanted.update(number for number in numbers if low <= number <= high)
    return wanted


def _number(text: str, top: int) -> int:
    if text == "*":
        return top
    if not text.isdecimal():
        raise Bad("a set of messages cannot be read")
    return int(text)
