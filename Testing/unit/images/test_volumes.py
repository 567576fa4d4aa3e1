import numpy as np
import pytest
import SimpleITK as sitk
from real_data import real_file

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.dicom import read_dicom_seg
from IUSTumorSegLib.images.geometry import same_grid
from IUSTumorSegLib.images.volumes import read_label, read_volume, write_volume


def volume(shape=(6, 7, 8)):
    return sitk.GetImageFromArray(np.random.default_rng(0).random(shape).astype(np.float32))


@pytest.mark.real_data
def test_a_dicom_series_loads_to_the_array_and_geometry_of_its_nifti():
    from_dicom = read_volume(real_file("remind-022", "dicom", "3DAXT1postcontrast_MRI"), "MRI")
    from_nifti = read_volume(real_file("remind-022", "ReMIND-022_T1ce.nii.gz"), "MRI")
    assert same_grid(from_dicom, from_nifti)
    assert np.array_equal(sitk.GetArrayFromImage(from_dicom), sitk.GetArrayFromImage(from_nifti))


@pytest.mark.real_data
def test_a_dicom_seg_loads_to_the_mask_of_its_nifti():
    mask = read_label(real_file("remind-022", "ReMIND-022_tumor.nii.gz"))
    seg = read_dicom_seg(real_file("remind-022", "dicom", "Tumor_segmentation.dcm"), mask)
    assert same_grid(seg, mask)
    assert np.array_equal(sitk.GetArrayFromImage(seg), sitk.GetArrayFromImage(mask))


@pytest.mark.real_data
def test_a_dicom_seg_on_its_own_grid_has_the_same_volume():
    own = read_label(real_file("remind-022", "dicom", "Tumor_segmentation.dcm"))
    mask = read_label(real_file("remind-022", "ReMIND-022_tumor.nii.gz"))
    assert sitk.GetArrayViewFromImage(own).sum() == sitk.GetArrayViewFromImage(mask).sum()


def test_a_written_volume_reads_back_and_leaves_nothing_beside_it(tmp_path):
    write_volume(volume(), tmp_path / "a.nii.gz")
    assert np.array_equal(sitk.GetArrayFromImage(read_volume(tmp_path / "a.nii.gz")), sitk.GetArrayFromImage(volume()))
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]


def with_value(value):
    array = sitk.GetArrayFromImage(volume())
    array[2, 3, 4] = value
    return sitk.GetImageFromArray(array)


def sheared(path):
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = False\nTransformMatrix = 1 0 0 0.5 1 0 0 0 1\n"
        "Offset = 0 0 0\nElementSpacing = 1 1 1\nDimSize = 2 2 2\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n"
    )
    path.write_text(header + "1 2 3 4 5 6 7 8\n")


def singular(path):
    sheared(path)
    path.write_text(path.read_text().replace("1 0 0 0.5 1 0 0 0 1", "1 0 0 1 0 0 0 0 1"))


BAD = {
    "nothing at": lambda p: None,
    "not a readable image": lambda p: p.write_text("no image"),
    "2D data": lambda p: sitk.WriteImage(sitk.Image(5, 5, sitk.sitkFloat32), str(p)),
    "NaN or infinite": lambda p: sitk.WriteImage(with_value(np.nan), str(p)),
    "one value 0 everywhere": lambda p: sitk.WriteImage(volume() * 0, str(p)),
    "one value 3 everywhere": lambda p: sitk.WriteImage(volume() * 0 + 3, str(p)),
    "values a voxel": lambda p: sitk.WriteImage(sitk.Compose(volume(), volume()), str(p)),
}


@pytest.mark.parametrize("found", BAD)
def test_what_cannot_be_registered_is_refused_with_what_was_found(found, tmp_path):
    BAD[found](tmp_path / "image.mha")
    with pytest.raises(BadInput, match=found):
        read_volume(tmp_path / "image.mha", "ultrasound")


@pytest.mark.parametrize("write", [sheared, singular])
def test_a_direction_that_is_not_orthonormal_is_refused(write, tmp_path):
    write(tmp_path / "image.mha")
    with pytest.raises(BadInput, match="orthonormal"):
        read_volume(tmp_path / "image.mha", "MRI")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nan_in_nifti_is_refused_although_itk_reads_it_as_zero(ending, tmp_path):
    import nibabel

    array = np.random.default_rng(0).random((5, 6, 7)).astype(np.float32)
    array[2, 2, 2] = np.nan
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / f"image{ending}")
    with pytest.raises(BadInput, match="NaN or infinite"):
        read_volume(tmp_path / f"image{ending}", "ultrasound")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_label_is_1_where_its_file_is_not_zero_whatever_its_pixels_are(tmp_path, dtype):
    drawn = np.zeros((4, 5, 6), dtype)
    drawn[1, 2, 3], drawn[2, 2, 2] = 1, 7
    write_volume(sitk.GetImageFromArray(drawn), tmp_path / "label.nii.gz")
    label = read_label(tmp_path / "label.nii.gz")
    assert label.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(label), drawn != 0)


def test_an_all_zero_label_is_refused(tmp_path):
    write_volume(sitk.Image(4, 4, 4, sitk.sitkUInt8), tmp_path / "label.nii.gz")
    with pytest.raises(BadInput, match="only zeros"):
        read_label(tmp_path / "label.nii.gz")


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match="holds none"):
        read_volume(tmp_path, "MRI")
