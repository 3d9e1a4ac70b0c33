"""Updates and epochs, counted one by one beside the formulas."""

from hypothesis import given
from hypothesis import strategies as st

from pixelwise.run.length import Length

LENGTHS = st.builds(
    Length, st.lists(st.integers(1, 40), min_size=1, max_size=4).map(tuple), per_epoch=st.integers(1, 9)
)


def walk(length: Length) -> list[tuple[int, int, int]]:
    """(phase, epoch, update of the epoch) of every update, by doing them."""
    told, epoch = [], 0
    for phase, steps in enumerate(length.phases):
        within = length.per_epoch
        for _ in range(steps):
            if within == length.per_epoch:
                epoch, within = epoch + 1, 0
            within += 1
            told.append((phase, epoch, within))
    return told


@given(LENGTHS)
def test_every_update_has_the_place_that_doing_them_gives(length: Length) -> None:
    done = walk(length)
    assert length.steps == len(done)
    assert length.epochs == done[-1][1]
    assert [length.place(step) for step in range(1, len(done) + 1)] == [(epoch, within) for _, epoch, within in done]
    assert [length.steps_of(e) for e in range(length.epochs)] == [
        sum(epoch == e + 1 for _, epoch, _ in done) for e in range(length.epochs)
    ]
    assert list(length.spans()) == [
        (min(e for p, e, _ in done if p == phase) - 1, max(e for p, e, _ in done if p == phase))
        for phase in range(len(length.phases))
    ]


@given(LENGTHS)
def test_cut_epochs_are_those_with_fewer_updates(length: Length) -> None:
    cut = [length.is_cut(epoch) for epoch in range(length.epochs)]
    assert any(cut) != length.is_whole
    assert sum(cut) <= len(length.phases)


@given(LENGTHS)
def test_a_position_is_whole_where_an_epoch_ends(length: Length) -> None:
    assert length.position(0) == 0
    positions = [length.position(step) for step in range(1, length.steps + 1)]
    assert positions == sorted(positions)
    assert [p for p in positions if p == int(p)] == list(range(1, length.epochs + 1))
