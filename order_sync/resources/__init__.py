"""What the IO managers and sensors stand on: SQL Server, monday, the scope of a run, and whole deployments."""
