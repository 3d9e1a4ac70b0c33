"""10,000 damaged checkpoints whose SHA-256 sums belong to the damage: NaN, unknown types, other shapes, wrong states.

python campaigns/mutated_checkpoints.py --count 500 --seed 1      counts in mutated_checkpoints.json
"""

from damage import damage_checkpoint
from mutations import campaign

if __name__ == "__main__":
    campaign(__file__, "damaged checkpoints with sums that match", damage_checkpoint, experiments=False)
