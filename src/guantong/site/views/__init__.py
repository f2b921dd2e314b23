"""Pages that draw on every room: the first page, to-dos, proof, oversight."""
