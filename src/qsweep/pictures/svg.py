"""Figures as SVG, in which the cells of a colour are one path: smaller files, sooner written."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.path import Path

from qsweep.system.arrays import Floats

SVG: Any = {"svg.fonttype": "none", "svg.hashsalt": "qsweep"}
"""Text stays text, and files are reproducible."""
DPI = 72
"""Units of SVG in an inch."""


def svg(figure: Figure) -> bytes:
    """Return a figure as an SVG file without a date."""
    file = BytesIO()
    text = TextIOWrapper(file, "utf-8", newline="\n")
    dpi = figure.dpi
    figure.dpi = DPI
    try:
        with rc_context(SVG):
            width, height = figure.get_size_inches()
            vectors: Any = _Renderer
            mixed: Any = MixedModeRenderer
            own = vectors(DPI * width, DPI * height, text, image_dpi=dpi, metadata={"Date": None})
            renderer = mixed(figure, width, height, dpi, own)
            figure.draw(renderer)
            renderer.finalize()
    finally:
        figure.dpi = dpi
    text.flush()
    return file.getvalue()


class _Renderer(RendererSVG):
    def draw_quad_mesh(
        self,
        gc: Any,
        master_transform: Any,
        meshWidth: int,  # noqa: N803
        meshHeight: int,  # noqa: N803
        coordinates: Any,
        offsets: Any,
        offsetTrans: Any,  # noqa: N803
        facecolors: Any,
        antialiased: Any,
        edgecolors: Any,
    ) -> None:
        """Draw the visible cells of a mesh, those of a colour as one path."""
        outlined = edgecolors is not None and len(edgecolors) and not np.array_equal(edgecolors, facecolors)
        if outlined or len(facecolors) != meshWidth * meshHeight:
            super().draw_quad_mesh(
                *(gc, master_transform, meshWidth, meshHeight, coordinates),
                *(offsets, offsetTrans, facecolors, antialiased, edgecolors),
            )
            return
        c = coordinates
        corners = np.stack([c[:-1, :-1], c[:-1, 1:], c[1:, 1:], c[1:, :-1], c[:-1, :-1]], axis=2)
        outlines = corners.reshape(-1, 5, 2)
        colours, numbers = np.unique(facecolors, axis=0, return_inverse=True)
        if edgecolors is not None and not len(edgecolors):
            gc.set_linewidth(0.0)
        draw: Any = self.draw_path
        for number, colour in enumerate(colours):
            if colour[3] > 0:
                gc.set_foreground(tuple(colour), isRGBA=True)
                draw(gc, _joined(outlines[numbers.reshape(-1) == number]), master_transform, colour)


def _joined(outlines: Floats) -> Path:
    """Return closed quadrilaterals, float64[n, 5, 2], as one path."""
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(outlines.reshape(-1, 2), np.tile(np.array(codes, Path.code_type), len(outlines)))
