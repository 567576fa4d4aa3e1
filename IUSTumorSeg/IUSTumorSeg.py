from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Union

import slicer
import vtk
from slicer import vtkMRMLLabelMapVolumeNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.scene.cases import CaseNodes, reasons_not_ready
from IUSTumorSegLib.scene.logic import IUSTumorSegSceneLogic
from IUSTumorSegLib.widgets.parameter_gui import connect_gui
from IUSTumorSegLib.widgets.tool_tips import enable_or_say_why
from IUSTumorSegLib.widgets.torch_installation import offer_torch_installation, torch_is_installed

if TYPE_CHECKING:
    from IUSTumorSegLib.scene.job_files import JobRequest


class IUSTumorSeg(ScriptedLoadableModule):
    """Register an MRI to intra-operative ultrasound, compare them, and carry the tumour's label over."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("IUS Tumor Seg")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "IGT")]
        self.parent.dependencies = ["Segmentations", "Transforms", "Volumes"]
        self.parent.contributors = ["SlicerIUSTumorSeg contributors"]
        self.parent.helpText = _(
            "Registers a preoperative MRI to a 3D intra-operative ultrasound, shows both for comparison, and carries"
            " the tumour's label from the MRI over to the ultrasound. For research; no medical device."
        )
        self.parent.acknowledgementText = _("The demo case is simulated from the MNI152 template.")


@parameterNodeWrapper
class IUSTumorSegParameterNode:
    """What the panel's selectors and sliders hold; saved with the scene."""

    mri: vtkMRMLScalarVolumeNode
    us: vtkMRMLScalarVolumeNode
    # Slicer's wrapper knows unions of nodes in this spelling only, and needs the None for its default.
    mriTumor: Union[vtkMRMLSegmentationNode, vtkMRMLLabelMapVolumeNode, None]  # noqa: UP007
    method: Annotated[str, Choice(["LC2", "Mattes"])] = "LC2"
    showBestPose: bool = True
    comparisonMode: Annotated[str, Choice(["blend", "checkerboard", "curtain"])] = "blend"
    blendPercent: Annotated[float, WithinRange(0.0, 100.0)] = 50.0
    fieldMm: Annotated[float, WithinRange(3.0, 40.0)] = 12.0
    curtainPercent: Annotated[float, WithinRange(0.0, 100.0)] = 50.0


