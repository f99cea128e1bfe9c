"""Print to a terminal, which no text of a document or a file name can control.

A terminal obeys escape sequences: they clear the screen, set the title, make links, or have it type
back. Each of their characters is shown as its picture instead.
"""

import sys

import typer

_SHOWN = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    # Overrides and isolates of direction: they show a file's name backwards.
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], 0xFFFD),
    0x0D: None,
}


def plain(text: str) -> str:
    """Return `text` with control characters made visible."""
    return text.translate(_SHOWN)


def say(line: str, *, err: bool = False) -> None:
    """Print a line, or several, to stdout or stderr."""
    typer.echo(plain(line), err=err)


def write(piece: str) -> None:
    """Write `piece` to stdout at once, as it streams."""
    sys.stdout.write(plain(piece))
    sys.stdout.flush()
