"""The fingerprint of an index: the model and settings that made it, compared part by part."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

Fingerprint = Mapping[str, str]
"""Parts by name, without those that are unknown. Other keys are ignored."""


@dataclass(frozen=True, slots=True)
class _Part:
    describe: Callable[[str], str]
    """Returns a value in words."""
    setting: str = ""
    """The setting that chooses it; empty if the model or alir itself does."""


TENANTS = "tenants"
"""The folder of the tenants' folders; only of collections with a partition for each."""
_PARTS = {
    "embedding_model": _Part("the embedding model {}".format, "ALIR_EMBED_MODEL"),
    "weights": _Part(lambda sha256: f"the model's weights {sha256[:12]}"),
    "dim": _Part("vectors of {} dimensions".format),
    "metric": _Part("the metric {}".format),
    "splitter": _Part("the splitter {}".format),
    "chunk_tokens": _Part("chunks of {} tokens".format, "ALIR_CHUNK_TOKENS"),
    "chunk_overlap_tokens": _Part("an overlap of {} tokens".format, "ALIR_CHUNK_OVERLAP_TOKENS"),
    "analyzer": _Part("words as {} cuts them".format, "ALIR_ANALYZER"),
    "schema": _Part("version {} of alir's chunks".format),
    TENANTS: _Part("a partition for each folder in {}".format),
}
EVERY_PART = frozenset(_PARTS)
FOR_WRITING = EVERY_PART - {TENANTS}
"""The parts that must match to write; the collection itself knows the tenant of a file."""
FOR_QUESTIONS = frozenset({"embedding_model", "weights", "dim", "metric"})
"""The parts that must match to compare a question's vector with those of the index."""


@dataclass(frozen=True, slots=True)
class PartDifference:
    """A part in which an index differs from one made now."""

    part: str
    held: str
    present: str

    def __str__(self) -> str:
        """Name both values."""
        present = self.present[:12] if self.part == "weights" else self.present
        return f"{_PARTS[self.part].describe(self.held)}, not {present}"

    @property
    def restored_by(self) -> str:
        """The setting that restores the held value; empty if no setting does."""
        setting = _PARTS[self.part].setting
        return f"{setting}={self.held}" if setting else ""


def differences(
    held: Fingerprint, present: Fingerprint, *, of: Collection[str] = FOR_WRITING
) -> list[PartDifference]:
    """Return the parts of which both values are known and differ.

    A model is its weights where those are known: a folder may be moved or have two names.
    """
    same_weights = "weights" in held and held["weights"] == present.get("weights")
    return [
        PartDifference(part, held[part], present[part])
        for part in _PARTS
        if part in of
        and part in held
        and held[part] != present.get(part, held[part])
        and not (part == "embedding_model" and same_weights)
    ]


def is_same(held: Fingerprint, present: Fingerprint) -> bool:
    """Return whether all parts of `present` are known of an index and match."""
    known = present.keys() & EVERY_PART <= held.keys()
    return known and not differences(held, present, of=EVERY_PART)


def describe(made_with: Fingerprint) -> str:
    """Return the parts in words; empty if none is known."""
    return ", ".join(
        part.describe(made_with[name]) for name, part in _PARTS.items() if name in made_with
    )


def environment_variables(made_with: Fingerprint) -> str:
    """Return the settings that choose the parts, as environment variables."""
    chosen = {part.setting: made_with[name] for name, part in _PARTS.items() if name in made_with}
    return " ".join(f"{setting}={value}" for setting, value in chosen.items() if setting)
