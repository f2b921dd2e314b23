"""The only writers of federation: joining, messages, the catalogue's feed, the bundle."""
