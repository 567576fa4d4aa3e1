from pathlib import Path
from typing import Annotated

import ctk
import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from IUSTumorSegLib.scene.logic import IUSTumorSegSceneLogic
from IUSTumorSegLib.widgets.export_rules import case_reasons, dataset_reasons, folder_reasons
from IUSTumorSegLib.widgets.parameter_gui import connect_gui
from IUSTumorSegLib.widgets.tool_tips import enable_or_say_why

TRAINERS = ["nnUNetTrainerWithESandDA5", "nnUNetTrainer", "nnUNetTrainerIUSSmall"]
DEVICES = ["auto", "cpu", "cuda"]
DIRECTIONS = ["all three, averaged", "axial", "coronal", "sagittal"]


class IUSTumorSegTraining(ScriptedLoadableModule):
    """Cut the scene's labelled ultrasound volumes into slices, train a network on them, and segment with it."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("IUS Tumor Seg Training")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "IGT")]
        self.parent.dependencies = ["IUSTumorSeg"]
        self.parent.contributors = ["SlicerIUSTumorSeg contributors"]
        self.parent.helpText = _(
            "Exports 2D slices of the scene's ultrasound volumes and their tumour labels as an nnU-Net data set,"
            " trains nnU-Net on it, and segments ultrasound with a trained model. For research; no medical device."
        )
        self.parent.acknowledgementText = ""


@parameterNodeWrapper
class IUSTumorSegTrainingParameterNode:
    """What the panel holds; saved with the scene."""

    dataset: str = "501_BrainUltrasound"
    minAreaMm2: Annotated[float, WithinRange(0.0, 1000.0)] = 5.0
    folder: Annotated[Path, Default(generator=lambda: Path.home() / "nnUNet_raw")]
    rawFolder: Annotated[Path, Default(generator=lambda: Path.home() / "nnUNet_raw")]
    trainDataset: str = ""
    trainedFolder: Annotated[Path, Default(generator=lambda: Path.home() / "nnUNet_trained")]
    trainer: Annotated[str, Choice(TRAINERS)] = TRAINERS[0]
    folds: str = "all"
    device: Annotated[str, Choice(DEVICES)] = "auto"
    epochs: Annotated[int, WithinRange(0, 10000)] = 0
    batchSize: Annotated[int, WithinRange(0, 512)] = 0
    patchSize: Annotated[int, WithinRange(0, 1024)] = 0
    startAnew: bool = False
    keepTraining: bool = False
    model: str = ""
    usToSegment: vtkMRMLScalarVolumeNode
    directions: Annotated[str, Choice(DIRECTIONS)] = DIRECTIONS[0]
    minComponent: Annotated[float, WithinRange(0.0, 100000.0)] = 0.0
    mirroring: bool = False
    precision: Annotated[str, Choice(["auto", "f32", "bf16", "f16"])] = "auto"
    segmentDevice: Annotated[str, Choice(DEVICES)] = "auto"
    threshold: Annotated[float, WithinRange(0.01, 0.99)] = 0.5


class IUSTumorSegTrainingLogic(IUSTumorSegSceneLogic, ScriptedLoadableModuleLogic):
    """The scene's logic with the module's parameter node."""

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        IUSTumorSegSceneLogic.__init__(self, slicer.mrmlScene)

    def getParameterNode(self) -> IUSTumorSegTrainingParameterNode:
        return IUSTumorSegTrainingParameterNode(ScriptedLoadableModuleLogic.getParameterNode(self))


class IUSTumorSegTrainingWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: wires the .ui file to the logic and to the panels of `IUSTumorSegLib.widgets`."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._updating = False

    # Life cycle

    def setup(self) -> None:
        # Not in the file: Slicer imports that at its start, whether the module is opened or not.
        from IUSTumorSegLib.widgets.case_table import CaseTable
        from IUSTumorSegLib.widgets.job_panel import JobPanel
        from IUSTumorSegLib.widgets.prediction_panel import PredictionPanel
        from IUSTumorSegLib.widgets.training_panel import TrainingPanel

        ScriptedLoadableModuleWidget.setup(self)
        self.uiWidget = slicer.util.loadUI(self.resourcePath("UI/IUSTumorSegTraining.ui"))
        self.layout.addWidget(self.uiWidget)
        self.ui = slicer.util.childWidgetVariables(self.uiWidget)
        self.uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = IUSTumorSegTrainingLogic()
        self.jobPanel = JobPanel(self.updateButtons)
        self.ui.jobPanelPlace.layout().addWidget(self.jobPanel.widget)
        self.trainingPanel = TrainingPanel(self.ui, self.updateButtons, self.onTrained)
        self.predictionPanel = PredictionPanel(self.ui, self.jobPanel, self.updateButtons)
        self.caseTable = CaseTable(self.ui.casesTable, self.updateButtons)
        self._connect()
        self.initializeParameterNode()

    def _connect(self) -> None:
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.ui.folderPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        self.ui.refreshButton.connect("clicked()", self.refreshCases)
        self.ui.exportButton.connect("clicked()", self.onExport)

    def cleanup(self) -> None:
        self._endWork()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self.initializeParameterNode()

    def exit(self) -> None:
        self.setParameterNode(None)

    def _endWork(self) -> None:
        self.jobPanel.close()
        self.trainingPanel.close()
        self.predictionPanel.close()

    def onSceneStartClose(self, caller=None, event=None) -> None:
        self._endWork()
        self.caseTable.show([])
        self.setParameterNode(None)

    def onSceneEndClose(self, caller=None, event=None) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller=None, event=None) -> None:
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self) -> None:
        self.setParameterNode(self.logic.getParameterNode())
        self.refreshCases()

    def setParameterNode(self, inputParameterNode: IUSTumorSegTrainingParameterNode | None) -> None:
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.updateButtons)
        self._parameterNode = inputParameterNode
        self._parameterNodeGuiTag = None
        if self._parameterNode:
            self._parameterNodeGuiTag = connect_gui(self._parameterNode, self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self.updateButtons)
        self.trainingPanel.show(self._parameterNode)
        self.predictionPanel.show(self._parameterNode)
        self.updateButtons()

    # State of the panel

    def refreshCases(self) -> None:
        cases = self.logic.casesInScene()
        self.caseTable.show(cases)
        self.ui.noCasesLabel.visible = not cases
        self.ui.noCasesLabel.text = _(
            "No ultrasound volume in the scene has a tumour label yet. Make one in the module IUS Tumor Seg: Propagate."
        )

    def updateButtons(self, caller=None, event=None) -> None:
        # What the panels choose for the user changes the parameter node, which asks for this again.
        if self._updating or self._parameterNode is None:
            return
        self._updating = True
        try:
            self._updateExportButton()
            self.trainingPanel.update()
            self.predictionPanel.update()
        finally:
            self._updating = False

    def _updateExportButton(self) -> None:
        busy = [_("A job is running: wait for it or cancel it.")] if self.jobPanel.busy else []
        enable_or_say_why(
            self.ui.exportButton, _("Cuts the ticked cases into slices in three directions."), busy or self._reasons()
        )

    def _reasons(self) -> list[str]:
        node = self._parameterNode
        if node is None:
            return []
        return case_reasons(len(self.caseTable.ticked())) + dataset_reasons(node.dataset) + folder_reasons(node.folder)

    # Actions

    def onExport(self) -> None:
        cases, node = self.caseTable.ticked(), self._parameterNode
        out, dataset, areas = node.folder, node.dataset, [node.minAreaMm2]
        self.jobPanel.run(
            _("Exporting slices of {number} cases").format(number=len(cases)),
            prepare=lambda folder: self.logic.exportRequest(cases, folder, dataset, areas, out),
            take_over=lambda result: self.onExported(result, f"Dataset{dataset}"),
        )

    def onExported(self, folder: Path, dataset: str) -> str:
        # The module may have been left meanwhile.
        node = self.logic.getParameterNode()
        with slicer.util.NodeModify(node):
            node.rawFolder = folder
            node.trainDataset = dataset
        return _("The slices are in {folder}").format(folder=folder / dataset)

    def onTrained(self, modelFolder: Path) -> None:
        self.logic.getParameterNode().model = str(modelFolder)
        if self._parameterNode is not None:
            self.predictionPanel.model.choose(str(modelFolder))
            self.predictionPanel.model.read_again()
