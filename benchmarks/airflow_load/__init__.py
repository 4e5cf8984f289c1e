"""Many deferred tasks in a real Airflow: what they cost the triggerer, and how late they end."""
