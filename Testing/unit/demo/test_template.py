import numpy as np
import SimpleITK as sitk

from IUSTumorSegLib.demo.fields import Field
from IUSTumorSegLib.demo.template import HULL_MM, SHEET, SHEET_X, SHEET_Z, T1_FILE, VENTRICLE, nilearn_data_folder


def t1_field():
    image = sitk.ReadImage(str(nilearn_data_folder() / T1_FILE))
    voxels = sitk.GetArrayFromImage(image).astype(np.float32)[..., None]
    return Field(voxels, np.array(image.GetOrigin()) * (-1, -1, 1), 1.0)


def sheet_points(template):
    k, j, i = np.nonzero((template.maps.values[..., SHEET] > 0.8) & (template.maps.values[..., HULL_MM] < -5))
    voxels = template.maps.origin + np.stack([i, j, k], axis=1)
    return voxels + template.maps.values[k, j, i, SHEET_X : SHEET_Z + 1], template.normals.nearest(voxels)


def test_the_t1_is_darker_on_a_sulcal_sheet_than_on_both_its_sides(template):
    points, normals = sheet_points(template)
    t1 = t1_field()
    on_sheet, above, below = (t1.at(points + way * normals)[:, 0] for way in (0, 2.0, -2.0))
    assert len(points) > 20_000
    assert (on_sheet < (above + below) / 2).mean() > 0.9
    assert ((on_sheet < above) & (on_sheet < below)).mean() > 0.8


def test_every_voxel_near_a_sheet_points_to_the_same_sheet(template):
    points, _ = sheet_points(template)
    maps = template.maps.at(points)
    strong = maps[:, SHEET] > 0.8
    left = np.linalg.norm(maps[strong, SHEET_X : SHEET_Z + 1], axis=1)
    assert np.median(left) < 0.2


def test_the_ventricles_are_where_anatomy_has_them(template):
    k, j, i = np.nonzero(template.maps.values[..., VENTRICLE] > 0.5)
    positions = template.maps.origin + np.stack([i, j, k], axis=1)
    assert 5 < len(positions) / 1000 < 40  # ml; lateral and third ventricles of a healthy adult
    assert abs(positions[:, 0].mean()) < 1
    assert (positions[:, 0] < -3).any()
    assert (positions[:, 0] > 3).any()


def test_the_hulls_distance_is_negative_inside_the_brain_only(template):
    inside, outside = np.array([[20.0, -20.0, 20.0]]), np.array([[95.0, -20.0, 20.0]])
    assert template.maps.at(inside)[0, HULL_MM] < -20
    assert template.maps.at(outside)[0, HULL_MM] > 10
