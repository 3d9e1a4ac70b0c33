"""YAML without its traps: what is read is what stands there, and what comes back is what was written."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import yaml_text
from pixelwise.errors import DataError, RecipeError
from pixelwise.recipe.shipped import SHIPPED
from pixelwise.yaml_text import DEPTH, LIMIT, parse, parse_options, parse_text, read_file, render

TRAPS = ["1e-3", "true", "True", "no", "null", "~", "", " ", "=", "<<", "010", "1:30", "1_000", "0x1F", ".5", "+1", "-"]
TRAPS += [
    "2024-01-01",
    "a: b",
    "# no comment",
    "'",
    '"',
    "\n",
    "a\n",
    "\na",
    " a\n b ",
    "a\r\nb",
    "\t",
    "é ü 像素",
    "\u2028x",
]
TRAPS += [
    "\x85",
    "\ufeff",
    "&a",
    "*a",
    "!a",
    "@a",
    "%a",
    "[a",
    "{a",
    "---",
    "...",
    "x" * 300,
    "word " * 60,
    ".nan",
    ".inf",
]

GRAMMAR = st.lists(
    st.one_of(
        st.sampled_from("ab:[]{},-?&*!|>'\"%@ \n\t#0.1e\\~=\r\x85\u2028\ufeff"),
        st.sampled_from(
            [": ", "- ", "\n  ", "\n- ", "? ", " #", "\n---\n", "...", "|\n  ", ">-\n ", "\\x41", "[a, b]", "{a: 1}"]
        ),
        st.sampled_from(["true", "010", "1e-3", "null", "a: ", "b: ", "'a'", '"b"', "é", "%YAML 1.1\n"]),
    ),
    max_size=20,
).map("".join)

texts = st.one_of(st.sampled_from(TRAPS), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
plain = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@given(values)
@settings(max_examples=100, deadline=None)
def test_what_is_rendered_is_read_back_equal_with_its_types(value: object) -> None:
    assert repr(parse_text(render(value), where="here")) == repr(value)


@pytest.mark.parametrize("text", TRAPS)
def test_every_trap_survives_as_text(text: str) -> None:
    assert parse_text(render({"a": text, text: [text]}), where="here") == {"a": text, text: [text]}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("-1.", -1.0),
        ("3", 3),
        ("010", 10),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'1e-3'", "1e-3"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        (".nan", ".nan"),
        ("=", "="),
        ("[0.9, 1e-8]", [0.9, 1e-8]),
    ],
)
def test_what_a_word_means(written: str, read: object) -> None:
    found = parse_text(written, where="here")
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1", "the key 'a' is given twice"),
        ("a: {b: 1, b: 2}", "line 1, column 11", "the key 'b' is given twice"),
        ("a: &x 1\nb: *x", "line 1, column 4", "anchors .* and aliases .* are not allowed"),
        ("a: *x", "line 1, column 4", "aliases"),
        ("a: !!python/object/apply:os.system [ls]", "line 1, column 4", "tags .* are not allowed"),
        ("a: !!int x", "line 1, column 4", "tags"),
        ("a:\n\tb: 3", "line 2, column 1", "a tab cannot indent in YAML; use spaces"),
        ("a: b: c", "line 1, column 5", "in quotes"),
        ("a:\n  b: 1\n c: 2", "line 3, column 2", "not indented like the ones above"),
        ("a: [1, 2", "line 1, column 9", "a bracket is opened and not closed"),
        ("a: 'x", "line 1, column 6", "a quotation mark is opened and not closed"),
        ("a: 1\nb\nc: 2", "line 3, column 1", "a key without its ':'"),
        ("a: @b", "line 1, column 4", "put the text in quotes"),
        ("a: 1\n---\nb: 2", "line 2, column 1", "a file has only one"),
        ("1: a", "line 1, column 1", "a key must be a text, this one is 1"),
        ("? [a]\n: 1", "line 1, column 3", "a key must be a text"),
        ("a: 1e999", "line 1, column 4", "too large for a floating-point number"),
        ("a: " + "9" * 5000, "line 1, column 4", "a number of 5000 digits"),
        ('a: "\\ud800"', "line 1, column 4", "surrogate"),
        ("[" * 3_000, f"line 1, column {DEPTH + 1}", f"more than {DEPTH} deep"),
        ("\n".join(" " * depth + "a:" for depth in range(200)), f"line {DEPTH}", f"more than {DEPTH} deep"),
    ],
)
def test_a_fault_comes_with_line_and_column(text: str, place: str, what: str) -> None:
    with pytest.raises(RecipeError, match=what) as refused:
        parse_text(text, where="r.yaml")
    assert str(refused.value).startswith(f"r.yaml, {place}")


@given(st.text(st.sampled_from("ab:[]{},-?&*!|>'\"%@ \n\t#0.1e\\~="), max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(RecipeError):
        parse_text(text, where="here")


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML is built without libyaml")
@given(GRAMMAR)
@settings(max_examples=500, deadline=None)
def test_libyaml_reads_and_refuses_what_the_parser_in_python_does(text: str) -> None:
    assert outcome(text) == outcome(text, libyaml=False)


@pytest.mark.parametrize("path", sorted(SHIPPED.rglob("*.yaml")), ids=str)
def test_a_shipped_recipe_reads_the_same_without_libyaml(path: Path) -> None:
    assert outcome(path.read_text(encoding="utf-8")) == outcome(path.read_text(encoding="utf-8"), libyaml=False)


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML is built without libyaml")
def test_most_recipes_are_read_by_libyaml() -> None:
    recipes = [path.read_text(encoding="utf-8") for path in SHIPPED.rglob("*.yaml")]
    assert sum(yaml_text._DIFFERING.search(text) is None for text in recipes) > 0.9 * len(recipes)


def outcome(text: str, libyaml: bool = yaml.__with_libyaml__) -> str:
    """The value of a text with its types, or the sentence that refuses it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", libyaml)
        try:
            return repr(parse_text(text, where="here"))
        except RecipeError as error:
            return str(error)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a: \xe9", "is not UTF-8 text: byte 3 is 0xe9. Save it as UTF-8."),
        ("a: 1".encode("utf-16-le"), "contains zero bytes"),
        (b"a: \0", "contains zero bytes"),
        (b"", "contains nothing, not a map of keys"),
        (b"- a", "contains ['a'], not a map of keys"),
        (b"# " + b"x" * LIMIT, f"is larger than {LIMIT // 1024} KiB"),
    ],
    ids=["latin-1", "utf-16", "nul", "empty", "list", "huge"],
)
def test_a_file_that_is_no_recipe(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as refused:
        parse(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert what in str(refused.value)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("\ufeffa: 1", encoding="utf-8")
    assert parse(tmp_path / "r.yaml") == {"a": 1}


def test_options_on_the_command_line() -> None:
    assert parse_options(["a=1e-3", " b =[no, 010]", "c=x=y"], "--set") == {"a": 1e-3, "b": ["no", 10], "c": "x=y"}
    with pytest.raises(RecipeError) as refused:
        parse_options(["a", "b=[1", "=3", "c=2"], "--set")
    assert [str(problem).partition(":")[0] for problem in refused.value.problems] == [
        "--set",
        "--set b=[1, line 1, column 3",
        "--set",
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        parse(tmp_path / "r.yaml")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_texts_in_unicode_are_read(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding[-2:] in ("le", "be") else ""
    (tmp_path / "a.txt").write_bytes(f"{mark}Boden\r\nFlüsse\n".encode(encoding))
    assert read_file(tmp_path / "a.txt").splitlines() == ["Boden", "Flüsse"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Flüsse".encode("latin-1"), "is not UTF-8 text: byte 2 is 0xfc. Save it as UTF-8."),
        (b"\xff\xfea", "is not UTF-16 text: byte 2 is 0x61. Save it as UTF-8."),
        ("no mark".encode("utf-16-le"), "is not a text: it contains zero bytes. Save it as UTF-8."),
        ("mark".encode("utf-32"), "is not a text: it contains zero bytes. Save it as UTF-8."),
        (b"x" * 30, "is larger than 0 KiB, the most that is read."),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_file(tmp_path / "a.txt", DataError, limit=20)
    assert str(caught.value) == f"{tmp_path / 'a.txt'}: {said}"


def test_a_pattern_without_quotes_is_told_to_be_put_in_quotes() -> None:
    with pytest.raises(RecipeError, match=r"begins with \* or & must be in quotes"):
        parse_options(["images=*/images/*.png"], "--set")
