"""What viewers see: the pieces of the pages. Streamlit is at home here and in the pages."""
