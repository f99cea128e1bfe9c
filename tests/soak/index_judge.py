"""Look at a whole index from outside: its collections, the live one's rows, and its ledger.

It reads the rows and the aliases with pymilvus and the ledger with sqlite3, and shares only the
names of fields and tables with the code it judges. No process may have the index open.
"""

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymilvus import MilvusClient

from tests.soak.judge import Chunk, Difference, Row, counted, stored
from tests.soak.mirror import Mirror, lite_client

ALIASES = "alir__aliases"


@dataclass(frozen=True)
class IndexLook:
    """What was found."""

    collections: frozenset[str]
    """Of the index, without the collection of its aliases."""
    live: str
    previous: str
    """What a rollback would make live; empty if that is not there."""
    chunk_tokens: int
    """What the live one is made with; 0 if there is none."""
    rows: Sequence[Row]
    """Of the live one, one for each id."""
    hidden: int
    """Rows of the live one that share the id of another."""


class IndexJudge:
    """Judges an index on Milvus Lite by a folder of UTF-8 text files."""

    def __init__(self, uri: str, collection: str, ledger: Path, *, overlap_tokens: int) -> None:
        self._uri = uri
        self._name = collection
        self._ledger = ledger
        self._overlap_tokens = overlap_tokens
        self._mirrors: dict[int, Mirror] = {}

    def look(self) -> IndexLook:
        """Read the index. Blocks."""
        with lite_client(self._uri) as client:
            return self._look(client)

    def difference(self, look: IndexLook, folder: Path) -> Difference:
        """Return how the live collection differs from the folder."""
        tokens = look.chunk_tokens or 256
        mirror = self._mirrors.setdefault(
            tokens,
            Mirror(
                self._uri,
                self._name,
                chunk_tokens=tokens,
                chunk_overlap_tokens=self._overlap_tokens,
            ),
        )
        found = mirror.compare(folder, look.rows)
        hidden = [Chunk("an id with two rows", 0, "")] * look.hidden
        return Difference(found.lost, (*found.doubled, *hidden), found.orphaned)

    def ledger_faults(self, look: IndexLook, folder: Path) -> tuple[list[str], list[str]]:
        """Return what the ledger says otherwise than rows and folder do, and what it left open.

        Open is what is not settled, and a file that is still said to have failed.
        """
        versions: dict[str, set[tuple[str, int]]] = defaultdict(set)
        chunks: dict[str, int] = defaultdict(int)
        for row in look.rows:
            versions[row["file_path"]].add((row["version"], row["generation"]))
            chunks[row["file_path"]] += 1
        records, failed = self._recorded()
        wrong, left = [], [f"{path} is said to have failed" for path in failed]
        for path in records.keys() | {str(one) for one in folder.rglob("*") if one.is_file()}:
            if path not in records:
                wrong.append(f"{path} is not in the ledger")
                continue
            version, generation, count, stage = records[path]
            if stage != "settled":
                left.append(f"{path} is {stage}")
            elif ({(version, generation)}, count) != (versions[path], chunks[path]):
                wrong.append(
                    f"{path} is {version} of {generation} with {count} chunks in the ledger, and "
                    f"{versions[path]} with {chunks[path]} in the collection"
                )
        return wrong, left

    def _recorded(self) -> tuple[dict[str, Any], list[str]]:
        """Return by path what the ledger says of sources, and the paths that failed."""
        if not self._ledger.exists():
            return {}, []
        with closing(sqlite3.connect(f"file:{self._ledger}?mode=ro", uri=True)) as ledger:
            query = "SELECT path, version, generation, chunks, stage FROM source WHERE collection=?"
            found = ledger.execute(query, (self._name,))
            records = {os.fsdecode(path): said for path, *said in found}
            query = "SELECT path FROM failure WHERE collection=?"
            failed = [os.fsdecode(path) for (path,) in ledger.execute(query, (self._name,))]
        return records, failed

    def _look(self, client: MilvusClient) -> IndexLook:
        there = frozenset(client.list_collections())
        live, previous = self._aliases(client) if ALIASES in there else (self._name, "")
        ours = frozenset(
            one for one in there if one == self._name or one.startswith(f"{self._name}__")
        )
        previous = previous if previous in ours and previous != live else ""
        if live not in ours:
            return IndexLook(ours, "", previous, 0, [], 0)
        described: dict[str, Any] = client.describe_collection(live)
        client.load_collection(live)
        rows = stored(client, live)
        return IndexLook(
            ours,
            live,
            previous,
            int(json.loads(described["description"])["chunk_tokens"]),
            rows,
            counted(client, live) - len(rows),
        )

    def _aliases(self, client: MilvusClient) -> tuple[str, str]:
        client.load_collection(ALIASES)
        rows = client.query(
            ALIASES,
            filter=f'name == "{self._name}"',
            output_fields=["switch", "live", "previous"],
            consistency_level="Strong",
            limit=1000,
        )
        last = max(rows, key=lambda row: int(row["switch"]), default=None)
        return (last["live"], last["previous"]) if last else (self._name, "")
