"""查找: finding entries by words and facets. One small interface, an embedded index, and a database to fall back on."""
