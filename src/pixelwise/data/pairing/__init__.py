"""Which mask belongs to which picture, and what the text files beside them say: decided by names, without opening a picture."""
