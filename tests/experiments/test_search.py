"""Searches of stand-ins for trainings: processes that write events and a summary, fail, wait or die, as their batch says."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("optuna")

from pixelwise.cli import app
from pixelwise.data.scenes import scenes
from pixelwise.errors import RecipeError, RunError
from pixelwise.experiments import study
from pixelwise.experiments.folder import Folder
from pixelwise.experiments.runner import Change, run_all
from pixelwise.experiments.search import BEST, STUDY, Aim, Search, begin_search, find_aim
from pixelwise.experiments.settings import Space, read_space
from pixelwise.experiments.study import open_study
from pixelwise.recipe.load import as_yaml, load_recipe

# The score of width w and epoch e of 4 is -|w - 20| / 100 * e; widths that end in 3 fail; the word says how it waits.
STAND_IN = """
width = int(re.search(r"width: (\\d+)", recipe.read_text())[1])
if width % 10 == 3:
    sys.exit("error: this width always fails.")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
key = "mean_iou[void=none,classes=truth_or_prediction]"
with open(run / "events.jsonl", "w") as events:
    print(json.dumps({"event": "started", "epochs": 4, "steps_per_epoch": 1}), file=events, flush=True)
    for epoch in range(1, 5):
        score = -abs(width - 20) / 100 * epoch
        told = {"event": "epoch", "epoch": epoch, "step": epoch, "scores": {key: score}, "validation": {"loss": 1}}
        print(json.dumps(told), file=events, flush=True)
        if word == "slowly":
            time.sleep(0.15)
        if word == "once" and epoch == 2 and not begun:
            time.sleep(60)
scores = [{"name": "mean_iou", "key": key, "value": score}]
told = {"seconds": {"total": 1.5}, "splits": {"val": {"metrics": [{"scores": scores}], "losses": {"loss": 1}}}}
(run / "half").write_text(json.dumps(told))
(run / "half").rename(run / "summary.json")
if word == "die":
    os.kill(os.getpid(), signal.SIGKILL)
