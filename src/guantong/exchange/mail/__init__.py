"""交换邮路: sealed chunks on their way from the node (or edge) that reads to the one that writes."""
