"""The private names and behaviours of numba and llvmlite that the compiler needs.

A failure says which one is gone and where it is used; src/qsweep/learning/compiler/README.md says what to do.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from llvmlite import ir
from numba.core import event, types

import qsweep
from qsweep.learning.compiler.compilation import compiled, specialised
from qsweep.learning.engines.gymnasium_engine import _entry_point

HINT = "see src/qsweep/learning/compiler/README.md"


@dataclass(frozen=True)
class Needed:
    """A name in a module, with the parameters that are passed to it, and the function that uses it."""

    module: str
    name: str
    parameters: tuple[str, ...] | None
    user: str

    def problem(self) -> str:
        """Return a sentence that says what is missing; empty if nothing is."""
        version = getattr(import_module(self.module.partition(".")[0]), "__version__", "?")
        package = f"{self.module.partition('.')[0]} {version}"
        try:
            found: Any = import_module(self.module)
            for part in self.name.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError):
            return f"{package} has no {self.module}.{self.name}, which {self.user} uses: {HINT}"
        if self.parameters is None:
            return ""
        given = list(inspect.signature(found).parameters)
        lost = [name for name in self.parameters if name not in given]
        if not lost:
            return ""
        return (
            f"{self.module}.{self.name} of {package} has no parameter {', '.join(lost)}, which {self.user}"
            f" passes (it has: {', '.join(given)}): {HINT}"
        )


RECORD = "lane_code.Code"
CONTEXT = "numba.core.base"
NEEDED = [
    Needed("numba.core.cgutils", "alloca_once", ("builder", "ty", "size"), f"{RECORD}._new"),
    Needed("numba.core.cgutils", "pointer_add", ("builder", "ptr", "offset"), f"{RECORD}.rows"),
    Needed("numba.core.cgutils", "unpack_tuple", ("builder", "tup"), f"{RECORD}.rows"),
    Needed(
        "numba.np.arrayobj",
        "populate_array",
        ("array", "data", "shape", "strides", "itemsize", "meminfo"),
        f"{RECORD}._array",
    ),
    Needed(CONTEXT, "BaseContext.make_array", ("typ",), f"{RECORD}._array"),
    Needed(CONTEXT, "BaseContext.make_tuple", ("builder", "typ", "values"), f"{RECORD}._part"),
    Needed(CONTEXT, "BaseContext.get_value_type", ("ty",), f"{RECORD}._part"),
    Needed(CONTEXT, "BaseContext.get_data_type", ("ty",), f"{RECORD}._address"),
    Needed(CONTEXT, "BaseContext.get_constant", ("ty", "val"), f"{RECORD}._constant"),
    Needed(CONTEXT, "BaseContext.get_abi_sizeof", ("ty",), f"{RECORD}._array"),
    Needed(CONTEXT, "BaseContext.get_dummy_value", (), "intrinsics._generator"),
    Needed("numba.core.types", "BaseNamedTuple", None, "packing.fields"),
    Needed("numba.core.types", "BaseTuple.from_types", ("tys", "pyclass"), "lane_code.with_columns"),
    Needed("llvmlite.ir", "IRBuilder.fma", ("a", "b", "c"), "intrinsics.fused"),
    Needed("llvmlite.ir.values", "FunctionAttributes", None, "intrinsics._local_arrays"),
    Needed("numba.core.caching", "FunctionCache._impl_class", None, "kernel_cache.KernelCache"),
    Needed("numba.core.caching", "CompileResultCacheImpl._locator_classes", None, "kernel_cache._Kernels"),
    Needed(
        "numba.core.caching",
        "FunctionCache._load_overload",
        ("sig", "target_context"),
        "kernel_cache.KernelCache",
    ),
    Needed("numba.core.compiler", "CompileResult.entry_point", None, "gymnasium_engine._entry_point"),
    Needed("numba.core.dispatcher", "Dispatcher.disable_compile", (), "compilation._compile"),
    Needed("numba.core.event", "Listener.on_start", ("event",), "notice.compile_notice"),
    Needed("numba.core.event", "Listener.on_end", ("event",), "notice.compile_notice"),
    Needed("numba.core.event", "install_listener", ("kind", "listener"), "notice.compile_notice"),
    Needed("numba.extending", "intrinsic", None, "intrinsics"),
    Needed(
        "numba.core.compiler",
        "DefaultPassBuilder.define_nopython_pipeline",
        ("state",),
        "inlining._Inliner.define_pipelines",
    ),
    Needed("numba.core.compiler", "CompilerBase.define_pipelines", None, "inlining._Inliner"),
    Needed("numba.core.compiler_machinery", "PassManager.finalize", None, "inlining._Inliner"),
    Needed("numba.core.compiler_machinery", "register_pass", None, "inlining._LinkedLowering"),
    Needed("numba.core.typed_passes", "NativeLowering.run_pass", ("state",), "inlining._LinkedLowering"),
    Needed("numba.core.compiler", "Flags.no_compile", None, "inlining._LinkedLowering"),
    Needed(
        CONTEXT,
        "BaseContext.insert_user_function",
        ("func", "fndesc", "libs"),
        "inlining._LinkedLowering",
    ),
    *(
        Needed("numba.core.codegen", f"CPUCodeLibrary.{name}", (), "inlining._LinkedLibrary")
        for name in ("_optimize_final_module", "_finalize_final_module", "_finalize_dynamic_globals")
    ),
    Needed("numba.core.cpu", "CPUTargetOptions._nrt", None, "compilation._compile, as njit(_nrt=False)"),
    *(
        Needed("numba.core.cpu", f"CPUTargetOptions.{name}", None, f"inlining.inlined, as njit({name}=...)")
        for name in ("forceinline", "no_cpython_wrapper", "no_cfunc_wrapper")
    ),
    *(
        Needed("llvmlite.ir", f"IRBuilder.{name}", None, RECORD)
        for name in ("add", "bitcast", "extract_value", "gep", "load", "mul", "store", "trunc")
    ),
]


@pytest.mark.parametrize("needed", NEEDED, ids=lambda needed: f"{needed.module}.{needed.name}")
def test_numba_has_the_names_that_the_compiler_needs(needed: Needed) -> None:
    """Every name exists and takes the parameters that are passed to it."""
    assert not needed.problem(), needed.problem()


def test_a_missing_name_is_a_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the version, the missing name or parameter, and its user."""
    first = NEEDED[0]
    assert first.problem() == ""
    monkeypatch.setattr("numba.core.cgutils.alloca_once", lambda: None)
    assert "alloca_once of numba" in first.problem()
    assert f"has no parameter builder, ty, size, which {RECORD}._new passes" in first.problem()
    monkeypatch.delattr("numba.core.cgutils.alloca_once")
    assert first.problem() == (
        f"numba {numba.__version__} has no numba.core.cgutils.alloca_once, which {RECORD}._new uses: {HINT}"
    )


