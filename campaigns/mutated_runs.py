"""10,000 damaged run folders, sweeps and searches: every command that reads them ends with exit code 0 or 2 and one clear line.

python campaigns/mutated_runs.py --count 500 --seed 1      counts in mutated_runs.json
python campaigns/mutated_runs.py --only 137                what the commands said in one case
"""

from damage import damage_run
from mutations import campaign

if __name__ == "__main__":
    campaign(__file__, "damaged run folders", damage_run, experiments=True)
