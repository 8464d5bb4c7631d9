"""Checks of files that stand alone: networks, what lies next to them, and tables, each against its hash of itself."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

from mnist_data import storage
from mnist_data.errors import UnreadableInput
from mnist_data.parquet.decisions_table import DECISIONS, read_file, to_decisions
from mnist_data.parquet.files import open_parquet
from mnist_data.parquet.records import in_short, read_json
from mnist_data.parquet.schema import ATTRS_KEY
from mnist_data.parquet.seal import is_sealed
from mnist_data.parquet.tables import CSV_KEY, SEAL_KEY, table_provenance
from mnist_data.parquet.tables import KEY as TABLE_KEY
from pipelines.settings.model_header import not_a_model, read_configuration, require_seal

MODELS = (".safetensors", ".onnx")

BESIDE_MODELS = (".ood.npz", ".seconds.json")
"""Endings of the files that `train` writes next to a network: its detector, and the times of its epochs."""

CHECKED = (*MODELS, *BESIDE_MODELS, ".parquet", ".csv")
"""Endings of the files that can be checked alone."""

WRITTEN = "a file as mnist-data has written it"


def check_file(path: str) -> None:
    """Raise UnreadableInput where a file is not what was written, by its own hash. path: or URL, of one in CHECKED."""
    if path.endswith(".safetensors"):
        _check_model(Path(path))
    elif path.endswith(".onnx"):
        from pipelines.networks.export.onnx_file import load_onnx

        load_onnx(path)
    elif path.endswith(".ood.npz"):
        _check_detector(path)
    elif path.endswith(".seconds.json"):
        _check_seconds(path)
    elif path.endswith(".csv"):
        _check_csv(path)
    else:
        _check_table(path)


def files_beside(model: str) -> list[str]:
    """Give the files next to a network that were written with it."""
    stem = model.removesuffix(".safetensors")
    return [path for ending in BESIDE_MODELS if Path(path := f"{stem}{ending}").is_file()]


def _check_model(path: Path) -> None:
    """Read a network's file without PyTorch."""
    from safetensors import SafetensorError, safe_open

    read_configuration(path)
    try:
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118  (not a mapping)
                file.get_tensor(name)
            metadata = file.metadata() or {}
    except (SafetensorError, OSError, TypeError) as cause:
        raise not_a_model(path, str(cause), "a model in the safetensors format") from cause
    require_seal(path, metadata, storage.read_bytes(path) or b"")


def _altered(path: str, recorded: str) -> UnreadableInput:
    return not_a_model(path, "its bytes are not those that were written", f"the hash {recorded}, as it says itself")


def _check_detector(path: str) -> None:
    """Check a detector: the comment of its archive is its hash, and it names the network that lies next to it."""
    from pipelines.networks.evaluation.out_of_distribution import read_detector

    content = storage.read_bytes(path) or b""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            recorded = archive.comment.decode("ascii", "replace")
    except (zipfile.BadZipFile, ValueError, OverflowError) as cause:
        raise not_a_model(path, f"it cannot be read ({cause})", WRITTEN) from cause
    if not recorded or not is_sealed(content, recorded):
        raise _altered(path, recorded or "in its comment")
    belongs, _ = read_detector(Path(path))
    model = Path(path.removesuffix(".ood.npz") + ".safetensors")
    if model.is_file() and storage.sha256_of(model) != belongs:
        raise not_a_model(path, f"it was made for another network than {model.name}", f"one with the hash {belongs}")


def _check_seconds(path: str) -> None:
    def refuse(found: str, expected: str) -> UnreadableInput:
        return not_a_model(path, found, expected)

    content = storage.read_bytes(path) or b""
    values: Any = read_json(content, refuse)
    recorded = values.get("sha256") if isinstance(values, dict) else None
    if not isinstance(recorded, str) or not recorded or not is_sealed(content, recorded):
        raise _altered(path, str(recorded or "under sha256"))


def _check_table(path: str) -> None:
    """Read a whole table; one of ours has a hash of itself, if not one of 0.1.0, and no other fields than we write."""
    with open_parquet(path) as file:
        plain, arrow = file.metadata.metadata or {}, file.schema_arrow.metadata or {}
        if any(plain.get(name, value) != value for name, value in arrow.items()):
            raise UnreadableInput(path, "two copies of its metadata differ", "a whole table", "Write it again.")
        for group in range(file.metadata.num_row_groups):
            file.read_row_group(group, use_threads=False)
    content = storage.read_bytes(path) or b""
    _require_table_seal(path, plain, content)
    if TABLE_KEY in plain and table_provenance(path)["stage"] == DECISIONS:
        to_decisions(read_file(path), path)


def _require_table_seal(path: str, plain: dict[bytes, bytes], content: bytes) -> None:
    ours = TABLE_KEY in plain or SEAL_KEY in content
    known = {TABLE_KEY, ATTRS_KEY, SEAL_KEY, CSV_KEY, b"ARROW:schema", b"pandas"}
    unknown = sorted(plain.keys() - known) if ours else []
    recorded = plain.get(SEAL_KEY, b"").decode(errors="replace")
    if unknown or (SEAL_KEY in content and not recorded):
        found = f"a field {in_short(unknown[0].decode(errors='replace'))}" if unknown else "no hash where one was"
        raise UnreadableInput(path, f"its metadata hold {found}", "those of a table of ours", "Write it again.")
    if recorded and not is_sealed(content, recorded):
        what = "its bytes are not those that were written"
        raise UnreadableInput(path, what, f"the hash {recorded}, as it says itself", "Write it again.")


def _check_csv(path: str) -> None:
    """Compare a table's text with the hash in its Parquet file; where there is none, nothing is known of it."""
    parquet = f"{path.removesuffix('.csv')}.parquet"
    if not storage.exists(parquet):
        return
    try:
        with open_parquet(parquet) as file:
            recorded = (file.metadata.metadata or {}).get(CSV_KEY, b"").decode(errors="replace")
    except UnreadableInput:
        return  # found when that file is checked
    digest = hashlib.sha256(storage.read_bytes(path) or b"").hexdigest()
    if recorded and digest != recorded:
        raise UnreadableInput(path, f"its hash is {digest}", f"{recorded}, as {parquet} says", "Write the table again.")
