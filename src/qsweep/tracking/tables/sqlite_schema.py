"""Queries of an SQLite file's schema, with the results that `shape.described` takes."""

_NAMED = "tables.type = 'table' AND tables.name IN (SELECT value FROM json_each(?1))"
QUERIES = (
    # An INTEGER primary key is numbered by SQLite. As a part of a longer key it is not, but is seen there.
    f"""
SELECT tables.name, columns.name, columns.type,
  "notnull" AND dflt_value IS NULL AND NOT (pk AND columns.type = 'INTEGER')
FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns WHERE {_NAMED}
""",  # noqa: S608
    f"""
SELECT tables.name, 'primary key', columns.name
FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns WHERE pk AND {_NAMED}
UNION ALL SELECT tables.name, indexes.name, columns.name
FROM sqlite_master AS tables, pragma_index_list(tables.name) AS indexes,
  pragma_index_info(indexes.name) AS columns
WHERE "unique" AND {_NAMED}
""",  # noqa: S608
    """
SELECT DISTINCT tbl_name FROM sqlite_master
WHERE type = 'trigger' AND tbl_name IN (SELECT value FROM json_each(?1))
""",
)
"""The columns, unique keys and triggers of tables, whose names are given as JSON."""
