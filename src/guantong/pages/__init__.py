"""版式: what all lists have in common. A page at a time for people, CSV and JSON for programs, one address each."""
