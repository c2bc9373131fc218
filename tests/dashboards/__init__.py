"""Tests of the dashboards: real people.db, real snapshots, real HTTP, a real browser."""
