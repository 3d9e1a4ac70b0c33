"""What can go wrong around a training, caught early and explained."""
