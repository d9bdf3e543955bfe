"""What the rows of the benchmark share."""
