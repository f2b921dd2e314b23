"""信使: the one guarded way out. Every outgoing HTTP request of a node leaves through here."""
