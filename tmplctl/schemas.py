"""The JSON schema of every object that `--json` prints; `docs/reference/json.md` is made from it.

Nothing here is used while a command runs: the tests validate what commands print against it. Within a version keys
may be added and none changes its meaning; otherwise the number after the slash goes up.
"""

from __future__ import annotations

from typing import Any

__all__ = ["SCHEMAS"]

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
BOOL: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {
    "anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}],
}
SHAPE: Schema = {"type": "array", "items": COUNT}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _list(items: Schema, text: str = "") -> Schema:
    return _said({"type": "array", "items": items}, text)


def _map(values: Schema, text: str = "") -> Schema:
    return _said({"type": "object", "additionalProperties": values}, text)


def _said(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text} if text else schema


def _object(text: str = "", /, *, optional: Any = (), **properties: Schema) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }
    return _said(schema, text)


def _top(name: str, text: str, /, *, optional: Any = (), **properties: Schema) -> tuple[str, Schema]:
    return name, _object(text, optional=optional, schema={"const": f"tmplctl.{name}"}, **properties)


ANYTHING: Schema = {}
PATH = _said(STRING, "A path; bytes in it that are no UTF-8 are U+FFFD.")
NBYTES = _said(COUNT, "Bytes.")

METADATA = _object(
    "What the checkpoint says of itself.",
    step=_or_null({"type": "integer"}),
    time=_said(_or_null({"type": "number"}), "Seconds since the epoch."),
    metrics=_map(NUMBER),
    user=_map(ANYTHING, "What `--meta` or `meta=` gave."),
    provenance=_map(ANYTHING, "Where it came from: git commit, versions, argv, renames, …"),
    format_version=_or_null(STRING),
)

STATS = _object(
    "With `--stats`. Over the finite elements; null if there is none.",
    min=_or_null(NUMBER),
    max=_or_null(NUMBER),
    mean=_or_null(NUMBER),
    std=_or_null(NUMBER),
    nan=_said(COUNT, "How many are NaN."),
    inf=_said(COUNT, "How many are infinite."),
    zeros=_said(COUNT, "How many are zero."),
    histogram=_list(COUNT, "Counts in bins of equal width from min to max."),
)

VARIABLE = _object(
    optional=("stats", "values", "index"),
    name=STRING,
    shape=SHAPE,
    dtype=_said(STRING, "NumPy's name of it, or ml_dtypes' (`bfloat16`); `string` for text."),
    nbytes=NBYTES,
    trainable=_said(_or_null(BOOL), "null where the format does not say."),
    digest=_said(_or_null(STRING), "`algorithm:hex` of the content; null if the format keeps none."),
    alias_of=_said(_or_null(STRING), "The name of which this is a second one."),
    stats=STATS,
    values=_said(ANYTHING, "With `--values`: nested lists; NaN and infinities as strings."),
    index=_said(STRING, "The slice that `values` is of."),
)

CHECKPOINT = {
    "step": _said({"type": "integer"}, "Its step."),
    "path": PATH,
    "time": _said({"type": "number"}, "Seconds since the epoch."),
    "variables": COUNT,
    "nbytes": _said(COUNT, "The size of its files."),
    "tags": _list(STRING),
    "metrics": _map(NUMBER),
    "state": {"enum": ["ok", "damaged", "temporary", "foreign"]},
    "kept_by": _list(STRING, "Why retention keeps it; empty if it would not."),
    "problem": _said(STRING, "What is wrong, where something is."),
    "format": _or_null(STRING),
}

ENTRY = _object(
    "One variable in a restore.",
    name=_said(STRING, "Its name in the target."),
    source=_said(_or_null(STRING), "Its name in the checkpoint."),
    shape=_or_null(SHAPE),
    dtype=_or_null(STRING),
    source_shape=_or_null(SHAPE),
    source_dtype=_or_null(STRING),
    rule=_said(_or_null(STRING), "The rename rule that led from source to name."),
    action={"enum": ["restore", "error", "warn", "skip", "init"]},
    reason=STRING,
)

