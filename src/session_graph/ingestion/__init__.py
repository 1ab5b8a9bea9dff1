"""Vendors' payloads become sessions: mappings, and inlets that vendors' webhooks are pointed at.

A mapping (`mapping`, `mappings/*.toml`) turns a payload into records by JMESPath expressions. The importer reads
payloads from files. An inlet (`sources`) takes them over HTTP once their sender is known (`signatures`) and stores them
as deliveries (`deliveries`); a worker (`worker`) maps and records these.
"""
