"""Objects as maps: what a dense network learns of them, and how its outputs are cut into objects. No torch."""