RESTORE: dict[str, Schema] = {
    "ok": _said(BOOL, "Whether the policies let the restore go on."),
    "matched": _list(ENTRY),
    "missing": _list(ENTRY, "In the target, not in the checkpoint."),
    "unexpected": _list(ENTRY, "In the checkpoint, not in the target."),
    "mismatched": _list(ENTRY, "In both, with another shape or dtype."),
    "renamed": _list(ENTRY, "Those of `matched` whose name a rule changed."),
    "cast": _list(ENTRY, "Those of `matched` whose dtype changes."),
    "excluded": _list(STRING, "Names in the checkpoint that `--only` and `--exclude` leave out."),
    "unused_rules": _list(STRING, "Rename rules that fit no name."),
    "nbytes": NBYTES,
}

DAMAGE = _object(
    name=_said(_or_null(STRING), "The variable; null if it is the structure."),
    problem=STRING,
    file=PATH,
    start=_said(_or_null(COUNT), "The first damaged byte of the file, if known."),
    stop=_said(_or_null(COUNT), "One past the last."),
)

DIFF_SIDE = _object(name=STRING, shape=SHAPE, dtype=STRING)
PAIR: Schema = {"type": "array", "items": STRING, "minItems": 2, "maxItems": 2}

SCHEMAS: dict[str, Schema] = dict(
    (
        _top(
            "error/1",
            "Any failure.",
            error=_object(
                type=_said(STRING, "The class of the error; `docs/reference/errors.md` has each."),
                message=STRING,
                hint=_said(STRING, "What to do about it; may be empty."),
                exit_code={"enum": [1, 2, 10, 11, 12, 13, 130]},
            ),
        ),
        _top("init/1", "`tmplctl init`.", written=_list(PATH), dry_run=BOOL),
        _top(
            "save/1",
            "`tmplctl save`.",
            path=_said(STRING, "The checkpoint."),
            step={"type": "integer"},
            variables=COUNT,
            nbytes=NBYTES,
            tags=_list(STRING),
            metrics=_map(NUMBER),
            source=_said(STRING, "Where the values came from."),
            initial=_said(BOOL, "Whether these are initial values, because the backend keeps none."),
            dry_run=BOOL,
        ),
        _top("list/1", "`tmplctl list`.", checkpoints=_list(_object(**CHECKPOINT))),
        _top(
            "show/1",
            "`tmplctl show`.",
            path=PATH,
            format=STRING,
            variables=_list(VARIABLE),
            values=_list(
                _object(
                    name=STRING,
                    index=_said(STRING, "The slice; empty for all of it."),
                    values=_said(ANYTHING, "Nested lists; NaN and infinities as strings."),
                ),
                "What `--values` asked for, in that order.",
            ),
            meta=METADATA,
        ),
        _top(
            "restore/1",
            "`tmplctl restore`.",
            path=PATH,
            target=_said(STRING, "The file that was written, or the backend."),
            dry_run=BOOL,
            **RESTORE,
        ),
        _top(
            "explain/1",
            "`--explain` of `restore`, `check`, `diff` and `convert`.",
            path=PATH,
            names=_list(
                _object(
                    name=_said(STRING, "The name in the checkpoint."),
                    new=_said(STRING, "The name that it gets."),
                    rule=_said(_or_null(STRING), "The rule that decided; null if none fits."),
                    shadowed=_list(STRING, "Later rules that would fit, too."),
                )
            ),
        ),
        _top(
            "check/1",
            "`tmplctl check`.",
            path=PATH,
            source=STRING,
            proposals=_list(
                _object(
                    rule=_said(STRING, "To be pasted behind `--rename`."),
                    matches=_list(PAIR, "Names in the checkpoint and in the program."),
                    score=_said({"type": "number"}, "How alike the names are, 0 to 1."),
                )
            ),
            **RESTORE,
        ),
        _top(
            "diff/1",
            "`tmplctl diff`.",
            same=BOOL,
            added=_list(DIFF_SIDE, "Only in the second."),
            removed=_list(DIFF_SIDE, "Only in the first."),
            reshaped=_list(_object(name=STRING, shape=_list(SHAPE, "Before and after."), dtype=PAIR, source=STRING)),
            changed=_list(
                _object(
                    "Numbers are null without `--values` or `--tolerance`.",
                    name=STRING,
                    source=_said(STRING, "Its name in the first, before renaming."),
                    shape=SHAPE,
                    dtype=PAIR,
                    elements=COUNT,
                    changed=_or_null(COUNT),
                    max_abs=_or_null(NUMBER),
                    max_rel=_or_null(NUMBER),
                    max_ulp=_or_null(COUNT),
                    norm=_or_null(NUMBER),
                    norm_rel=_or_null(NUMBER),
                    nonfinite=_or_null(COUNT),
                    share=_said(_or_null({"type": "number"}), "The share of elements that changed, 0 to 1."),
                )
            ),
            unchanged=COUNT,
            within_tolerance=_list(STRING),
            compared_by={"enum": ["digests", "values"]},
        ),
        _top(
            "verify/1",
            "`tmplctl verify`.",
            ok=BOOL,
            damaged=_list(DAMAGE),
            checkpoints=_list(
                _object(
                    ok=BOOL,
                    path=PATH,
                    format=_or_null(STRING),
                    variables=COUNT,
                    hashed=_said(COUNT, "How many of them have a hash; of the rest only that they can be read."),
                    nbytes=NBYTES,
                    damaged=_list(DAMAGE),
                )
            ),
            salvaged=_said(_or_null(STRING), "The file that `--salvage` wrote."),
        ),
        _top(
            "convert/1",
            "`tmplctl convert`.",
            source=PATH,
            path=PATH,
            format=STRING,
            variables=_list(STRING),
            nbytes=NBYTES,
            renamed=_map(STRING, "New name → old name."),
            cast=_map(PAIR),
            left_out=_map(STRING, "Name → why."),
            overflowed=_map(COUNT, "Name → how many finite elements a cast made infinite."),
            dry_run=BOOL,
        ),
        _top(
            "prune/1",
            "`tmplctl prune`.",
            dry_run=BOOL,
            deleted=_list(_object(**CHECKPOINT, reasons=_list(STRING))),
            kept=_list(_object(**CHECKPOINT, reasons=_list(STRING))),
            leftovers=_list(PATH, "Files of crashed processes."),
            nbytes=_said(COUNT, "Bytes freed."),
        ),
        _top(
            "tag/1",
            "`tmplctl tag`.",
            tag=STRING,
            step={"type": "integer"},
            path=PATH,
            previous=_said(_or_null({"type": "integer"}), "The step that had the tag before."),
            dry_run=BOOL,
        ),
        _top(
            "untag/1",
            "`tmplctl untag`.",
            removed=_list(_object(tag=STRING, step=_or_null({"type": "integer"}))),
            dry_run=BOOL,
        ),
        _top("rm/1", "`tmplctl rm`.", removed=_list(PATH), nbytes=NBYTES, dry_run=BOOL),
        _top(
            "plugins/1",
            "`tmplctl plugins`.",
            plugins=_list(
                _object(
                    name=STRING,
                    distribution=STRING,
                    version=STRING,
                    module=STRING,
                    state={"enum": ["loaded", "failed", "conflict", "blocked"]},
                    problems=_list(STRING),
                    hooks=_list(STRING),
                    offers=_list(
                        _object(
                            kind=_said(STRING, "`backend`, `getter`, `format`, `adapter`, `command`, …"),
                            name=STRING,
                            summary=STRING,
                            refused=_said(BOOL, "Another plugin offers one of that kind and name; neither is used."),
                            missing=_list(STRING, "Modules that it needs and that are not installed."),
                            install=_said(_or_null(STRING), "The command that installs them."),
                        )
                    ),
                )
            ),
        ),
        _top(
            "config-show/1",
            "`tmplctl config show`.",
            file=_or_null(PATH),
            root=PATH,
            values=_map(ANYTHING, "Key path → value."),
            origins=_map(STRING, "Key path → where it was said; keys at their default are not in it."),
        ),
        _top(
            "config-check/1",
            "`tmplctl config check`.",
            file=_or_null(PATH),
            ok=BOOL,
            problems=_list(_object(key=STRING, message=STRING, origin=STRING, hint=STRING)),
        ),
        _top(
            "config-schema/1",
            "`tmplctl config schema`; without `--json` the schema alone.",
            json_schema={"type": "object"},
        ),
        _top("config-path/1", "`tmplctl config path`.", path=_or_null(PATH)),
    )
)
