"""Where rows come from. One module a kind of database or file; all of them stream."""
