"""Models that find objects: regions of a picture are proposed, and each is classified, outlined, and given a better box."""
