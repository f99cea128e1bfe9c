"""A file larger than a shard, all on one line: in time and in bounded memory."""

import json
import subprocess
import sys
from pathlib import Path

from alir.documents.formats import document_text

MEGABYTES = 3
"""50 take 17 times as long and no more memory (83 s and 315 MB on two slow cores)."""
WORDS = "rivers flow toward distant oceans beneath the silver moon while stones keep their places"
END = "and the last word of all is xylophone"

# argv[1] is the file. A process of its own: what counts is the most memory it ever used.
INGEST_AND_ASK = """
import asyncio, json, sys
from pathlib import Path
from alir import Alir, Ask, Ingest, Settings
from alir.testing import HashEmbedding

async def main():
    async with Alir(Settings(milvus_uri="large.db"), embedding=HashEmbedding()) as app:
        report = await app.ingest.run(start_event=Ingest(paths=[sys.argv[1]]))
        answer = await app.ask.run(start_event=Ask(question="What is the last word of all?"))
    status = Path("/proc/self/status")  # getrusage would count our parent's memory before exec
    lines = status.read_text().splitlines() if status.exists() else []
    peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)
    print(json.dumps([report.to_json(), answer.to_json(), peak]))

asyncio.run(main())
"""


def test_a_large_file_on_one_line_is_ingested_to_its_last_word(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    text = f"{WORDS} " * (MEGABYTES * 1_000_000 // (len(WORDS) + 1)) + END
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", INGEST_AND_ASK, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    report, answer, peak_kb = json.loads(done.stdout)
    assert (report["added"], report["failed"]) == (1, [])
    assert report["chunks"] > MEGABYTES * 500
    assert any("xylophone" in source["text"] for source in answer["sources"])
    for citation in answer["citations"]:
        assert document_text(path)[citation["start"] : citation["end"]] == citation["quote"]
    # 210 MB are the libraries'. Where there is no /proc nobody knows.
    assert peak_kb is None or peak_kb < 500 * 1024
