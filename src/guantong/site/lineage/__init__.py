"""血缘: where data comes from and who lives on it: column, item, grant, job, service item, case. Crosses every room."""
