"""服务接口: what may be asked of a department's own HTTP interface, as part of an entry."""
