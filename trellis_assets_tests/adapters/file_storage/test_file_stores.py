"""Model files, wherever they lie: whole or not there, checked when read, never outside their place."""

import os
import pickle
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from trellis_assets.adapters.file_storage.factory import open_files, prove_files
from trellis_assets.adapters.file_storage.local import LocalFileStore
from trellis_assets.adapters.file_storage.shared import FsspecFileStore
from trellis_assets.ports import FileStore, MissingFileError, StoredFileError, StoreError

NOBODY: frozenset[str] = frozenset()
S3_KEYS = {"key": "a-key", "secret": "a-secret"}


@dataclass
class Storage:
    """A file store, and the way round it.

    Attributes:
        put: other bytes under a path.
        names: what there is.
    """

    store: FileStore
    put: Callable[[str, bytes], None]
    names: Callable[[], set[str]]


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Yield the address of a stand-in for S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def by_fsspec(url: str, options: dict[str, object]) -> Storage:
    system, root = fsspec.core.url_to_fs(url, use_listings_cache=False, **options)

    def put(path: str, data: bytes) -> None:
        system.pipe_file(f"{root}/{path}", data)

    def names() -> set[str]:
        return {name.rpartition("/")[2] for name in system.find(root)}

    return Storage(FsspecFileStore(url, options), put, names)


