"""The pages that people see: a Streamlit app whose pages come from the role. Rows come through the warehouse's door only."""
