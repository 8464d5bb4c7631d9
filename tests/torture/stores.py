"""A store that fails: a real S3 server whose requests fail in every way, at any moment, once or for ever."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from mnist_data import cli, storage
from mnist_data.errors import MnistDataError
from mnist_data.idx.sample import write_sample
from mnist_data.parquet.dataset import open_dataset
from mnist_data.parquet.frames import load
from tests.torture.attack import Attack
from tests.troubled_store import Kind, Trouble, troubled_store

FORMER = Path(__file__).parents[1] / "fixtures/0.1.0"

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("convert", "IDX", "OUT", "--overwrite"),
    ("convert", "--images", "S3/images-idx3-ubyte", "--labels", "S3/labels-idx1-ubyte", "--out", "OUT", "--overwrite"),
    ("clean", "LOCAL", "OUT", "--overwrite"),
    ("clean", "S3/data", "OUT", "--overwrite"),
    ("normalize", "S3/data", "OUT", "--scale", "standardize", "--overwrite"),
    ("augment", "LOCAL", "OUT", "--seed", "3", "--overwrite"),
    ("augment", "S3/data", "OUT", "--seed", "3", "--copies", "2", "--overwrite"),
    ("split", "S3/data", "OUT", "--by", "label", "--overwrite"),
    ("stats", "S3/data", "--out", "OUT", "--overwrite"),
    ("stats", "S3/data", "--out", "DISK/stats", "--overwrite"),
    ("export", "S3/data", "DISK/idx", "--overwrite"),
    ("export", "S3/data", "DISK/set.npz", "--form", "npz", "--overwrite"),
    ("predict", "MODEL", "S3/data", "--out", "DISK/predicted", "--overwrite"),
    ("info", "S3/data"),
    ("verify", "S3/data"),
    ("verify", "S3/data", "--repair"),
    ("verify", "S3"),
    ("verify", "OUT", "--repair"),
)
"""Words that stand for places: a dataset and files on the store, an output on the store and one on the disk."""

TROUBLES: tuple[tuple[Kind, int], ...] = (
    ("status", 500), ("status", 503), ("status", 403), ("reset", 0), ("half up", 0), ("half down", 0), ("cut", 0),
    ("slow", 0),
)  # fmt: skip

BUCKET = "s3://trouble"


@dataclass
class Bench:
    """What the tries share.

    door: says what the store does. requests: how many each command makes of a store that is well. expected: what it
    leaves then, by place and name.
    """

    attack: Attack
    door: Callable[[Trouble | None], None]
    requests: dict[tuple[str, ...], int] = field(default_factory=dict)
    expected: dict[tuple[str, ...], dict[str, bytes]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Put a dataset, and the files of one, on the store and on the disk."""
        folder, (fs, bucket) = self.attack.folder, storage.filesystem(BUCKET)
        write_sample(folder / "idx")
        for role, kind in (("images", "idx3"), ("labels", "idx1")):
            [path] = (folder / "idx").glob(f"*test-{role}-*")
            fs.pipe_file(f"{bucket}/in/{role}-{kind}-ubyte", path.read_bytes())
        for path in (FORMER / "dataset.manifest.json", *(FORMER / "dataset").rglob("*.parquet")):
            name = path.relative_to(FORMER).as_posix().replace("dataset", "data", 1)
            fs.pipe_file(f"{bucket}/in/{name}", path.read_bytes())

    def words(self, command: tuple[str, ...], name: str) -> list[object]:
        """Put places in the words of a command. name: of the folder of this try, on the store and on the disk."""
        disk, places = self.attack.folder / name, {"LOCAL": str(FORMER / "dataset")}
        places |= {"OUT": f"{BUCKET}/{name}/d", "DISK": str(disk), "S3": f"{BUCKET}/in"}
        places |= {"IDX": str(self.attack.folder / "idx"), "MODEL": str(FORMER / "models/tiny.safetensors")}
        return ["/".join(places.get(part, part) for part in word.split("/")) for word in command]

    def begin(self, command: tuple[str, ...], name: str) -> None:
        """Put an old dataset where a command will write one; tables are written where there is nothing."""
        fs, bucket = storage.filesystem(BUCKET)
        if command == ("verify", "OUT", "--repair"):  # what it is made from lies next to it, and it is damaged
            for path in [*fs.find(f"{bucket}/in/data"), f"{bucket}/in/data.manifest.json"]:
                fs.copy(path, path.replace("/in/", f"/{name}/"))
        if "OUT" in command and command[0] != "stats":
            code, err = run("augment", FORMER / "dataset", f"{BUCKET}/{name}/d", "--seed", 8)
            assert code == 0, err
        if command == ("verify", "OUT", "--repair"):
            part = fs.find(f"{bucket}/{name}/d")[0]
            fs.pipe_file(part, fs.cat_file(part)[:-9])
        (self.attack.folder / name).mkdir()

    def left(self, name: str) -> dict[str, bytes]:
        """Read what a try has on the store and on the disk."""
        fs, bucket = storage.filesystem(f"{BUCKET}/{name}")
        fs.invalidate_cache()
        disk = self.attack.folder / name
        stored = {path.removeprefix(bucket): fs.cat_file(path) for path in fs.find(bucket)}
        kept = {str(path.relative_to(disk)): path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        return stored | {f"disk/{path}": content for path, content in kept.items()}

    def well(self, command: tuple[str, ...]) -> None:
        """Learn what a command requests and leaves where nothing fails."""
        if command in self.requests:
            return
        name = f"well-{len(self.requests)}"
        self.begin(command, name)
        counting = Trouble("any", 1 << 30)
        self.door(counting)
        code, err = run(*self.words(command, name))
        self.door(None)
        assert code == 0, (command, err)
        self.requests[command], self.expected[command] = len(counting.seen), self.left(name)


def run(*words: object) -> tuple[int, str]:
    """Run the command line in this process: exit code, and what stood on stderr."""
    err = io.StringIO()
    arguments = ["mnist-data", *map(str, words)]
    with patch.object(sys, "argv", arguments), redirect_stderr(err), redirect_stdout(io.StringIO()):
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0), err.getvalue()
    return 0, err.getvalue()


