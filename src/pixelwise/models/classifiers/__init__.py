"""Networks from scratch that give one row of scores per picture."""
