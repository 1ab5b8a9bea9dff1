"""The session report: asked for, written as CSV, delivered by e-mail, once, whatever crashes in between.

An export's row is its job (`jobs`). A worker (`worker`) claims it under a lease, writes the file (`files`) from one
snapshot with the cells formatted by the database (`cells`), and delivers it (`delivery`, `mail`).
"""
