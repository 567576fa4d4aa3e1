import numpy as np

from IUSTumorSegLib.demo.fields import Field, random_field, step


def test_a_field_samples_a_linear_function_exactly_at_any_point():
    k, j, i = np.indices((6, 7, 8)).astype(np.float32)
    field = Field(
        np.stack([2 * i - 3 * j + 0.5 * k, i * 0 + 1], axis=3), origin=np.array([-4.0, 2.0, 7.0]), spacing=0.5
    )
    points = np.random.default_rng(0).uniform([-4, 2, 7], [-0.5, 5, 9.5], (500, 3))
    i_j_k = (points - [-4, 2, 7]) / 0.5
    np.testing.assert_allclose(field.at(points)[:, 0], i_j_k @ [2, -3, 0.5], atol=1e-4)
    np.testing.assert_allclose(field.at(points)[:, 1], 1, atol=1e-6)


def test_a_field_keeps_the_value_of_its_border_outside():
    field = Field(np.arange(8, dtype=np.float32).reshape(2, 2, 2, 1), origin=np.zeros(3), spacing=1.0)
    assert field.at(np.array([[9.0, 9.0, 9.0]]))[0, 0] == 7
    assert field.nearest(np.array([[0.6, 0.2, -5.0]]))[0, 0] == 1


def test_a_random_field_has_unit_variance_and_the_asked_correlation():
    rng = np.random.default_rng(3)
    field = random_field(rng, np.zeros(3), np.full(3, 240.0), 10.0)
    here = rng.uniform(10, 200, (8000, 3))
    near, far = here + np.array([3.0, 0, 0]), here + np.array([25.0, 0, 0])
    value = field.at(here)[:, 0]
    assert 0.7 < value.std() < 1.2
    assert np.corrcoef(value, field.at(near)[:, 0])[0, 1] > 0.7
    assert abs(np.corrcoef(value, field.at(far)[:, 0])[0, 1]) < 0.15


def test_a_step_falls_from_one_to_zero_at_distance_zero():
    np.testing.assert_allclose(step(np.array([-9.0, 0.0, 9.0]), 0.5), [1, 0.5, 0], atol=1e-6)
