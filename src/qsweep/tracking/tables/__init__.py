"""MLflow's tables in SQLite and PostgreSQL, written and read without MLflow."""
