"""服务代理: a department's own HTTP interface behind the gateway, unchanged, and no more of it than is granted."""