class Pair(NamedTuple):
    """A record of an array and a number."""

    array: Any
    number: int


def test_the_type_of_a_named_tuple_has_fields_and_types() -> None:
    """`packing.fields` reads the fields and types of a record's numba type, and arrays' dtype and ndim."""
    kind = numba.typeof(Pair(np.zeros((2, 3)), 1))
    assert isinstance(kind, types.BaseNamedTuple), f"typeof(NamedTuple) is no BaseNamedTuple: {HINT}"
    assert (tuple(kind.fields), tuple(kind.types)[1]) == (("array", "number"), types.intp), HINT
    assert (kind.types[0].dtype, kind.types[0].ndim) == (types.float64, 2), HINT
    assert (types.UniTuple(kind, 3).dtype, types.UniTuple(kind, 3).count) == (kind, 3), HINT


def test_pointers_have_a_type() -> None:
    """`_PackedRecord` casts pointers to an array's elements and reads the element type back."""
    pointer = ir.IntType(64).as_pointer()
    assert getattr(pointer, "pointee", None) == ir.IntType(64), f"llvmlite has no typed pointers: {HINT}"


FACTOR = 2.0


def doubled(x: float) -> float:
    """A plain function with a constant of its module."""
    return FACTOR * x


def test_globals_are_those_of_the_function() -> None:
    """The compiler reads constants from a function's own `__globals__`, which `specialised` replaces."""
    tripled = numba.njit(numba.float64(numba.float64), _nrt=False)(specialised(doubled, {"FACTOR": 3.0}))
    assert tripled(2.0) == 6.0, f"numba does not read a function's own __globals__: {HINT}"


