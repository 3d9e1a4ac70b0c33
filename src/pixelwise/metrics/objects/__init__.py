"""What one picture adds to the metric of instances: matches as pycocotools makes them, overlaps, and mistakes."""
