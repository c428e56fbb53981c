"""Fixtures that several packages of tests share."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.disks import mounted
from tests.support.forked import Forks
from tests.support.lan import Lan
from tests.support.loopback import Loopback
from tests.support.page_site import ProcessSite, Site
from tests.support.processes import Process

WORKERS_PER_CORE = 4
"""How many workers `-n auto` starts per core: while one test waits for something, another one runs."""

DEADLINE_SECONDS = 20.0
"""A call that takes longer than this hangs, even on a busy machine."""

OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""How many objects Python makes between two searches for garbage. With the default, 700, they take a twentieth of the time."""

LONG = ("test_doctor.py", "test_endurance.py", "test_locales.py", "test_looks.py", "test_loss.py", "test_readme.py")
"""The files with the longest tests. They come first: at the end, no worker is busy with one while the others are idle."""

TESTS = Path(__file__).parent

MEMORY = "/dev/shm"
"""A folder whose files are in memory, on Linux."""

MEMORY_BYTES_MIN = 2 << 30
"""The room that must be there for the files of tests. They hardly ever need a quarter of it at once."""


def _keep_files_in_memory() -> None:
    """Let `tmp_path` be in memory, so that no test waits for a disk.

    It stays on the disk if there is too little memory, if programs must not be run from there, or if the variable
    `PYTEST_DEBUG_TEMPROOT` names a folder already.
    """
    try:
        memory = os.statvfs(MEMORY)
    except FileNotFoundError:
        return
    has_room = memory.f_bavail * memory.f_frsize >= MEMORY_BYTES_MIN
    if has_room and not memory.f_flag & os.ST_NOEXEC and os.access(MEMORY, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


def _keep_bytecode() -> None:
    """Let Python keep the bytecode of modules in `__pycache__`, even if PYTHONDONTWRITEBYTECODE forbids that.

    Without it, each worker compiles all tests in each run, and each process that a test starts compiles its modules again.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _be_patient() -> None:
    """Let an example of hypothesis take long: the machine may be busy."""
    from hypothesis import settings  # not at the top: before `_keep_bytecode`, its bytecode would be lost

    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")


def _heed_signals() -> None:
    """Let Ctrl-C and a closed terminal end the programs that tests start, as they do by default.

    A shell starts its jobs in the background with SIGINT ignored, and `nohup` starts a program with SIGHUP ignored.
    Programs that tests start inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


_keep_files_in_memory()
_keep_bytecode()
_heed_signals()
_be_patient()


def pytest_xdist_auto_num_workers() -> int:
    """The number of workers for `-n auto`."""
    return WORKERS_PER_CORE * (os.cpu_count() or 1)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Keep the garbage collector off while pytest collects the tests, and keep it from looking at the collected tests later."""
    gc.disable()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        _import_in_turn(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _import_in_turn(config: pytest.Config) -> None:
    """In a worker that runs all tests, import their modules, beginning at a place that is this worker's own.

    In a fresh clone, they must be compiled. Workers that began at the same place would all compile the same module at the
    same time; so each of them compiles its part, and finds the bytecode of the others. The first worker also lets hypothesis
    make its table of the characters of UTF-8, which takes a second, and which the others then read from a file.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args != config.getini("testpaths"):
        return
    number = int(worker["workerid"].removeprefix("gw"))
    if number == 0:
        from hypothesis.strategies import text

        text().validate()
    names = [".".join(path.relative_to(config.rootpath).with_suffix("").parts) for path in sorted(TESTS.rglob("test_*.py"))]
    first = len(names) * number // worker["workercount"]
    for name in names[first:] + names[:first]:
        with suppress(Exception, pytest.skip.Exception):  # pytest imports it again, and reports it
            import_module(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in the files of `LONG` first."""
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Before the workers start, start the process that all of them share."""
    forks = Forks()
    config.add_cleanup(forks.close)
    forks.share()


@pytest.fixture(scope="session", autouse=True)
def forks() -> Iterator[None]:
    """Lets the commands that tests start as processes run as forks of one process (see `Forks`)."""
    with closing(Forks()) as Process.forks:
        yield


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides the settings of the user who runs the tests, and puts the default files into `tmp_path`."""
    for variable in [name for name in os.environ if name.startswith("UDPNOTE_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("UDPNOTE_HOME", str(tmp_path / "home"))


@pytest.fixture
def loopback(own_settings: None, tmp_path: Path) -> Iterator[Loopback]:  # noqa: ARG001
    """Starts servers and clients on this machine's loopback interface; none has been started yet (see `Loopback`)."""
    loopback = Loopback(tmp_path)
    yield loopback
    loopback.close()


@pytest.fixture
def lan(own_settings: None, tmp_path: Path) -> Iterator[Lan]:  # noqa: ARG001
    """A simulated LAN, without servers and clients (see `Lan`)."""
    lan = Lan(tmp_path)
    yield lan
    lan.close()


@pytest.fixture
def in_time() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """A function that starts a call in a thread, and returns the thread. The test fails if a call does not return in time."""
    threads: list[threading.Thread] = []

    def run(call: Callable[[], object]) -> threading.Thread:
        threads.append(threading.Thread(target=call, daemon=True))
        threads[-1].start()
        return threads[-1]

    yield run
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive(), "a call did not return"


@pytest.fixture
def use_zone() -> Iterator[Callable[[str], None]]:
    """Puts this process into a time zone, which is China's before the first call."""
    with pytest.MonkeyPatch.context() as patch:

        def use(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        use("Asia/Shanghai")
        yield use
    time.tzset()


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Lets new files have all permissions that a program asks for."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets no thread be started, as where a system has no room for more."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The folder of an empty disk of 40 MB (see `mounted`)."""
    with mounted(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def site(own_settings: None, tmp_path: Path) -> Iterator[Site]:  # noqa: ARG001
    """A notebook with its page, none of them started yet."""
    made = Site(tmp_path / "site")
    yield made
    made.close()


@pytest.fixture
def process_site(tmp_path: Path) -> Iterator[ProcessSite]:
    """A notebook with its page, as processes that a test can kill; none of them started yet."""
    made = ProcessSite(tmp_path / "site")
    yield made
    made.close()
