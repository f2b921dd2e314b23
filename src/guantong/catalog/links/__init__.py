"""挂接: what serves an entry (table, interface, folder), how its columns fit the items, and whether it still does."""
