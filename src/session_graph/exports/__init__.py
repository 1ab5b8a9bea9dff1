"""Session exports: requested, written as CSV and sent by e-mail. The mail says *session report*.

An export's row is its job (`jobs`). A worker (`worker`) claims it under a lease, writes the file (`csv_file`) from one
snapshot with cells that the database formats (`csv_columns`), and sends it (`delivery`, `mail`).
"""
