"""Access to MLflow's tables in SQLite and PostgreSQL without MLflow."""
