"""共享: requests, approvals, grants."""
