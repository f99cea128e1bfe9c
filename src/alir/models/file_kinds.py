"""The kind of a document, by its name alone: for walking folders without opening a file."""

import mimetypes
from pathlib import Path

_READ = {
    "text": "txt text log rst adoc asciidoc org tex bib srt vtt eml xml rss atom yaml yml toml ini "
    "cfg conf properties env",
    "markdown": "md markdown mdx mkd qmd rmd",
    "html": "html htm xhtml",
    "pdf": "pdf",
    # A legacy .doc is a document: it is named as unreadable rather than passed over.
    "docx": "docx docm dotx dotm doc",
    "csv": "csv tsv tab",
    "json": "json jsonl ndjson geojson ipynb webmanifest",
    "code": "py pyi pyx js mjs cjs jsx ts mts cts tsx vue svelte css scss sass less java kt kts "
    "scala groovy gradle c h cc cpp cxx hh hpp hxx ino cu m mm swift cs fs fsx vb go rs zig nim "
    "d rb php pl pm t lua tcl r jl hs lhs elm ml mli ex exs erl hrl clj cljs cljc lisp el scm rkt "
    "dart sol v sv vhd vhdl asm s f f90 f95 for pas ada adb cob cbl sql graphql gql proto thrift "
    "sh bash zsh fish ps1 psm1 bat cmd awk sed mk cmake bzl tf hcl nix json5 "
    "jsonc diff patch",
}
_KINDS = {f".{suffix}": kind for kind, suffixes in _READ.items() for suffix in suffixes.split()}

# Beside the images, audio, video and fonts that `mimetypes` knows.
_OTHERS = (
    "zip tar gz tgz bz2 tbz2 xz txz zst lz lz4 lzma z 7z rar jar war ear whl egg deb rpm apk "
    "iso img dmg cab msi xpi crx "
    "exe dll so dylib o a obj lib bin class pyc pyo pyd wasm elf ko swp "
    "db db3 sqlite sqlite3 mdb accdb dbf rdb ldb lmdb mdf db-wal db-shm "
    "safetensors pt pth ckpt onnx gguf ggml npy npz pkl pickle joblib h5 hdf5 hdf nc tflite pb "
    "pdb parquet arrow feather orc avro mat rds rdata sas7bdat "
    "xls xlsx xlsm xlsb xlt ppt pptx pptm pps ppsx odt ods odp odg pages numbers rtf "
    "epub mobi azw azw3 djvu vsd vsdx msg pst one ps eps indd "
    "ttf otf woff woff2 eot pfb ttc "
    "psd ai xcf heic heif avif webp jxl raw cr2 nef arw dng ico icns cur sketch fig blend "
    "stl glb gltf fbx dwg dxf skp "
    "mp3 m4a m4b aac flac ogg oga opus wma mid midi mkv webm mp4 m4v mov avi wmv flv 3gp "
    "p12 pfx jks keystore der"
)
_NOT_DOCUMENTS = {f".{suffix}" for suffix in _OTHERS.split()} | {".ds_store"}

# Without the machine's own tables, which differ from one system to the next.
_MIME_TYPES = mimetypes.MimeTypes(filenames=())


def kind(path: Path) -> str | None:
    """Return the kind: "text", "markdown", "html", "pdf", "docx", "csv", "json" or "code".

    "unknown" is worth trying as text; None is a kind that alir cannot read.
    """
    suffix = path.suffix.lower() or path.name.lower()
    if known := _KINDS.get(suffix):
        return known
    mime, packing = _MIME_TYPES.guess_type(f"name{suffix}")
    pictured = (mime or "").startswith(("image/", "audio/", "video/", "font/"))
    return None if packing or pictured or suffix in _NOT_DOCUMENTS else "unknown"
