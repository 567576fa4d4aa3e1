"""Cases read in threads: the wanted one comes first, with or without its overlays, and no other holds it up."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from IUSTumorSegLib.errors import Cancelled
from IUSTumorSegLib.study import case_images

SECONDS = 10.0


@pytest.fixture
def work(monkeypatch):
    """Reading that waits for `gates[name]`, and overlays that wait for `gates[name + "+"]` or are not wanted any more."""
    made = SimpleNamespace(gates={}, stopped=[], begun=[])

    def gate(name):
        return made.gates.setdefault(name, threading.Event())

    def read(folder, overlays):
        made.begun.append(folder.name)
        assert gate(folder.name).wait(SECONDS)
        return SimpleNamespace(name=folder.name, agreement=None)

    def with_overlays(images, is_wanted):
        while not gate(f"{images.name}+").wait(0.01):
            if not is_wanted():
                made.stopped.append(images.name)
                raise Cancelled("another case is wanted")
        return SimpleNamespace(name=images.name, agreement="map")

    monkeypatch.setattr(case_images, "read_case_images", read)
    monkeypatch.setattr(case_images, "with_overlays", with_overlays)
    made.open = lambda *names: [gate(name).set() for name in names]
    return made


@pytest.fixture
def loader(desktop, work):
    from IUSTumorSegLib.widgets.case_loader import CaseLoader

    completed = []
    made = CaseLoader(completed.append)
    made.completed = completed
    yield made
    made.stop()


def load(loader, name):
    came = []
    loader.load(Path(name), lambda images, sentence: came.append((images and images.agreement, sentence)))
    return came


def test_a_case_comes_as_soon_as_it_is_read_and_its_overlays_follow(loader, work, wait_until):
    came = load(loader, "a")
    assert loader.busy
    work.open("a")
    wait_until(lambda: came)
    assert came == [(None, "")] and loader.completing and loader.completed == []
    work.open("a+")
    wait_until(lambda: not loader.completing)
    assert [images.agreement for images in loader.completed] == ["map"]


def test_a_case_that_is_just_being_read_ahead_does_not_wait_for_its_overlays(loader, work, wait_until):
    work.open("b")
    loader.read_ahead(Path("b"))
    came = load(loader, "b")
    wait_until(lambda: came)
    assert came == [(None, "")] and work.begun == ["b"]
    work.open("b+")
    wait_until(lambda: loader.completed)


def test_a_case_that_was_read_ahead_comes_whole_and_at_once(loader, work, wait_until):
    work.open("b", "b+")
    loader.read_ahead(Path("b"))
    wait_until(lambda: loader.is_ahead)
    assert load(loader, "b") == [("map", "")]
    assert not loader.completing and loader.completed == []


def test_what_is_wanted_no_more_stops_and_takes_no_time_from_what_is(loader, work, wait_until):
    work.open("a", "b", "c", "c+")
    came = load(loader, "a")
    wait_until(lambda: came)
    load(loader, "c")
    wait_until(lambda: work.stopped == ["a"])
    wait_until(lambda: not loader.completing and not loader.busy)
    loader.read_ahead(Path("b"))
    loader.read_ahead(Path("a"))
    wait_until(lambda: work.stopped == ["a", "b"])
    loader.stop()
    wait_until(lambda: work.stopped == ["a", "b", "a"])


def test_overlays_that_fail_do_not_take_the_case_away(loader, work, wait_until, monkeypatch):
    def fail(images, is_wanted):
        raise ValueError("no edges here")

    monkeypatch.setattr(case_images, "with_overlays", fail)
    work.open("a")
    loader.read_ahead(Path("a"))
    wait_until(lambda: loader.is_ahead)
    came = load(loader, "a")
    assert came == [(None, "")]
    wait_until(lambda: not loader.completing)
    assert loader.completed == []
