"""When the matrix library is told which kernels to take: only where they run for sure."""

from pathlib import Path

import pytest

from pixelwise.run.blas import KERNELS, NEEDED, VARIABLE, choose_kernels, kernels


def cpuinfo(folder: Path, vendor: str = "AuthenticAMD", family: int = 26, without: str = "") -> Path:
    flags = " ".join(sorted(NEEDED - {without} | {"sse2"}))
    one = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nflags\t\t: {flags}\n"
    file = folder / "cpuinfo"
    file.write_text(f"{one}\n{one.replace('AuthenticAMD', 'Other')}\n")
    return file


def test_an_amd_processor_with_every_instruction_is_told(tmp_path):
    environment: dict[str, str] = {}
    assert choose_kernels(environment, cpuinfo(tmp_path))
    assert environment == {VARIABLE: KERNELS}


@pytest.mark.parametrize("flag", sorted(NEEDED))
def test_never_where_an_instruction_is_missing(tmp_path, flag):
    environment: dict[str, str] = {}
    assert not choose_kernels(environment, cpuinfo(tmp_path, without=flag))
    assert environment == {}


@pytest.mark.parametrize(("vendor", "family"), [("GenuineIntel", 26), ("AuthenticAMD", 23)])
def test_other_processors_choose_themselves(tmp_path, vendor, family):
    environment: dict[str, str] = {}
    assert not choose_kernels(environment, cpuinfo(tmp_path, vendor, family))
    assert environment == {}


def test_what_a_person_asked_for_stays(tmp_path):
    environment = {VARIABLE: "Haswell"}
    assert not choose_kernels(environment, cpuinfo(tmp_path))
    assert environment == {VARIABLE: "Haswell"}


def test_a_system_without_the_file_is_left_alone(tmp_path):
    assert not choose_kernels({}, tmp_path / "nothing")


def test_kernels_are_named_where_the_library_names_them():
    told = kernels()
    assert told is None or told.startswith("OpenBLAS ")
