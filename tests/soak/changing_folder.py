"""A folder of text files that changes at random, the same way for the same seed."""

from collections.abc import Callable
from pathlib import Path
from random import Random

_WORDS = (
    *("moon", "tea", "mayor", "basalt", "river", "honey", "engine", "lantern", "harbour"),
    *("velvet", "copper", "window", "thunder", "garden", "letter", "market", "silver", "forest"),
)


class ChangingFolder:
    """Adds, edits, deletes, renames, copies, grows, shrinks, swaps and reverts files.

    Args:
        root: made if missing; holds `files` files of 1 to 12 chunks at first.
    """

    def __init__(self, root: Path, random: Random, *, files: int = 80) -> None:
        self.root = root
        self._random = random
        self._number = 0
        self._past: list[str] = []
        root.mkdir(parents=True, exist_ok=True)
        for _ in range(files):
            self.add()

    def change(self, times: int) -> None:
        """Make `times` changes."""
        changes: list[Callable[[], None]] = [
            self.add,
            self.edit,
            self.edit,
            self.delete,
            self.rename,
            self.copy,
            self.grow,
            self.shrink,
            self.swap,
            self.revert,
        ]
        for _ in range(times):
            self._random.choice(changes)()

    def add(self) -> None:
        """Write a new file."""
        self._new().write_text(self._text(self._random.choice([1, 3, 10, 40])))

    def edit(self) -> None:
        """Change one sentence of a file."""
        path = self._one()
        sentences = self._read(path).splitlines(keepends=True)
        sentences[self._random.randrange(len(sentences))] = self._text(1)
        path.write_text("".join(sentences))

    def delete(self) -> None:
        """Delete a file, if others are left."""
        if len(self._files()) > 5:
            self._one().unlink()

    def rename(self) -> None:
        """Give a file another name, sometimes in another folder."""
        self._one().rename(self._new())

    def copy(self) -> None:
        """Write the text of a file under another name."""
        self._new().write_text(self._read(self._one()))

    def grow(self) -> None:
        """Add several chunks to a file's end."""
        path = self._one()
        path.write_text((self._read(path) + self._text(30))[-20_000:])

    def shrink(self) -> None:
        """Leave a file only its first sentence."""
        path = self._one()
        path.write_text(self._read(path).splitlines(keepends=True)[0])

    def swap(self) -> None:
        """Let two files change places."""
        one, other = self._one(), self._one()
        mine, yours = self._read(one), self._read(other)
        one.write_text(yours)
        other.write_text(mine)

    def revert(self) -> None:
        """Give a file a text that a file had before a change."""
        if self._past:
            self._one().write_text(self._random.choice(self._past[-20:]))

    def some(self, number: int) -> list[Path]:
        """Return some of its files."""
        return self._random.sample(self._files(), number)

    def _read(self, path: Path) -> str:
        text = path.read_text()
        self._past.append(text)
        return text

    def _files(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def _one(self) -> Path:
        return self._random.choice(self._files())

    def _new(self) -> Path:
        self._number += 1
        folder = self.root / self._random.choice(["", "a", "b", "b/c"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self._number:04}.txt"

    def _text(self, sentences: int) -> str:
        return "".join(
            " ".join(self._random.choices(_WORDS, k=12)).capitalize()
            + f" {self._random.randrange(10**6)}.\n"
            for _ in range(sentences)
        )
