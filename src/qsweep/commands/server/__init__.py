"""An MLflow tracking server for several users: on PostgreSQL, with passwords, serving the artifacts too."""
