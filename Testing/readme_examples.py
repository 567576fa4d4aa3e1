"""Runs the README's examples and puts what they print below them: python Testing/readme_examples.py [PLACE ...]

An example is a block of commands under the comment `<!-- run in: PLACE -->`. Places: `demo-case` is a copy of the shipped
case; `resect` holds the real images (IUS_TEST_DATA or ../shared/data); `demo-output` holds what `make demo` left
(IUS_DEMO_OUTPUT or demo-output); `cohort` holds two simulated patients as a hospital would keep them, and RESECT's case 24
in RESECT's own folders. Without arguments every place that is at hand is taken, the others stay as they are.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
README = PROJECT / "README.md"
DEMO_CASE = PROJECT / "IUSTumorSeg" / "Resources" / "DemoCase"
REAL_DATA = Path(os.environ.get("IUS_TEST_DATA", PROJECT.parent / "shared" / "data"))
DEMO_OUTPUT = Path(os.environ.get("IUS_DEMO_OUTPUT", PROJECT / "demo-output"))
EXAMPLE = re.compile(r"(<!-- run in: (?P<place>[\w-]+) -->\n```console\n)(?P<body>.*?)(```\n)", re.DOTALL)
PROGRESS = re.compile(r"^(\[\w+\] .*)?$")


def main(wanted: list[str]) -> None:
    """Run the examples of the wanted places and rewrite the README."""
    with tempfile.TemporaryDirectory() as folder:
        places = {name: path for name, path in prepared(Path(folder)).items() if not wanted or name in wanted}

        def with_output(example: re.Match) -> str:
            place = example["place"]
            if place not in places:
                print(f"left as it is: {place}")
                return example[0]
            return example[1] + "".join(transcript(c, places[place]) for c in commands(example["body"])) + example[4]

        README.write_text(EXAMPLE.sub(with_output, README.read_text(encoding="utf-8")), encoding="utf-8")


def prepared(folder: Path) -> dict[str, Path]:
    """Working folders below `folder` for the places that are at hand."""
    places = {"demo-case": folder / "demo-case"}
    shutil.copytree(DEMO_CASE, places["demo-case"])
    for name, source in (("resect", REAL_DATA / "resect"), ("demo-output", DEMO_OUTPUT)):
        if source.is_dir():
            places[name] = folder / f"with-{name}"
            places[name].mkdir()
            (places[name] / name).symlink_to(source.resolve())
    if "resect" in places:
        places["cohort"] = folder / "cohort"
        make_cohort(places["cohort"], REAL_DATA / "resect")
    return places


def make_cohort(folder: Path, resect: Path) -> None:
    """`hospital` with a folder a patient, and `RESECT` as its archive is laid out."""
    for seed in (11, 12):
        command = [Path(sys.executable).with_name("iustumorseg"), "simulate", "--small", "--seed", str(seed)]
        subprocess.run([*command, "--out", folder / "hospital" / f"patient{seed}"], check=True, capture_output=True)
    case = folder / "RESECT" / "NIFTI" / "Case24"
    for kind, name, source in (
        ("MRI", "Case24-T1.nii.gz", "Case24-T1-on-US-grid_0.5mm.nii.gz"),
        ("US", "Case24-US-before.nii.gz", "Case24-US-before_0.5mm.nii.gz"),
        ("Landmark", "Case24-MRI-beforeUS.tag", "Case24-MRI-beforeUS.tag"),
    ):
        (case / kind).mkdir(parents=True)
        shutil.copy(resect / source, case / kind / name)


def commands(body: str) -> list[str]:
    """The commands of a console block, with their continued lines, without the output."""
    found: list[str] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif found and found[-1].endswith("\\"):
            found[-1] += f"\n{line}"
    return found


def transcript(command: str, folder: Path) -> str:
    """A command and what stays on the terminal after it: the output without the folder's path, none of the progress."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "300"}
    print(f"{folder.name}: {command}", flush=True)
    run = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    sentences = [line for line in run.stderr.splitlines() if not PROGRESS.match(line)]
    lines = [
        f"$ {command}",
        *run.stdout.replace(f"{folder.resolve()}/", "").rstrip().splitlines(),
        *(sentences if run.returncode else []),
    ]
    return "\n".join(lines).replace(f"{folder}{os.sep}", "").rstrip() + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
