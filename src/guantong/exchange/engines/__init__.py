"""计算引擎: others that do the same :class:`guantong.exchange.gate.Work` as the local one, where one machine is too small."""
