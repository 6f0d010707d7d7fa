"""The fault driver: a whole deployment under load while its parts are killed, cut off and slowed down, and one checker of
what must hold whatever happens.

    python -m tests.faults.driver --plan short|full [--seed N] [--only NAME ...]

`servers` are PostgreSQL, Valkey and the S3 server; a `World` is a deployment on them, with a proxy in front of each; a
`Crowd` uses it and writes a `Journal`; `scenarios` say what goes wrong meanwhile; `invariants` is the list of what is checked.
"""
