"""Small sources in the layouts of the wild, made of random voxels, real files where a test gives them."""

import hashlib
import shutil

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from scipy.spatial.transform import Rotation

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.2"
TAG = 'MNI Tag Point File\nVolumes = 2;\n\nPoints =\n 1 2 3 4 5 6 ""\n 2 2 3 4 5 6 "";\n'
FRAMES_TO_LPS = np.eye(4)  # of (column, row, frame)
FRAMES_TO_LPS[:3, :3] = Rotation.from_euler("xyz", [20, 30, 10], degrees=True).as_matrix() * [0.5, 0.6, 0.7]
FRAMES_TO_LPS[:3, 3] = 10, -20, 30


def image(path, seed=0, shape=(5, 6, 7), origin=(0, 0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    made = sitk.GetImageFromArray(np.random.default_rng(seed).integers(1, 200, shape).astype(np.uint8))
    made.SetOrigin([float(x) for x in origin])
    sitk.WriteImage(made, str(path))
    return path


def mask(path, value=1, shape=(5, 6, 7), origin=(0, 0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(shape, np.int16)
    array[1:3, 2:4, 2:5] = value
    made = sitk.GetImageFromArray(array)
    made.SetOrigin([float(x) for x in origin])
    sitk.WriteImage(made, str(path))
    return path


def tag(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TAG)
    return path


def archive_resect(root, number, points=("before", "during", "after")):
    """RESECT as in its archive: a tree by modality, with check sums."""
    case = root / "NIFTI" / f"Case{number}"
    for i, contrast in enumerate(("T1", "FLAIR")):
        image(case / "MRI" / f"Case{number}-{contrast}.nii.gz", 10 * number + i)
    for i, point in enumerate(points):
        us = image(case / "US" / f"Case{number}-US-{point}.nii.gz", 10 * number + 5 + i)
        us.with_name(us.name + ".md5").write_text(hashlib.md5(us.read_bytes()).hexdigest())
    tag(case / "Landmarks" / f"Case{number}-MRI-beforeUS.tag")
    tag(case / "Landmarks" / f"Case{number}-beforeUS-duringUS-full.tag")
    return root


def rehosted_resect(root, number, points=("before", "during", "after")):
    """RESECT as re-hosted: images side by side, landmarks in a folder of their own."""
    tree = archive_resect(root / "tree", number, points)
    for path in list(tree.rglob("*.*")):
        folder = root / "landmarks" if path.suffix == ".tag" else root
        (folder / f"Case{number}").mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md5":
            path.rename(folder / f"Case{number}" / path.name)
    shutil.rmtree(tree)
    return root


def resect_seg(root, number, empty=()):
    """RESECT-SEG as published; the structures in `empty` are masks of zeros."""
    names = {
        "US-before-tumor", "US-during-resection", "US-after-resection", "FLAIR-tumor", "US-before-sulci", "US-before-falx",
    }  # fmt: skip
    for name in names:
        mask(root / f"Case{number}" / f"Case{number}-{name}.nii.gz", 0 if name in empty else 1)
    return root


def ultrasound(path, patient="ReMIND-022", description="US_pre_dura", geometry=FRAMES_TO_LPS, seed=0, shape=(10, 6, 8)):
    """A multi-frame Secondary Capture as ReMIND's, with its place in the functional groups, or with none."""
    array = np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)
    dataset = _header(SECONDARY_CAPTURE, patient, "Intraop", description, "US")
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = shape[1], shape[2], shape[0]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    if geometry is not None:
        _place(dataset, geometry, shape[0])
    dataset.PixelData = array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return array


def _place(dataset, geometry, frames):
    spacing = np.linalg.norm(geometry[:3, :3], axis=0)
    directions = geometry[:3, :3] / spacing
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SpacingBetweenSlices = [spacing[1], spacing[0]], spacing[2]
    orientation.ImageOrientationPatient = [*directions[:, 0], *directions[:, 1]]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(geometry[:3, 3] + k * geometry[:3, 2]) for k in range(frames)]


def _frame(position):
    place, frame = Dataset(), Dataset()
    place.ImagePositionPatient = [round(x, 6) for x in position]
    frame.PlanePositionSequence = [place]
    return frame


def _header(sop_class, patient, study, description, modality):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = sop_class, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientID = dataset.PatientName = patient
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.StudyDate = "19821225"
    dataset.Modality, dataset.StudyDescription, dataset.SeriesDescription = modality, study, description
    return dataset


def remind_022(root, real_dicom, slices=None):
    """ReMIND-022's real MRI (or its first slices) and SEG in TCIA's layout, with made ultrasound at three times."""
    preop = root / "ReMIND-022" / "12-25-1982-NA-Preop-1"
    for folder in ("4.000000-some name", "303.000000-x"):
        (preop / folder).mkdir(parents=True)
    for path in sorted((real_dicom / "3DAXT1postcontrast_MRI").iterdir())[:slices]:
        shutil.copy(path, preop / "4.000000-some name")
    shutil.copy(real_dicom / "Tumor_segmentation.dcm", preop / "303.000000-x" / "1-1.dcm")
    intraop = root / "ReMIND-022" / "12-25-1982-NA-Intraop-2"
    arrays = {}
    for i, name in enumerate(("US_pre_dura", "US_post_dura", "US_pre_imri")):
        arrays[name] = ultrasound(intraop / f"{i}.000000-{i}" / "1-1.dcm", description=name, seed=i)
    make_writable(root)
    return arrays


def make_writable(root):
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def state_of(root):
    """Every file's content and times, to see that nothing was touched."""

    def content(path):
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""

    return {str(path.relative_to(root)): (content(path), path.stat().st_mtime_ns) for path in sorted(root.rglob("*"))}
