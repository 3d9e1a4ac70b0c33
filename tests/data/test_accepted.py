import pytest

from pixelwise.data.checks import check_dataset
from pixelwise.data.checks.accepted import accepted_file, read_accepted, set_apart
from pixelwise.data.checks.survey import Finding
from pixelwise.errors import DataError

COPIES = Finding(
    "copies", "fatal", "2 pictures of 'train' are also in 'val'.", ("train/a = val/b", "train/c = val/d"), "Remove."
)
ABSENT = Finding("absent classes", "warning", "The split 'val' has no pixel of dog.")


def entries(tmp_path, text: str):
    (tmp_path / "accepted.yaml").write_text(text)
    return read_accepted(tmp_path / "accepted.yaml")


def test_a_finding_is_accepted_by_kind_and_pictures(tmp_path):
    one = entries(tmp_path, "- {kind: copies, pictures: [val/b, train/a], reason: one scene on two days}")
    left, accepted = set_apart([COPIES, ABSENT], one)
    assert [(finding.check, finding.files) for finding in left] == [
        ("copies", ("train/c = val/d",)),
        ("absent classes", ()),
    ]
    assert left[0].what == "2 pictures of 'train' are also in 'val'. (1 of them are accepted.)"
    assert [(finding.files, reason) for finding, reason in accepted] == [
        (("train/a = val/b",), "one scene on two days")
    ]


def test_without_pictures_every_finding_of_the_kind_is_accepted(tmp_path):
    some = entries(tmp_path, "- {kind: copies, reason: on purpose}\n- {kind: absent classes, reason: no dogs there}")
    left, accepted = set_apart([COPIES, ABSENT], some)
    assert left == []
    assert [finding for finding, _ in accepted] == [COPIES, ABSENT]


def test_entries_that_accept_nothing_are_told(tmp_path):
    left, accepted = set_apart([ABSENT], entries(tmp_path, "- {kind: copies, pictures: [train/x], reason: right}"))
    assert [finding.check for finding in left] == ["absent classes", "accepted"]
    assert left[1].what == "1 entry of accepted.yaml accept nothing: copies."
    assert accepted == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: copies", "a list of entries was expected"),
        ("- {kind: copies}", "has no reason"),
        ("- {kind: copies, reason: x, picture: [a]}", "an entry has kind, pictures and reason"),
        ("- {kind: copies, reason: x, pictures: train/a}", "a list of names was expected"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        entries(tmp_path, text)


def test_the_file_beside_the_data_is_found(pictures):
    assert accepted_file(pictures.open()) is None
    (pictures.path / "accepted.yaml").write_text("[]")
    assert accepted_file(pictures.open()) == pictures.path / "accepted.yaml"
    assert set_apart(check_dataset(pictures.open()), read_accepted(pictures.path / "accepted.yaml")) == ([], [])
