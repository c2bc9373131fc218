"""The script that Streamlit runs for every page: who is there, which pages the role has, and the chosen one's frame."""

from __future__ import annotations

import streamlit as st

from dashboards.session import run
from dashboards.visit import COOKIE

run(st.context.cookies.get(COOKIE))
