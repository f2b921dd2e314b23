"""查证: reading what was done and what was used: the search, its export, and who has read."""
