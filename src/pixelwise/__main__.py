"""`python -m pixelwise` and the `pixelwise` command.

The working folder may be a folder of somebody else. Python would import a file `yaml.py` from it, so it is taken off the
import path before anything is imported; only modules that were allowed are found there (outside.py).
"""

import os  # this and `sys` are loaded with the interpreter: nothing else may be imported before the folder is left
import sys


def leave_working_folder() -> None:
    """Take the working folder off the import path, for this process and the interpreters that it starts.

    It stays where pixelwise itself was imported from it, as in a checkout's src/.
    """
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:  # the folder was removed
        here = ""
    if here == os.path.realpath(os.path.dirname(os.path.dirname(__file__))):
        return
    standard = os.path.dirname(os.__file__)
    end = sys.path.index(standard) if standard in sys.path else len(sys.path)  # before it: what Python and people add
    sys.path[:end] = [entry for entry in sys.path[:end] if entry and os.path.realpath(entry) != here]
    entries = os.environ.pop("PYTHONPATH", "").split(os.pathsep)
    if kept := [entry for entry in entries if entry and os.path.realpath(entry) != here]:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    os.environ["PYTHONSAFEPATH"] = "1"


leave_working_folder()  # also in the worker processes of a training, which import this module again
import gc  # noqa: E402

from pixelwise.outside import WorkingFolder  # noqa: E402

sys.meta_path.append(WorkingFolder)


def main() -> None:
    if sys.argv[1:2] == ["list"]:
        gc.disable()  # it ends before there is garbage worth a sixth of its time
    try:
        from pixelwise.run.blas import choose_kernels

        choose_kernels()  # before anything loads NumPy
        from pixelwise.cli import app

        app()
    except KeyboardInterrupt:  # while modules are imported; later the command says it
        sys.stderr.write("Interrupted. No file is half-written.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
