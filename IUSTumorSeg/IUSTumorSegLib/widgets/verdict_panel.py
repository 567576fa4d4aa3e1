"""What the software thinks of a registration, in words that a clinician can act on."""

from typing import Any

from slicer.i18n import tr as _

# Okabe and Ito's colours, told apart by the colour-blind; the word says the same.
VERDICT_COLORS = {"accept": "#009E73", "review": "#E69F00", "reject": "#D55E00"}


class VerdictPanel:
    """The frame below Register; hidden while there is no verdict. `ui` holds its labels."""

    def __init__(self, ui: Any) -> None:
        self.ui = ui
        self.show(None)

    def show(self, verdict: Any) -> None:
        """Show a verdict (`scene.registration_nodes.Verdict`), or hide the frame for `None`."""
        from html import escape

        self.ui.verdictFrame.visible = verdict is not None
        if verdict is not None:
            self.ui.verdictLabel.text = _headline(verdict)
            self.ui.reasonsLabel.text = "".join(f"<p>{escape(reason)}</p>" for reason in verdict.reasons)


def _headline(verdict: Any) -> str:
    sentences = {
        "accept": _("Verdict: accept. Likely right; compare before you rely on it."),
        "review": _("Verdict: review. Doubtful; compare before you use it."),
        "reject": _("Verdict: reject. Likely wrong; do not use it."),
    }
    color = VERDICT_COLORS[verdict.verdict]
    expected = ""
    if verdict.predicted_error_mm is not None:
        expected = " " + _("Expected error: {error:.1f} mm.").format(error=verdict.predicted_error_mm)
    return f'<span style="color:{color}; font-size:large">\u25a0</span> <b>{sentences[verdict.verdict]}</b>{expected}'
