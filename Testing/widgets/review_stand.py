"""A stand-in for the review round its panels: what they ask of it, and what they told it."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


@dataclass
class Stand:
    """The review's side of a `ReviewHost`, to be looked at and changed by a test."""

    reviewer: str = "Anna"
    why_not_writable: str = ""
    said: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    keys_suspended: bool = False
    answers: list[str] = field(default_factory=list)
    questions: list[tuple[str, bool]] = field(default_factory=list)
    review: Any = None
    job_panel: Any = None

    def host(self) -> Any:
        """The host that the panels see."""
        from IUSTumorSegLib.widgets.review_host import ReviewHost

        return ReviewHost(
            reviewer=lambda: self.reviewer,
            why_not_writable=lambda: self.why_not_writable,
            registration_changed=lambda: self.told.append("registration"),
            label_changed=lambda: self.told.append("label"),
            say=self.said.append,
            suspend_keys=self._suspend,
            settings=lambda: self.review.settings,
            show=lambda settings: self.review.show(settings),
            job_panel=self.job_panel or SimpleNamespace(busy=False, pid=None),
        )

    def ask(self, text: str, may_stay: bool) -> str:
        """The user's answer to the question about something unsaved: the next of `answers`."""
        self.questions.append((text, may_stay))
        return self.answers.pop(0)

    def _suspend(self, on: bool) -> None:
        self.keys_suspended = on
