"""Claims about figures, held against what this program computes; where a claim is wrong, the mistake is named."""
