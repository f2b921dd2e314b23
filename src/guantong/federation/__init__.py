"""级联: node to node. Cards, messages, the catalogue's feed, and the bundle that follows from all of it."""
