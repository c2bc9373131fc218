"""Choices that a page offers. Each is kept in the page's address (by key, never by name) and across pages."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st


def choose(label: str, options: Mapping[str, str], *, param: str) -> str:
    """Let the reader choose one of `options` (key to label) and answer its key.

    The address's `?param=KEY` wins at first, then what was chosen on an earlier page, then the first option. A key that
    is not among the options is ignored: the options already hold only what the viewer may see.
    """
    keys = list(options)
    wanted = st.query_params.get(param) or st.session_state.get(f"kept_{param}")
    index = keys.index(wanted) if wanted in options else 0
    if len(keys) == 1:
        chosen = keys[0]
    else:
        widget = f"choose_{param}"
        if st.session_state.get(widget) not in options:
            st.session_state.pop(widget, None)
        chosen = st.selectbox(label, keys, index=index, format_func=lambda key: options[key], key=widget)
    st.session_state[f"kept_{param}"] = chosen
    if st.query_params.get(param) != chosen:
        st.query_params[param] = chosen
    return chosen
