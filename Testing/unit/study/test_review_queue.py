"""The order of a review, its filters, and the pace of the reviewer."""

from pathlib import Path

import pytest

from IUSTumorSegLib.study.case_state import CaseState
from IUSTumorSegLib.study.review_pace import Stopwatch, seconds_left
from IUSTumorSegLib.study.review_queue import FILTERS, QueueFilter, case_after, case_before, review_queue


def state(case, probability=None, review="unreviewed", source="s", failed="", registered=True):
    return CaseState(
        case, Path(case), source=source, registered=registered, failed=failed, success_probability=probability, review=review
    )  # fmt: skip


def names(states):
    return [found.case for found in states]


def test_failures_come_first_then_the_unknown_then_the_least_likely_right():
    states = [
        state("sure", 0.9),
        state("doubtful", 0.2),
        state("unknown"),
        state("broken", failed="No.", registered=False),
    ]
    assert names(review_queue(states)) == ["broken", "unknown", "doubtful", "sure"]


def test_cases_of_the_same_risk_come_by_name():
    assert names(review_queue([state("b", 0.5), state("a", 0.5)])) == ["a", "b"]


def test_a_case_that_nobody_tried_to_register_is_not_in_the_queue():
    assert review_queue([state("new", registered=False)]) == []


@pytest.mark.parametrize("show", [name for name in FILTERS if name != "all"])
def test_each_filter_takes_the_cases_of_its_state_only(show):
    states = [
        state(name, 0.5, review=name) for name in ("unreviewed", "accepted", "flagged", "rejected", "disagreeing")
    ]
    assert names(review_queue(states, QueueFilter(show))) == [show]


def test_the_source_narrows_the_queue():
    states = [state("a", 0.1, source="one"), state("b", 0.2, source="two")]
    assert names(review_queue(states, QueueFilter("all", "two"))) == ["b"]
    assert names(review_queue(states, QueueFilter("all"))) == ["a", "b"]


def test_next_and_previous_of_a_case_that_left_the_queue_are_its_neighbours():
    queue = review_queue([state("a", 0.1), state("c", 0.3)])
    gone = state("b", 0.2, review="accepted")
    assert case_after(queue, gone) == "c"
    assert case_before(queue, gone) == "a"


def test_the_ends_of_the_queue():
    a, b = state("a", 0.1), state("b", 0.2)
    queue = review_queue([a, b])
    assert case_after(queue, None) == "a"
    assert case_before(queue, None) == case_before(queue, a) == case_after(queue, b) == ""
    assert case_after(queue, b, around=True) == "a"
    assert case_after([b], b, around=True) == ""


def test_pauses_over_a_minute_do_not_count_and_shorter_ones_do():
    now = [100.0]
    watch = Stopwatch(lambda: now[0])
    watch.start()
    for seconds in (5.0, 60.0, 61.0, 3600.0, 2.0):
        now[0] += seconds
        watch.touch()
    assert watch.seconds() == 67.0
    watch.start()
    assert watch.seconds() == 0.0


def test_the_time_left_follows_the_latest_twenty_verdicts():
    assert seconds_left([], 10) is None
    assert seconds_left([10.0, 20.0], 4) == 60.0
    assert seconds_left([1000.0] + [6.0] * 20, 10) == 60.0
