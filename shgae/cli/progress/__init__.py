"""Progress on a terminal (screen) and in a file (lines), by what both keep (tracked), with the time left (eta)."""
