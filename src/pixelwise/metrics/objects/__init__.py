"""The rows that one picture adds to the metric of instances: matches as in pycocotools, overlaps, and mistakes."""
