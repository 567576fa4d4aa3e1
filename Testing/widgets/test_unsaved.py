"""The question before something unsaved is left: which buttons it has, and what each answer means."""

import pytest


@pytest.fixture
def answered(desktop, monkeypatch):
    """Has the user press a button of the message box; returns what is asked for."""
    import qt
    import slicer

    shown = {}

    def press(button, may_stay):
        from IUSTumorSegLib.widgets.unsaved import ask_about_unsaved

        def message_box(text, **options):
            shown.update(options, text=text)
            return getattr(qt.QMessageBox, button)

        monkeypatch.setattr(slicer.util, "messageBox", message_box)
        return ask_about_unsaved("Not saved.", may_stay)

    press.shown = shown
    return press


@pytest.mark.parametrize(("button", "answer"), [("Save", "save"), ("Discard", "discard"), ("Cancel", "stay")])
def test_each_button_has_its_answer(answered, button, answer):
    import qt

    assert answered(button, may_stay=True) == answer
    buttons = qt.QMessageBox.Save | qt.QMessageBox.Discard | qt.QMessageBox.Cancel
    assert answered.shown["standardButtons"] == buttons
    assert answered.shown["text"] == "Not saved."


def test_where_the_user_cannot_stay_there_is_no_such_button_and_closing_the_window_saves(answered):
    import qt

    assert answered("Cancel", may_stay=False) == "save"
    assert answered.shown["standardButtons"] == qt.QMessageBox.Save | qt.QMessageBox.Discard
    assert answered("Discard", may_stay=False) == "discard"
