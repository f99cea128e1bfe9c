"""Ingest a folder with little room for files: `python full_disk.py FOLDER LITE_FILE BYTES`.

Prints how the run ended: the class of its error, or how many chunks there are.
"""

import asyncio
import resource
import sys
from pathlib import Path

from alir import Alir, Settings
from alir.errors import AlirError
from alir.testing import HashEmbedding


async def main(folder: str, lite_file: str, size_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
    settings = Settings.load(milvus_uri=lite_file, timeout_s=5, outage_s=1)
    async with Alir(settings, embedding=HashEmbedding(dim=384)) as app:
        try:
            report = await app.ingest.run(paths=[Path(folder)])
        except AlirError as error:
            print(type(error).__name__, error)
        else:
            print(report.chunks, report.failed)


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
