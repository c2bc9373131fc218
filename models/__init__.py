"""Models as plain Python on Polars and Arrow frames with the marts' column names: mastery, at-risk, next activity, drift.

No Dagster, no Streamlit, no warehouse: callers bring frames and take frames. Heavy packages are imported where they are used.
"""
