"""Drawing scenes: shapes as signed distances, textures, and the two put together with exact ground truth."""
