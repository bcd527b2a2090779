"""The charts of the report, as data that matplotlib and the page draw."""
