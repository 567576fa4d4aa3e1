import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "datasets"))
from made_sources import archive_resect, image, mask
from typer.testing import CliRunner

from IUSTumorSegLib.commands.app import app


def terminal(*words):
    return CliRunner().invoke(app, ["study", *map(str, words)])


def test_three_commands_make_a_study_with_a_table_of_what_was_taken_and_left(tmp_path):
    study, source = tmp_path / "gliomas", archive_resect(tmp_path / "RESECT", 4)
    mask(source / "Case4-T1-seg.nii.gz")
    assert terminal("create", study).exit_code == 0
    result = terminal("import", study, "--dataset", "resect", "--source", source)
    assert result.exit_code == 0, result.output
    assert "RESECT-Case4-before" in result.output and "spheres at landmarks" in result.output
    assert "3 new, 0 added to, 0 unchanged, 1 left; 1 patient." in result.output
    assert (study / "import.csv").is_file()


def test_a_dry_run_of_own_folders_prints_the_table_to_correct(tmp_path):
    image(tmp_path / "hospital" / "P1" / "us.nii.gz")
    image(tmp_path / "hospital" / "P1" / "flair.nii.gz")
    terminal("create", tmp_path / "s")
    result = terminal("import", tmp_path / "s", "--dataset", "folder", "--source", tmp_path / "hospital", "--dry-run")
    assert result.exit_code == 0 and "nothing was written" in result.output
    header = next(line for line in result.output.splitlines() if line.startswith("case"))
    assert " ".join(header.split()) == "case patient centre time_point mri mri_tumor us us_tumor landmarks"
    assert str(tmp_path / "hospital" / "P1" / "flair.nii.gz") in result.output


def test_bad_input_ends_with_2_and_a_sentence(tmp_path):
    result = terminal("import", tmp_path, "--dataset", "resect", "--source", tmp_path)
    assert result.exit_code == 2 and "study create" in result.output
    terminal("create", tmp_path / "s")
    result = terminal("import", tmp_path / "s", "--dataset", "resect", "--source", tmp_path / "gone")
    assert result.exit_code == 2 and "gone" in result.output
