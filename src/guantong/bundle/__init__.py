"""快照: the signed configuration, the only seam between the control plane that writes and the data plane."""
