from __future__ import annotations

from typing import Any

import pytest

from qsweep.tracking import paging
from qsweep.tracking.store import open_store


@pytest.mark.usefixtures("workdir")
def test_a_run_is_found_once_though_others_start_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer runs come first and shift the pages of MLflow's search."""
    monkeypatch.setattr(paging, "PAGE", 2)
    client = open_store("local").client
    before = [client.create_run("0", start_time=time).info.run_id for time in range(1, 6)]

    def search(*given: Any, **named: Any) -> Any:
        page = client.search_runs(*given, **named)
        client.create_run("0", start_time=100)
        return page

    newest = ["attributes.start_time DESC"]
    found = [run.info.run_id for run in paging.every_result(paging.RUN, search, ["0"], order_by=newest)]
    assert found == before[::-1]
