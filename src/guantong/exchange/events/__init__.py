"""订阅: what changed, told as it changes. Rows become CloudEvents, kept on the node or handed to who listens."""
