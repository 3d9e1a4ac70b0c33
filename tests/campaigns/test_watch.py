"""What a campaign notes of files that are written: those outside of the allowed folders, by their real names."""

import subprocess
import sys
from pathlib import Path

CAMPAIGNS = Path(__file__).resolve().parents[2] / "campaigns"
SCRIPT = """
import os, shutil, sys
from pathlib import Path
sys.path.insert(0, {campaigns!r})
from forked import watch_writes
inside, outside = Path({inside!r}), Path({outside!r})
for folder in (inside, outside):
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("")
wrote = watch_writes([inside])
shutil.rmtree(inside / "deep")  # removes names in open folders
assert wrote == [], wrote
shutil.rmtree(outside / "deep")
(outside / "new").write_text("")
os.rename(outside / "new", inside / "new")
print("\\n".join(sorted(set(wrote))))
"""


def test_a_name_in_an_open_folder_is_in_that_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
    script = SCRIPT.format(campaigns=str(CAMPAIGNS), inside=str(inside), outside=str(outside))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines() == [
        f"open {outside / 'new'}",
        f"os.remove {outside / 'deep' / 'file'}",
        f"os.rename {outside / 'new'}",
        f"os.rmdir {outside / 'deep'}",
        f"shutil.rmtree {outside / 'deep'}",
    ]
