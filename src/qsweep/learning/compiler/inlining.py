"""Functions that numba compiles only as parts of their callers.

numba optimises each function and makes machine code of it, also of one that is inlined wherever it is called
and whose machine code therefore nobody runs. Without that a loop compiles in two thirds of the time, and runs
as fast, because it is optimised with all that it calls.
"""

from __future__ import annotations

from typing import Any

from numba import njit
from numba.core import ir
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


def inlined(function: Any) -> Any:
    """Return a function for compiled functions to call, not for Python."""
    # Without wrappers for callers from Python or C: they took half of the time to compile.
    return njit(
        function,
        pipeline_class=_Inliner,
        forceinline=True,
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        _nrt=False,
    )


class _LinkedLibrary(CPUCodeLibrary):  # type: ignore[misc]  # numba has no types
    """LLVM code that is linked into callers' code, and becomes machine code as a part of it."""

    def _optimize_final_module(self) -> None:
        """Leave the code as it is."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _LinkedLowering(NativeLowering):  # type: ignore[misc]  # numba has no types
    """The pass that writes a function's LLVM code."""

    _name = "linked_lowering"

    def run_pass(self, state: Any) -> bool:
        if any(block.find_insts(ir.Print) for block in state.func_ir.blocks.values()):
            return bool(super().run_pass(state))  # needs what only machine code of its own is given
        state.library = _LinkedLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        entry = object().__format__  # a built-in function, as numba demands, and another one each time
        state.targetctx.insert_user_function(entry, state.cr.fndesc, [state.library])
        state.cr = state.cr._replace(cfunc=entry)
        return True


class _Inliner(CompilerBase):  # type: ignore[misc]  # numba has no types
    """numba's own pipeline, but for that pass."""

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [
            (_LinkedLowering if made is NativeLowering else made, described)
            for made, described in passes.passes
        ]
        passes.finalize()
        return [passes]
