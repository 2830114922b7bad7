"""Other people's software against ours: real programs, as their packages ship them, log real people in."""
