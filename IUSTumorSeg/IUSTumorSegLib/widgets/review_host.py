"""What a panel inside the review section may ask of the review."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..scene.review_settings import ReviewSettings


@dataclass(frozen=True)
class ReviewHost:
    """The review as its panels for adjustment and correction see it.

    `reviewer` is "" where no name was given; `why_not_writable` is "" where the case's folder takes files.
    `registration_changed` and `label_changed` are called when such a file was written; `suspend_keys` takes the review's
    keys away for a while; `show` changes how the case is shown, and the buttons follow.
    """

    reviewer: Callable[[], str]
    why_not_writable: Callable[[], str]
    registration_changed: Callable[[], None]
    label_changed: Callable[[], None]
    say: Callable[[str], None]
    suspend_keys: Callable[[bool], None]
    settings: Callable[[], "ReviewSettings"]
    show: Callable[["ReviewSettings"], None]
    job_panel: Any
