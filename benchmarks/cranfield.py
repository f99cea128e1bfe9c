"""The format of the Cranfield collection: records that begin with `.I`, their text after `.W`."""

import re

_RECORD = re.compile(r"^\.I .*?^\.W\n(.*?)(?=^\.I |\Z)", re.MULTILINE | re.DOTALL)


def records(text: str) -> list[str]:
    """Return the records' texts, each on one line; some are empty. None in another format."""
    return [" ".join(record.split()) for record in _RECORD.findall(text)]
