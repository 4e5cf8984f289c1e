"""Starts the services of docker-compose.yaml as processes on this machine, without Docker."""
