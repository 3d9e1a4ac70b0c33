"""Claims about figures, compared with the computed figures. If a claim is wrong, the mistake is named."""