def test_the_cache_file_has_the_functions_qualified_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edits are noticed because a digest in `__qualname__` is part of the cache file's name."""
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    function = specialised(doubled, {"FACTOR": 4.0})
    function.__qualname__ = function.__name__ = "doubled_0123456789ab"
    numba.njit(numba.float64(numba.float64), cache=True, nogil=True, _nrt=False)(function)
    files = [file.name for file in tmp_path.rglob("*.nbi")]
    assert files, f"numba wrote no cache file: {HINT}"
    assert all("doubled_0123456789ab" in name for name in files), f"{files} lack __qualname__: {HINT}"


def test_compiling_is_an_event() -> None:
    """The message while compiling depends on the event numba:compile."""
    events: list[str] = []

    class Listener(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: Any) -> None:
            events.append(event.kind)

        def on_end(self, event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Listener()):
        numba.njit(numba.float64(numba.float64))(specialised(doubled, {"FACTOR": 5.0}))
    assert "numba:compile" in events, f"numba announces no compilation: {HINT}"


def test_an_array_structure_has_data_and_strides() -> None:
    """Intrinsics read `data` and `strides` of an array, and return its value."""
    from numba.extending import intrinsic

    found = SimpleNamespace(names=())

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        structure = context.make_array(signature.args[0])(context, builder, args[0])
        found.names = tuple(hasattr(structure, name) for name in ("data", "strides", "_getvalue"))
        return context.get_constant(types.int64, 0)

    look: Callable[..., Any] = intrinsic(lambda _, array: (types.int64(array), generate))
    numba.njit(numba.int64(numba.float64[::1]), _nrt=False)(lambda array: look(array))
    assert found.names == (True, True, True), f"an array has no data, strides or _getvalue: {HINT}"


def test_an_entry_point_takes_plain_values() -> None:
    """Called without a look at types, a compiled function takes floats, integers, flags and arrays."""
    words = np.arange(3)
    kernel = compiled(_sum, types.float64(types.int64[::1], types.float64, types.boolean))
    entry = _entry_point(kernel)
    assert entry(words, 0.5, True) == entry(words, np.float64(0.5), np.bool_(True)) == 4.5
    assert entry(words, 2, False) == entry(words, np.float32(2), np.bool_(False)) == 5.0
    with pytest.raises((OverflowError, TypeError)):
        entry(words, 10**400, False)


def _sum(words: Any, number: float, flag: bool) -> float:
    return words[1] + words[2] + number + (1.0 if flag else 0.0)  # type: ignore[no-any-return]


def test_numba_has_an_upper_bound() -> None:
    """pyproject.toml excludes versions of numba that these tests have not seen."""
    file = Path(qsweep.__file__).parents[2] / "pyproject.toml"
    [bounds] = [
        line for line in tomllib.loads(file.read_text())["project"]["dependencies"] if line[:5] == "numba"
    ]
    _, _, upper = bounds.partition("<")
    version = tuple(int(part) for part in numba.__version__.split(".")[:2])
    assert version < tuple(int(part) for part in upper.split(".")), bounds
