"""Every promise that is attacked, in the order of docs/reliability.md."""

from __future__ import annotations

from tests.torture.attack import Promise
from tests.torture.clusters import fail_clusters
from tests.torture.coverage import attack_by_coverage
from tests.torture.decided import attack_decisions
from tests.torture.disks import attack_by_disks
from tests.torture.flips import flip_bits
from tests.torture.kills import attack_by_kills
from tests.torture.pages import attack_pages
from tests.torture.readers import attack_readers
from tests.torture.records import attack_records
from tests.torture.stores import fail_stores
from tests.torture.two_at_once import attack_by_two

PROMISES: tuple[Promise, ...] = (
    Promise("readers", "No input crashes, hangs or swells a reader: it is read, or refused by name", attack_readers),
    Promise(
        "kills",
        "A kill loses nothing: the same command again ends with the same bytes, and nothing else is left",
        attack_by_kills,
    ),
    Promise("flips", "No bit rots unseen: `verify` finds each that is flipped, in every file that we write", flip_bits),
    Promise(
        "stores",
        "On a store that fails: success after retries, or exit 2 with URL and status, and the old dataset whole",
        fail_stores,
    ),
    Promise(
        "clusters",
        "On a cluster that fails: the bytes of threads, or an error by name and no wait without end",
        fail_clusters,
    ),
    Promise("pages", "Names of a stranger's making, in every page: no script runs and no request leaves", attack_pages),
    Promise(
        "disks",
        "Full and hostile disks: exit 2 naming the file, or the right output; the next run completes",
        attack_by_disks,
    ),
    Promise(
        "two_at_once",
        "Two at once into one place: one wins with the whole output, the other says so",
        attack_by_two,
    ),
    Promise(
        "decisions",
        "Decisions survive a kill, and two people who decide at once: each that was recorded is there",
        attack_decisions,
    ),
    Promise(
        "records",
        "No metadata, manifest, recipe, model, table or decisions file crashes, hangs or swells a command",
        attack_records,
    ),
    Promise(
        "coverage",
        "No input that reaches new code crashes, hangs or swells a reader of ours: libFuzzer looks for it",
        attack_by_coverage,
    ),
)
