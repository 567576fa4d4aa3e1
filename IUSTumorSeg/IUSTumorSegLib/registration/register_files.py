"""The command `register`: from an MRI and an ultrasound on disk to a registration with its verdict and its picture."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic_files import check_output_folder, write_json_atomic
from ..errors import BadInput, Failed
from ..images.field_of_view import field_of_view_mask, without_interpolation
from ..jobs.progress import Progress, silent
from ..version import VERSION
from .comparison_picture import COMPARISON_FILE, write_comparison
from .landmarks import mean_landmark_error_mm
from .registration import Candidate, Judgement, LandmarkErrors, Registration, SourceFile
from .registration_files import fingerprint, write_registration
from .registration_inputs import Inputs, read_inputs
from .search import SearchSettings

if TYPE_CHECKING:
    from .engine import EngineResult

METHODS = ("lc2", "mattes")
DEVICES = ("auto", "cpu", "cuda")
DEGREES_OF_FREEDOM = ("rigid", "affine")
BORDER_FILE = "border.json"


@dataclass(frozen=True)
class _Result:
    mri_to_us_ras: np.ndarray
    score: float
    judgement: Judgement
    candidates: tuple[Candidate, ...]
    settings: dict[str, Any]
    seconds: dict[str, float]
    pose_samples: tuple[np.ndarray, ...] = ()
    engine: "EngineResult | None" = None


def register_files(
    *,
    mri: list[Path],
    us: Path,
    out: Path,
    mri_tumor: Path | None = None,
    landmarks: Path | None = None,
    initial: Path | None = None,
    method: str = "lc2",
    device: str = "auto",
    seed: int = 0,
    local: bool = False,
    dof: str = "rigid",
    border: bool = False,
    progress: Progress = silent,
) -> Registration:
    """Register `mri` (one contrast or several in one frame of reference) rigidly to `us` and write the result to `out`.

    Writes `registration.json`, `mri_to_us.tfm`, `comparison.png` and, for LC2, `diagnostics.png`. `mri_tumor` centres
    the pictures, and with `border` a block search says in `border.json` where the ultrasound disagrees with its border; it
    has no part in finding the pose. `landmarks` only measure the error; `initial` replaces the pose in which the files stand;
    `local` refines from there instead of searching everything that a navigation error can be; `dof="affine"` tries
    stretch and shear, and keeps them only where they explain held-out parts of the ultrasound significantly better.
    Raises `BadInput` before any work.
    """
    started = time.perf_counter()
    check_output_folder(out)
    _check_choices(method, device, dof)
    if border:
        _check_border_can_be(method, mri_tumor)
    progress("read", 0, 1, "Reading the images")
    with ThreadPoolExecutor(1) as aside:  # PyTorch takes longer to load than the images
        chosen = aside.submit(_device, device, method)
        inputs = read_inputs(mri, us, mri_tumor, landmarks, initial)
        device = chosen.result()
    result = _run(inputs, method, SearchSettings(seed=seed, device=device, local=local), dof, progress)
    progress("write", 0, 1, "Writing the result and its picture")
    files = tuple(fingerprint(Path(path)) for path in (*mri, us))
    registration = _record(files, inputs, result, method, device, time.perf_counter() - started)
    _write_pictures(registration, result.engine, inputs, Path(out))
    (Path(out) / BORDER_FILE).unlink(missing_ok=True)  # an earlier run's answer does not outlive its pose
    if border:
        _write_border_check(registration, result.engine, inputs, Path(out))
    write_registration(registration, Path(out))
    return registration


def _record(
    files: tuple[SourceFile, ...], inputs: Inputs, result: _Result, method: str, device: str, seconds: float
) -> Registration:
    return Registration(
        mri=files[:-1],
        us=files[-1],
        initial_mri_to_us_ras=inputs.initial_mri_to_us_ras,
        mri_to_us_ras=result.mri_to_us_ras,
        method_name=method,
        method_settings=result.settings,
        method_version=VERSION,
        score=result.score,
        judgement=result.judgement,
        candidates=result.candidates,
        landmarks=_landmark_errors(inputs, result.mri_to_us_ras),
        seconds=round(seconds, 2),
        device=device,
        stage_seconds=result.seconds,
        pose_samples=result.pose_samples,
    )


def _write_pictures(registration: Registration, engine: "EngineResult | None", inputs: Inputs, out: Path) -> None:
    us, sector = (engine.scene.us, engine.scene.mask) if engine else without_interpolation(inputs.us)
    with ThreadPoolExecutor(1) as aside:
        drawn = aside.submit(
            write_comparison, us, sector, inputs.mris[0], inputs.tumor, registration, out / COMPARISON_FILE
        )
        if engine is not None:
            from .diagnostic_pictures import DIAGNOSTICS_FILE, write_diagnostics

            found = engine.found
            write_diagnostics(engine.scene, found.poses, found.scores, us, out / DIAGNOSTICS_FILE, inputs.tumor)
        drawn.result()


def _write_border_check(registration: Registration, engine: "EngineResult | None", inputs: Inputs, out: Path) -> None:
    from .border_check import check_border

    if engine is not None and inputs.tumor is not None:
        checked = check_border(engine.scene, inputs.tumor, registration.mri_to_us_ras)
        write_json_atomic(out / BORDER_FILE, checked.summary())


def _check_choices(method: str, device: str, dof: str) -> None:
    if method not in METHODS:
        raise BadInput(f"a method among {', '.join(METHODS)}", f"'{method}'", "choose one of them")
    if device not in DEVICES:
        raise BadInput(f"a device among {', '.join(DEVICES)}", f"'{device}'", "choose one of them")

    if dof not in DEGREES_OF_FREEDOM:
        raise BadInput(f"degrees of freedom among {', '.join(DEGREES_OF_FREEDOM)}", f"'{dof}'", "choose one of them")
    if dof == "affine" and method != "lc2":
        raise BadInput("the method lc2 for --dof affine", f"'{method}'", "leave --dof or --method out")


def _check_border_can_be(method: str, mri_tumor: Path | None) -> None:
    if mri_tumor is None or method != "lc2":
        found = f"the method {method} and {'a' if mri_tumor else 'no'} tumour label"
        raise BadInput(
            "the method lc2 and a tumour label for the border check", found, "give --mri-tumor or leave --border"
        )


def _device(wanted: str, method: str) -> str:
    if method != "lc2":
        return "cpu"  # mutual information runs without PyTorch
    import torch

    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise BadInput("a CUDA device", "none that PyTorch can use", "use --device cpu or install PyTorch with CUDA")
    return "cuda" if available and wanted != "cpu" else "cpu"


def _run(inputs: Inputs, method: str, settings: SearchSettings, dof: str, progress: Progress) -> _Result:
    if method == "mattes":
        return _run_mattes(inputs, settings.seed, progress)
    return _run_lc2(inputs, settings, dof, progress)


def _run_lc2(inputs: Inputs, settings: SearchSettings, dof: str, progress: Progress) -> _Result:
    from .engine import register_images

    result = register_images(inputs.us, inputs.mris, inputs.initial_mri_to_us_ras, settings, progress)
    plain = _Result(
        result.mri_to_us_ras, result.score, result.judgement, result.candidates, asdict(settings), result.seconds,
        result.pose_samples, result,
    )  # fmt: skip
    return _with_affine(plain, result, progress) if dof == "affine" else plain


def _with_affine(plain: _Result, rigid: "EngineResult", progress: Progress) -> _Result:
    """The affine result where it wins on held-out parts of the ultrasound, else the rigid one; says which, and why."""
    from .affine import try_affine

    progress("affine", 0, 1, "Trying stretch and shear on held-out halves")
    trial = try_affine(rigid.scene, rigid.found.poses[0])
    gains = " and ".join(f"{g:+.4f} ± {e:.4f}" for g, e in zip(trial.gains, trial.standard_errors, strict=True))
    kept = "Stretch and shear are kept" if trial.wins else "Stretch and shear are left out"
    judgement = replace(
        plain.judgement, reasons=(*plain.judgement.reasons, f"{kept}: on held-out halves LC2 gains {gains}.")
    )
    settings = {**plain.settings, "dof": "affine" if trial.wins else "rigid"}
    matrix = rigid.scene.space.mri_to_us_ras(trial.pose) if trial.wins else plain.mri_to_us_ras
    return replace(plain, mri_to_us_ras=matrix, judgement=judgement, settings=settings)


def _run_mattes(inputs: Inputs, seed: int, progress: Progress) -> _Result:
    from .mattes import HISTOGRAM_BINS, SAMPLING_SHARE, register_mattes
    from .verdict import unjudged

    progress("search", 0, 1, "Maximising Mattes' mutual information")
    started = time.perf_counter()
    try:
        matrix, score = register_mattes(
            inputs.us, inputs.mris[0], field_of_view_mask(inputs.us), inputs.initial_mri_to_us_ras, seed
        )
    except RuntimeError as error:
        raise Failed("SimpleITK's registration gave up: too few samples of the ultrasound met the MRI.") from error
    judgement = unjudged("Mutual information gives no sign of whether it succeeded, so a person has to look.")
    settings = {"bins": HISTOGRAM_BINS, "sampling_share": SAMPLING_SHARE, "seed": seed}
    return _Result(
        matrix,
        score,
        judgement,
        (Candidate(matrix, score),),
        settings,
        {"search": round(time.perf_counter() - started, 3)},
    )


def _landmark_errors(inputs: Inputs, mri_to_us_ras: np.ndarray) -> LandmarkErrors | None:
    if inputs.landmarks is None:
        return None
    return LandmarkErrors(
        mean_landmark_error_mm(inputs.landmarks, inputs.initial_mri_to_us_ras),
        mean_landmark_error_mm(inputs.landmarks, mri_to_us_ras),
        len(inputs.landmarks.us_ras),
    )
