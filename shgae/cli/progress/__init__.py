"""Progress on a terminal (screen) and in a file (lines), with the time left (eta)."""
