"""What the report draws: charts as data, whichever way they are drawn."""
