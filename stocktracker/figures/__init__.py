"""Prices and facts as figures, tables, charts and files: pure, without Streamlit, without I/O."""
