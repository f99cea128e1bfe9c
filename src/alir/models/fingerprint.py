"""The fingerprint: what an index is made with, part by part, and where two of them differ."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

Fingerprint = Mapping[str, str]
"""Parts by name; a part that is not known is left out. Other keys are none of its business."""


@dataclass(frozen=True, slots=True)
class _Part:
    told: Callable[[str], str]
    """How a person says a value of it."""
    setting: str = ""
    """The setting that says it; empty for what follows from the model or from alir itself."""


TENANTS = "tenants"
"""The folder in which each tenant has its own; only of collections with a partition for each."""
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
"""What must be the present one to write; whose a file is, the collection itself says."""
FOR_QUESTIONS = frozenset({"embedding_model", "weights", "dim", "metric"})
"""What a question's vector must share with the index's; how the texts were cut is no matter."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A part in which an index differs from what would be made now."""

    part: str
    held: str
    present: str

    def __str__(self) -> str:
        """Name both values."""
        present = self.present[:12] if self.part == "weights" else self.present
        return f"{_PARTS[self.part].told(self.held)}, not {present}"

    @property
    def restored_by(self) -> str:
        """The setting that would make the held value the present one; empty where there is none."""
        setting = _PARTS[self.part].setting
        return f"{setting}={self.held}" if setting else ""


def differences(
    held: Fingerprint, present: Fingerprint, *, of: Collection[str] = FOR_WRITING
) -> list[Difference]:
    """Return the parts of which both values are known and differ.

    A model is its weights where those are known: a folder may be moved or have two names.
    """
    same_weights = "weights" in held and held["weights"] == present.get("weights")
    return [
        Difference(part, held[part], present[part])
        for part in _PARTS
        if part in of
        and part in held
        and held[part] != present.get(part, held[part])
        and not (part == "embedding_model" and same_weights)
    ]


def is_same(held: Fingerprint, present: Fingerprint) -> bool:
    """Return whether an index is known to be made with all that is `present`."""
    known = present.keys() & EVERY_PART <= held.keys()
    return known and not differences(held, present, of=EVERY_PART)


def told(made_with: Fingerprint) -> str:
    """Return the parts as a person says them; empty where nothing is known."""
    return ", ".join(
        part.told(made_with[name]) for name, part in _PARTS.items() if name in made_with
    )


def settings(made_with: Fingerprint) -> str:
    """Return the settings that say the parts, as lines of the environment."""
    said = {part.setting: made_with[name] for name, part in _PARTS.items() if name in made_with}
    return " ".join(f"{setting}={value}" for setting, value in said.items() if setting)
