"""调度: batch jobs as people declare, order and watch them. The data plane runs them by the bundle alone."""