class IUSTumorSegLogic(IUSTumorSegSceneLogic, ScriptedLoadableModuleLogic):
    """The scene's logic with the module's parameter node."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        IUSTumorSegSceneLogic.__init__(self, slicer.mrmlScene)

    def getParameterNode(self) -> IUSTumorSegParameterNode:
        return IUSTumorSegParameterNode(ScriptedLoadableModuleLogic.getParameterNode(self))


class IUSTumorSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: wires the .ui file to the logic and to the panels of `IUSTumorSegLib.widgets`."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._torchInstalled = False
        self._compared = CaseNodes()

    # Life cycle

    def setup(self) -> None:
        # Not in the file: Slicer imports that at its start, whether the module is opened or not.
        from IUSTumorSegLib.widgets.comparison_panel import ComparisonPanel
        from IUSTumorSegLib.widgets.job_panel import JobPanel
        from IUSTumorSegLib.widgets.review_panel import ReviewPanel
        from IUSTumorSegLib.widgets.search_preview import SearchPreview
        from IUSTumorSegLib.widgets.verdict_panel import VerdictPanel

        ScriptedLoadableModuleWidget.setup(self)
        self.uiWidget = slicer.util.loadUI(self.resourcePath("UI/IUSTumorSeg.ui"))
        self.layout.addWidget(self.uiWidget)
        self.ui = slicer.util.childWidgetVariables(self.uiWidget)
        self.uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = IUSTumorSegLogic()
        self.jobPanel = JobPanel(self.updateButtons)
        self.ui.jobPanelPlace.layout().addWidget(self.jobPanel.widget)
        self.searchPreview = SearchPreview(self.ui.showBestPoseCheckBox)
        self.verdictPanel = VerdictPanel(self.ui)
        self.comparisonPanel = ComparisonPanel(self.ui, self.onModeChosen)
        self.reviewPanel = ReviewPanel(self.jobPanel, self.stopComparing, self.onStudyOpened)
        self.ui.reviewPlace.layout().addWidget(self.reviewPanel.widget)
        self.ui.propagatedLabel.visible = False
        self._connect()
        self.initializeParameterNode()

    def _connect(self) -> None:
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartSaveEvent, self.onSceneStartSave)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndSaveEvent, self.onSceneEndSave)
        self.ui.loadDemoButton.connect("clicked()", self.onLoadDemo)
        self.ui.installTorchButton.connect("clicked()", self.onInstallTorch)
        self.ui.registerButton.connect("clicked()", self.onRegister)
        self.ui.compareButton.connect("toggled(bool)", self.onCompareToggled)
        self.ui.propagateButton.connect("clicked()", self.onPropagate)

    def cleanup(self) -> None:
        self.jobPanel.close()
        self.comparisonPanel.stop()
        self.reviewPanel.close()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self.initializeParameterNode()
        self.searchPreview.visible = True
        self.reviewPanel.enter()

    def exit(self) -> None:
        self.searchPreview.visible = False
        self.stopComparing()
        self.reviewPanel.exit()
        self.setParameterNode(None)

    def onSceneStartClose(self, caller=None, event=None) -> None:
        self.jobPanel.close()
        self.stopComparing()
        self.reviewPanel.scene_closing()
        self.ui.propagatedLabel.visible = False
        self.setParameterNode(None)

    def onSceneEndClose(self, caller=None, event=None) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller=None, event=None) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneStartSave(self, caller=None, event=None) -> None:
        """A pose that is only shown is none to save."""
        self.searchPreview.visible = False

    def onSceneEndSave(self, caller=None, event=None) -> None:
        self.searchPreview.visible = self.parent.isEntered

    def initializeParameterNode(self) -> None:
        self._torchInstalled = torch_is_installed()
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, inputParameterNode: IUSTumorSegParameterNode | None) -> None:
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.updateButtons)
        self._parameterNode = inputParameterNode
        self._parameterNodeGuiTag = None
        if self._parameterNode:
            self._parameterNodeGuiTag = connect_gui(self._parameterNode, self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.updateButtons)
            self.comparisonPanel.show_mode(self._parameterNode.comparisonMode)
            self.updateButtons()

    # State of the panel

    def chosenNodes(self) -> CaseNodes:
        node = self._parameterNode
        return CaseNodes(us=node.us, mri=node.mri, mri_tumor=node.mriTumor) if node else CaseNodes()

    def updateButtons(self, caller=None, event=None) -> None:
        nodes = self.chosenNodes()
        busy = [_("A job is running: wait for it or cancel it.")] if self.jobPanel.busy else []
        self.ui.torchFrame.visible = self._torchIsMissing()
        enable_or_say_why(self.ui.loadDemoButton, _("Loads a simulated MRI, ultrasound and tumour label."), busy)
        enable_or_say_why(
            self.ui.registerButton,
            _("Finds where the MRI lies on the ultrasound and moves it there."),
            busy or reasons_not_ready("register", nodes) + self._reasonsOfTorch(),
        )
        self._updateCompareButton(nodes)
        enable_or_say_why(
            self.ui.propagateButton,
            _("Makes a segmentation on the ultrasound from the MRI's tumour label."),
            busy if self.searchPreview.running else reasons_not_ready("propagate", nodes),
        )
        self.verdictPanel.show(self.logic.verdictOf(nodes) if nodes.us and nodes.mri else None)
        self.reviewPanel.scene_changed(busy)

    def _updateCompareButton(self, nodes: CaseNodes) -> None:
        reasons = reasons_not_ready("compare", nodes)
        if reasons:
            self.stopComparing()
        elif self.comparisonPanel.running and (nodes.us, nodes.mri) != (self._compared.us, self._compared.mri):
            self.startComparing()
        enable_or_say_why(
            self.ui.compareButton,
            _("Shows ultrasound and MRI together in three linked views. Press again to get your views back."),
            reasons,
        )
        self.ui.comparisonWidget.enabled = not reasons

    def _torchIsMissing(self) -> bool:
        node = self._parameterNode
        return node is not None and node.method == "LC2" and not self._torchInstalled

    def _reasonsOfTorch(self) -> list[str]:
        return [_("Install PyTorch first, or choose the Mattes method.")] if self._torchIsMissing() else []

    # Actions

    def onLoadDemo(self) -> None:
        with slicer.util.tryWithErrorDisplay(_("The demo case could not be loaded."), waitCursor=True):
            nodes = self.logic.loadDemoCase(Path(self.resourcePath("DemoCase")))
        with slicer.util.NodeModify(self._parameterNode):
            self._parameterNode.mri = nodes.mri
            self._parameterNode.us = nodes.us
            self._parameterNode.mriTumor = nodes.mri_tumor
        slicer.util.setSliceViewerLayers(background=nodes.us, foreground=nodes.mri, foregroundOpacity=0.5, fit=True)

    def onInstallTorch(self) -> None:
        sentence = offer_torch_installation()
        self._torchInstalled = torch_is_installed()
        self.jobPanel.say(sentence or _("PyTorch is installed."))
        self.updateButtons()

    def onRegister(self) -> None:
        nodes, method = self.chosenNodes(), self._parameterNode.method.lower()
        self.jobPanel.run(
            _("Registering {mri} to {us}").format(mri=nodes.mri.GetName(), us=nodes.us.GetName()),
            prepare=lambda folder: self.registrationRequest(nodes, folder, method),
            take_over=lambda result: self.onRegistered(nodes, result),
            watcher=self.searchPreview,
        )

    def registrationRequest(self, nodes: CaseNodes, folder: Path, method: str) -> "JobRequest":
        request = self.logic.registrationRequest(nodes, folder, method=method)
        self.searchPreview.begin(nodes)
        return request

    def onRegistered(self, nodes: CaseNodes, result: Path) -> str:
        if not all(slicer.mrmlScene.IsNodePresent(node) for node in (nodes.mri, nodes.us)):
            return _("The registration is done, but its images are no longer in the scene.")
        self.logic.applyRegistrationFile(nodes, result)
        return _("Registered: {mri} now lies on {us}.").format(mri=nodes.mri.GetName(), us=nodes.us.GetName())

    def onCompareToggled(self, on: bool) -> None:
        if not on:
            self.comparisonPanel.stop()
        elif not self.comparisonPanel.running:
            self.startComparing()

    def startComparing(self) -> None:
        self.reviewPanel.release_views()
        self._compared = self.chosenNodes()
        try:
            with slicer.util.tryWithErrorDisplay(_("The images could not be compared.")):
                self.comparisonPanel.start(lambda panes: self.logic.compare(self._compared, panes))
        finally:
            self.ui.compareButton.checked = self.comparisonPanel.running

    def stopComparing(self) -> None:
        self.comparisonPanel.stop()
        self._compared = CaseNodes()
        self.ui.compareButton.checked = False

    def onModeChosen(self, mode: str) -> None:
        self._parameterNode.comparisonMode = mode

    def onStudyOpened(self, opened: bool) -> None:
        """Make room: with a study open, the steps for a single case are folded."""
        for step in ("images", "register", "compare", "propagate"):
            getattr(self.ui, f"{step}CollapsibleButton").collapsed = opened

    def onPropagate(self) -> None:
        nodes = self.chosenNodes()
        try:
            made = self.logic.propagate(nodes)
            sentence = _("Made the segmentation {name}.").format(name=made.GetName())
        except (BadInput, Failed) as error:
            sentence = str(error)
        self.ui.propagatedLabel.text = sentence
        self.ui.propagatedLabel.visible = True


class IUSTumorSegTest(ScriptedLoadableModuleTest):
    """For Slicer's own "Reload and Test"; the tests of every step are in the repository's Testing/slicer."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_the_demo_case_is_loaded_and_ready_to_register()

    def test_the_demo_case_is_loaded_and_ready_to_register(self):
        folder = Path(slicer.util.modulePath("IUSTumorSeg")).parent / "Resources" / "DemoCase"
        nodes = IUSTumorSegLogic().loadDemoCase(folder)
        self.assertEqual(reasons_not_ready("register", nodes), [])
