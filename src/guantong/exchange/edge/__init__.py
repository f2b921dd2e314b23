"""边缘代理 (前置机): an exchange inside a department's network, which only dials out, to its node."""
