"""交换: batches under a grant. Rows are read, filtered, checked, masked, and applied exactly once. No Django."""
