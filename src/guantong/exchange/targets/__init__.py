"""Where rows go. One module a kind of database or file; all of them apply a chunk once, however often asked."""