"""
AIM = Aim("mean_iou[void=none,classes=truth_or_prediction]", True, "val")
WIDTH = "model.width"


@pytest.fixture
def wait() -> list[str]:
    """How the stand-ins wait: set the element."""
    return ["no"]


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.report.page.build_report", lambda run: None)


@pytest.fixture(autouse=True)
def _stand_in(train_by: Callable[[str, Callable[[str], str]], None], wait: list[str]) -> None:
    train_by(STAND_IN, lambda name: wait[0])


def opened(path: Path, *texts: str, seed: int = 0, place: str = "", pruner: str = "none") -> tuple[Search, Space]:
    space = read_space("quickstart", texts or [f"{WIDTH}=int(4,40)"])
    folder = Folder(path, "search")
    path.mkdir(exist_ok=True)
    identity = {**space.record(), "metric": AIM.key, "higher_is_better": True, "split": "val"}
    found = open_study(place or path / STUDY, "s", space, identity, seed=seed, pruner=pruner)
    asked = {"recipe": "quickstart", "texts": list(texts), "metric": "", "trials": 3, "seed": seed, "data": None}
    begin_search(folder, {**asked, "pruner": pruner, "storage": place, "study": "s"})
    return Search(folder, found, space, AIM), space


def running(search: Search, trials: int, *, alone: bool) -> Generator[Change, None, None]:
    proposals = search.proposals(trials, alone=alone)
    return run_all(search.folder, proposals, ended=search.ended, watch=search.watch)


def drawn(search: Search) -> list[tuple[str, str | None]]:
    return [(trial.state, trial.values.get(WIDTH)) for trial in search.study.trials()]


def test_a_search_finds_keeps_and_does_not_repeat(tmp_path: Path) -> None:
    search, space = opened(tmp_path / "s")
    list(running(search, 8, alone=True))
    trials = search.study.trials()
    assert len(trials) == 8
    for trial in trials:
        width = int(trial.values[WIDTH])
        assert trial.state == ("failed" if width % 10 == 3 else "done")
        if trial.state == "done":
            assert trial.score == -abs(width - 20) / 100 * 4
        else:
            assert trial.message == "error: this width always fails."
    best = max((t for t in trials if t.state == "done"), key=lambda t: t.score or -9)
    assert load_recipe(str(search.folder.path / BEST)) == space.recipe_at(best.values)
    kept = json.loads((tmp_path / "s" / "trials.json").read_text())
    assert (kept["best"], len(kept["trials"])) == (best.name, 8)
    search, _ = opened(tmp_path / "s")
    assert [c for c in running(search, 8, alone=True) if c.run is not None] == []
    assert all((tmp_path / "s" / t.name / "times").read_text() == "new\n" for t in trials if t.state == "done")


def test_draws_repeat_with_the_seed_also_across_a_stop(tmp_path: Path) -> None:
    whole, _ = opened(tmp_path / "whole", seed=4)
    list(running(whole, 4, alone=True))
    for trials in (2, 4):
        parts, _ = opened(tmp_path / "parts", seed=4)
        list(running(parts, trials, alone=True))
    other, _ = opened(tmp_path / "other", seed=5)
    list(running(other, 2, alone=True))
    assert drawn(parts) == drawn(whole)
    assert drawn(other) != drawn(whole)[:2]


def test_a_stopped_trial_goes_on_and_so_does_one_whose_end_was_not_told(tmp_path: Path, wait: list[str]) -> None:
    wait[0] = "once"
    search, _ = opened(tmp_path / "s", f"{WIDTH}=int(14,18)")
    changes = running(search, 1, alone=True)
    for change in changes:
        if change.jobs and change.jobs[0].reported == 2:
            break
    changes.close()
    assert drawn(search)[0][0] == "running"
    search, _ = opened(tmp_path / "s", f"{WIDTH}=int(14,18)")
    kinds = [change.kind for change in running(search, 1, alone=True) if change.run is not None]
    assert kinds == ["resumed", "ended"]
    assert (tmp_path / "s" / "trial-0000" / "times").read_text() == "new\nagain\n"
    trial = search.study.ask("of a search that was killed after the training")
    done = search.folder.path / trial.name
    (search.folder.path / "trial-0000").rename(done)
    (done / "recipe.yaml").write_text(as_yaml(search.space.recipe_at(trial.values)))
    kinds = [change.kind for change in running(search, 2, alone=True) if change.run is not None]
    assert kinds == ["ended"]
    assert [state for state, _ in drawn(search)] == ["done", "done"]
    assert [trial.reports for trial in search.study.trials()] == [4, 4]  # also of the one that nobody followed


def test_a_trial_that_was_killed_when_its_score_was_on_the_disk_is_done(tmp_path: Path, wait: list[str]) -> None:
    wait[0] = "die"
    search, space = opened(tmp_path / "s", f"{WIDTH}=choice(20,40)")
    list(running(search, 1, alone=True))
    ((state, width),) = drawn(search)
    assert state == "done"
    assert load_recipe(str(search.folder.path / BEST)) == space.recipe_at({WIDTH: str(width)})


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("entry", range(1, 8))
def test_a_search_that_is_killed_at_any_entry_of_its_study_ends_with_as_many_trials(
    entry: int, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optuna.storages.journal import JournalFileBackend

    texts = (f"{WIDTH}=int(14,18)", "train.optimizer.learning_rate=log(1e-4,1e-1)")
    search, _ = opened(tmp_path / "whole", *texts)
    list(running(search, 2, alone=True))
    whole = [trial.values for trial in search.study.trials()]
    append, count = JournalFileBackend.append_logs, 0

    def killed(self: JournalFileBackend, logs: list[dict[str, object]]) -> None:
        nonlocal count
        count += 1
        if (count, when) == (entry, "before"):
            raise Killed
        append(self, logs)
        if (count, when) == (entry, "after"):
            raise Killed

    monkeypatch.setattr(JournalFileBackend, "append_logs", killed)
    with suppress(Killed):
        search, _ = opened(tmp_path / "s", *texts)
        list(running(search, 2, alone=True))
    monkeypatch.setattr(JournalFileBackend, "append_logs", append)
    for name in ("study.log.lock", "study.log.lock60ce1891-e1dd.rename"):
        (tmp_path / "s" / name).touch()
    search, _ = opened(tmp_path / "s", *texts)
    list(running(search, 2, alone=True))
    assert [trial.state for trial in search.study.trials()] == ["done", "done"]
    assert [trial.values for trial in search.study.trials()] == whole
    assert not [told for told in search.study._study.get_trials() if not told.state.is_finished()]
    assert not list((tmp_path / "s").glob("*.lock*"))


def test_what_a_killed_search_left_at_work_is_waited_for(tmp_path: Path) -> None:
    search, _ = opened(tmp_path / "s", f"{WIDTH}=int(14,18)")
    trial = search.study.ask(search.worker)
    with search.folder.run_lock(trial.name) as lock:  # as if its process still held it
        assert lock is not None
        sleeper = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"], pass_fds=[lock])
    changes = running(search, 1, alone=True)
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        next(changes)
    assert not (tmp_path / "s" / trial.name).exists()
    sleeper.kill()
    sleeper.wait()
    list(changes)
    assert [state for state, _ in drawn(search)] == ["done"]


def test_a_trial_that_is_worse_than_the_median_is_stopped(
    tmp_path: Path, wait: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "UNPRUNED", 1)
    wait[0] = "slowly"
    for seed in range(40):  # until the better one is drawn first
        search, _ = opened(tmp_path / f"{seed}", f"{WIDTH}=choice(20,40)", pruner="median", seed=seed)
        if [search.study.ask(search.worker).values[WIDTH] for _ in range(2)] == ["20", "40"]:
            break
    list(running(search, 2, alone=True))
    worse = search.study.trials()[1]
    assert (worse.state, worse.values) == ("pruned", {WIDTH: "40"})
    assert worse.score == pytest.approx(-0.2 * worse.reports)
    assert worse.reports < 4
    assert json.loads((search.folder.path / "trials.json").read_text())["best"] == "trial-0000"


def test_a_recipe_that_was_trained_is_not_trained_again(tmp_path: Path) -> None:
    search, _ = opened(tmp_path / "s", f"{WIDTH}=choice(10,20)")
    list(running(search, 5, alone=True))
    assert [state for state, _ in drawn(search)] == ["done"] * 5
    assert len(list((tmp_path / "s").glob("trial-*"))) <= 2


@pytest.mark.slow  # a database is made
def test_two_machines_share_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    one, _ = opened(tmp_path / "one", f"{WIDTH}=int(14,22)", place=url)
    other, _ = opened(tmp_path / "other", f"{WIDTH}=int(14,22)", place=url)
    lost = other.study.ask(other.worker)
    list(running(one, 3, alone=False))
    states = [trial.state for trial in one.study.trials()]
    assert states[lost.number] == "running"  # another machine's: it may be at work
    list(running(other, 4, alone=False))
    trials = one.study.trials()
    assert len(trials) == 4
    assert all(trial.state != "running" for trial in trials)
    assert {trial.worker for trial in trials} == {one.worker, other.worker}


def test_a_trial_over_the_limit_is_taken_back_and_counts_nowhere(tmp_path: Path) -> None:
    search, _ = opened(tmp_path / "s", f"{WIDTH}=int(14,18)")
    first = search.study.claim("here", 1)
    assert first is not None
    assert search.study.claim("there", 1) is None  # asked for when both had seen that there was none
    assert [trial.number for trial in search.study.trials()] == [0]
    changes = [change for change in running(search, 3, alone=True) if change.run is not None]
    assert [(change.kind, change.run.name) for change in changes if change.run] == [
        (kind, f"trial-{number:04d}") for number in (0, 2, 3) for kind in ("began", "ended")
    ]
    kept = json.loads((tmp_path / "s" / "trials.json").read_text())["trials"]
    assert [(trial["name"], trial["state"]) for trial in kept] == [
        ("trial-0000", "done"),
        ("trial-0002", "done"),
        ("trial-0003", "done"),
    ]


CLAIM = """
import json, sys
from pathlib import Path
from pixelwise.experiments.settings import read_space
from pixelwise.experiments.study import open_study
space = read_space("quickstart", ["model.width=int(4,40)"])
identity = json.loads(sys.argv[2])
study = open_study(Path(sys.argv[1]), "s", space, identity, seed=0, pruner="none")
print("ready", flush=True)
sys.stdin.readline()
claimed = []
while (trial := study.claim(sys.argv[3], 9)) is not None:
    claimed.append(trial.number)
