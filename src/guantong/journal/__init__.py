"""留痕: an act and its trace commit together; what must leave the node waits in the outbox."""
