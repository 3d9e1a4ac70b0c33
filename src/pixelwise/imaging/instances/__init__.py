"""Objects as maps: the targets of a dense network, and how its outputs are cut into objects. No torch."""
