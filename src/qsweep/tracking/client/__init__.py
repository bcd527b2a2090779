"""Recording through MLflow's client, for stores that are not SQLite or PostgreSQL."""
