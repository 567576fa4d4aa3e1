"""The stand-in keeps PythonQt's rules, and refuses what the real application does not have."""

import pytest
from standin import real_api

needs_table = pytest.mark.skipif(real_api.table() is None, reason="the table of Slicer's names is not on this machine")


def test_a_property_is_read_and_set_and_not_called(desktop):
    import qt

    button = qt.QPushButton("Register")
    assert button.text == "Register"
    button.text = "Cancel"
    assert button.text == "Cancel"
    with pytest.raises(TypeError):
        button.text()


def test_an_attribute_that_is_no_property_cannot_be_set(desktop):
    import qt

    with pytest.raises(AttributeError):
        qt.QPushButton("Register").txet = "Cancel"


def test_a_signal_passes_as_many_arguments_as_the_slot_takes(desktop):
    import qt

    heard = []
    button = qt.QPushButton("Compare")
    button.checkable = True
    button.connect("toggled(bool)", lambda: heard.append("none"))
    button.toggled.connect(heard.append)
    button.toggled.connect(lambda on, given="default": heard.append((on, given)))
    button.click()
    assert heard == ["none", True, (True, "default")]


def test_a_signal_with_a_wrong_signature_is_an_error(desktop):
    import qt

    with pytest.raises(ValueError, match="no signal"):
        qt.QPushButton("Compare").connect("toggled(int)", print)


def test_a_disconnected_slot_hears_nothing(desktop):
    import qt

    heard = []
    button = qt.QPushButton("Compare")
    button.connect("clicked()", heard.append)
    button.disconnect("clicked()", heard.append)
    button.click()
    assert heard == []


@needs_table
@pytest.mark.parametrize(
    "use",
    [
        lambda qt, slicer: qt.QPushButton("x").setTextColor,
        lambda qt, slicer: qt.QPushButtom,
        lambda qt, slicer: qt.QAction("x").setCheckabel,
        lambda qt, slicer: slicer.app.layoutManger,
        lambda qt, slicer: slicer.qMRMLNodeComboBox().setMrmlScene,
    ],
)
def test_names_that_slicer_lacks_are_refused(desktop, use):
    import qt
    import slicer

    with pytest.raises(AttributeError):
        use(qt, slicer)


@needs_table
def test_a_qt6_name_that_slicers_qt5_lacks_is_refused(desktop):
    import qt

    with pytest.raises(AttributeError, match="has no"):
        _ = qt.QComboBox().placeholderTextColor


def test_a_parameter_of_a_type_that_its_widget_cannot_show_is_an_error(desktop, scene):
    import qt
    import slicer
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        name: str = ""

    with pytest.raises(RuntimeError, match="cannot show"):
        Parameters(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")).connectParametersToGui(
            {"name": qt.QCheckBox("x")}
        )
    assert slicer.mrmlScene is scene


def test_a_union_of_nodes_without_none_is_refused_as_slicer_does(desktop):
    from typing import Union

    import slicer
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    class Parameters:
        tumor: Union[slicer.vtkMRMLSegmentationNode, slicer.vtkMRMLLabelMapVolumeNode]  # noqa: UP007

    with pytest.raises(TypeError, match="None"):
        parameterNodeWrapper(Parameters)
