"""Statistics of scores over seeds and pictures: spread, intervals, and words for what cannot be computed."""