@pytest.fixture(params=["local", "file", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        root = tmp_path / "files"
        return Storage(
            LocalFileStore(root),
            lambda path, data: [(root / path).write_bytes(data)].clear(),
            lambda: {path.name for path in root.rglob("*") if path.is_file()},
        )
    if request.param == "file":
        return by_fsspec(f"file://{tmp_path}/files", {})
    if request.param == "memory":
        return by_fsspec(f"memory://{uuid.uuid4()}/models of mine", {})
    bucket = f"bucket-{uuid.uuid4()}"
    options = S3_KEYS | {"client_kwargs": {"endpoint_url": request.getfixturevalue("s3")}}
    fsspec.filesystem("s3", **options).mkdir(bucket)
    return by_fsspec(f"s3://{bucket}/some/prefix", options)


def test_what_was_written_is_read(storage: Storage) -> None:
    stored = storage.store.write(7, "spz", b"model")
    assert storage.store.read(stored) == b"model"
    assert stored.size == 5
    assert storage.names() == {stored.path.rpartition("/")[2]}, "and no half file beside it"


def test_the_same_model_is_written_again_without_harm(storage: Storage) -> None:
    first = storage.store.write(7, "spz", b"model")
    assert storage.store.write(7, "spz", b"model") == first
    assert storage.store.read(first) == b"model"


@pytest.mark.parametrize("other", [b"other", b"mode", b""])
def test_a_changed_file_is_not_read(storage: Storage, other: bytes) -> None:
    stored = storage.store.write(7, "spz", b"model")
    storage.put(stored.path, other)
    with pytest.raises(StoredFileError, match="not what was stored"):
        storage.store.read(stored)


def test_a_missing_file_is_named(storage: Storage) -> None:
    stored = storage.store.write(7, "spz", b"model")
    storage.store.delete(stored.path)
    storage.store.delete(stored.path)
    with pytest.raises(MissingFileError, match="cannot be read"):
        storage.store.read(stored)


def test_no_path_leads_out_of_the_place(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    stored = storage.store.write(7, "spz", b"key")
    with pytest.raises(StoredFileError, match="outside"):
        storage.store.read(replace(stored, path="../secret"))
    with pytest.raises(StoredFileError, match="outside"):
        storage.store.delete(str(tmp_path / "secret"))
    assert (tmp_path / "secret").exists()


def test_a_derived_file_is_made_once_and_goes_with_its_model(storage: Storage) -> None:
    stored = storage.store.write(7, "spz", b"model")
    made: list[bytes] = []

    def make(data: bytes) -> bytes:
        made.append(data)
        return b"picture"

    assert [storage.store.derived(stored, "webp", make) for _ in range(2)] == [b"picture"] * 2
    assert made == [b"model"]
    storage.store.delete(stored.path)
    assert storage.names() == set()


def test_nothing_is_derived_from_a_changed_file(storage: Storage) -> None:
    stored = storage.store.write(7, "spz", b"model")
    storage.put(stored.path, b"other")
    with pytest.raises(StoredFileError):
        storage.store.derived(stored, "webp", bytes)


def test_the_sweep_takes_old_files_of_nobody(storage: Storage) -> None:
    mine = storage.store.write(1, "spz", b"mine")
    storage.store.derived(mine, "webp", bytes)
    left = storage.store.write(2, "spz", b"of a killed run")
    known = {mine.path}
    now = datetime.now(UTC)
    assert storage.store.sweep(known, now - timedelta(hours=1)) == 0, "somebody may still be writing it"
    assert storage.store.sweep(known, now + timedelta(hours=1)) == 1
    assert storage.store.read(mine) == b"mine"
    with pytest.raises(MissingFileError):
        storage.store.read(left)
    assert len(storage.names()) == 2


def test_an_empty_place_is_swept_too(storage: Storage) -> None:
    assert storage.store.sweep(NOBODY, datetime.now(UTC)) == 0


def test_a_place_that_can_be_used_is_left_as_it_was(storage: Storage) -> None:
    prove_files(storage.store)
    assert storage.names() == set()


def test_only_the_owner_may_read_a_local_file(tmp_path: Path) -> None:
    store = open_files(f"file://{tmp_path}/my%20files", {}, tmp_path)
    stored = store.write(7, "spz", b"model")
    path = tmp_path / "my files" / stored.path
    assert path.stat().st_mode & 0o077 == 0
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("url", ["file:///proc/nowhere", "s3://no-such-bucket/prefix"])
def test_a_place_that_cannot_be_written_is_named(url: str, s3: str, tmp_path: Path) -> None:
    options = S3_KEYS | {"client_kwargs": {"endpoint_url": s3}} if url.startswith("s3") else {}
    with pytest.raises(StoreError, match="cannot be written") as caught:
        prove_files(open_files(url, options, tmp_path))
    assert "a-secret" not in str(caught.value)


def test_storage_that_does_not_answer_is_no_missing_file(tmp_path: Path) -> None:
    """A run that cannot read its model now must not generate it again."""
    silent = {
        "client_kwargs": {"endpoint_url": "http://127.0.0.1:9"},
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    store = open_files("s3://bucket/prefix", S3_KEYS | silent, tmp_path)
    stored = LocalFileStore(tmp_path).write(7, "spz", b"model")
    with pytest.raises(StoreError, match=r"cannot be read in s3://bucket/prefix"):
        store.read(stored)


@pytest.mark.parametrize("url", ["gopher://x", "oss://bucket/x"])
def test_a_url_that_cannot_be_used_is_said_with_its_setting(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="TRELLIS_FILES_URL"):
        open_files(url, {}, tmp_path)


def test_another_process_finds_what_this_one_wrote(s3: str) -> None:
    bucket, options = f"bucket-{uuid.uuid4()}", S3_KEYS | {"client_kwargs": {"endpoint_url": s3}}
    fsspec.filesystem("s3", **options).mkdir(bucket)
    store = FsspecFileStore(f"s3://{bucket}", options)
    stored = store.write(7, "spz", b"model")
    sent = pickle.dumps((store, stored))
    reader = os.pipe()
    child = os.fork()
    if child == 0:
        again, file = pickle.loads(sent)  # noqa: S301 - of our own making
        os.write(reader[1], again.read(file))
        os._exit(0)
    os.close(reader[1])
    assert os.read(reader[0], 100) == b"model"
    assert os.waitpid(child, 0)[1] == 0
