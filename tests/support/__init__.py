"""What outside tests share: a PostgreSQL cluster, the running system, clients. See tests/README.md."""
