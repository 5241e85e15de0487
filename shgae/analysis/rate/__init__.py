"""PCK and FVU against the number of principal components."""