print(json.dumps(claimed))
"""


def test_two_processes_that_claim_at_once_take_exactly_as_many_as_asked_for(tmp_path: Path) -> None:
    search, space = opened(tmp_path / "s")
    before = search.study.ask("gone")
    identity = json.dumps({**space.record(), "metric": AIM.key, "higher_is_better": True, "split": "val"})
    command = [sys.executable, "-c", CLAIM, str(search.folder.path / STUDY), identity]
    both = []
    for worker in ("one", "other"):  # one after the other: opening the file removes what a kill has left of its lock
        both.append(subprocess.Popen([*command, worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert both[-1].stdout is not None
        assert both[-1].stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    one, other = (json.loads(process.communicate(timeout=60)[0]) for process in both)
    assert len(one) + len(other) == 8
    assert len({*one, *other, before.number}) == 9
    assert [trial.number for trial in search.study.trials()] == sorted([before.number, *one, *other])


def test_another_search_and_a_damaged_study_are_refused(tmp_path: Path) -> None:
    search, _ = opened(tmp_path / "s")
    list(running(search, 1, alone=True))
    before = (search.folder.path / STUDY).read_bytes()
    with pytest.raises(RunError) as refused:
        opened(tmp_path / "s", f"{WIDTH}=int(4,44)", "train.batch=4")
    assert "ranges.model.width: was 'int(4,40)' in the search that began here, but is 'int(4,44)' now." in str(
        refused.value
    )
    assert "recipe.train.batch" in str(refused.value)
    assert (search.folder.path / STUDY).read_bytes() == before
    reworded, _ = opened(tmp_path / "s", f"{WIDTH}=int(4,40)", "title=Other words", "about=What a recipe says.")
    assert drawn(reworded) == drawn(search)
    (search.folder.path / STUDY).write_bytes(before + b'{"op_code": 4, "wor')  # a kill while it was written
    again, _ = opened(tmp_path / "s")
    assert drawn(again) == drawn(search)
    for content in (b"hello\n", b'{"op_code": 99}\n' * 3, b"\x00\xff\n"):
        (search.folder.path / STUDY).write_bytes(content + before)
        with pytest.raises(RunError, match="the study cannot be read"):
            opened(tmp_path / "s")
    with pytest.raises(RunError, match="the study cannot be read"):
        opened(tmp_path / "t", place="no such thing")


def test_the_score_and_its_direction() -> None:
    recipe = load_recipe("quickstart")
    dataset = scenes(Path())
    assert find_aim(recipe, dataset) == Aim(AIM.key, True, "val")
    assert find_aim(recipe, dataset, "loss") == Aim("loss", False, "val")
    assert find_aim(load_recipe("quickstart", ["train.best=epoch"]), dataset).key == AIM.key
    for metric, sentence in (("mean_iuo", "Did you mean 'mean_iou'?"), ("epoch", "does not measure how good")):
        with pytest.raises(RecipeError, match="--metric") as refused:
            find_aim(recipe, dataset, metric)
        assert sentence in str(refused.value)
    with pytest.raises(RecipeError, match="a search may not choose by scores on test pictures"):
        find_aim(load_recipe("quickstart", ["data.validation=test"]), dataset)


def test_no_secret_of_the_database_s_url_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, place = tmp_path / "s", f"sqlite:///{tmp_path}/shared.db?cached_statements=4711"
    command = ["search", "quickstart", f"{WIDTH}=int(4,40)", "--out", str(folder)]
    said = ""
    for words in ([*command, "--storage", place, "--trials", "2"], ["search", "--resume", str(folder)]):
        with pytest.raises(SystemExit) as end:
            app(words)
        captured = capsys.readouterr()
        said += captured.out + captured.err
    assert end.value.code == 2
    assert (
        "shared.db?cached_statements=***: the password in the database's URL is not recorded. Give the URL again"
        in said
    )
    assert (tmp_path / "shared.db").is_file()
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "search.json" in kept
    assert not [path for path in kept if b"4711" in path.read_bytes()]
    assert "4711" not in said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+nodriver://me:SECRET@nowhere.invalid/db",
        "postgresql://me@nowhere.invalid/db?password=SECRET",
        "sqlite:///x.db?password=SECRET",
        "nothing://SECRET:SECRET@x",
        "host=nowhere password=SECRET",
    ],
)
def test_no_error_has_the_database_s_password(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        app(["search", "quickstart", f"{WIDTH}=int(4,40)", "--out", str(tmp_path / "s"), "--storage", url])
    captured = capsys.readouterr()
    assert end.value.code == 2
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "SECRET" not in captured.out + captured.err.replace("nothing://SECRET", "")
