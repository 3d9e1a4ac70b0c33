"""`pixelwise arithmetic` as a user meets it: what is printed, JSON that can be read, exit codes, errors in one line."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from pixelwise.cli import app


@pytest.fixture
def call(capsys):
    def run(*words, code=0):
        with pytest.raises(SystemExit) as ended:
            app(["arithmetic", *map(str, words)])
        out, err = capsys.readouterr()
        assert (ended.value.code or 0) == code, out + err
        return out if code != 2 else err

    return run


def test_shapes_of_the_course_network(call):
    text = call("shapes", "course-cnn", "--derive")
    assert "4 conv 13x13 1 s10  10×122×122     1×11×11" in text
    assert "weights: 512·121 + 512 = 62,464" in text
    record = json.loads(call("shapes", "conv 3 NF | fc 10", "--input", "3x8x8", "--set", "NF=4", "--json", "--derive"))
    assert record["layers"][0]["gives"] == [4, 6, 6]
    assert record["derivation"]["2 fc 10"][0] == "inputs: 4·6·6 = 144"


def test_layers_lists_the_grammar(call):
    assert "conv KERNEL CHANNELS [sSTRIDE] [pPADDING | same]" in call("layers")


def test_counts_in_numbers_and_symbols(call):
    assert "72,125" in call("counts", "course-cnn")
    text = call("counts", "pool-upsample-net")
    assert "weights = 9·NC² + 9·NC·NF + 4·NC + 36·NF² + 9·NF·NIC + 12·NF" in text
    assert "outputs of convolutions alone = 1280·NC + 1600·NF" in text
    assert "connections of convolutions only; biases do not count" in text
    record = json.loads(
        call("counts", "pool-upsample-net", "--json", "--set", "NF=32", "--set", "NC=24", "--set", "NIC=1")
    )
    assert record["totals"]["weights"] == 49_728
    assert r"\begin{tabular}" in call("counts", "pool-upsample-net", "--latex")
    assert "for S divisible by 4" in call("counts", "pool-upsample-net", "--input", "NICxSxS", "--derive")


def test_doubling_and_claims(call):
    assert "total                    1        4            4              4       4" in call(
        "counts", "pool-upsample-net", "--double"
    )
    record = json.loads(call("counts", "pool-upsample-net", "--double", "--json"))
    assert record["factors"] == {"weights": 1, "outputs": 4, "connections": 4, "multiply_adds": 4, "memory": 4}
    brief = call("counts", "pool-upsample-net", "--double", "--brief")
    assert "outputs = 17408·NC + 14080·NF (4 times as many)" in brief
    assert "12·NF (unchanged)" in brief
    held = call("counts", "pool-upsample-net", "--double", "--brief", "--claim", "outputs=17408·NC + 14080·NF")
    assert held == "outputs = 17408·NC + 14080·NF holds.\n"
    wrong = call("counts", "pool-upsample-net", "--double", "--json", "--claim", "outputs=4352·NC + 3520·NF", code=1)
    assert json.loads(wrong)["claims"][0]["holds"] is False
    text = call("counts", "pool-upsample-net", "--claim", "outputs=1024NC", code=1)
    assert "outputs = 1024·NC is wrong: it is 4352·NC + 3520·NF; this is the figure of layer 17" in text
    assert "weights = 72,125 holds." in call("counts", "course-cnn", "--claim", "weights=72125")
    record = json.loads(call("counts", "course-cnn", "--claim", "weights=71587", "--json", code=1))
    assert record["claims"][0]["explanation"] == "this leaves the biases out"


def test_counts_of_a_real_model(call):
    record = json.loads(call("counts", "--model", "basic_fcn", "--input", "3x64x64", "--json"))
    assert record["totals"]["parameters"] == 5_500_245
    assert {"layer", "in_channels", "out_channels"} <= record["layers"][0].keys()


def test_field_and_its_drawing(call, tmp_path):
    drawing = tmp_path / "field.svg"
    text = call("field", "course-cnn", "--layer", 4, "--pixel", "0,1", "--svg", drawing, "--derive")
    assert "sees rows 0..36, columns 20..56 of the input." in text
    assert "field: 13 + (span 13 − 1)·2 = 37" in text
    assert ElementTree.parse(drawing).getroot().tag.endswith("svg")
    record = json.loads(call("field", "conv 3 4 same", "--input", "3x8x8", "--pixel", "0,0", "--json"))
    assert record["pixel"]["box"] == {"top": 0, "left": 0, "bottom": 1, "right": 1}
    assert record["pixel"]["reach"]["top"] == -1


def test_matrix_of_the_course(call):
    words = ("matrix", "--kernel", 3, "--stride", 4, "--padding", 2, "--input", "1x3x3")
    text = call(*words, "--derive")
    assert "A is 4×9" in text
    assert "row 1, y[0, 1]: w20·x[2]" in text
    record = json.loads(call(*words, "--json"))
    found = {(r, c): cell for r, row in enumerate(record["matrix"]) for c, cell in enumerate(row) if cell != "0"}
    assert found == {(0, 0): "w22", (1, 2): "w20", (2, 6): "w02", (3, 8): "w00"}
    assert "Aᵀ is 9×4" in call(*words, "--transpose")
    assert "w_{22} & 0" in call(*words, "--latex")


def test_solve(call):
    text = call("solve", "--kernel", 4, "--stride", 2, "--input", "3x32x32", "--to", "16,8,16,32")
    assert "32 → 16        1               –     16  fits" in text
    assert "refuted: gives 17, not 16" in text
    assert "1 before and 2 after does" in call("solve", "-k", 4, "--input", 32, "--to", 32, "--derive")
    assert "height 8 → 4" in call("solve", "-k", 3, "-s", 2, "--input", "1x8x12", "--to", "4x6")
    record = json.loads(call("solve", "-k", 3, "-s", 2, "--input", 32, "--to", 9, "--json", code=1))
    assert not any(candidate["fits"] for candidate in record["steps"][0]["candidates"])


def test_solve_with_channels_groups_and_an_output_padding(call):
    words = ("solve", "-k", "4x3", "-s", 2, "--input", "4x8x8", "--to", "8x4x4", "--groups", 2)
    assert "8·(4/2)·4·3 + 8 = 200 weights" in call(*words)
    assert json.loads(call(*words, "--no-bias", "--json"))["weights"] == [192]
    assert "no padding fits" in call("solve", "-k", 4, "-s", 2, "--input", 8, "--to", 16, "--output-padding", 1, code=1)
    assert "padding 1 holds" in call("solve", "-k", 3, "--transposed", "--input", 8, "--to", 8, "--claim", "p=1")
    assert "the number of weights needs the channels" in call(
        "solve", "-k", 3, "--input", 8, "--to", 8, "--groups", 2, code=2
    )


def test_claims_of_every_command(call, tmp_path):
    assert "is wrong: it is 1×11×11" in call("shapes", "course-cnn", "--claim", "conv3=1x12x12", code=1)
    assert "sees = 37 holds." in call("field", "course-cnn", "--layer", 4, "--claim", "sees=37")
    assert "gives 17, not 16" in call(
        "solve", "-k", 4, "-s", 2, "--input", 32, "--to", 16, "--claim", "padding=2", code=1
    )
    record = json.loads(call("solve", "-k", 4, "-s", 2, "--input", 32, "--to", 16, "--claim", "padding=1", "--json"))
    assert record["claims"][0]["holds"]
    file = tmp_path / "exercise.txt"
    file.write_text("input: 1 2\nfilter: 3\ndo:\n convolve\n")
    assert "step 1 = 3 6 holds." in call("trace", file, "--claim", "1=3 6")
    record = json.loads(call("trace", file, "--claim", "1=3 7", "--json", code=1))
    assert record["claims"][0]["explanation"] == "row 0, column 1 differs"
    assert "72,125 holds" in call("counts", "course-cnn", "--claim", "weights=72,125", "--brief")
    assert "multiply-adds = 344,699,524 is wrong" in call(
        "counts", "course-cnn", "--claim", "multiply-adds=344,699,524", "--brief", code=1
    )


def test_claims_in_the_forms_that_people_write(call, tmp_path):
    for claim in ("params=72125", "weights: 72,125", "MACs = 172,349,762"):
        assert "holds" in call("counts", "course-cnn", "--brief", "--claim", claim)
    for claim in ("conv3=(1, 11, 11)", "4=1,11,11", "conv3 = [1,11,11]", "conv3=1×11×11"):
        assert "holds" in call("shapes", "course-cnn", "--claim", claim)
    assert "holds" in call("shapes", "conv 3 2NF same", "--input", "3x8x8", "--claim", "1=(2·NF)x8x8")
    assert "holds" in call("field", "course-cnn", "--layer", 4, "--claim", "sees=(37, 37)")
    file = tmp_path / "exercise.txt"
    file.write_text(
        "input = [[1, 2], [3, 4]]\nfilter: 1 0; 0 -½\ndo:\n convolve\n best patch\nW1: 1; 2\nb1: 0 1\nat: 2\n"
    )
    for claim in ("1=-1", "1=[[-1]]", "1 = −1", "3.W = 1; 2", "3.W=[[1], [2]]"):
        assert "holds" in call("trace", file, "--claim", claim), claim
    assert "A is 4×9" in call("matrix", "-k", 2, "--input", "3x3")


def test_matrix_with_numbers_groups_and_bias(call):
    words = ("matrix", "-k", 1, "--input", "2x1x2", "--filters", 2, "--groups", 2)
    assert "[2, 4, −3, 0]" in call(*words, "--weights", "2 -1", "--vector", "1 2 3 0", "--bias", "0 0")
    assert "b = [b0, b0, b1, b1]" in call(*words, "--bias", "b")
    assert "Aᵀ is 16×4" in call("matrix", "-s", 2, "-p", 1, "--transpose", "--output-padding", 1, "--input", "1x2x2")
    assert "read 1 numbers, but 2 are needed" in call(*words, "--weights", "1", code=2)
    assert "Add --weights" in call(*words, "--vector", "1 2 3 4", code=2)
    assert "Add --transpose" in call(*words, "--output-padding", 1, code=2)


def test_trace(call, tmp_path):
    file, page = tmp_path / "exercise.txt", tmp_path / "page.html"
    file.write_text("title: By hand\ninput:\n 1 2\n 3 4\nfilter:\n 1 -1\ndo:\n convolve\n")
    text = call("trace", file, "--derive", "--html", page)
    assert "row 1, column 0\n    channel 1: 3·1 + 4·(−1) = −1" in text
    assert page.read_text().startswith("<!doctype html>")
    assert json.loads(call("trace", file, "--json"))["steps"][0]["answer"] == [[[-1], [-1]]]
    assert r"\begin{array}" in call("trace", file, "--latex")
    drawn = json.loads(call("trace", file, "--input", "1x3x3", "--seed", 1, "--json"))
    assert len(drawn["steps"][0]["answer"][0]) == 3
    assert "channels" in call("trace", file, "--input", "2x3x3", code=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shapes", "conv 3 4 | cnv 4", "--input", "3x8x8"], "column 12: unknown layer 'cnv'"),
        (["shapes", "conv 3 4"], "--input: the shape of the input is missing"),
        (["shapes", "conv 9 4", "--input", "3x8x8"], "layer 1 (conv 9 4), height: a kernel of 9 covers 9"),
        (["shapes", "course-cnn", "--set", "NF"], "--set: read 'NF'; write NAME=NUMBER"),
        (["shapes", "course-cnn", "--set", "NF=²"], "--set: read 'NF=²'; write NAME=NUMBER"),
        (["shapes", "course-cnn", "--json", "--latex"], "exclude each other"),
        (["counts"], "give a network or --model"),
        (["counts", "--model", "unett"], "Did you mean 'unet'"),
        (["counts", "--model", "unet", "--double"], "not for --model"),
        (["counts", "course-cnn", "--connections", "al"], "Did you mean 'all'"),
        (["counts", "course-cnn", "--claim", "weights"], "write QUANTITY=FIGURE"),
        (["counts", "course-cnn", "--claim", "weight=3"], "Did you mean 'weights'"),
        (["field", "conv 3 NF same", "--input", "NICxSxS"], "needs numbers for S"),
        (["field", "course-cnn", "--pixel", "a"], "--pixel: read 'a'; write ROW,COLUMN"),
        (["field", "course-cnn", "--layer", "9"], "layer 9 does not exist; the layers are 1 to 6"),
        (["matrix", "--input", "1x999x999"], "too large to print"),
        (["matrix", "--input", "64"], "channels×height×width"),
        (["solve", "-k", "3", "--input", "32", "--to", "x"], "a size is a number, HEIGHTxWIDTH or CxHEIGHTxWIDTH"),
        (["solve", "-k", "0", "--input", "32", "--to", "32"], "--kernel: read '0'"),
        (["trace", "missing.txt"], "missing.txt: cannot be read"),
    ],
)
def test_mistakes_are_one_clean_message_and_exit_code_2(call, words, message):
    text = call(*words, code=2)
    assert message in text
    assert "Traceback" not in text


def test_the_arithmetic_never_loads_torch():
    code = (
        "import sys; from pixelwise.cli import app\n"
        "try: app(['arithmetic', 'counts', 'pool-upsample-net'])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
