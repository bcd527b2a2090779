"""The Q-table's history as one Parquet file of its changes; checkpoints have names such as ep017500.

Columns: `episodes` (int32, how many episodes had been trained), `entry` (int32, which value of the
table, in C order) and `value` (float64). A row says that at that checkpoint that entry had come to
that value. Every row group begins with the whole table, so reading one checkpoint reads one row
group: apply its rows in order, up to the checkpoint's. The shape is in the schema's metadata.
"""

from qsweep.tracking.checkpoints.archive import Archive
from qsweep.tracking.checkpoints.history import History, join
from qsweep.tracking.checkpoints.layout import FILE_NAME, name_of, sha256

__all__ = ["FILE_NAME", "Archive", "History", "join", "name_of", "sha256"]
