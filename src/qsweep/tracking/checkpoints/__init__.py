"""The checkpoints of a Q-table as one Parquet file of changes; their names are like ep017500.

Columns: `episodes` (int32, number of episodes trained), `entry` (int32, index into the table in C
order) and `value` (float64). A row says that this entry has this value from that checkpoint on. Every
row group starts with the complete table, so reading a checkpoint needs one row group: apply its rows in
order, up to those of the checkpoint. The table's shape is in the schema's metadata.
"""

from qsweep.tracking.checkpoints.archive import Archive
from qsweep.tracking.checkpoints.history import History, join
from qsweep.tracking.checkpoints.layout import FILE_NAME, name_of, sha256

__all__ = ["FILE_NAME", "Archive", "History", "join", "name_of", "sha256"]
