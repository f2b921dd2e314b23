"""数据源: a department's own database, read by declared keys and nothing else."""