def fault(bench: Bench, command: tuple[str, ...], name: str, trouble: Trouble) -> str:
    """Run a command on a store in trouble, then on one that is well; say what is wrong, empty for nothing."""
    bench.begin(command, name)
    old = "OUT" in command and command[0] not in ("stats", "verify")
    bench.door(trouble)
    code, err = run(*bench.words(command, name))
    bench.door(None)
    storage.filesystem(BUCKET)[0].invalidate_cache()
    if code == 0:
        return different(bench.left(name), bench.expected[command])
    if code != 2 or "Traceback" in err or "s3://trouble" not in err or err.count("\n") > 4:
        return f"exit code {code}: {err[-700:]!r}"
    if trouble.kind == "status" and f"HTTP {trouble.status}" not in err:
        return f"no status {trouble.status} in {err!r}"
    if old:
        place = f"{BUCKET}/{name}/d"
        try:
            seen = open_dataset(place)
            if len(load(place)) != len(seen):
                return "the dataset is not whole"
        except MnistDataError as error:
            return f"after {err!r} the old dataset is gone: {error}"
    code, err = run(*bench.words(command, name))
    if code != 0:
        return f"on a store that is well again: {code}, {err!r}"
    return different(bench.left(name), bench.expected[command])


def different(there: dict[str, bytes], wanted: dict[str, bytes]) -> str:
    """Say which objects and files are other than where nothing fails; empty for none."""
    names = sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
    return f"other than where nothing fails: {', '.join(names[:5])}" if names else ""


def fail_stores(attack: Attack) -> None:
    """Let requests of every command fail: it succeeds, or says which URL failed and how, and nothing old is lost."""
    import s3fs.core

    with troubled_store() as door, patch.object(s3fs.core.S3FileSystem, "retries", 2):
        bench = Bench(attack, door)
        bench.prepare()
        for number in attack.numbers():
            chance = attack.chance(number)
            command = chance.choice(COMMANDS)
            bench.well(command)
            kind, status = TROUBLES[number % len(TROUBLES)]
            first = chance.randint(1, bench.requests[command])
            last = chance.choice((first, first + 3, None)) if kind != "slow" else first + 2
            trouble = Trouble("any", first, status, last, kind=kind)
            wrong = fault(bench, command, f"try-{number}", trouble)
            shutil.rmtree(attack.folder / f"try-{number}")
            if wrong:
                times = {first: "once", None: "for ever"}.get(last, "for a while")
                attack.find(number, f"{kind} {status or ''} {times} from request {first}, {' '.join(command)}: {wrong}")
            else:
                attack.count(f"{kind} {status}" if status else kind)
