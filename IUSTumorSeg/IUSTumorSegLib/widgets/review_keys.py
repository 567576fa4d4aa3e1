"""The keys of a review: which there are, when they act, and the list of them for the user.

They act while the module is on the screen and no text field has the focus, and only those that fit what is going on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

VERDICTS, QUEUE, VIEWS, REASONS, ALWAYS = "verdicts", "queue", "views", "reasons", "always"
REVIEWING = frozenset({VERDICTS, QUEUE, VIEWS, ALWAYS})
CHOOSING_A_REASON = frozenset({REASONS, ALWAYS})
# The two that a text field itself has no use for.
IN_TEXT_FIELDS_TOO = ("escape", "type")
TEXT_WIDGETS = ("QLineEdit", "QPlainTextEdit", "QTextEdit", "QAbstractSpinBox")


@dataclass(frozen=True)
class ReviewKey:
    """A key as Qt writes it, the action it stands for, the group it acts with, and what it does."""

    key: str
    action: str
    group: str
    meaning: str


def review_keys() -> list[ReviewKey]:
    """Every key of a review, in the order of the help."""
    named = [
        ("A", "accept", VERDICTS, _("Accept the registration, or the candidate that is shown")),
        ("F", "flag", VERDICTS, _("Flag the case, with a reason")),
        ("R", "reject", VERDICTS, _("Reject the registration, with a reason")),
        ("U", "undo", QUEUE, _("Take the last verdict back")),
        ("N", "next", QUEUE, _("Next case")),
        ("P", "previous", QUEUE, _("Previous case")),
        ("L", "blend", VIEWS, _("Blend")),
        ("K", "flicker", VIEWS, _("Flicker")),
        ("J", "hold", VIEWS, _("Held: the MRI; let go: the ultrasound (flicker by hand)")),
        ("H", "checkerboard", VIEWS, _("Checkerboard")),
        ("T", "curtain", VIEWS, _("Curtain")),
        ("S", "side by side", VIEWS, _("Side by side")),
        ("+", "more", VIEWS, _("More of the mode's slider: MRI, speed, field, curtain")),
        ("-", "less", VIEWS, _("Less of it")),
        ("M", "mri_tumor", VIEWS, _("Tumour drawn on the MRI")),
        ("O", "propagated", VIEWS, _("Tumour carried over from the MRI")),
        ("Y", "corrected", VIEWS, _("Tumour corrected on the ultrasound")),
        ("V", "us_label", VIEWS, _("Tumour drawn on the ultrasound")),
        ("E", "edges", VIEWS, _("Edges of the MRI")),
        ("G", "agreement", VIEWS, _("Local agreement, as a heat map")),
        ("D", "displacement", VIEWS, _("Displacement of the tumour's surface")),
        ("I", "landmarks", VIEWS, _("Landmarks")),
        ("B", "before", VIEWS, _("Before registration, and back")),
        ("C", "candidate", VIEWS, _("Next candidate pose; 1 to 9 show that one, Escape the registration")),
        ("X", "axes", VIEWS, _("Axes of the ultrasound or of the MRI")),
        ("W", "preset", VIEWS, _("Grey values of the ultrasound")),
        ("Z", "reset", VIEWS, _("Views back to the tumour")),
        ("Esc", "escape", ALWAYS, _("Leave a text field, the reasons or a candidate")),
        ("Return", "type", REASONS, _("Type another reason")),
        ("?", "help", ALWAYS, _("Show these keys")),
    ]
    digits = [ReviewKey(str(n), f"digit {n}", ALWAYS, "") for n in range(1, 10)]
    return [*[ReviewKey(*key) for key in named], *digits]


def keys_as_html() -> str:
    """The keys as a table."""
    from html import escape

    rows = [
        f"<tr><td width='50'><b>{escape(k.key)}</b>&nbsp;</td><td>{escape(k.meaning)}</td></tr>"
        for k in review_keys()
        if k.meaning
    ]
    wheel = _("Shift + mouse wheel in a view")
    return f"<table>{''.join(rows)}<tr><td colspan='2'>{wheel}: {_('as + and -')}</td></tr></table>"


def with_key(text: str, action: str) -> str:
    """A button's text with its key, as in "Accept (A)"."""
    return f"{text} ({_key_of(action)})"


def key_tip(action: str) -> str:
    """What an action does, with its key, for a tool tip."""
    key = next(key for key in review_keys() if key.action == action)
    return _("{meaning}. Key: {key}").format(meaning=key.meaning, key=key.key)


class ReviewKeys:
    """The shortcuts, from construction to `close`; none acts before `enable`. `actions` are called by their names."""

    def __init__(self, window: Any, actions: Mapping[str, Callable[[], None]]) -> None:
        self._shortcuts: list[tuple[str, Any]] = []
        self._acts: dict[str, Callable[[], None]] = {}
        for key in review_keys():
            shortcut = qt.QShortcut(qt.QKeySequence(key.key), window)
            shortcut.autoRepeat = key.action in ("more", "less")
            shortcut.enabled = False
            self._acts[key.key] = _unless_typing(actions[key.action], key.action)
            shortcut.connect("activated()", self._acts[key.key])
            self._shortcuts.append((key.group, shortcut))

    def enable(self, groups: frozenset[str] = frozenset()) -> None:
        """Let the keys of these groups act, and no other."""
        for group, shortcut in self._shortcuts:
            shortcut.enabled = group in groups

    def press(self, key: str) -> None:
        """Do what a key does, as `review_keys` writes it, if it acts now."""
        pressed = qt.QKeySequence(key).toString()
        if any(shortcut.enabled and shortcut.key.toString() == pressed for _group, shortcut in self._shortcuts):
            self._acts[key]()

    def close(self) -> None:
        """End the shortcuts."""
        for _group, shortcut in self._shortcuts:
            shortcut.enabled = False
            shortcut.deleteLater()
        self._shortcuts = []


class ReleaseFilter(qt.QObject):
    """Calls `released` once, when the key that is held now is let go or the window loses the keyboard."""

    watching = False

    def watch(self, key: int, released: Callable[[], None]) -> None:
        """Begin; Qt tells of a release only to the widget that has the focus, so the application is listened to."""
        self.key, self.released, self.watching = key, released, True
        slicer.app.installEventFilter(self)

    def stop(self) -> None:
        """End without a call."""
        self.watching = False
        slicer.app.removeEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Qt's hook; lets every event pass."""
        let_go = event.type() == qt.QEvent.KeyRelease and event.key() == self.key and not event.isAutoRepeat()
        if let_go or event.type() == qt.QEvent.ApplicationDeactivate:
            self.stop()
            self.released()
        return False


def text_has_focus() -> bool:
    """Whether what is typed now goes into a text field or a number's."""
    widget = slicer.app.focusWidget()
    return widget is not None and any(widget.inherits(name) for name in TEXT_WIDGETS)


def _unless_typing(action: Callable[[], None], name: str) -> Callable[[], None]:
    def act() -> None:
        if name in IN_TEXT_FIELDS_TOO or not text_has_focus():
            action()

    return act


def _key_of(action: str) -> str:
    return next(key.key for key in review_keys() if key.action == action)
